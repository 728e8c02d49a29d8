/* SPDX-License-Identifier: Apache-2.0
 * Examples as vectors, and the one vector that recommending by the average
 * looks for: avg(positives) + avg(positives) - avg(negatives). */
#include "engine/collection/nearest.h"
#include "engine/collection/query_stage.h"

#include <stdlib.h>
#include <string.h>

enum engine_code
query_example_vector(const struct query_run *run, size_t number,
                     const struct query_example *example, struct arena *arena,
                     struct vector_value *ret_vector, struct error *reterr)
{
    if (example->has_vector)
        return nearest_of_vector(run->reader, number, &example->vector, arena,
                                 ret_vector, reterr);
    return nearest_of_point(run->reader, number, example->by_id, arena,
                            ret_vector, reterr);
}

/* As query_example_vector(), but of the length that was given. */
static enum engine_code
as_given(const struct query_run *run, size_t number,
         const struct query_example *example, struct arena *arena,
         struct vector_value *ret_vector, struct error *reterr)
{
    enum engine_code code =
        query_example_vector(run, number, example, arena, ret_vector, reterr);
    if (code == ENGINE_OK && example->has_vector)
        ret_vector->values = example->vector.values;
    return code;
}

/* ---- dense ---- */

static void
add_dense(const struct vector_value *vector, double weight, double *sums)
{
    for (size_t i = 0; i < vector->dim; i++)
        sums[i] += weight * (double)vector->values[i];
}

static enum engine_code
average_dense(const struct vector_value *vectors, const struct query *query,
              struct arena *arena, struct vector_value *ret_vector,
              struct error *reterr)
{
    size_t positives = query->positives_count;
    size_t negatives = query->negatives_count;
    double part = 1.0 / (double)positives;
    double *sums = arena_calloc(arena, vectors[0].dim, sizeof(*sums));
    float *values = arena_calloc(arena, vectors[0].dim, sizeof(*values));
    if (sums == NULL || values == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < positives; i++)
        add_dense(&vectors[i], negatives > 0 ? 2.0 * part : part, sums);
    for (size_t i = 0; i < negatives; i++)
        add_dense(&vectors[positives + i], -1.0 / (double)negatives, sums);
    for (size_t i = 0; i < vectors[0].dim; i++)
        values[i] = (float)sums[i];
    *ret_vector = (struct vector_value){
        .kind = VECTOR_DENSE, .values = values, .dim = vectors[0].dim, .rows = 1
    };
    return ENGINE_OK;
}

/* ---- sparse ---- */

struct entry {
    uint32_t index;
    double weight;
};

static int
compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

static enum engine_code
average_sparse(const struct vector_value *vectors, const struct query *query,
               struct arena *arena, struct vector_value *ret_vector,
               struct error *reterr)
{
    size_t positives = query->positives_count;
    size_t negatives = query->negatives_count;
    size_t total = 0, count = 0;
    for (size_t i = 0; i < positives + negatives; i++)
        total += vectors[i].dim;
    struct entry *entries = arena_calloc(arena, total + 1, sizeof(*entries));
    float *values = arena_calloc(arena, total + 1, sizeof(*values));
    uint32_t *indices = arena_calloc(arena, total + 1, sizeof(*indices));
    if (entries == NULL || values == NULL || indices == NULL)
        return error_memory(reterr);
    total = 0;
    for (size_t i = 0; i < positives + negatives; i++) {
        double part = i >= positives
                          ? -1.0 / (double)negatives
                          : (negatives > 0 ? 2.0 : 1.0) / (double)positives;
        for (size_t k = 0; k < vectors[i].dim; k++)
            entries[total++] =
                (struct entry){ vectors[i].indices[k],
                                part * (double)vectors[i].values[k] };
    }
    qsort(entries, total, sizeof(*entries), compare_entries);
    for (size_t i = 0; i < total;) {
        double sum = 0;
        uint32_t index = entries[i].index;
        for (; i < total && entries[i].index == index; i++)
            sum += entries[i].weight;
        indices[count] = index;
        values[count++] = (float)sum;
    }
    *ret_vector = (struct vector_value){ .kind = VECTOR_SPARSE,
                                         .values = values,
                                         .dim = count,
                                         .indices = indices };
    return ENGINE_OK;
}

/* ---- multivectors: all sub-vectors, those of negatives turned round ---- */

static enum engine_code
average_multi(const struct vector_value *vectors, const struct query *query,
              struct arena *arena, struct vector_value *ret_vector,
              struct error *reterr)
{
    size_t count = query->positives_count + query->negatives_count;
    size_t dim = vectors[0].dim, rows = 0;
    for (size_t i = 0; i < count; i++)
        rows += vectors[i].rows;
    if (rows * dim > VECTOR_MULTI_MAX)
        return error_set(reterr, ENGINE_EINPUT,
                         "the sub-vectors of all examples have %zu numbers, at "
                         "most %u are allowed",
                         rows * dim, VECTOR_MULTI_MAX);
    float *values = arena_calloc(arena, rows * dim, sizeof(*values));
    if (values == NULL)
        return error_memory(reterr);
    float *at = values;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < vectors[i].rows * dim; k++)
            *at++ = i < query->positives_count ? vectors[i].values[k]
                                               : -vectors[i].values[k];
    *ret_vector = (struct vector_value){
        .kind = VECTOR_MULTI, .values = values, .dim = dim, .rows = rows
    };
    return ENGINE_OK;
}

enum engine_code
query_average(const struct query_run *run, size_t number,
              const struct query *query, struct arena *arena,
              struct vector_value *ret_vector, struct error *reterr)
{
    size_t positives = query->positives_count;
    size_t count = positives + query->negatives_count;
    struct vector_value average;
    enum engine_code code = ENGINE_OK;
    struct vector_value *vectors =
        arena_calloc(arena, count + 1, sizeof(*vectors));
    if (vectors == NULL)
        return error_memory(reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++)
        code = as_given(run, number,
                        i < positives ? &query->positives[i]
                                      : &query->negatives[i - positives],
                        arena, &vectors[i], reterr);
    if (code != ENGINE_OK)
        return code;
    switch (segment_vector_kind(run->reader, number)) {
    case VECTOR_DENSE:
        code = average_dense(vectors, query, arena, &average, reterr);
        break;
    case VECTOR_SPARSE:
        code = average_sparse(vectors, query, arena, &average, reterr);
        break;
    case VECTOR_MULTI:
        code = average_multi(vectors, query, arena, &average, reterr);
        break;
    }
    return code == ENGINE_OK ? nearest_of_vector(run->reader, number, &average,
                                                 arena, ret_vector, reterr)
                             : code;
}
