/* SPDX-License-Identifier: Apache-2.0
 * Sparse vectors: two lists of one length, sorted by index as they are stored
 * and answered. */
#include "engine/api/rest_sparse.h"

#include <math.h>
#include <stdlib.h>

struct entry {
    uint32_t index;
    float value;
};

bool
rest_sparse_is(yyjson_val *object)
{
    return yyjson_obj_get(object, "indices") != NULL &&
           yyjson_obj_get(object, "values") != NULL;
}

static int
compare(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    return (left->index > right->index) - (left->index < right->index);
}

static enum engine_code
invalid(struct rest_where where, const char *text, struct error *reterr)
{
    if (where.index == REST_NO_INDEX)
        return error_set(reterr, ENGINE_EVALID, "[%s.%s]", where.prefix, text);
    return error_set(reterr, ENGINE_EVALID, "[%s[%zu].vector.%s]", where.prefix,
                     where.index, text);
}

static enum engine_code
entry_read(yyjson_val *index, yyjson_val *value, struct entry *entry,
           struct error *reterr)
{
    if (!yyjson_is_uint(index) || yyjson_get_uint(index) > UINT32_MAX)
        return error_set(reterr, ENGINE_EFORMAT,
                         "an index of a sparse vector must be an integer from "
                         "0 to %u",
                         UINT32_MAX);
    float number = (float)yyjson_get_num(value);
    if (!yyjson_is_num(value) || !isfinite(number))
        return error_set(reterr, ENGINE_EFORMAT,
                         "a value of a sparse vector must be a number that f32 "
                         "can hold");
    *entry = (struct entry){ (uint32_t)yyjson_get_uint(index), number };
    return ENGINE_OK;
}

static enum engine_code
entries_read(yyjson_val *indices, yyjson_val *values, struct entry *entries,
             struct error *reterr)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(values);
    size_t position, count;
    yyjson_val *index;
    yyjson_arr_foreach(indices, position, count, index)
    {
        enum engine_code code = entry_read(index, yyjson_arr_iter_next(&iter),
                                           &entries[position], reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

/* Sorts the entries into the vector's two lists. */
static enum engine_code
lists_make(struct entry *entries, size_t count, struct rest_where where,
           struct arena *arena, struct named_vector *ret_vector,
           struct error *reterr)
{
    uint32_t *indices = arena_alloc(arena, (count + 1) * sizeof(*indices));
    float *values = arena_alloc(arena, (count + 1) * sizeof(*values));
    bool is_sorted = true;
    if (indices == NULL || values == NULL)
        return error_memory(reterr);
    for (size_t i = 1; i < count && is_sorted; i++)
        is_sorted = entries[i - 1].index < entries[i].index;
    if (!is_sorted)
        qsort(entries, count, sizeof(*entries), compare);
    for (size_t i = 0; i < count; i++) {
        indices[i] = entries[i].index;
        values[i] = entries[i].value;
        if (i > 0 && indices[i] == indices[i - 1])
            return invalid(where,
                           "indices: Validation error: must be unique [{}]",
                           reterr);
    }
    ret_vector->kind = VECTOR_SPARSE;
    ret_vector->indices = indices;
    ret_vector->values = values;
    ret_vector->dim = count;
    return ENGINE_OK;
}

enum engine_code
rest_sparse_parse(yyjson_val *object, struct rest_where where,
                  struct arena *arena, struct named_vector *ret_vector,
                  struct error *reterr)
{
    yyjson_val *indices = yyjson_obj_get(object, "indices");
    yyjson_val *values = yyjson_obj_get(object, "values");
    if (!yyjson_is_arr(indices) || !yyjson_is_arr(values))
        return error_set(reterr, ENGINE_EFORMAT,
                         "a sparse vector has two lists, `indices` and "
                         "`values`");
    size_t count = yyjson_arr_size(indices);
    if (yyjson_arr_size(values) != count)
        return invalid(where,
                       "values: Validation error: must be the same length as "
                       "indices [{}]",
                       reterr);
    if (count > VECTOR_SPARSE_MAX)
        return error_set(reterr, ENGINE_EINPUT,
                         "a sparse vector has %zu entries, at most %u are "
                         "allowed",
                         count, VECTOR_SPARSE_MAX);
    struct entry *entries = arena_alloc(arena, (count + 1) * sizeof(*entries));
    if (entries == NULL)
        return error_memory(reterr);
    enum engine_code code = entries_read(indices, values, entries, reterr);
    return code != ENGINE_OK
               ? code
               : lists_make(entries, count, where, arena, ret_vector, reterr);
}
