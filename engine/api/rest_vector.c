/* SPDX-License-Identifier: Apache-2.0
 * JSON numbers straight into arena floats: the hot loop of every upload. */
#include "engine/api/rest_vector.h"

#include "engine/api/rest_body.h"
#include "engine/api/rest_sparse.h"
#include "engine/kernel/kernel.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static enum engine_code
empty_vector(struct rest_where where, struct error *reterr)
{
    static const char text[] =
        "Validation error: dense vector must not be empty [{}]";
    if (where.index == REST_NO_INDEX)
        return error_set(reterr, ENGINE_EVALID, "[%s: %s]", where.prefix, text);
    return error_set(reterr, ENGINE_EVALID, "[%s[%zu].vector: %s]",
                     where.prefix, where.index, text);
}

static enum engine_code
bad_float(double number, size_t index, struct error *reterr)
{
    return error_set(reterr, ENGINE_EFORMAT,
                     "number %g at position %zu of a vector is out of the "
                     "range of f32",
                     number, index);
}

static enum engine_code
bad_number(yyjson_val *item, size_t index, struct error *reterr)
{
    if (yyjson_is_num(item))
        return bad_float(yyjson_get_num(item), index, reterr);
    return error_set(reterr, ENGINE_EFORMAT,
                     "invalid type: %s at position %zu of a vector, expected "
                     "f32",
                     yyjson_get_type_desc(item), index);
}

static enum engine_code
bad_multi(struct rest_where where, const char *text, struct error *reterr)
{
    if (where.index == REST_NO_INDEX)
        return error_set(reterr, ENGINE_EVALID, "[%s.data: %s]", where.prefix,
                         text);
    return error_set(reterr, ENGINE_EVALID, "[%s[%zu].vector.%sdata: %s]",
                     where.prefix, where.index, where.is_named ? "?." : "",
                     text);
}

/* Of floats that were read before. */
static size_t
raw_count(yyjson_val *value)
{
    return yyjson_is_raw(value) ? yyjson_get_len(value) / sizeof(float) : 0;
}

static size_t
numbers_count(yyjson_val *value)
{
    return yyjson_is_raw(value) ? raw_count(value) : yyjson_arr_size(value);
}

static bool
is_numbers(yyjson_val *value)
{
    return yyjson_is_arr(value) || raw_count(value) > 0;
}

/* The sub-vectors' lengths; `list` is not empty. */
static enum engine_code
multi_check(yyjson_val *list, struct rest_where where, struct error *reterr)
{
    size_t index, max, total = 0;
    size_t dim = numbers_count(yyjson_arr_get_first(list));
    size_t other = dim;
    yyjson_val *row;
    char text[128];
    yyjson_arr_foreach(list, index, max, row)
    {
        size_t size = numbers_count(row);
        if (!is_numbers(row))
            return error_set(reterr, ENGINE_EFORMAT,
                             "invalid type: %s at position %zu of a "
                             "multivector, expected a list of numbers",
                             yyjson_get_type_desc(row), index);
        if (size == 0)
            return bad_multi(where, "all vectors must be non-empty", reterr);
        total += size;
        other = other == dim ? size : other;
    }
    if (total >= VECTOR_MULTI_MAX) {
        snprintf(text, sizeof(text),
                 "Total size of all vectors (%zu) must be less than %u", total,
                 VECTOR_MULTI_MAX);
        return bad_multi(where, text, reterr);
    }
    if (other == dim)
        return ENGINE_OK;
    snprintf(text, sizeof(text),
             "all vectors must have the same dimension, found vector with "
             "dimension %zu",
             other);
    return bad_multi(where, text, reterr);
}

static enum engine_code
raw_read(yyjson_val *value, float *ret_values, struct error *reterr)
{
    size_t count = raw_count(value);
    memcpy(ret_values, yyjson_get_raw(value), count * sizeof(float));
    if (kernel_is_finite(ret_values, count))
        return ENGINE_OK;
    size_t at = 0;
    while (at < count && isfinite(ret_values[at]))
        at++;
    assert(at < count);
    return bad_float((double)ret_values[at], at, reterr);
}

static enum engine_code
numbers_read(yyjson_val *list, float *ret_values, struct error *reterr)
{
    size_t index, max;
    yyjson_val *item;
    if (yyjson_is_raw(list))
        return raw_read(list, ret_values, reterr);
    yyjson_arr_foreach(list, index, max, item)
    {
        float number = (float)yyjson_get_num(item);
        if (!yyjson_is_num(item) || !isfinite(number))
            return bad_number(item, index, reterr);
        ret_values[index] = number;
    }
    return ENGINE_OK;
}

static enum engine_code
multi_parse(yyjson_val *list, struct rest_where where, struct arena *arena,
            struct named_vector *ret_vector, struct error *reterr)
{
    enum engine_code code = multi_check(list, where, reterr);
    if (code != ENGINE_OK)
        return code;
    size_t rows = yyjson_arr_size(list), index, max;
    size_t dim = numbers_count(yyjson_arr_get_first(list));
    float *values = arena_alloc(arena, rows * dim * sizeof(float));
    if (values == NULL)
        return error_memory(reterr);
    yyjson_val *row;
    yyjson_arr_foreach(list, index, max, row)
    {
        code = numbers_read(row, values + index * dim, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    ret_vector->kind = VECTOR_MULTI;
    ret_vector->values = values;
    ret_vector->dim = dim;
    ret_vector->rows = rows;
    return ENGINE_OK;
}

/* A Document, an Image or an InferenceObject. */
static bool
is_inference(yyjson_val *object)
{
    return yyjson_obj_get(object, "model") != NULL &&
           (yyjson_obj_get(object, "text") != NULL ||
            yyjson_obj_get(object, "image") != NULL ||
            yyjson_obj_get(object, "object") != NULL);
}

bool
rest_vector_is_object(yyjson_val *value)
{
    return rest_sparse_is(value) || is_inference(value) || yyjson_is_raw(value);
}

/* What no service could read, and what ours does not: named. ENGINE_OK: it is
 * well formed, and of another model. */
static enum engine_code
inference_check(yyjson_val *object, struct error *reterr)
{
    yyjson_val *model = yyjson_obj_get(object, "model");
    yyjson_val *text = rest_member(object, "text");
    struct span name = json_span(model);
    if (name.size == 0)
        return error_set(reterr, ENGINE_EFORMAT,
                         "invalid type: %s, expected `model` to be the name of "
                         "a model",
                         yyjson_get_type_desc(model));
    if (text != NULL && !yyjson_is_str(text))
        return error_set(reterr, ENGINE_EFORMAT,
                         "invalid type: %s, expected `text` to be a text",
                         yyjson_get_type_desc(text));
    if (text == NULL && rest_bm25_is_model(name))
        return error_set(
            reterr, ENGINE_EINPUT, "the model %.*s takes `text`, not `%s`",
            (int)name.size, name.data,
            yyjson_obj_get(object, "image") != NULL ? "image" : "object");
    return ENGINE_OK;
}

static enum engine_code
object_parse(yyjson_val *object, struct rest_where where, struct arena *arena,
             struct named_vector *ret_vector, struct error *reterr)
{
    if (yyjson_is_raw(object))
        return bad_multi(where, "multi vector must not be empty", reterr);
    if (rest_sparse_is(object))
        return rest_sparse_parse(object, where, arena, ret_vector, reterr);
    if (rest_bm25_is(object))
        return rest_bm25_parse(object, where, arena, ret_vector, reterr);
    enum engine_code code = inference_check(object, reterr);
    if (code != ENGINE_OK)
        return code;
    return error_set(reterr, ENGINE_EINFERENCE,
                     "InferenceService URL not configured - please provide "
                     "valid address in config");
}

enum engine_code
rest_vector_parse(yyjson_val *value, struct rest_where where,
                  struct arena *arena, struct named_vector *ret_vector,
                  struct error *reterr)
{
    if (!is_numbers(value) && rest_vector_is_object(value))
        return object_parse(value, where, arena, ret_vector, reterr);
    if (!is_numbers(value))
        return error_set(reterr, ENGINE_EFORMAT,
                         "invalid type: %s, expected a vector: a list of "
                         "numbers",
                         yyjson_get_type_desc(value));
    size_t dim = numbers_count(value);
    if (dim == 0)
        return empty_vector(where, reterr);
    if (is_numbers(yyjson_arr_get_first(value)))
        return multi_parse(value, where, arena, ret_vector, reterr);
    if (dim > COMMAND_DIM_MAX)
        return error_set(reterr, ENGINE_EINPUT,
                         "a vector has %zu numbers, at most %d are allowed",
                         dim, COMMAND_DIM_MAX);
    float *values = arena_alloc(arena, dim * sizeof(float));
    if (values == NULL)
        return error_memory(reterr);
    enum engine_code code = numbers_read(value, values, reterr);
    if (code != ENGINE_OK)
        return code;
    ret_vector->kind = VECTOR_DENSE;
    ret_vector->values = values;
    ret_vector->dim = dim;
    return ENGINE_OK;
}

enum engine_code
rest_vectors_of_point(yyjson_val *value, struct rest_where where,
                      struct arena *arena,
                      const struct named_vector **ret_vectors,
                      size_t *ret_count, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    /* {indices, values} would be two vectors of such names. */
    bool is_named = yyjson_is_obj(value) && !is_inference(value);
    where.is_named = is_named;
    size_t count = is_named ? yyjson_obj_size(value) : 1;
    if (count > CONFIG_VECTORS_MAX)
        return error_set(reterr, ENGINE_EINPUT,
                         "a point has %zu vectors, at most %d are allowed",
                         count, CONFIG_VECTORS_MAX);
    struct named_vector *vectors =
        arena_calloc(arena, count + 1, sizeof(*vectors));
    if (vectors == NULL)
        return error_memory(reterr);
    *ret_vectors = vectors;
    *ret_count = count;
    if (!is_named) {
        vectors[0].name = (struct span){ "", 0 };
        return rest_vector_parse(value, where, arena, &vectors[0], reterr);
    }
    size_t index, max;
    yyjson_val *key, *item;
    yyjson_obj_foreach(value, index, max, key, item)
    {
        vectors[index].name = json_span(key);
        code = rest_vector_parse(item, where, arena, &vectors[index], reterr);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}
