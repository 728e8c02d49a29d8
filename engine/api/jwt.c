/* SPDX-License-Identifier: Apache-2.0
 * The order is: size, signature, header, claims; so only texts that a holder
 * of a key wrote are ever parsed. */
#include "engine/api/jwt.h"

/* HMAC by EVP_MAC allocates and frees two contexts for each token, which takes
 * as long as the hashes do (bench/access.c). The states of SHA-256 are plain
 * bytes that can be copied; OpenSSL 3 would rather not show them. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "base/base64.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#define MAC_SIZE SHA256_DIGEST_LENGTH
/* {"alg":"HS256","typ":"JWT"}, as most write it */
#define USUAL_HEADER "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"

/* The hashes that have read the key's two pads (RFC 2104). */
struct jwt_key {
    SHA256_CTX inner, outer;
};

static bool
begin(SHA256_CTX *ctx, const unsigned char key[SHA256_CBLOCK],
      unsigned char mask)
{
    unsigned char pad[SHA256_CBLOCK];
    for (size_t i = 0; i < SHA256_CBLOCK; i++)
        pad[i] = key[i] ^ mask;
    bool is_begun =
        SHA256_Init(ctx) == 1 && SHA256_Update(ctx, pad, sizeof(pad)) == 1;
    OPENSSL_cleanse(pad, sizeof(pad));
    return is_begun;
}

enum engine_code
jwt_keys_add(struct jwt_keys *keys, const void *key, size_t size)
{
    unsigned char block[SHA256_CBLOCK] = { 0 };
    assert(keys->count < JWT_KEYS_MAX && size > 0);
    struct jwt_key *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return ENGINE_ENOMEM;
    if (size <= sizeof(block))
        memcpy(block, key, size);
    else
        SHA256(key, size, block);
    bool is_made =
        begin(&made->inner, block, 0x36) && begin(&made->outer, block, 0x5c);
    OPENSSL_cleanse(block, sizeof(block));
    assert(is_made); /* it fails only by the size of its input */
    (void)is_made;
    keys->all[keys->count++] = made;
    return ENGINE_OK;
}

void
jwt_keys_release(struct jwt_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        OPENSSL_cleanse(keys->all[i], sizeof(*keys->all[i]));
        free(keys->all[i]);
    }
    *keys = (struct jwt_keys){ 0 };
}

/* Whether it is the signature of this key. */
static bool
mac_matches(const struct jwt_key *key, struct span text,
            const unsigned char mac[MAC_SIZE])
{
    unsigned char own[MAC_SIZE];
    SHA256_CTX ctx = key->inner;
    bool is_made = SHA256_Update(&ctx, text.data, text.size) == 1 &&
                   SHA256_Final(own, &ctx) == 1;
    ctx = key->outer;
    is_made = is_made && SHA256_Update(&ctx, own, sizeof(own)) == 1 &&
              SHA256_Final(own, &ctx) == 1;
    return is_made && CRYPTO_memcmp(own, mac, MAC_SIZE) == 0;
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
        if (mac_matches(keys->all[i], input, mac))
            fault = JWT_FINE;
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
