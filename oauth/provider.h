/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_PROVIDER_H
#define OAUTH_PROVIDER_H

#include "base/bytes.h"
#include "oauth/discovery.h"
#include "oauth/error.h"

#include <stdbool.h>
#include <stdint.h>

/* What is known of one OpenID provider: its discovery document and its key
 * set, with their ages. The host owns one per provider and process; every flow
 * reads it, and whoever fetched a document writes it. No lock: all that share
 * a provider run on one thread.
 *
 * The life of a document:
 *   missing    whoever needs it fetches it and waits
 *   good       used as it is
 *   due        past its refresh age: still used, and the host fetches it again
 *              in the background; after a failure at most every
 *              PROVIDER_RETRY_S
 *   too old    PROVIDER_STALE_S without a good answer: as missing */

#define PROVIDER_BODY_SIZE_MAX ((size_t)256 << 10) /* discovery or JWKS */
#define PROVIDER_URL_SIZE_MAX  DISCOVERY_URL_SIZE_MAX
#define PROVIDER_REFRESH_S     2700 /* then it is due */
#define PROVIDER_REFRESH_MAX_S (12 * 3600)
#define PROVIDER_STALE_S       (24 * 3600) /* then it is too old */
#define PROVIDER_RETRY_S       30
#define PROVIDER_JOIN_S        10 /* a refetch takes so long at most */
#define PROVIDER_UNKNOWN_MAX   16 /* unknown kids remembered, of each source */

struct provider;
struct jwks;

enum provider_document { PROVIDER_DISCOVERY, PROVIDER_JWKS };

/* Who says that there is a key of some kid. A client can say anything: it
 * gets a small allowance of its own, so that it cannot use up the one that a
 * rotation of the keys needs. */
enum provider_source {
    PROVIDER_SAYS, /* a token that came from the provider itself */
    CLIENT_SAYS,   /* one that a client sent */
    PROVIDER_SOURCE_COUNT
};

struct provider_options {
    struct span issuer;        /* exactly as in the provider's documents */
    struct span discovery_url; /* empty: issuer + /.well-known/... */
    int64_t refresh_s;         /* 0: PROVIDER_REFRESH_S */
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

/* Whether a flow has to fetch the document before it goes on: it is missing
 * or too old. Nothing of a document that is wanted may be used. */
bool provider_wants(const struct provider *provider,
                    enum provider_document document, int64_t now_s);

/* Whether the host should fetch the document again, with nobody waiting. */
bool provider_is_due(const struct provider *provider,
                     enum provider_document document, int64_t now_s);

/* Whether the key set may be fetched again because no key is called `kid`
 * (empty: the token has none). Yes while such a fetch is under way, so that
 * all who wait share it; no for a kid that was just looked for in vain, and
 * past a number per minute. Notes the attempt when it says yes. */
bool provider_may_refetch(struct provider *provider, struct span kid,
                          enum provider_source source, int64_t now_s);

/* Takes over a fetched document. On failure the old one stays.
 *   status  HTTP status;  body  at most PROVIDER_BODY_SIZE_MAX bytes
 * OAUTH_EPROVIDER  the status is not 200.   OAUTH_EDOCUMENT  not acceptable:
 * bad JSON, other issuer, endpoint not https, no usable key.  OAUTH_ENOMEM. */
enum oauth_code
provider_put(struct provider *provider, enum provider_document document,
             int status, struct span body, int64_t now_s, struct error *reterr)
    __attribute__((warn_unused_result));

/* Notes that a fetch came to nothing, and why. */
void provider_note_failure(struct provider *provider,
                           enum provider_document document, int64_t now_s,
                           const struct error *why);

/* Counts the answers, good and bad. Flows that wait for one fetch get the
 * same answer: only the first of them, who still sees the number of the time
 * when it asked, has to hand it in. */
uint32_t provider_answer_count(const struct provider *provider,
                               enum provider_document document);

/* Why the last answer was no good; NULL when it was, or there was none. */
const struct error *provider_failure(const struct provider *provider,
                                     enum provider_document document);

/* NULL while discovery is missing. */
const struct provider_metadata *
provider_metadata(const struct provider *provider);

/* NULL while the key set is missing. */
const struct jwks *provider_jwks(const struct provider *provider);

#endif /* OAUTH_PROVIDER_H */
