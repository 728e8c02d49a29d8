/* SPDX-License-Identifier: Apache-2.0
 * What we know of one provider and how old it is. A document that does not
 * pass every rule never replaces one that did: a provider that misbehaves
 * for a day costs nothing, since the old documents are usable so long. */
#include "oauth/provider.h"

#include "oauth/jwks.h"
#include "oauth/url.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define WELL_KNOWN   "/.well-known/openid-configuration"
#define MINUTE_S     60
#define CLOCK_BACK_S 3600 /* a clock set back further makes ages worthless */

struct document {
    int64_t fetched_s; /* 0: never */
    int64_t failed_s;  /* 0: not since the last success */
    uint32_t answer_count;
    bool is_pressing; /* due now, whatever its age */
    struct error failure;
};

struct unknown {
    char kid[JWKS_KID_SIZE_MAX];
    size_t kid_size;
    int64_t asked_s; /* 0: an empty place */
};

/* Lookups of kids that the key set did not have, of one source. */
struct lookups {
    struct unknown items[PROVIDER_UNKNOWN_MAX];
    size_t next; /* the place that is taken next: the oldest */
    int64_t minute_s;
    unsigned count; /* since minute_s */
};

/* A provider that rotates its keys names the new one before all its servers
 * publish it: its word is tried again soon. */
static const struct {
    unsigned count_max; /* of fetches in a minute */
    int64_t hold_s;     /* a kid that was not found is not asked for again */
} lookup_rules[PROVIDER_SOURCE_COUNT] = {
    [PROVIDER_SAYS] = { 20, 3 },
    [CLIENT_SAYS] = { 4, 30 },
};

struct provider {
    char *issuer;
    char *discovery_url;
    bool allows_http;
    bool is_on_loopback;
    int64_t refresh_s;
    struct document documents[2];      /* by enum provider_document */
    struct provider_metadata metadata; /* texts owned; issuer borrowed */
    struct jwks *jwks;
    int64_t refetch_s; /* when the one under way began; 0: none is */
    struct lookups lookups[PROVIDER_SOURCE_COUNT];
};

static char *
discovery_url_of(const struct provider_options *options)
{
    struct bytes url;
    struct span issuer = options->issuer;
    bytes_init(&url, PROVIDER_URL_SIZE_MAX);
    if (options->discovery_url.size > 0) {
        bytes_add_span(&url, options->discovery_url);
    } else {
        if (issuer.data[issuer.size - 1] == '/')
            issuer.size--; /* Discovery section 4: no double slash */
        bytes_add_span(&url, issuer);
        bytes_add_text(&url, WELL_KNOWN);
    }
    return bytes_take(&url);
}

enum oauth_code
provider_create(const struct provider_options *options,
                struct provider **ret_provider, struct error *reterr)
{
    struct url url;
    assert(options->refresh_s >= 0 &&
           options->refresh_s <= PROVIDER_REFRESH_MAX_S);
    if (!url_is_endpoint(options->issuer, options->allows_http) ||
        !url_parse(options->issuer, &url) || url.has_query ||
        options->issuer.size + sizeof(WELL_KNOWN) > PROVIDER_URL_SIZE_MAX)
        return error_set(reterr, OAUTH_ECONFIG,
                         "issuer is no https URL without query");
    if (options->discovery_url.size > 0 &&
        !url_is_endpoint(options->discovery_url, options->allows_http))
        return error_set(reterr, OAUTH_ECONFIG,
                         "the discovery address is no https URL");
    struct provider *provider = calloc(1, sizeof(*provider));
    if (provider == NULL)
        return error_memory(reterr);
    provider->issuer = strndup(options->issuer.data, options->issuer.size);
    provider->discovery_url = discovery_url_of(options);
    provider->is_on_loopback = url_is_loopback(&url);
    provider->allows_http = options->allows_http && provider->is_on_loopback;
    provider->refresh_s =
        options->refresh_s > 0 ? options->refresh_s : PROVIDER_REFRESH_S;
    if (provider->issuer == NULL || provider->discovery_url == NULL) {
        provider_free(provider);
        return error_memory(reterr);
    }
    *ret_provider = provider;
    return OAUTH_OK;
}

void
provider_free(struct provider *provider)
{
    if (provider == NULL)
        return;
    discovery_release(&provider->metadata);
    jwks_free(provider->jwks);
    free(provider->issuer);
    free(provider->discovery_url);
    free(provider);
}

const char *
provider_url(const struct provider *provider, enum provider_document document)
{
    return document == PROVIDER_DISCOVERY ? provider->discovery_url
                                          : provider->metadata.jwks_uri;
}

int64_t
provider_fetched_s(const struct provider *provider,
                   enum provider_document document)
{
    return provider->documents[document].fetched_s;
}

bool
provider_wants(const struct provider *provider, enum provider_document document,
               int64_t now_s)
{
    int64_t fetched_s = provider->documents[document].fetched_s;
    int64_t age_s = now_s - fetched_s;
    return fetched_s == 0 || age_s <= -CLOCK_BACK_S ||
           age_s >= PROVIDER_STALE_S;
}

/* Whether `then_s` (0: never) is less than `span_s` ago. */
static bool
is_lately(int64_t then_s, int64_t now_s, int64_t span_s)
{
    return then_s != 0 && now_s >= then_s && now_s - then_s < span_s;
}

bool
provider_is_due(const struct provider *provider,
                enum provider_document document, int64_t now_s)
{
    const struct document *own = &provider->documents[document];
    if (own->fetched_s == 0 || provider_url(provider, document) == NULL ||
        is_lately(own->failed_s, now_s, PROVIDER_RETRY_S))
        return false;
    return own->is_pressing ||
           !is_lately(own->fetched_s, now_s, provider->refresh_s);
}

static struct unknown *
lookup_find(struct lookups *lookups, struct span kid)
{
    for (size_t i = 0; i < PROVIDER_UNKNOWN_MAX; i++) {
        struct unknown *item = &lookups->items[i];
        struct span known = { item->kid, item->kid_size };
        if (item->asked_s != 0 && span_equal(known, kid))
            return item;
    }
    return NULL;
}

static bool
lookup_is_within_limit(struct lookups *lookups, unsigned count_max,
                       int64_t now_s)
{
    if (!is_lately(lookups->minute_s, now_s, MINUTE_S)) {
        lookups->minute_s = now_s;
        lookups->count = 0;
    }
    if (lookups->count == count_max)
        return false;
    lookups->count++;
    return true;
}

bool
provider_may_refetch(struct provider *provider, struct span kid,
                     enum provider_source source, int64_t now_s)
{
    struct lookups *lookups = &provider->lookups[source];
    struct unknown *item = lookup_find(lookups, kid);
    assert(source < PROVIDER_SOURCE_COUNT && kid.size <= JWKS_KID_SIZE_MAX);
    if (!is_lately(provider->refetch_s, now_s, PROVIDER_JOIN_S)) {
        if (item != NULL &&
            is_lately(item->asked_s, now_s, lookup_rules[source].hold_s))
            return false;
        if (!lookup_is_within_limit(lookups, lookup_rules[source].count_max,
                                    now_s))
            return false;
        provider->refetch_s = now_s;
    }
    if (item == NULL) {
        item = &lookups->items[lookups->next];
        lookups->next = (lookups->next + 1) % PROVIDER_UNKNOWN_MAX;
    }
    if (kid.size > 0)
        memcpy(item->kid, kid.data, kid.size);
    item->kid_size = kid.size;
    item->asked_s = now_s;
    return true;
}

/* One more answer; `why` is NULL when it was a good one. */
static void
note_answer(struct provider *provider, enum provider_document document,
            int64_t now_s, const struct error *why)
{
    struct document *own = &provider->documents[document];
    own->answer_count++;
    if (document == PROVIDER_JWKS)
        provider->refetch_s = 0;
    if (why != NULL) {
        own->failed_s = now_s;
        own->failure = *why;
        return;
    }
    own->fetched_s = now_s;
    own->failed_s = 0;
    own->is_pressing = false;
    own->failure = (struct error){ 0 };
}

void
provider_note_failure(struct provider *provider,
                      enum provider_document document, int64_t now_s,
                      const struct error *why)
{
    assert(why != NULL && why->code != OAUTH_OK);
    note_answer(provider, document, now_s, why);
}

static enum oauth_code
discovery_put(struct provider *provider, struct span body, struct error *reterr)
{
    struct provider_metadata metadata;
    const struct discovery_rules rules = {
        .issuer = provider->issuer,
        .allows_http = provider->allows_http,
        .refuses_loopback = !provider->is_on_loopback,
        .size_max = PROVIDER_BODY_SIZE_MAX,
    };
    enum oauth_code code = discovery_parse(body, &rules, &metadata, reterr);
    if (code != OAUTH_OK)
        return code;
    if (provider->metadata.jwks_uri != NULL &&
        strcmp(provider->metadata.jwks_uri, metadata.jwks_uri) != 0)
        provider->documents[PROVIDER_JWKS].is_pressing = true;
    discovery_release(&provider->metadata);
    provider->metadata = metadata;
    return OAUTH_OK;
}

static enum oauth_code
jwks_put(struct provider *provider, struct span body, struct error *reterr)
{
    struct jwks *jwks = NULL;
    enum oauth_code code = jwks_parse(body, &jwks, reterr);
    if (code != OAUTH_OK)
        return code;
    jwks_free(provider->jwks);
    provider->jwks = jwks;
    return OAUTH_OK;
}

enum oauth_code
provider_put(struct provider *provider, enum provider_document document,
             int status, struct span body, int64_t now_s, struct error *reterr)
{
    struct error error = { 0 };
    enum oauth_code code = OAUTH_EPROVIDER;
    if (status != 200)
        error_set(&error, OAUTH_EPROVIDER, "the provider's %s answered %d",
                  document == PROVIDER_DISCOVERY ? "discovery" : "key set",
                  status);
    else if (document == PROVIDER_DISCOVERY)
        code = discovery_put(provider, body, &error);
    else
        code = jwks_put(provider, body, &error);
    note_answer(provider, document, now_s, code == OAUTH_OK ? NULL : &error);
    if (code != OAUTH_OK && reterr != NULL)
        *reterr = error;
    return code;
}

uint32_t
provider_answer_count(const struct provider *provider,
                      enum provider_document document)
{
    return provider->documents[document].answer_count;
}

const struct error *
provider_failure(const struct provider *provider,
                 enum provider_document document)
{
    const struct error *failure = &provider->documents[document].failure;
    return failure->code == OAUTH_OK ? NULL : failure;
}

const struct provider_metadata *
provider_metadata(const struct provider *provider)
{
    return provider->metadata.token_endpoint == NULL ? NULL
                                                     : &provider->metadata;
}

const struct jwks *
provider_jwks(const struct provider *provider)
{
    return provider->jwks;
}
