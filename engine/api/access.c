/* SPDX-License-Identifier: Apache-2.0
 * API keys (header `api-key`, or `authorization: Bearer`), and CORS: any
 * origin by default as Qdrant, or an exact list. */
#include "engine/api/access.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

/* Equal lengths are needed; the length of a key is no secret. */
static bool
key_matches(const char *key, const char *given)
{
    if (key == NULL)
        return false;
    size_t size = strlen(key);
    return size == strlen(given) && CRYPTO_memcmp(key, given, size) == 0;
}

static const char *
key_of(const struct request *request)
{
    static const char bearer[] = "Bearer ";
    const char *key = request->header(request, "api-key");
    if (key != NULL)
        return key;
    const char *value = request->header(request, "authorization");
    if (value != NULL && strncasecmp(value, bearer, sizeof(bearer) - 1) == 0)
        return value + sizeof(bearer) - 1;
    return NULL;
}

enum access_result
access_check(const struct server_config *config, const struct request *request,
             bool is_write)
{
    if (config->api_key == NULL && config->alt_api_key == NULL &&
        config->read_only_api_key == NULL)
        return ACCESS_GRANTED;
    const char *given = key_of(request);
    if (given == NULL)
        return ACCESS_MISSING;
    bool is_full = key_matches(config->api_key, given);
    bool is_alt = key_matches(config->alt_api_key, given);
    bool is_reader = key_matches(config->read_only_api_key, given);
    if (is_full || is_alt)
        return ACCESS_GRANTED;
    if (!is_reader)
        return ACCESS_INVALID;
    return is_write ? ACCESS_READ_ONLY : ACCESS_GRANTED;
}

static const char *
allowed_origin(const struct server_config *config, const char *origin)
{
    if (config->cors_origins_count == 0)
        return "*";
    for (size_t i = 0; i < config->cors_origins_count; i++) {
        if (strcmp(config->cors_origins[i], origin) == 0)
            return config->cors_origins[i];
    }
    return NULL;
}

void
access_cors(const struct server_config *config, const struct request *request,
            struct reply *reply)
{
    if (!config->has_cors)
        return;
    if (config->cors_origins_count > 0)
        reply_header_add(reply, "Vary", "Origin");
    const char *origin = request->header(request, "origin");
    if (origin == NULL)
        return;
    const char *allowed = allowed_origin(config, origin);
    if (allowed == NULL)
        return;
    reply_header_add(reply, "Access-Control-Allow-Origin", allowed);
    if (request->method != REQUEST_OPTIONS)
        return;
    const char *headers =
        request->header(request, "access-control-request-headers");
    reply_header_add(reply, "Access-Control-Allow-Methods",
                     "GET, POST, PUT, PATCH, DELETE, OPTIONS");
    if (headers != NULL)
        reply_header_add(reply, "Access-Control-Allow-Headers", headers);
    reply_header_add(reply, "Access-Control-Max-Age", "3600");
}
