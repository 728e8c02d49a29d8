/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_DISCOVERY_H
#define OAUTH_DISCOVERY_H

#include "base/bytes.h"
#include "oauth/error.h"

#include <stdbool.h>

/* The discovery document (OpenID Connect Discovery 1.0, RFC 8414): what of it
 * we use, after every rule was applied. */

#define DISCOVERY_URL_SIZE_MAX 2048

struct provider_metadata {
    const char *issuer; /* borrowed */
    const char *authorization_endpoint;
    const char *token_endpoint;
    const char *jwks_uri;
    const char *end_session_endpoint; /* NULL when not offered, as below */
    const char *push_endpoint;        /* RFC 9126 */
    const char *userinfo_endpoint;
    const char *introspection_endpoint; /* RFC 7662 */
    bool requires_push;                 /* logins are begun by RFC 9126 only */
    bool has_iss_parameter;             /* RFC 9207: `iss` is always sent */
    bool has_basic_auth;                /* client_secret_basic */
    bool has_post_auth;                 /* client_secret_post */
};

struct discovery_rules {
    const char *issuer;    /* exactly as in the document; must outlive it */
    bool allows_http;      /* endpoints may be http on loopback */
    bool refuses_loopback; /* an endpoint on this machine is a trick, since the
                              issuer is elsewhere */
    size_t size_max;
};

/* Reads a document.
 *   ret_metadata  its texts are owned by the caller, discovery_release()
 * OAUTH_EDOCUMENT  no strict JSON, another issuer, an endpoint that is missing
 * or no https URL.   OAUTH_ENOMEM. */
enum oauth_code
discovery_parse(struct span body, const struct discovery_rules *rules,
                struct provider_metadata *ret_metadata, struct error *reterr)
    __attribute__((warn_unused_result));

void discovery_release(struct provider_metadata *metadata);

#endif /* OAUTH_DISCOVERY_H */
