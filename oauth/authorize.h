/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_AUTHORIZE_H
#define OAUTH_AUTHORIZE_H

#include "base/bytes.h"
#include "oauth/error.h"
#include "oauth/state.h"

#define AUTHORIZE_URL_SIZE_MAX ((size_t)8 << 10)

struct authorize_request {
    const char *endpoint; /* may have a query of its own */
    struct span client_id;
    struct span redirect_uri;
    struct span scope;
    struct span state;             /* base64url, oauth/stateparam.h */
    const struct state_slot *slot; /* nonce, PKCE secret */
};

/* Appends what a login asks for, as a query or form: response_type=code,
 * PKCE S256, state and nonce always (OpenID Connect Core section 3.1.2.1).
 * OAUTH_ENOMEM.   OAUTH_EINTERNAL  OpenSSL. */
enum oauth_code authorize_params(const struct authorize_request *request,
                                 struct bytes *out)
    __attribute__((warn_unused_result));

/* Appends the URL that starts a login at the provider. As above. */
enum oauth_code authorize_url(const struct authorize_request *request,
                              struct bytes *out)
    __attribute__((warn_unused_result));

/* The same for a request that was pushed: the URL names it and nothing else
 * (RFC 9126 section 4).   request_uri  what the provider called it */
enum oauth_code authorize_pushed_url(const struct authorize_request *request,
                                     struct span request_uri, struct bytes *out)
    __attribute__((warn_unused_result));

#endif /* OAUTH_AUTHORIZE_H */
