/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_LOGOUT_H
#define OAUTH_LOGOUT_H

#include "base/bytes.h"
#include "oauth/error.h"
#include "oauth/seal.h"

/* RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0). */

#define LOGOUT_URL_SIZE_MAX  ((size_t)20 << 10)
#define LOGOUT_HINT_SIZE_MAX ((size_t)6 << 10)

struct logout_request {
    const char *endpoint; /* end_session_endpoint; may have a query */
    struct span client_id;
    struct span id_token;   /* hint; left out when empty or so long that
                                the URL would pass common header limits */
    struct span return_url; /* post_logout_redirect_uri */
    struct span state;      /* comes back with it */
};

/* Appends the URL that ends the provider's own session. */
void logout_url(const struct logout_request *request, struct bytes *out);

/* The `state` of a logout: says that it was begun here, and when. No session
 * is left that could remember it, so it is the time and a MAC; whoever comes
 * back with a good one has been at the provider. */
#define LOGOUT_STATE_SIZE  34 /* base64url of key id, time and MAC */
#define LOGOUT_STATE_AGE_S 600

enum oauth_code logout_state(const struct seal_ring *ring, int64_t now_s,
                             struct bytes *out)
    __attribute__((warn_unused_result));

/* Whether `state` is one of ours, made within LOGOUT_STATE_AGE_S. */
bool logout_state_fits(const struct seal_ring *ring, struct span state,
                       int64_t now_s) __attribute__((warn_unused_result));

#endif /* OAUTH_LOGOUT_H */
