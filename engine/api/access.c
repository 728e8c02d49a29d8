/* SPDX-License-Identifier: Apache-2.0
 * The gateway's identity, API keys and tokens (header `api-key`, or
 * `authorization: Bearer`), and CORS: any origin by default as Qdrant, or an
 * exact list. */
#include "engine/api/access.h"

#include "engine/api/claims.h"
#include "engine/log.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* RFC 7518 section 3.2: a key as long as the hash. Shorter ones can be found
 * from a token. */
#define SIGNING_KEY_SIZE_MIN 32

struct access {
    const struct server_config *config;
    struct identity_keys *identity_keys; /* NULL: none */
    struct jwt_keys token_keys;          /* none without service.jwt_rbac */
    struct token_cache *cache;
};

static enum engine_code
token_key_add(struct access *access, const char *key, struct error *reterr)
{
    if (key == NULL)
        return ENGINE_OK;
    size_t size = strlen(key);
    if (size < SIGNING_KEY_SIZE_MIN)
        log_event(LOG_LEVEL_WARN,
                  "service.jwt_rbac: a key of %zu bytes signs tokens; whoever "
                  "has one can try keys at home: take %d random bytes",
                  size, SIGNING_KEY_SIZE_MIN);
    return jwt_keys_add(&access->token_keys, key, size) == ENGINE_OK
               ? ENGINE_OK
               : error_memory(reterr);
}

static enum engine_code
token_keys_add(struct access *access, struct error *reterr)
{
    const struct server_config *config = access->config;
    if (!config->has_jwt_rbac)
        return ENGINE_OK;
    /* server_config_check() saw to it: without a key all would be open. */
    assert(config->api_key != NULL || config->alt_api_key != NULL);
    enum engine_code code = token_key_add(access, config->api_key, reterr);
    if (code == ENGINE_OK)
        code = token_key_add(access, config->alt_api_key, reterr);
    return code;
}

enum engine_code
access_open(const struct server_config *config, struct access **ret_access,
            struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    struct access *access = calloc(1, sizeof(*access));
    if (access == NULL)
        return error_memory(reterr);
    access->config = config;
    access->cache = token_cache_new();
    if (access->cache == NULL)
        code = error_memory(reterr);
    if (code == ENGINE_OK && config->identity_key_file != NULL)
        code = identity_keys_read(config->identity_key_file,
                                  &access->identity_keys, reterr);
    if (code == ENGINE_OK)
        code = token_keys_add(access, reterr);
    if (code == ENGINE_OK)
        *ret_access = access;
    else
        access_close(access);
    return code;
}

void
access_close(struct access *access)
{
    if (access == NULL)
        return;
    token_cache_free(access->cache);
    identity_keys_free(access->identity_keys);
    jwt_keys_release(&access->token_keys);
    free(access);
}

void
access_release(struct caller *caller)
{
    token_release(caller->token);
    caller->token = NULL;
}

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

static void
caller_set(struct caller *caller, enum caller_kind kind, struct token *token)
{
    *caller = (struct caller){ .kind = kind,
                               .identity = token->identity,
                               .token = token };
}

/* Verifies one that the cache does not know, or whose time is over. Too much
 * for the arena is the token's fault, no memory is not. */
static enum engine_code
token_verify(struct access *access, struct token *token, int64_t now_s,
             struct error *reterr)
{
    bool is_identity = token->kind == TOKEN_IDENTITY;
    enum engine_code code;
    if (is_identity)
        code = identity_verify(access->identity_keys, token->text, now_s,
                               &token->arena, &token->identity, reterr);
    else
        code = claims_verify(&access->token_keys, token->text, now_s,
                             &token->arena, &token->identity, reterr);
    if (code != ENGINE_ENOMEM || !arena_over_cap(&token->arena))
        return code;
    return error_set(reterr, is_identity ? ENGINE_EFORBIDDEN : ENGINE_EINPUT,
                     "is too large: what it says takes more than %zu bytes",
                     TOKEN_ARENA_SIZE_MAX);
}

/* *ret_token is held only with ENGINE_OK. */
static enum engine_code
token_take(struct access *access, enum token_kind kind, struct span text,
           struct token **ret_token, struct error *reterr)
{
    int64_t now_s = (int64_t)time(NULL);
    struct token *token = token_cache_get(access->cache, kind, text);
    if (token != NULL && now_s >= token->identity.from_s &&
        now_s <= token->identity.until_s) {
        *ret_token = token;
        return ENGINE_OK;
    }
    token_release(token);
    if (text.size > JWT_TOKEN_SIZE_MAX)
        text.size = JWT_TOKEN_SIZE_MAX + 1; /* refused as too long */
    token = token_new(kind, text);
    if (token == NULL)
        return error_memory(reterr);
    enum engine_code code = token_verify(access, token, now_s, reterr);
    if (code != ENGINE_OK) {
        token_release(token);
        return code;
    }
    token_cache_put(access->cache, token);
    *ret_token = token;
    return ENGINE_OK;
}

static enum access_result
identity_take(struct access *access, const char *text,
              struct caller *ret_caller, struct error *reterr)
{
    struct token *token = NULL;
    enum engine_code code;
    if (access->identity_keys == NULL)
        code = error_set(reterr, ENGINE_EFORBIDDEN,
                         "cannot be checked: service.identity_key_file is not "
                         "set");
    else
        code =
            token_take(access, TOKEN_IDENTITY, span_of(text), &token, reterr);
    if (code != ENGINE_OK)
        return code == ENGINE_ENOMEM ? ACCESS_UNABLE : ACCESS_UNTRUSTED;
    caller_set(ret_caller, CALLER_IDENTITY, token);
    return ACCESS_GRANTED;
}

static enum access_result
claims_take(struct access *access, const char *text, struct caller *ret_caller,
            struct error *reterr)
{
    struct token *token = NULL;
    if (access->token_keys.count == 0)
        return ACCESS_INVALID;
    enum engine_code code =
        token_take(access, TOKEN_CLAIMS, span_of(text), &token, reterr);
    if (code == ENGINE_OK)
        caller_set(ret_caller, CALLER_TOKEN, token);
    return code == ENGINE_OK           ? ACCESS_GRANTED
           : code == ENGINE_EFORBIDDEN ? ACCESS_REFUSED
           : code == ENGINE_ENOMEM     ? ACCESS_UNABLE
                                       : ACCESS_INVALID;
}

static enum access_result
key_take(struct access *access, const struct request *request,
         struct caller *ret_caller, struct error *reterr)
{
    const struct server_config *config = access->config;
    const char *given = key_of(request);
    if (given == NULL)
        return ACCESS_MISSING;
    bool is_full = key_matches(config->api_key, given);
    bool is_alt = key_matches(config->alt_api_key, given);
    bool is_reader = key_matches(config->read_only_api_key, given);
    if (!is_full && !is_alt && !is_reader)
        return claims_take(access, given, ret_caller, reterr);
    bool is_manager = is_full || is_alt;
    ret_caller->kind = is_manager ? CALLER_KEY : CALLER_READER;
    ret_caller->identity.rights.everywhere =
        is_manager ? RIGHT_MANAGE : RIGHT_READ;
    return ACCESS_GRANTED;
}

enum access_result
access_identify(struct access *access, const struct request *request,
                struct caller *ret_caller, struct error *reterr)
{
    const struct server_config *config = access->config;
    *ret_caller = (struct caller){ .kind = CALLER_UNKNOWN };
    const char *word = request->header(request, IDENTITY_HEADER);
    if (word != NULL)
        return identity_take(access, word, ret_caller, reterr);
    if (config->api_key != NULL || config->alt_api_key != NULL ||
        config->read_only_api_key != NULL)
        return key_take(access, request, ret_caller, reterr);
    ret_caller->kind = CALLER_ANYONE;
    ret_caller->identity.rights.everywhere = RIGHT_MANAGE;
    return ACCESS_GRANTED;
}

const char *
caller_name(enum caller_kind kind)
{
    static const char *const names[CALLER_KIND_COUNT] = {
        [CALLER_UNKNOWN] = "unknown", [CALLER_ANYONE] = "anyone",
        [CALLER_KEY] = "api_key",     [CALLER_READER] = "read_only_api_key",
        [CALLER_TOKEN] = "jwt",       [CALLER_IDENTITY] = "identity",
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
