/* SPDX-License-Identifier: Apache-2.0
 * Keys and tokens of the gateway. */
#include "engine/api/identity.h"

#include "engine/api/jwt.h"
#include "engine/codec/hex.h"
#include "engine/secret_file.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

struct identity_keys {
    struct jwt_keys keys;
};

/* ---- keys ---------------------------------------------------------------- */

static bool
key_unhex(struct span line, unsigned char *ret_key)
{
    if (line.size != 2 * (size_t)IDENTITY_KEY_SIZE)
        return false;
    for (size_t i = 0; i < IDENTITY_KEY_SIZE; i++) {
        int high = hex_value(line.data[2 * i]);
        int low = hex_value(line.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_key[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static enum engine_code
key_add(struct identity_keys *keys, struct span line)
{
    unsigned char key[IDENTITY_KEY_SIZE];
    if (!key_unhex(line, key))
        return ENGINE_EINPUT;
    enum engine_code code = jwt_keys_add(&keys->keys, key, sizeof(key));
    OPENSSL_cleanse(key, sizeof(key));
    return code;
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
    enum engine_code code = ENGINE_OK;
    unsigned number = 0;
    while (code == ENGINE_OK && text.size > 0) {
        struct span line = line_next(&text);
        number++;
        if (line.size == 0 || line.data[0] == '#')
            continue;
        if (keys->keys.count == IDENTITY_KEYS_MAX)
            code = error_set(reterr, ENGINE_EINPUT,
                             "service.identity_key_file %s, line %u: more than "
                             "%d keys",
                             path, number, IDENTITY_KEYS_MAX);
        else {
            code = key_add(keys, line);
            if (code == ENGINE_EINPUT)
                error_set(reterr, code,
                          "service.identity_key_file %s, line %u: not 64 "
                          "hexadecimal digits",
                          path, number);
        }
    }
    if (code == ENGINE_OK && keys->keys.count == 0)
        return error_set(reterr, ENGINE_EINPUT,
                         "service.identity_key_file %s has no key", path);
    return code == ENGINE_ENOMEM ? error_memory(reterr) : code;
}

enum engine_code
identity_keys_read(const char *path, struct identity_keys **ret_keys,
                   struct error *reterr)
{
    char text[IDENTITY_FILE_SIZE_MAX];
    size_t size = 0;
    const struct secret_file file = { "service.identity_key_file", path,
                                      false };
    enum engine_code code =
        secret_file_read(&file, text, sizeof(text), &size, reterr);
    if (code != ENGINE_OK)
        return code;
    code = ENGINE_ENOMEM;
    struct identity_keys *keys = calloc(1, sizeof(*keys));
    if (keys == NULL)
        error_memory(reterr);
    else
        code = keys_parse(path, (struct span){ text, size }, keys, reterr);
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
    jwt_keys_release(&keys->keys);
    free(keys);
}

/* ---- tokens -------------------------------------------------------------- */

static enum engine_code
times_check(yyjson_val *root, int64_t now_s, struct identity *ret_identity,
            struct error *reterr)
{
    int64_t made_s, ends_s;
    if (!jwt_time(root, "iat", &made_s) || !jwt_time(root, "exp", &ends_s))
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
    ret_identity->from_s = made_s - IDENTITY_SKEW_S;
    ret_identity->until_s = ends_s + IDENTITY_SKEW_S;
    return ENGINE_OK;
}

static enum engine_code
claims_read(yyjson_val *root, int64_t now_s, struct arena *arena,
            struct identity *ret_identity, struct error *reterr)
{
    struct identity identity = { .rights.everywhere = RIGHT_NONE };
    enum engine_code code = times_check(root, now_s, &identity, reterr);
    if (code != ENGINE_OK)
        return code;
    code = jwt_text(root, "sub", IDENTITY_SUB_SIZE_MAX, arena, &identity.sub);
    if (code == ENGINE_OK)
        code = jwt_text(root, "name", IDENTITY_NAME_SIZE_MAX, arena,
                        &identity.name);
    if (code == ENGINE_ENOMEM)
        return error_memory(reterr);
    if (code != ENGINE_OK || identity.sub.size == 0)
        return error_set(reterr, ENGINE_EFORBIDDEN,
                         "has no sub, or too long a sub or name");
    code = rights_read(yyjson_obj_get(root, "access"), RIGHTS_PATTERNS, arena,
                       &identity.rights, reterr);
    if (code == ENGINE_OK)
        *ret_identity = identity;
    return code;
}

enum engine_code
identity_verify(const struct identity_keys *keys, struct span token,
                int64_t now_s, struct arena *arena,
                struct identity *ret_identity, struct error *reterr)
{
    yyjson_doc *doc = NULL;
    if (token.size > IDENTITY_TOKEN_SIZE_MAX)
        return error_set(reterr, ENGINE_EFORBIDDEN, "is too long");
    enum jwt_fault fault = jwt_open(&keys->keys, token, arena, &doc);
    if (fault == JWT_MEMORY)
        return error_memory(reterr);
    if (fault == JWT_FOREIGN)
        return error_set(reterr, ENGINE_EFORBIDDEN,
                         "is not signed (HS256) by a key of "
                         "service.identity_key_file");
    if (fault != JWT_FINE)
        return error_set(reterr, ENGINE_EFORBIDDEN, "%s",
                         jwt_fault_text(fault));
    enum engine_code code = claims_read(yyjson_doc_get_root(doc), now_s, arena,
                                        ret_identity, reterr);
    yyjson_doc_free(doc);
    return code;
}
