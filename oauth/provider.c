/* SPDX-License-Identifier: Apache-2.0
 * What we know of one provider and how old it is. A document that does not
 * pass every rule never replaces one that did: a provider that misbehaves
 * for an hour costs nothing while the old documents are usable. */
#include "oauth/provider.h"

#include "oauth/json.h"
#include "oauth/jwks.h"
#include "oauth/url.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define WELL_KNOWN "/.well-known/openid-configuration"

struct document {
    int64_t fetched_s; /* 0: never */
    int64_t failed_s;  /* 0: not since the last success */
};

struct provider {
    char *issuer;
    char *discovery_url;
    bool allows_http;
    struct document documents[2];      /* by enum provider_document */
    struct provider_metadata metadata; /* texts owned; issuer borrowed */
    struct jwks *jwks;
    int64_t refetched_s;
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
    provider->allows_http = options->allows_http && url_is_loopback(&url);
    if (provider->issuer == NULL || provider->discovery_url == NULL) {
        provider_free(provider);
        return error_memory(reterr);
    }
    *ret_provider = provider;
    return OAUTH_OK;
}

/* Frees the texts; the metadata's const is for its readers. */
static void
metadata_release(struct provider_metadata *metadata)
{
    const char **texts[] = {
        &metadata->authorization_endpoint,
        &metadata->token_endpoint,
        &metadata->jwks_uri,
        &metadata->end_session_endpoint,
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free((void *)(uintptr_t)*texts[i]);
    *metadata = (struct provider_metadata){ 0 };
}

void
provider_free(struct provider *provider)
{
    if (provider == NULL)
        return;
    metadata_release(&provider->metadata);
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

static bool
is_younger(const struct provider *provider, enum provider_document document,
           int64_t now_s, int64_t age_max_s)
{
    const struct document *own = &provider->documents[document];
    int64_t age_s = now_s - own->fetched_s;
    return own->fetched_s != 0 && age_s > -PROVIDER_FRESH_S &&
           age_s < age_max_s;
}

int64_t
provider_fetched_s(const struct provider *provider,
                   enum provider_document document)
{
    return provider->documents[document].fetched_s;
}

bool
provider_is_fresh(const struct provider *provider,
                  enum provider_document document, int64_t now_s)
{
    return is_younger(provider, document, now_s, PROVIDER_FRESH_S);
}

bool
provider_is_usable(const struct provider *provider,
                   enum provider_document document, int64_t now_s)
{
    return is_younger(provider, document, now_s, PROVIDER_STALE_S);
}

bool
provider_wants(const struct provider *provider, enum provider_document document,
               int64_t now_s)
{
    int64_t failed_s = provider->documents[document].failed_s;
    if (provider_is_fresh(provider, document, now_s))
        return false;
    bool failed_lately = failed_s != 0 && now_s >= failed_s &&
                         now_s - failed_s < PROVIDER_RETRY_S;
    return !(failed_lately && provider_is_usable(provider, document, now_s));
}

void
provider_note_failure(struct provider *provider,
                      enum provider_document document, int64_t now_s)
{
    provider->documents[document].failed_s = now_s;
}

bool
provider_may_refetch(struct provider *provider, int64_t now_s)
{
    int64_t age_s = now_s - provider->refetched_s;
    if (provider->refetched_s != 0 && age_s >= 0 && age_s < PROVIDER_REFETCH_S)
        return false;
    provider->refetched_s = now_s;
    return true;
}

struct endpoint {
    const char *name;
    bool is_needed;
    const char **ret_url;
};

static enum oauth_code
read_endpoint(const struct provider *provider, const json_t *root,
              const struct endpoint *endpoint, struct error *reterr)
{
    struct span url = json_text(root, endpoint->name);
    if (json_object_get(root, endpoint->name) == NULL && !endpoint->is_needed)
        return OAUTH_OK;
    if (url.size > PROVIDER_URL_SIZE_MAX ||
        !url_is_endpoint(url, provider->allows_http))
        return error_set(reterr, OAUTH_EDOCUMENT,
                         "discovery: %s is missing or no https URL",
                         endpoint->name);
    char *copy = strndup(url.data, url.size);
    if (copy == NULL)
        return error_memory(reterr);
    *endpoint->ret_url = copy;
    return OAUTH_OK;
}

/* Absent means client_secret_basic (Discovery section 3). */
static void
read_auth_methods(const json_t *root, struct provider_metadata *metadata)
{
    const json_t *methods =
        json_object_get(root, "token_endpoint_auth_methods_supported");
    metadata->has_basic_auth =
        !json_is_array(methods) ||
        json_has_text(methods, span_of("client_secret_basic"));
    metadata->has_post_auth =
        json_has_text(methods, span_of("client_secret_post"));
}

static enum oauth_code
discovery_read(struct provider *provider, const json_t *root,
               struct error *reterr)
{
    struct provider_metadata metadata = { .issuer = provider->issuer };
    const struct endpoint endpoints[] = {
        { "authorization_endpoint", true, &metadata.authorization_endpoint },
        { "token_endpoint", true, &metadata.token_endpoint },
        { "jwks_uri", true, &metadata.jwks_uri },
        { "end_session_endpoint", false, &metadata.end_session_endpoint },
    };
    enum oauth_code code = OAUTH_OK;
    if (!span_equal_text(json_text(root, "issuer"), provider->issuer))
        return error_set(reterr, OAUTH_EDOCUMENT,
                         "discovery: its issuer is not '%s'", provider->issuer);
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        code = read_endpoint(provider, root, &endpoints[i], reterr);
        if (code != OAUTH_OK) {
            metadata_release(&metadata);
            return code;
        }
    }
    metadata.has_iss_parameter = json_is_true(json_object_get(
        root, "authorization_response_iss_parameter_supported"));
    read_auth_methods(root, &metadata);
    metadata_release(&provider->metadata);
    provider->metadata = metadata;
    return OAUTH_OK;
}

static enum oauth_code
discovery_put(struct provider *provider, struct span body, struct error *reterr)
{
    json_t *root = NULL;
    enum oauth_code code = json_parse(body, PROVIDER_BODY_SIZE_MAX,
                                      "the discovery document", &root, reterr);
    if (code != OAUTH_OK)
        return code;
    code = discovery_read(provider, root, reterr);
    json_decref(root);
    return code;
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
    enum oauth_code code = OAUTH_EPROVIDER;
    if (status != 200)
        error_set(reterr, OAUTH_EPROVIDER, "the provider's %s answered %d",
                  document == PROVIDER_DISCOVERY ? "discovery" : "key set",
                  status);
    else if (document == PROVIDER_DISCOVERY)
        code = discovery_put(provider, body, reterr);
    else
        code = jwks_put(provider, body, reterr);
    if (code != OAUTH_OK) {
        provider_note_failure(provider, document, now_s);
        return code;
    }
    provider->documents[document].fetched_s = now_s;
    provider->documents[document].failed_s = 0;
    return OAUTH_OK;
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
