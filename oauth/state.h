/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_STATE_H
#define OAUTH_STATE_H

#include "base/bytes.h"
#include "oauth/error.h"
#include "oauth/pkce.h"
#include "oauth/seal.h"
#include "oauth/url.h"

#include <stdint.h>

/* The logins that one browser has begun: state, nonce, PKCE secret and rd of
 * each, in ONE sealed cookie of bounded size, so that parallel tabs work and
 * no number of attempts grows the request header. Before sealing:
 *   OFFSET SIZE
 *   0      1    format (2)
 *   1      1    finished logins in the current minute (loop guard)
 *   2      8    start of that minute, i64 little endian
 *   10     1    number of slots
 *   then per slot: i64 begun, 16 state, 16 nonce, 32 PKCE, 8 provider,
 *   u16 size, rd */

#define STATE_SLOT_COUNT_MAX  8
#define STATE_LIFETIME_S      1800 /* the provider's login timeout */
#define STATE_COOKIE_SIZE_MAX 3600
#define STATE_ID_SIZE         16
#define STATE_NONCE_SIZE      16
#define STATE_PROVIDER_SIZE   8
#define STATE_LOOP_COUNT_MAX  3
#define STATE_LOOP_S          60

struct state_slot {
    int64_t begun_s;
    unsigned char id[STATE_ID_SIZE]; /* in `state`, oauth/stateparam.h */
    unsigned char nonce[STATE_NONCE_SIZE];
    unsigned char pkce[PKCE_SECRET_SIZE];
    unsigned char provider[STATE_PROVIDER_SIZE]; /* where it was begun */
    bool is_retry; /* instead of one that was lost; not in the cookie */
    size_t rd_size;
    char rd[URL_RD_SIZE_MAX];
};

struct state {
    size_t count;
    struct state_slot slots[STATE_SLOT_COUNT_MAX]; /* oldest first */
    unsigned finished_count;
    int64_t finished_since_s;
};

/* Opens the cookie's text; slots older than STATE_LIFETIME_S (or from the
 * future) are left out. ret_state is written on success; state_wipe() it.
 * OAUTH_ECOOKIE  not ours, or changed.   OAUTH_ENOMEM. */
enum oauth_code state_open(const struct seal_ring *ring, struct span text,
                           int64_t now_s, struct state *ret_state)
    __attribute__((warn_unused_result));

/* Seals the slots and appends the cookie's text, at most
 * STATE_COOKIE_SIZE_MAX bytes: the oldest slots are dropped (from `state`,
 * too) until it fits.   nonce  SEAL_NONCE_SIZE fresh random bytes. */
enum oauth_code state_seal(const struct seal_ring *ring, struct state *state,
                           const unsigned char *nonce, struct bytes *out)
    __attribute__((warn_unused_result));

/* Adds a slot; the oldest goes when all are taken. */
void state_add(struct state *state, const struct state_slot *slot);

/* Takes the slot with this id (STATE_ID_SIZE bytes) out of `state` and into
 * ret_slot; false when there is none. Constant time in the id. */
bool state_take(struct state *state, const unsigned char *id,
                struct state_slot *ret_slot)
    __attribute__((warn_unused_result));

/* Counts a finished login; and whether so many were finished lately that the
 * browser must be running in a circle. */
void state_count_finished(struct state *state, int64_t now_s);
bool state_is_looping(const struct state *state, int64_t now_s);

void state_wipe(struct state *state);

#endif /* OAUTH_STATE_H */
