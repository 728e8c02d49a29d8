/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_STATEPARAM_H
#define OAUTH_STATEPARAM_H

#include "base/bytes.h"
#include "oauth/error.h"
#include "oauth/seal.h"
#include "oauth/state.h"

#include <stdbool.h>
#include <stdint.h>

/* The `state` that travels to the provider and back: the id of a slot of the
 * login cookie, and behind it, sealed, where the login was to end. When the
 * slot is lost (tabs that began at the same moment overwrite each other's
 * cookie; the form stood open for hours), the person still gets to that page,
 * by a new login. Neither nonce nor PKCE secret is in it: it can log nobody
 * in. In base64url:
 *   OFFSET SIZE
 *   0      16   id of the slot, which the seal is bound to
 *   16     n    sealed (oauth/seal.h): 1 format (1), 1 whether it is a retry,
 *               8 begun, little endian, 8 provider, rd */

#define STATEPARAM_RD_SIZE_MAX 256 /* a longer one is left out */
#define STATEPARAM_SIZE_MAX    512 /* of the text; providers keep that much */
#define STATEPARAM_LIFETIME_S  86400

/* Appends the text for a slot: of `slot` id, begun_s, provider, is_retry and
 * rd.   nonce  SEAL_NONCE_SIZE fresh random bytes
 * OAUTH_ENOMEM  memory, or the maximum of `out`.   OAUTH_EINTERNAL. */
enum oauth_code stateparam_add(const struct seal_ring *ring,
                               const struct state_slot *slot,
                               const unsigned char *nonce, struct bytes *out)
    __attribute__((warn_unused_result));

/* Opens the text into those fields of ret_slot; the others are zeroed. What it
 * says about provider, age and rd is authentic, and still to be judged.
 * OAUTH_ECOOKIE  not ours, or changed.   OAUTH_ENOMEM. */
enum oauth_code stateparam_open(const struct seal_ring *ring, struct span text,
                                struct state_slot *ret_slot)
    __attribute__((warn_unused_result));

#endif /* OAUTH_STATEPARAM_H */
