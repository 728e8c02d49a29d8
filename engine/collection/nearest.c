/* SPDX-License-Identifier: Apache-2.0
 * What a query by vector or point asks of the segment. */
#include "engine/collection/nearest.h"

#include <float.h>
#include <math.h>
#include <string.h>

static enum engine_code
missing_error(const struct point_id *id, struct error *reterr)
{
    char text[POINT_ID_TEXT_SIZE];
    point_id_text(id, text);
    return error_set(reterr, ENGINE_ENOTFOUND, "No point with id %s found",
                     text);
}

enum engine_code
nearest_number(const struct segment_reader *reader, struct span using,
               size_t *ret_number, struct error *reterr)
{
    *ret_number = segment_vector_number(reader, using);
    if (*ret_number != SIZE_MAX)
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EINPUT,
                     "Not existing vector name error: %.*s", (int)using.size,
                     using.size == 0 ? "" : using.data);
}

enum engine_code
nearest_of_point(const struct segment_reader *reader, size_t number,
                 const struct point_id *id, struct arena *arena,
                 struct vector_value *ret_query, struct error *reterr)
{
    uint32_t slot = segment_find(reader, id);
    if (slot == SEGMENT_NO_SLOT)
        return missing_error(id, reterr);
    const void *query = NULL;
    enum engine_code code =
        segment_vectors(reader, number, &slot, 1, arena, &query, reterr);
    if (code != ENGINE_OK)
        return code;
    if (query == NULL) {
        char text[POINT_ID_TEXT_SIZE];
        struct span name = segment_vector_name(reader, number);
        point_id_text(id, text);
        return error_set(reterr, ENGINE_ENOTFOUND,
                         "point with id %s has no vector \"%.*s\"", text,
                         (int)name.size, name.size == 0 ? "" : name.data);
    }
    *ret_query = vector_row_value(segment_vector_kind(reader, number),
                                  segment_vector_dim(reader, number), query);
    return ENGINE_OK;
}

static enum engine_code
check_query(const struct segment_reader *reader,
            const struct vector_value *query, size_t number,
            struct error *reterr)
{
    enum vector_kind kind = segment_vector_kind(reader, number);
    size_t dim = segment_vector_dim(reader, number);
    size_t count = query->dim;
    if (query->kind != kind)
        return error_set(reterr, ENGINE_EINPUT,
                         "Conversion between %s and regular vectors failed",
                         kind == VECTOR_MULTI || query->kind == VECTOR_MULTI
                             ? "multi"
                             : "sparse");
    if (kind == VECTOR_MULTI)
        count *= query->rows;
    if (kind != VECTOR_SPARSE && query->dim != dim)
        return error_set(reterr, ENGINE_EINPUT,
                         "Vector dimension error: expected dim: %zu, got %zu",
                         dim, query->dim);
    bool is_finite = kernel_is_finite(query->values, count);
    for (size_t i = 0; !is_finite && i < count; i++)
        if (!isfinite(query->values[i]))
            return error_set(reterr, ENGINE_EINPUT,
                             "query vector has a value that is not finite at "
                             "position %zu",
                             i);
    return ENGINE_OK;
}

/* Each of float[rows][dim] in unit length, in `arena`; NULL: no memory. */
static const float *
normalised(const float *values, size_t rows, size_t dim, struct arena *arena)
{
    float *copy = arena_alloc(arena, rows * dim * sizeof(*copy));
    if (copy == NULL)
        return NULL;
    memcpy(copy, values, rows * dim * sizeof(*copy));
    for (size_t i = 0; i < rows; i++)
        (void)kernel_normalise(copy + i * dim, dim);
    return copy;
}

enum engine_code
nearest_of_vector(const struct segment_reader *reader, size_t number,
                  const struct vector_value *given, struct arena *arena,
                  struct vector_value *ret_query, struct error *reterr)
{
    struct vector_value query = *given;
    enum vector_kind kind = segment_vector_kind(reader, number);
    if (query.kind == VECTOR_DENSE)
        query.rows = 1;
    /* A dense query of a multivector is one sub-vector. */
    if (kind == VECTOR_MULTI && query.kind == VECTOR_DENSE)
        query.kind = VECTOR_MULTI;
    enum engine_code code = check_query(reader, &query, number, reterr);
    if (code != ENGINE_OK)
        return code;
    if (segment_vector_is_unit(reader, number)) {
        query.values = normalised(query.values, query.rows, query.dim, arena);
        if (query.values == NULL)
            return error_memory(reterr);
    }
    *ret_query = query;
    return ENGINE_OK;
}

static enum hnsw_scoring
scoring_of(const struct search_params *params)
{
    if (params->ignores_codes)
        return HNSW_IGNORE_CODES;
    return params->keeps_estimates ? HNSW_KEEP_ESTIMATE : HNSW_RESCORE;
}

/* How many candidates are scored again: 0 when the request leaves it open. */
static uint32_t
rescore_count(const struct search_command *command)
{
    double count = ceil((double)(command->limit + command->offset) *
                        command->params.oversampling);
    return count < (double)HNSW_EF_MAX ? (uint32_t)count : HNSW_EF_MAX;
}

struct segment_search
nearest_params(const struct search_command *command)
{
    /* One more: the query's own point is left out. */
    size_t k = command->limit + command->offset + (command->by_id != NULL);
    return (struct segment_search){ .k = (uint32_t)k,
                                    .ef = command->params.hnsw_ef,
                                    .scoring = scoring_of(&command->params),
                                    .rescore_count = rescore_count(command),
                                    .is_exact = command->params.is_exact,
                                    .is_indexed_only =
                                        command->params.is_indexed_only,
                                    .filter = command->filter,
                                    .idf_corpus = command->params.idf_corpus,
                                    .deadline_ms = command->deadline_ms };
}

enum engine_code
nearest_check_idf(const struct segment_reader *reader,
                  const struct search_command *command, size_t number,
                  struct error *reterr)
{
    if (!command->params.has_idf || segment_vector_has_idf(reader, number))
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EINPUT,
                     "Validation failed: search param `idf` requires a "
                     "sparse vector with the `idf` modifier, which vector "
                     "\"%.*s\" is not",
                     (int)command->using.size,
                     command->using.size == 0 ? "" : command->using.data);
}

enum engine_code
nearest_make(const struct segment_reader *reader,
             const struct search_command *command, struct arena *arena,
             struct segment_search *ret_search, struct error *reterr)
{
    struct segment_search search = nearest_params(command);
    enum engine_code code =
        nearest_number(reader, command->using, &search.number, reterr);
    if (code == ENGINE_OK)
        code = nearest_check_idf(reader, command, search.number, reterr);
    if (code == ENGINE_OK && command->vector == NULL)
        code = nearest_of_point(reader, search.number, command->by_id, arena,
                                &search.query, reterr);
    else if (code == ENGINE_OK) {
        struct vector_value given = { command->kind, command->vector,
                                      command->dim, command->indices,
                                      command->rows };
        code = nearest_of_vector(reader, search.number, &given, arena,
                                 &search.query, reterr);
    }
    *ret_search = search;
    return code;
}

float
nearest_score(enum metric metric, float distance)
{
    float worst = kernel_score_is_descending(metric) ? -FLT_MAX : FLT_MAX;
    float score = kernel_score(metric, distance);
    if (isnan(score))
        return worst;
    return score > FLT_MAX ? FLT_MAX : score < -FLT_MAX ? -FLT_MAX : score;
}

bool
nearest_passes(const struct search_command *command, bool is_descending,
               float score)
{
    if (!command->has_score_threshold)
        return true;
    return is_descending ? score > command->score_threshold
                         : score < command->score_threshold;
}
