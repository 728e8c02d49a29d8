/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_LOGOUT_H
#define OAUTH_LOGOUT_H

#include "base/bytes.h"

/* RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0). */

#define LOGOUT_URL_SIZE_MAX  ((size_t)20 << 10)
#define LOGOUT_HINT_SIZE_MAX ((size_t)6 << 10)

struct logout_request {
    const char *endpoint; /* end_session_endpoint; may have a query */
    struct span client_id;
    struct span id_token;   /* hint; left out when empty or so long that
                                the URL would pass common header limits */
    struct span return_url; /* post_logout_redirect_uri */
};

/* Appends the URL that ends the provider's own session. */
void logout_url(const struct logout_request *request, struct bytes *out);

#endif /* OAUTH_LOGOUT_H */
