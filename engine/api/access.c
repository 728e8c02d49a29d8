/* SPDX-License-Identifier: Apache-2.0
 * The gateway's identity, API keys (header `api-key`, or `authorization:
 * Bearer`), and CORS: any origin by default as Qdrant, or an exact list. */
#include "engine/api/access.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>
#include <time.h>

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

static enum access_result
identity_take(const struct identity_keys *keys, struct request *request,
              const char *token, struct caller *ret_caller,
              struct error *reterr)
{
    enum engine_code code;
    if (keys == NULL)
        code = error_set(reterr, ENGINE_EFORBIDDEN,
                         "cannot be checked: service.identity_key_file is not "
                         "set");
    else
        code = identity_verify(keys, span_of(token), (int64_t)time(NULL),
                               &request->arena, &ret_caller->identity, reterr);
    if (code != ENGINE_OK)
        return ACCESS_UNTRUSTED;
    ret_caller->kind = CALLER_IDENTITY;
    return ACCESS_GRANTED;
}

static enum access_result
key_take(const struct server_config *config, const struct request *request,
         struct caller *ret_caller)
{
    const char *given = key_of(request);
    if (given == NULL)
        return ACCESS_MISSING;
    bool is_full = key_matches(config->api_key, given);
    bool is_alt = key_matches(config->alt_api_key, given);
    bool is_reader = key_matches(config->read_only_api_key, given);
    if (!is_full && !is_alt && !is_reader)
        return ACCESS_INVALID;
    bool is_manager = is_full || is_alt;
    ret_caller->kind = is_manager ? CALLER_KEY : CALLER_READER;
    ret_caller->identity.rights.everywhere =
        is_manager ? RIGHT_MANAGE : RIGHT_READ;
    return ACCESS_GRANTED;
}

enum access_result
access_identify(const struct server_config *config,
                const struct identity_keys *keys, struct request *request,
                struct caller *ret_caller, struct error *reterr)
{
    *ret_caller = (struct caller){ .kind = CALLER_UNKNOWN };
    const char *token = request->header(request, IDENTITY_HEADER);
    if (token != NULL)
        return identity_take(keys, request, token, ret_caller, reterr);
    if (config->api_key != NULL || config->alt_api_key != NULL ||
        config->read_only_api_key != NULL)
        return key_take(config, request, ret_caller);
    ret_caller->kind = CALLER_ANYONE;
    ret_caller->identity.rights.everywhere = RIGHT_MANAGE;
    return ACCESS_GRANTED;
}

const char *
caller_name(enum caller_kind kind)
{
    static const char *const names[CALLER_KIND_COUNT] = {
        [CALLER_UNKNOWN] = "unknown",   [CALLER_ANYONE] = "anyone",
        [CALLER_KEY] = "api_key",       [CALLER_READER] = "read_only_api_key",
        [CALLER_IDENTITY] = "identity",
    };
    return names[kind];
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
