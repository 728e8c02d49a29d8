/* SPDX-License-Identifier: Apache-2.0
 * The order is: size, signature, header, claims; so only texts that a holder
 * of a key wrote are ever parsed. */
#include "engine/api/jwt.h"

#include "base/base64.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MAC_SIZE 32
/* {"alg":"HS256","typ":"JWT"}, as most write it */
#define USUAL_HEADER "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"

/* A copy of `keyed` costs more than the hash: one that was used is kept for the
 * next who asks, and set back (which OpenSSL before 3.0.3 does not do, and says
 * it did; hence configure.ac's version). */
struct jwt_key {
    EVP_MAC_CTX *keyed;
    _Atomic(EVP_MAC_CTX *) spare; /* NULL: somebody has it */
};

static void
key_free(struct jwt_key *key)
{
    if (key == NULL)
        return;
    EVP_MAC_CTX_free(key->keyed);
    EVP_MAC_CTX_free(atomic_load(&key->spare));
    free(key);
}

/* NULL: memory is out. */
static EVP_MAC_CTX *
key_take(struct jwt_key *key)
{
    EVP_MAC_CTX *ctx = atomic_exchange(&key->spare, NULL);
    if (ctx == NULL)
        return EVP_MAC_CTX_dup(key->keyed);
    if (EVP_MAC_init(ctx, NULL, 0, NULL) == 1)
        return ctx;
    EVP_MAC_CTX_free(ctx);
    return NULL;
}

static void
key_give(struct jwt_key *key, EVP_MAC_CTX *ctx)
{
    EVP_MAC_CTX *none = NULL;
    if (!atomic_compare_exchange_strong(&key->spare, &none, ctx))
        EVP_MAC_CTX_free(ctx);
}

enum engine_code
jwt_keys_add(struct jwt_keys *keys, const void *key, size_t size)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    assert(keys->count < JWT_KEYS_MAX && size > 0);
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    struct jwt_key *made = calloc(1, sizeof(*made));
    if (made != NULL && hmac != NULL)
        made->keyed = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);
    if (made == NULL || made->keyed == NULL ||
        EVP_MAC_init(made->keyed, key, size, params) != 1) {
        key_free(made);
        return ENGINE_ENOMEM;
    }
    keys->all[keys->count++] = made;
    return ENGINE_OK;
}

void
jwt_keys_release(struct jwt_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++)
        key_free(keys->all[i]);
    *keys = (struct jwt_keys){ 0 };
}

/* JWT_FOREIGN: it is another's. */
static enum jwt_fault
mac_check(struct jwt_key *key, struct span text, const unsigned char *mac)
{
    unsigned char own[MAC_SIZE];
    size_t size = 0;
    EVP_MAC_CTX *ctx = key_take(key);
    if (ctx == NULL)
        return JWT_MEMORY;
    bool is_made =
        EVP_MAC_update(ctx, (const unsigned char *)text.data, text.size) == 1 &&
        EVP_MAC_final(ctx, own, &size, sizeof(own)) == 1 && size == MAC_SIZE;
    if (!is_made) {
        EVP_MAC_CTX_free(ctx);
        return JWT_MEMORY;
    }
    key_give(key, ctx);
    return CRYPTO_memcmp(own, mac, MAC_SIZE) == 0 ? JWT_FINE : JWT_FOREIGN;
}

/* One part of the token as an object. */
static enum jwt_fault
part_parse(struct span part, struct arena *arena, yyjson_doc **ret_doc)
{
    struct error unused;
    size_t size = BASE64_RAW_SIZE(part.size);
    unsigned char *raw = arena_alloc(arena, size + 1);
    if (raw == NULL)
        return JWT_MEMORY;
    if (!base64_decode_exact(part, raw, size))
        return JWT_CONTENT;
    enum engine_code code =
        json_parse((struct span){ (const char *)raw, size }, ret_doc, &unused);
    if (code == ENGINE_ENOMEM)
        return JWT_MEMORY;
    if (code != ENGINE_OK)
        return JWT_CONTENT;
    if (yyjson_is_obj(yyjson_doc_get_root(*ret_doc)))
        return JWT_FINE;
    yyjson_doc_free(*ret_doc);
    return JWT_CONTENT;
}

static enum jwt_fault
header_check(struct span part, struct arena *arena)
{
    yyjson_doc *doc = NULL;
    if (span_equal_text(part, USUAL_HEADER))
        return JWT_FINE;
    enum jwt_fault fault = part_parse(part, arena, &doc);
    if (fault != JWT_FINE)
        return fault == JWT_CONTENT ? JWT_HEADER : fault;
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (!yyjson_equals_str(yyjson_obj_get(root, "alg"), "HS256") ||
        yyjson_obj_get(root, "crit") != NULL)
        fault = JWT_HEADER;
    yyjson_doc_free(doc);
    return fault;
}

enum jwt_fault
jwt_open(const struct jwt_keys *keys, struct span token, struct arena *arena,
         yyjson_doc **ret_doc)
{
    unsigned char mac[MAC_SIZE];
    enum jwt_fault fault = JWT_FOREIGN;
    if (token.size == 0 || token.size > JWT_TOKEN_SIZE_MAX)
        return JWT_MALFORMED;
    const char *end = token.data + token.size;
    const char *first = memchr(token.data, '.', token.size);
    const char *second =
        first == NULL ? NULL
                      : memchr(first + 1, '.', (size_t)(end - first - 1));
    if (second == NULL)
        return JWT_MALFORMED;
    struct span header = { token.data, (size_t)(first - token.data) };
    struct span claims = { first + 1, (size_t)(second - first - 1) };
    struct span input = { token.data, (size_t)(second - token.data) };
    struct span signature = { second + 1, (size_t)(end - second - 1) };
    if (!base64_decode_exact(signature, mac, MAC_SIZE))
        return JWT_MALFORMED;
    for (size_t i = 0; i < keys->count && fault == JWT_FOREIGN; i++)
        fault = mac_check(keys->all[i], input, mac);
    if (fault == JWT_FINE)
        fault = header_check(header, arena);
    return fault == JWT_FINE ? part_parse(claims, arena, ret_doc) : fault;
}

const char *
jwt_fault_text(enum jwt_fault fault)
{
    static const char *const texts[] = {
        [JWT_FINE] = "is fine",
        [JWT_MALFORMED] = "is no token of three parts and 16384 bytes at most",
        [JWT_FOREIGN] = "is not signed (HS256) by a known key",
        [JWT_HEADER] = "is not plain HS256",
        [JWT_CONTENT] = "is no JSON object",
        [JWT_MEMORY] = "cannot be read: out of memory",
    };
    assert(fault <= JWT_MEMORY);
    return texts[fault];
}

bool
jwt_time(yyjson_val *claims, const char *name, int64_t *ret_s)
{
    yyjson_val *value = yyjson_obj_get(claims, name);
    if (!yyjson_is_uint(value) ||
        yyjson_get_uint(value) > (uint64_t)JWT_TIME_MAX)
        return false;
    *ret_s = (int64_t)yyjson_get_uint(value);
    return true;
}

enum engine_code
jwt_text(yyjson_val *claims, const char *name, size_t size_max,
         struct arena *arena, struct span *ret_text)
{
    struct span text = json_span(yyjson_obj_get(claims, name));
    if (text.size > size_max)
        return ENGINE_EFORBIDDEN;
    const char *kept =
        arena_strndup(arena, text.size > 0 ? text.data : "", text.size);
    if (kept == NULL)
        return ENGINE_ENOMEM;
    *ret_text = (struct span){ kept, text.size };
    return ENGINE_OK;
}
