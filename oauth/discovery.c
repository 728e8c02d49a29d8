/* SPDX-License-Identifier: Apache-2.0
 * Discovery document -> metadata. Every address in it is held against the same
 * rules, also those that we may never call. */
#include "oauth/discovery.h"

#include "oauth/json.h"
#include "oauth/url.h"

#include <stdlib.h>
#include <string.h>

#define SAID_SIZE_MAX 80 /* of a wrong word, in an error */

struct endpoint {
    const char *name;
    bool is_needed;
    const char **ret_url;
};

/* Frees the texts; the metadata's const is for its readers. */
void
discovery_release(struct provider_metadata *metadata)
{
    const char **texts[] = {
        &metadata->authorization_endpoint,
        &metadata->token_endpoint,
        &metadata->jwks_uri,
        &metadata->end_session_endpoint,
        &metadata->push_endpoint,
        &metadata->userinfo_endpoint,
        &metadata->introspection_endpoint,
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free((void *)(uintptr_t)*texts[i]);
    *metadata = (struct provider_metadata){ 0 };
}

static bool
is_acceptable(struct span text, const struct discovery_rules *rules)
{
    struct url url;
    if (text.size > DISCOVERY_URL_SIZE_MAX ||
        !url_is_endpoint(text, rules->allows_http) || !url_parse(text, &url))
        return false;
    return !(rules->refuses_loopback && url_is_loopback(&url));
}

static enum oauth_code
read_endpoint(const json_t *root, const struct discovery_rules *rules,
              const struct endpoint *endpoint, struct error *reterr)
{
    struct span url = json_text(root, endpoint->name);
    if (json_object_get(root, endpoint->name) == NULL && !endpoint->is_needed)
        return OAUTH_OK;
    if (!is_acceptable(url, rules))
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
discovery_read(const json_t *root, const struct discovery_rules *rules,
               struct provider_metadata *metadata, struct error *reterr)
{
    const struct endpoint endpoints[] = {
        { "authorization_endpoint", true, &metadata->authorization_endpoint },
        { "token_endpoint", true, &metadata->token_endpoint },
        { "jwks_uri", true, &metadata->jwks_uri },
        { "end_session_endpoint", false, &metadata->end_session_endpoint },
        { "pushed_authorization_request_endpoint", false,
          &metadata->push_endpoint },
        { "userinfo_endpoint", false, &metadata->userinfo_endpoint },
        { "introspection_endpoint", false, &metadata->introspection_endpoint },
    };
    struct span issuer = json_text(root, "issuer");
    if (!span_equal_text(issuer, rules->issuer))
        return error_set(
            reterr, OAUTH_EDOCUMENT,
            "discovery: its issuer is '%.*s', not '%s'",
            (int)(issuer.size > SAID_SIZE_MAX ? SAID_SIZE_MAX : issuer.size),
            issuer.size > 0 ? issuer.data : "", rules->issuer);
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        enum oauth_code code =
            read_endpoint(root, rules, &endpoints[i], reterr);
        if (code != OAUTH_OK)
            return code;
    }
    metadata->has_iss_parameter = json_is_true(json_object_get(
        root, "authorization_response_iss_parameter_supported"));
    metadata->requires_push = json_is_true(
        json_object_get(root, "require_pushed_authorization_requests"));
    if (metadata->requires_push && metadata->push_endpoint == NULL)
        return error_set(reterr, OAUTH_EDOCUMENT,
                         "discovery: pushed requests are required, but there "
                         "is no address for them");
    read_auth_methods(root, metadata);
    return OAUTH_OK;
}

enum oauth_code
discovery_parse(struct span body, const struct discovery_rules *rules,
                struct provider_metadata *ret_metadata, struct error *reterr)
{
    json_t *root = NULL;
    struct provider_metadata metadata = { .issuer = rules->issuer };
    enum oauth_code code = json_parse(body, rules->size_max,
                                      "the discovery document", &root, reterr);
    if (code != OAUTH_OK)
        return code;
    code = discovery_read(root, rules, &metadata, reterr);
    json_decref(root);
    if (code == OAUTH_OK)
        *ret_metadata = metadata;
    else
        discovery_release(&metadata);
    return code;
}
