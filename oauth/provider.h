/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_PROVIDER_H
#define OAUTH_PROVIDER_H

#include "base/bytes.h"
#include "oauth/error.h"

#include <stdbool.h>
#include <stdint.h>

/* What is known of one OpenID provider: its discovery document (OpenID
 * Connect Discovery 1.0, RFC 8414) and its key set, with their ages. The host
 * owns one per provider and process; every flow reads it, and a flow that
 * fetched a document writes it. No lock: all flows that share a provider run
 * on one thread. */

#define PROVIDER_BODY_SIZE_MAX ((size_t)256 << 10) /* discovery or JWKS */
#define PROVIDER_URL_SIZE_MAX  2048
#define PROVIDER_FRESH_S       3600        /* then it is fetched again */
#define PROVIDER_STALE_S       (24 * 3600) /* a failed fetch falls back so long */
#define PROVIDER_REFETCH_S     60 /* key set refetch for an unknown kid */
#define PROVIDER_RETRY_S       30 /* between failed fetches, old document at hand */

struct provider;
struct jwks;

enum provider_document { PROVIDER_DISCOVERY, PROVIDER_JWKS };

/* Everything the discovery document says that we use. Texts are owned by the
 * provider and valid until its next provider_put(). */
struct provider_metadata {
    const char *issuer;
    const char *authorization_endpoint;
    const char *token_endpoint;
    const char *jwks_uri;
    const char *end_session_endpoint; /* NULL when not offered */
    bool has_iss_parameter;           /* RFC 9207: `iss` is always sent */
    bool has_basic_auth;              /* client_secret_basic */
    bool has_post_auth;               /* client_secret_post */
};

struct provider_options {
    struct span issuer;        /* exactly as in the provider's documents */
    struct span discovery_url; /* empty: issuer + /.well-known/... */
    bool allows_http;          /* http endpoints, and only on a loopback
                                  issuer: for development */
};

/* Makes an empty provider; copies the options.
 * OAUTH_ECONFIG  the issuer is no https URL (or http loopback where allowed),
 * has a query or fragment, or is too long.   OAUTH_ENOMEM. */
enum oauth_code provider_create(const struct provider_options *options,
                                struct provider **ret_provider,
                                struct error *reterr)
    __attribute__((warn_unused_result));

/* NULL is allowed. No flow may be using it. */
void provider_free(struct provider *provider);

/* Where a document is fetched; NULL for the key set while discovery is
 * missing. Valid until the next provider_put(). */
const char *provider_url(const struct provider *provider,
                         enum provider_document document);

/* When the document was fetched; 0: never. */
int64_t provider_fetched_s(const struct provider *provider,
                           enum provider_document document);

/* Whether the document is there and younger than PROVIDER_FRESH_S. */
bool provider_is_fresh(const struct provider *provider,
                       enum provider_document document, int64_t now_s);

/* Whether the document is there and younger than PROVIDER_STALE_S: good
 * enough when the provider cannot be asked. */
bool provider_is_usable(const struct provider *provider,
                        enum provider_document document, int64_t now_s);

/* Whether the key set may be fetched again because of an unknown kid: at most
 * once in PROVIDER_REFETCH_S. Notes the attempt when it says yes. */
bool provider_may_refetch(struct provider *provider, int64_t now_s);

/* Whether a flow should fetch the document before it goes on: not fresh, and
 * not (usable with a failure less than PROVIDER_RETRY_S ago). */
bool provider_wants(const struct provider *provider,
                    enum provider_document document, int64_t now_s);

/* Notes that a fetch came to nothing. */
void provider_note_failure(struct provider *provider,
                           enum provider_document document, int64_t now_s);

/* Takes over a fetched document. On failure the old one stays.
 *   status  HTTP status;  body  at most PROVIDER_BODY_SIZE_MAX bytes
 * OAUTH_EPROVIDER  the status is not 200.   OAUTH_EDOCUMENT  not acceptable:
 * bad JSON, other issuer, endpoint not https, no usable key.  OAUTH_ENOMEM. */
enum oauth_code
provider_put(struct provider *provider, enum provider_document document,
             int status, struct span body, int64_t now_s, struct error *reterr)
    __attribute__((warn_unused_result));

/* NULL while discovery is missing. */
const struct provider_metadata *
provider_metadata(const struct provider *provider);

/* NULL while the key set is missing. */
const struct jwks *provider_jwks(const struct provider *provider);

#endif /* OAUTH_PROVIDER_H */
