/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_FORM_H
#define OAUTH_FORM_H

#include "base/bytes.h"
#include "oauth/error.h"
#include "oauth/seal.h"
#include "oauth/session.h"

/* The hidden field of a form of ours: names what the form does, and proves
 * that the page with it was made for this session. A MAC over the session's
 * id and the action, so it tells nothing about either, and another session
 * (or none) can do nothing with it.
 *   text  base64url of u8 key id and the MAC */

#define FORM_TOKEN_SIZE 23 /* base64url of 17 bytes */

/* Appends the token for `action`, bytes that say what is to be done. */
enum oauth_code form_token(const struct seal_ring *ring,
                           const struct session_ticket *ticket,
                           struct span action, struct bytes *out)
    __attribute__((warn_unused_result));

/* Whether `token` is the one of this session for `action`, under any secret
 * of the ring; compares in constant time. */
bool form_token_fits(const struct seal_ring *ring,
                     const struct session_ticket *ticket, struct span action,
                     struct span token) __attribute__((warn_unused_result));

#endif /* OAUTH_FORM_H */
