/* SPDX-License-Identifier: Apache-2.0
 * Keys and tokens of the gateway. The order is: size, signature, header,
 * claims; so only texts that a holder of a key wrote are ever parsed. */
#include "engine/api/identity.h"

#include "base/base64.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAC_SIZE 32
#define TIME_MAX ((int64_t)1 << 53)
/* {"alg":"HS256","typ":"JWT"}, as the gateway writes it */
#define USUAL_HEADER "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"

struct identity_keys {
    size_t count;
    EVP_MAC_CTX *macs[IDENTITY_KEYS_MAX]; /* keyed; copied for each use */
};

/* ---- keys ---------------------------------------------------------------- */

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
key_unhex(struct span line, unsigned char *ret_key)
{
    if (line.size != 2 * (size_t)IDENTITY_KEY_SIZE)
        return false;
    for (size_t i = 0; i < IDENTITY_KEY_SIZE; i++) {
        int high = hex_digit(line.data[2 * i]);
        int low = hex_digit(line.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_key[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static enum engine_code
key_add(struct identity_keys *keys, EVP_MAC *hmac, struct span line)
{
    unsigned char key[IDENTITY_KEY_SIZE];
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    if (!key_unhex(line, key))
        return ENGINE_EINPUT;
    EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
    bool is_set =
        mac != NULL && EVP_MAC_init(mac, key, sizeof(key), params) == 1;
    OPENSSL_cleanse(key, sizeof(key));
    if (!is_set) {
        EVP_MAC_CTX_free(mac);
        return ENGINE_ENOMEM;
    }
    keys->macs[keys->count++] = mac;
    return ENGINE_OK;
}

static struct span
line_next(struct span *rest)
{
    const char *end = memchr(rest->data, '\n', rest->size);
    struct span line = { rest->data, end == NULL ? rest->size
                                                 : (size_t)(end - rest->data) };
    size_t taken = line.size + (end == NULL ? 0 : 1);
    rest->data += taken;
    rest->size -= taken;
    while (line.size > 0 && (line.data[line.size - 1] == '\r' ||
                             line.data[line.size - 1] == ' '))
        line.size--;
    return line;
}

static enum engine_code
keys_parse(const char *path, struct span text, struct identity_keys *keys,
           struct error *reterr)
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    enum engine_code code = hmac == NULL ? ENGINE_ENOMEM : ENGINE_OK;
    unsigned number = 0;
    while (code == ENGINE_OK && text.size > 0) {
        struct span line = line_next(&text);
        number++;
        if (line.size == 0 || line.data[0] == '#')
            continue;
        if (keys->count == IDENTITY_KEYS_MAX)
            code = error_set(reterr, ENGINE_EINPUT,
                             "service.identity_key_file %s, line %u: more than "
                             "%d keys",
                             path, number, IDENTITY_KEYS_MAX);
        else {
            code = key_add(keys, hmac, line);
            if (code == ENGINE_EINPUT)
                error_set(reterr, code,
                          "service.identity_key_file %s, line %u: not 64 "
                          "hexadecimal digits",
                          path, number);
        }
    }
    EVP_MAC_free(hmac);
    if (code == ENGINE_OK && keys->count == 0)
        return error_set(reterr, ENGINE_EINPUT,
                         "service.identity_key_file %s has no key", path);
    return code == ENGINE_ENOMEM ? error_memory(reterr) : code;
}

/* Reads a private file. -1: the error is set. */
static ssize_t
file_read(const char *path, char *text, size_t size, struct error *reterr)
{
    struct stat info;
    const char *why = NULL;
    ssize_t used = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &info) != 0)
        why = strerror(errno);
    else if (!S_ISREG(info.st_mode))
        why = "no regular file";
    else if ((info.st_mode & 077) != 0)
        why = "can be read by others: chmod 600";
    else if (info.st_size > (off_t)size)
        why = "too large";
    else {
        used = read(fd, text, size);
        if (used < 0)
            why = strerror(errno);
    }
    if (why != NULL)
        error_set(reterr, ENGINE_EINPUT, "service.identity_key_file %s: %s",
                  path, why);
    if (fd >= 0)
        close(fd);
    return used;
}

enum engine_code
identity_keys_read(const char *path, struct identity_keys **ret_keys,
                   struct error *reterr)
{
    char text[IDENTITY_FILE_SIZE_MAX];
    ssize_t size = file_read(path, text, sizeof(text), reterr);
    if (size < 0)
        return ENGINE_EINPUT;
    enum engine_code code = ENGINE_ENOMEM;
    struct identity_keys *keys = calloc(1, sizeof(*keys));
    if (keys == NULL)
        error_memory(reterr);
    else
        code =
            keys_parse(path, (struct span){ text, (size_t)size }, keys, reterr);
    OPENSSL_cleanse(text, sizeof(text));
    if (code != ENGINE_OK) {
        identity_keys_free(keys);
        return code;
    }
    *ret_keys = keys;
    return ENGINE_OK;
}

void
identity_keys_free(struct identity_keys *keys)
{
    if (keys == NULL)
        return;
    for (size_t i = 0; i < keys->count; i++)
        EVP_MAC_CTX_free(keys->macs[i]);
    free(keys);
}

/* ---- tokens -------------------------------------------------------------- */

static bool
mac_matches(EVP_MAC_CTX *keyed, struct span text, const unsigned char *mac)
{
    unsigned char own[MAC_SIZE];
    size_t size = 0;
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(keyed);
    bool is_equal =
        ctx != NULL &&
        EVP_MAC_update(ctx, (const unsigned char *)text.data, text.size) == 1 &&
        EVP_MAC_final(ctx, own, &size, sizeof(own)) == 1 && size == MAC_SIZE &&
        CRYPTO_memcmp(own, mac, MAC_SIZE) == 0;
    EVP_MAC_CTX_free(ctx);
    return is_equal;
}

static bool
is_signed(const struct identity_keys *keys, struct span input,
          struct span signature)
{
    unsigned char mac[MAC_SIZE];
    bool is_ours = false;
    if (!base64_decode_exact(signature, mac, MAC_SIZE))
        return false;
    for (size_t i = 0; i < keys->count && !is_ours; i++)
        is_ours = mac_matches(keys->macs[i], input, mac);
    return is_ours;
}

/* One part of the token as an object. */
static enum engine_code
part_parse(struct span part, struct arena *arena, yyjson_doc **ret_doc,
           struct error *reterr)
{
    struct error unused;
    size_t size = BASE64_RAW_SIZE(part.size);
    unsigned char *raw = arena_alloc(arena, size + 1);
    if (raw == NULL)
        return error_memory(reterr);
    enum engine_code code = ENGINE_EFORBIDDEN;
    if (base64_decode_exact(part, raw, size))
        code = json_parse((struct span){ (const char *)raw, size }, ret_doc,
                          &unused);
    if (code == ENGINE_OK && yyjson_is_obj(yyjson_doc_get_root(*ret_doc)))
        return ENGINE_OK;
    if (code == ENGINE_OK)
        yyjson_doc_free(*ret_doc);
    return code == ENGINE_ENOMEM
               ? error_memory(reterr)
               : error_set(reterr, ENGINE_EFORBIDDEN, "is no JSON object");
}

static enum engine_code
header_check(struct span part, struct arena *arena, struct error *reterr)
{
    yyjson_doc *doc = NULL;
    if (span_equal_text(part, USUAL_HEADER))
        return ENGINE_OK;
    enum engine_code code = part_parse(part, arena, &doc, reterr);
    if (code != ENGINE_OK)
        return code;
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (!yyjson_equals_str(yyjson_obj_get(root, "alg"), "HS256") ||
        yyjson_obj_get(root, "crit") != NULL)
        code = error_set(reterr, ENGINE_EFORBIDDEN, "is not plain HS256");
    yyjson_doc_free(doc);
    return code;
}

static bool
time_read(yyjson_val *root, const char *name, int64_t *ret_time)
{
    yyjson_val *value = yyjson_obj_get(root, name);
    if (!yyjson_is_uint(value) || yyjson_get_uint(value) > (uint64_t)TIME_MAX)
        return false;
    *ret_time = (int64_t)yyjson_get_uint(value);
    return true;
}

static enum engine_code
times_check(yyjson_val *root, int64_t now_s, struct error *reterr)
{
    int64_t made_s, ends_s;
    if (!time_read(root, "iat", &made_s) || !time_read(root, "exp", &ends_s))
        return error_set(reterr, ENGINE_EFORBIDDEN, "has no iat or no exp");
    if (ends_s - made_s > IDENTITY_LIFE_S_MAX)
        return error_set(reterr, ENGINE_EFORBIDDEN, "lives for more than %d s",
                         IDENTITY_LIFE_S_MAX);
    if (ends_s + IDENTITY_SKEW_S < now_s)
        return error_set(reterr, ENGINE_EFORBIDDEN, "expired %lld s ago",
                         (long long)(now_s - ends_s));
    if (made_s - IDENTITY_SKEW_S > now_s)
        return error_set(reterr, ENGINE_EFORBIDDEN,
                         "was made %lld s in the future: the clocks differ",
                         (long long)(made_s - now_s));
    return ENGINE_OK;
}

/* A text claim into the arena, so that it outlives the document. */
static enum engine_code
text_keep(yyjson_val *root, const char *name, size_t size_max,
          struct arena *arena, struct span *ret_text)
{
    struct span text = json_span(yyjson_obj_get(root, name));
    if (text.size > size_max)
        return ENGINE_EFORBIDDEN;
    const char *kept =
        arena_strndup(arena, text.size > 0 ? text.data : "", text.size);
    if (kept == NULL)
        return ENGINE_ENOMEM;
    *ret_text = (struct span){ kept, text.size };
    return ENGINE_OK;
}

static enum engine_code
claims_read(yyjson_val *root, struct arena *arena,
            struct identity *ret_identity, struct error *reterr)
{
    struct identity identity = { .rights.everywhere = RIGHT_NONE };
    enum engine_code code =
        text_keep(root, "sub", IDENTITY_SUB_SIZE_MAX, arena, &identity.sub);
    if (code == ENGINE_OK)
        code = text_keep(root, "name", IDENTITY_NAME_SIZE_MAX, arena,
                         &identity.name);
    if (code == ENGINE_ENOMEM)
        return error_memory(reterr);
    if (code != ENGINE_OK || identity.sub.size == 0)
        return error_set(reterr, ENGINE_EFORBIDDEN,
                         "has no sub, or too long a sub or name");
    code = rights_read(yyjson_obj_get(root, "access"), arena, &identity.rights,
                       reterr);
    if (code == ENGINE_OK)
        *ret_identity = identity;
    return code;
}

enum engine_code
identity_verify(const struct identity_keys *keys, struct span token,
                int64_t now_s, struct arena *arena,
                struct identity *ret_identity, struct error *reterr)
{
    if (token.size > IDENTITY_TOKEN_SIZE_MAX)
        return error_set(reterr, ENGINE_EFORBIDDEN, "is too long");
    const char *first = memchr(token.data, '.', token.size);
    const char *second =
        first == NULL ? NULL
                      : memchr(first + 1, '.',
                               (size_t)(token.data + token.size - first - 1));
    if (second == NULL)
        return error_set(reterr, ENGINE_EFORBIDDEN, "has not three parts");
    struct span header = { token.data, (size_t)(first - token.data) };
    struct span claims = { first + 1, (size_t)(second - first - 1) };
    struct span input = { token.data, (size_t)(second - token.data) };
    struct span signature = { second + 1, token.size - input.size - 1 };
    if (!is_signed(keys, input, signature))
        return error_set(reterr, ENGINE_EFORBIDDEN,
                         "is not signed (HS256) by a key of "
                         "service.identity_key_file");
    enum engine_code code = header_check(header, arena, reterr);
    yyjson_doc *doc = NULL;
    if (code == ENGINE_OK)
        code = part_parse(claims, arena, &doc, reterr);
    if (code != ENGINE_OK)
        return code;
    yyjson_val *root = yyjson_doc_get_root(doc);
    code = times_check(root, now_s, reterr);
    if (code == ENGINE_OK)
        code = claims_read(root, arena, ret_identity, reterr);
    yyjson_doc_free(doc);
    return code;
}
