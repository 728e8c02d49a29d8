/* SPDX-License-Identifier: Apache-2.0
 * Reading, merging and writing the objects inside a configuration. They are
 * kept as JSON text: what was given is echoed, also members that only later
 * versions act upon. */
#include "engine/collection/config_section.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *
dot(const char *where)
{
    return where[0] == '\0' ? "" : ".";
}

bool
section_is_absent(yyjson_val *value)
{
    return value == NULL || yyjson_is_null(value);
}

enum engine_code
section_read_u64(yyjson_val *object, const char *where,
                 const struct section_limit *limit, uint64_t *value,
                 struct error *reterr)
{
    yyjson_val *member = yyjson_obj_get(object, limit->key);
    if (section_is_absent(member))
        return ENGINE_OK;
    if (!yyjson_is_uint(member))
        return error_set(reterr, ENGINE_EFORMAT,
                         "%s%s%s: invalid type: expected an unsigned integer",
                         where, dot(where), limit->key);
    uint64_t number = yyjson_get_uint(member);
    if (number < limit->min || number > limit->max) {
        if (limit->max == UINT64_MAX || limit->max == UINT32_MAX)
            return error_set(reterr, ENGINE_EVALID,
                             "[%s%s%s: value %" PRIu64
                             " invalid, must be %" PRIu64 " or larger]",
                             where, dot(where), limit->key, number, limit->min);
        return error_set(reterr, ENGINE_EVALID,
                         "[%s%s%s: value %" PRIu64
                         " invalid, must be from %" PRIu64 " to %" PRIu64 "]",
                         where, dot(where), limit->key, number, limit->min,
                         limit->max);
    }
    *value = number;
    return ENGINE_OK;
}

enum engine_code
section_read_bool(yyjson_val *object, const char *where, const char *key,
                  bool *value, struct error *reterr)
{
    yyjson_val *member = yyjson_obj_get(object, key);
    if (section_is_absent(member))
        return ENGINE_OK;
    if (!yyjson_is_bool(member))
        return error_set(reterr, ENGINE_EFORMAT,
                         "%s%s%s: invalid type: expected a boolean", where,
                         dot(where), key);
    *value = yyjson_get_bool(member);
    return ENGINE_OK;
}

static bool
is_named(const char *const *keys, yyjson_val *key)
{
    for (; *keys != NULL; keys++)
        if (yyjson_equals_str(key, *keys))
            return true;
    return false;
}

/* A mutable copy of a member that changes something: inside of it, too, what
 * is null changes nothing. */
static yyjson_mut_val *
copy_given(yyjson_mut_doc *doc, yyjson_val *value)
{
    if (!yyjson_is_obj(value))
        return yyjson_val_mut_copy(doc, value);
    yyjson_mut_val *copy = yyjson_mut_obj(doc);
    size_t index, count;
    yyjson_val *key, *member;
    yyjson_obj_foreach(value, index, count, key, member)
    {
        if (!yyjson_is_null(member) &&
            !yyjson_mut_obj_add(copy, yyjson_val_mut_copy(doc, key),
                                yyjson_val_mut_copy(doc, member)))
            return NULL;
    }
    return copy;
}

/* A mutable copy of `change` with what may be merged. */
static yyjson_mut_val *
pick(yyjson_mut_doc *doc, yyjson_val *change, const char *const *keys)
{
    yyjson_mut_val *picked = yyjson_mut_obj(doc);
    size_t index, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(change, index, count, key, value)
    {
        if (keys != NULL && (yyjson_is_null(value) || !is_named(keys, key)))
            continue;
        yyjson_mut_val *copy = keys != NULL ? copy_given(doc, value)
                                            : yyjson_val_mut_copy(doc, value);
        if (!yyjson_mut_obj_add(picked, yyjson_val_mut_copy(doc, key), copy))
            return NULL;
    }
    return picked;
}

static enum engine_code
merge_text(yyjson_mut_doc *doc, yyjson_mut_val *merged, struct arena *arena,
           struct span *ret_text, struct error *reterr)
{
    if (merged == NULL)
        return error_memory(reterr);
    if (yyjson_mut_obj_size(merged) == 0) {
        *ret_text = (struct span){ NULL, 0 };
        return ENGINE_OK;
    }
    (void)doc;
    size_t size = 0;
    char *text = yyjson_mut_val_write(merged, 0, &size);
    char *copy = text == NULL ? NULL : arena_strndup(arena, text, size);
    free(text);
    if (copy == NULL)
        return error_memory(reterr);
    *ret_text = (struct span){ copy, size };
    return ENGINE_OK;
}

enum engine_code
section_merge(struct span old, yyjson_val *change, const char *const *keys,
              struct arena *arena, struct span *ret_text, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    yyjson_doc *old_doc = NULL;
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    if (doc == NULL)
        return error_memory(reterr);
    if (old.size > 0) {
        code = json_parse(old, &old_doc, reterr);
        if (code != ENGINE_OK)
            goto out;
    }
    yyjson_mut_val *base =
        old_doc == NULL
            ? yyjson_mut_obj(doc)
            : yyjson_val_mut_copy(doc, yyjson_doc_get_root(old_doc));
    yyjson_mut_val *picked =
        change == NULL ? yyjson_mut_obj(doc) : pick(doc, change, keys);
    if (base == NULL || picked == NULL) {
        code = error_memory(reterr);
        goto out;
    }
    code = merge_text(doc, yyjson_mut_merge_patch(doc, base, picked), arena,
                      ret_text, reterr);
out:
    yyjson_doc_free(old_doc);
    yyjson_mut_doc_free(doc);
    return code;
}

void
section_write(struct json_writer *writer, const char *defaults,
              struct span given)
{
    struct arena arena;
    arena_init(&arena, (size_t)1 << 20);
    yyjson_doc *doc = NULL;
    struct span text = span_of(defaults);
    if (given.size > 0 && json_parse(given, &doc, NULL) == ENGINE_OK)
        (void)!section_merge(span_of(defaults), yyjson_doc_get_root(doc), NULL,
                             &arena, &text, NULL);
    json_raw(writer, text);
    yyjson_doc_free(doc);
    arena_release(&arena);
}
