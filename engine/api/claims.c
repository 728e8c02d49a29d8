/* SPDX-License-Identifier: Apache-2.0
 * Claims of Qdrant's tokens. Whoever signs them has the whole key, but hands
 * them to people who have not: everything that would narrow a right and is not
 * understood makes the token invalid. */
#include "engine/api/claims.h"

#include "engine/codec/json_write.h"

#define WANTED_SIZE_MAX ((size_t)16 << 10)

static enum engine_code
refuse(struct error *reterr, const char *why)
{
    return error_set(reterr, ENGINE_EINPUT, "%s", why);
}

static enum engine_code
times_read(yyjson_val *claims, int64_t now_s, struct identity *ret_identity,
           struct error *reterr)
{
    int64_t ends_s = JWT_TIME_MAX, begins_s = 0;
    yyjson_val *exp = yyjson_obj_get(claims, "exp");
    yyjson_val *nbf = yyjson_obj_get(claims, "nbf");
    if (exp != NULL && !yyjson_is_null(exp) &&
        !jwt_time(claims, "exp", &ends_s))
        return refuse(reterr, "its claim `exp` is no number of seconds");
    if (nbf != NULL && !yyjson_is_null(nbf) &&
        !jwt_time(claims, "nbf", &begins_s))
        return refuse(reterr, "its claim `nbf` is no number of seconds");
    if (ends_s + CLAIMS_SKEW_S < now_s)
        return error_set(reterr, ENGINE_EFORBIDDEN, "ExpiredSignature");
    if (begins_s - CLAIMS_SKEW_S > now_s)
        return error_set(reterr, ENGINE_EFORBIDDEN, "ImmatureSignature");
    ret_identity->from_s = begins_s - CLAIMS_SKEW_S;
    ret_identity->until_s = ends_s + CLAIMS_SKEW_S;
    return ENGINE_OK;
}

static enum engine_code
access_read(yyjson_val *claims, struct arena *arena, struct rights *ret_rights,
            struct error *reterr)
{
    yyjson_val *access = yyjson_obj_get(claims, "access");
    if (access == NULL) {
        *ret_rights = (struct rights){ .everywhere = RIGHT_MANAGE };
        return ENGINE_OK;
    }
    enum engine_code code =
        rights_read(access, RIGHTS_EXACT, arena, ret_rights, reterr);
    if (code == ENGINE_EFORBIDDEN)
        reterr->code = ENGINE_EINPUT;
    return code == ENGINE_EFORBIDDEN ? ENGINE_EINPUT : code;
}

/* {"key": PATH, "value": text, integer or bool} as a condition. */
static bool
match_write(yyjson_val *match, struct json_writer *writer)
{
    struct span key = json_span(yyjson_obj_get(match, "key"));
    yyjson_val *value = yyjson_obj_get(match, "value");
    if (yyjson_obj_size(match) != 2 || key.size == 0)
        return false;
    json_object_begin(writer);
    json_key(writer, "key");
    json_text_span(writer, key);
    json_key(writer, "match");
    json_object_begin(writer);
    json_key(writer, "value");
    if (yyjson_is_str(value))
        json_text_span(writer, json_span(value));
    else if (yyjson_is_bool(value))
        json_bool(writer, yyjson_get_bool(value));
    else if (yyjson_is_sint(value))
        json_i64(writer, yyjson_get_sint(value));
    else if (yyjson_is_uint(value) && yyjson_get_uint(value) <= INT64_MAX)
        json_u64(writer, yyjson_get_uint(value));
    else
        return false;
    json_object_end(writer);
    json_object_end(writer);
    return true;
}

static bool
matches_write(yyjson_val *matches, struct bytes *out)
{
    struct json_writer writer;
    size_t index, max;
    yyjson_val *match;
    if (!yyjson_is_arr(matches) ||
        yyjson_arr_size(matches) > CLAIMS_MATCHES_MAX)
        return false;
    json_writer_init(&writer, out);
    json_object_begin(&writer);
    json_key(&writer, "must");
    json_array_begin(&writer);
    yyjson_arr_foreach(matches, index, max, match)
    {
        if (!match_write(match, &writer))
            return false;
    }
    json_array_end(&writer);
    json_object_end(&writer);
    return true;
}

static enum engine_code
wanted_read(yyjson_val *claims, struct arena *arena,
            struct identity *ret_identity, struct error *reterr)
{
    yyjson_val *wanted = yyjson_obj_get(claims, "value_exists");
    struct bytes text;
    if (wanted == NULL || yyjson_is_null(wanted))
        return ENGINE_OK;
    struct span name = json_span(yyjson_obj_get(wanted, "collection"));
    bytes_init(&text, WANTED_SIZE_MAX);
    bool is_well = yyjson_obj_size(wanted) == 2 && name.size > 0 &&
                   name.size <= CLAIMS_COLLECTION_MAX &&
                   matches_write(yyjson_obj_get(wanted, "matches"), &text);
    enum engine_code code = ENGINE_OK;
    if (!is_well)
        code = refuse(reterr, "its claim `value_exists` is not understood");
    else if (bytes_failed(&text))
        code = error_memory(reterr);
    else {
        ret_identity->wanted_in = arena_span(arena, name);
        ret_identity->wanted = arena_span(arena, bytes_span(&text));
        if (arena_failed(arena))
            code = error_memory(reterr);
    }
    bytes_release(&text);
    return code;
}

static enum engine_code
subject_read(yyjson_val *claims, struct arena *arena, struct span *ret_subject,
             struct error *reterr)
{
    const char *name =
        yyjson_is_str(yyjson_obj_get(claims, "subject")) ? "subject" : "sub";
    enum engine_code code =
        jwt_text(claims, name, CLAIMS_SUBJECT_MAX, arena, ret_subject);
    if (code == ENGINE_ENOMEM)
        return error_memory(reterr);
    return code == ENGINE_OK ? code
                             : refuse(reterr, "its claim `sub` or `subject` is "
                                              "too long");
}

/* A claim that is there twice might narrow the second time. */
static bool
has_twice(yyjson_val *claims)
{
    static const char *const names[] = { "access", "value_exists", "exp",
                                         "nbf" };
    size_t index, max;
    unsigned seen = 0;
    yyjson_val *key, *value;
    yyjson_obj_foreach(claims, index, max, key, value)
    {
        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            if (!yyjson_equals_str(key, names[i]))
                continue;
            if ((seen & 1u << i) != 0)
                return true;
            seen |= 1u << i;
        }
    }
    return false;
}

static enum engine_code
claims_read(yyjson_val *claims, int64_t now_s, struct arena *arena,
            struct identity *ret_identity, struct error *reterr)
{
    struct identity identity = { .rights.everywhere = RIGHT_NONE };
    if (has_twice(claims))
        return refuse(reterr, "its claim `access`, `value_exists`, `exp` or "
                              "`nbf` is there twice");
    enum engine_code code = times_read(claims, now_s, &identity, reterr);
    if (code == ENGINE_OK)
        code = access_read(claims, arena, &identity.rights, reterr);
    if (code == ENGINE_OK)
        code = wanted_read(claims, arena, &identity, reterr);
    if (code == ENGINE_OK)
        code = subject_read(claims, arena, &identity.sub, reterr);
    if (code == ENGINE_OK)
        *ret_identity = identity;
    return code;
}

enum engine_code
claims_verify(const struct jwt_keys *keys, struct span token, int64_t now_s,
              struct arena *arena, struct identity *ret_identity,
              struct error *reterr)
{
    yyjson_doc *doc = NULL;
    enum jwt_fault fault = jwt_open(keys, token, arena, &doc);
    if (fault == JWT_MEMORY)
        return error_memory(reterr);
    if (fault == JWT_FOREIGN)
        return error_set(reterr, ENGINE_EFORBIDDEN, "InvalidSignature");
    if (fault != JWT_FINE)
        return refuse(reterr, jwt_fault_text(fault));
    enum engine_code code = claims_read(yyjson_doc_get_root(doc), now_s, arena,
                                        ret_identity, reterr);
    yyjson_doc_free(doc);
    return code;
}
