/* SPDX-License-Identifier: Apache-2.0
 * Similarities to several vectors, some points at a time: rows are read, each
 * query is compared with each, and the best scores stay in a heap. */
#include "engine/segment/score.h"

#include "base/budget.h"
#include "engine/index/best_hits.h"
#include "engine/segment/body.h"
#include "engine/segment/match.h"
#include "engine/segment/multi.h"
#include "engine/segment/search_sparse.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define BATCH_SLOTS 64u
/* Of the rows of a batch: what they may take where they are read or become
 * floats. */
#define BATCH_ARENA_SIZE ((size_t)768 << 20)

/* One vector that points are compared with. */
struct scorer {
    struct segment_reader *reader;
    size_t number;
    const struct vectors *vectors;
    const struct vector_value *queries; /* as rows are */
    size_t queries_count;
    struct multi_query *multis; /* [queries_count]; NULL: no multivectors */
    size_t multis_count;
    uint64_t deadline_ms;
};

static bool
is_due(void *ctx)
{
    const struct scorer *scorer = ctx;
    return segment_check_deadline(scorer->deadline_ms, NULL) != ENGINE_OK;
}

/* ---- queries ---- */

/* What a stored row of the query would be, as floats; turbo4 asks with the
 * floats that come. */
static enum engine_code
round_dense(const struct row_form *form, struct vector_value *query,
            struct arena *arena, struct error *reterr)
{
    if (form->datatype == DATATYPE_F32 || form->datatype == DATATYPE_TURBO4)
        return ENGINE_OK;
    void *row = arena_alloc(arena, row_form_size(form));
    float *values = arena_alloc(arena, form->dim * sizeof(*values));
    if (row == NULL || values == NULL)
        return error_memory(reterr);
    row_form_store(form, query->values, row);
    query->values = row_form_values(form, row, values);
    return ENGINE_OK;
}

static enum engine_code
open_multis(struct scorer *scorer, struct arena *arena, struct error *reterr)
{
    scorer->multis =
        arena_calloc(arena, scorer->queries_count, sizeof(*scorer->multis));
    if (scorer->multis == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < scorer->queries_count; i++) {
        struct multi_query *multi = &scorer->multis[i];
        enum engine_code code =
            multi_query_init(multi, scorer->vectors, &scorer->queries[i],
                             BATCH_SLOTS, arena, reterr);
        if (code != ENGINE_OK)
            return code;
        multi->stopper = (struct stopper){ is_due, scorer };
        scorer->multis_count++;
    }
    return ENGINE_OK;
}

/* ENGINE_ENOMEM; close it in any case. */
static enum engine_code
scorer_open(struct scorer *scorer, const struct vector_value *queries,
            struct arena *arena, struct error *reterr)
{
    struct vector_value *copies =
        arena_calloc(arena, scorer->queries_count + 1, sizeof(*copies));
    enum engine_code code = ENGINE_OK;
    if (copies == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < scorer->queries_count; i++)
        copies[i] = queries[i];
    scorer->queries = copies;
    if (scorer->vectors->options.kind == VECTOR_MULTI)
        return open_multis(scorer, arena, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < scorer->queries_count; i++)
        if (copies[i].kind == VECTOR_DENSE)
            code =
                round_dense(&scorer->vectors->form, &copies[i], arena, reterr);
    return code;
}

static void
scorer_close(struct scorer *scorer)
{
    for (size_t i = 0; i < scorer->multis_count; i++)
        multi_query_release(&scorer->multis[i]);
}

/* ---- rows ---- */

static float
sparse_dot(const struct vector_value *a, const struct vector_value *b)
{
    double sum = 0;
    for (size_t i = 0, k = 0; i < a->dim && k < b->dim;) {
        if (a->indices[i] == b->indices[k])
            sum += (double)a->values[i++] * (double)b->values[k++];
        else if (a->indices[i] < b->indices[k])
            i++;
        else
            k++;
    }
    return (float)sum;
}

/* Bytes keep their length under cosine. */
static const float *
dense_row(const struct scorer *scorer, const void *row, float *room)
{
    const struct row_form *form = &scorer->vectors->form;
    if (form->metric != METRIC_COSINE || row_form_is_unit(form))
        return row;
    memcpy(room, row, form->dim * sizeof(*room));
    (void)kernel_normalise(room, form->dim);
    return room;
}

/* similarities[i * queries_count + query], of rows that are there. */
static enum engine_code
compare_rows(const struct scorer *scorer, const void *const *rows, size_t count,
             struct arena *arena, float *similarities, struct error *reterr)
{
    enum vector_kind kind = scorer->vectors->options.kind;
    size_t dim = scorer->vectors->options.dim;
    const struct kernel_metrics *metrics = kernel_get()->metrics[DATATYPE_F32];
    enum metric metric = scorer->vectors->options.metric;
    float *room = arena_alloc(arena, (dim + 1) * sizeof(*room));
    if (room == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        float *out = similarities + i * scorer->queries_count;
        struct vector_value row = { 0 };
        if (rows[i] == NULL) {
            for (size_t q = 0; q < scorer->queries_count; q++)
                out[q] = -INFINITY;
            continue;
        }
        if (kind == VECTOR_SPARSE)
            row = vector_row_value(kind, dim, rows[i]);
        else
            row.values = dense_row(scorer, rows[i], room);
        for (size_t q = 0; q < scorer->queries_count; q++)
            out[q] = kind == VECTOR_SPARSE
                         ? sparse_dot(&scorer->queries[q], &row)
                         : -metrics->pair[metric](scorer->queries[q].values,
                                                  row.values, dim);
    }
    return ENGINE_OK;
}

static bool
has_vector(const struct scorer *scorer, uint32_t slot)
{
    return segment_has_vector(scorer->reader, scorer->number, slot);
}

static enum engine_code
compare_multis(const struct scorer *scorer, const uint32_t *slots, size_t count,
               float *similarities, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    bool has_row[BATCH_SLOTS];
    for (size_t i = 0; i < count; i++)
        has_row[i] = has_vector(scorer, slots[i]);
    for (size_t q = 0; code == ENGINE_OK && q < scorer->queries_count; q++) {
        struct hit hits[BATCH_SLOTS];
        uint32_t hits_count = 0;
        for (size_t i = 0; i < count; i++)
            if (has_row[i])
                hits[hits_count++] = (struct hit){ .slot = slots[i] };
        code = multi_score(scorer->vectors, &scorer->multis[q], hits,
                           hits_count, reterr);
        for (size_t i = 0, next = 0; code == ENGINE_OK && i < count; i++)
            similarities[i * scorer->queries_count + q] =
                has_row[i] ? -hits[next++].distance : -INFINITY;
    }
    return code;
}

/* Of up to BATCH_SLOTS points. */
static enum engine_code
compare(const struct scorer *scorer, const uint32_t *slots, size_t count,
        float *similarities, struct error *reterr)
{
    const void *rows[BATCH_SLOTS];
    assert(count <= BATCH_SLOTS);
    if (scorer->vectors->options.kind == VECTOR_MULTI)
        return compare_multis(scorer, slots, count, similarities, reterr);
    struct arena arena;
    arena_init(&arena, BATCH_ARENA_SIZE);
    arena_bind(&arena, &budget_requests);
    enum engine_code code = segment_vectors(scorer->reader, scorer->number,
                                            slots, count, &arena, rows, reterr);
    if (code == ENGINE_OK)
        code = compare_rows(scorer, rows, count, &arena, similarities, reterr);
    if (code == ENGINE_ENOMEM && arena_over_budget(&arena))
        code =
            error_memory_busy(reterr, atomic_load(&budget_requests.limit_size));
    arena_release(&arena);
    return code;
}

/* ---- all candidates ---- */

static enum engine_code
score_batch(const struct scorer *scorer, const struct segment_scoring *scoring,
            const uint32_t *slots, size_t count, struct best_hits *best,
            float *similarities, struct error *reterr)
{
    enum engine_code code = compare(scorer, slots, count, similarities, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++) {
        float score = scoring->score(scoring->ctx,
                                     similarities + i * scoring->queries_count);
        best_hits_put(
            best, (struct hit){ slots[i], isnan(score) ? INFINITY : -score });
    }
    return code;
}

static enum engine_code
score_candidates(const struct scorer *scorer,
                 const struct segment_scoring *scoring, struct match *match,
                 struct best_hits *best, float *similarities,
                 struct error *reterr)
{
    struct match_cursor cursor;
    uint32_t slots[BATCH_SLOTS];
    size_t count;
    enum engine_code code = match_cursor_open(match, &cursor, reterr);
    if (code != ENGINE_OK)
        return code;
    while (code == ENGINE_OK &&
           (count = match_cursor_next(&cursor, slots, BATCH_SLOTS)) > 0) {
        size_t kept = 0;
        for (size_t i = 0; i < count; i++)
            if (has_vector(scorer, slots[i]))
                slots[kept++] = slots[i];
        if (match->plan.residual != NULL)
            kept = match_residuals(match, slots, kept);
        code = score_batch(scorer, scoring, slots, kept, best, similarities,
                           reterr);
        if (code == ENGINE_OK)
            code = segment_check_deadline(scorer->deadline_ms, reterr);
    }
    match_cursor_close(&cursor);
    return code == ENGINE_OK ? match_check(match, reterr) : code;
}

/* Queries by sparse vectors with the modifier, weighed. */
static enum engine_code
weigh_queries(struct segment_reader *reader,
              const struct segment_scoring *scoring, struct arena *arena,
              const struct vector_value **ret_queries, struct error *reterr)
{
    *ret_queries = scoring->queries;
    if (segment_vector_kind(reader, scoring->number) != VECTOR_SPARSE)
        return ENGINE_OK;
    struct vector_value *queries =
        arena_calloc(arena, scoring->queries_count + 1, sizeof(*queries));
    if (queries == NULL)
        return error_memory(reterr);
    memcpy(queries, scoring->queries,
           scoring->queries_count * sizeof(*queries));
    *ret_queries = queries;
    struct segment_search search = { .number = scoring->number,
                                     .idf_corpus = scoring->idf_corpus,
                                     .deadline_ms = scoring->deadline_ms };
    return segment_sparse_weigh(reader, &search, queries,
                                scoring->queries_count, arena, reterr);
}

enum engine_code
segment_score(struct segment_reader *reader,
              const struct segment_scoring *scoring, struct arena *arena,
              const struct hit **ret_hits, size_t *ret_count,
              struct error *reterr)
{
    struct scorer scorer = { .reader = reader,
                             .number = scoring->number,
                             .vectors = segment_reader_vectors(reader,
                                                               scoring->number),
                             .queries_count = scoring->queries_count,
                             .deadline_ms = scoring->deadline_ms };
    assert(scoring->k > 0 && scoring->k <= PLAIN_K_MAX);
    assert(scoring->queries_count <= SEGMENT_SCORE_QUERIES_MAX);
    const struct vector_value *queries;
    struct match match;
    enum engine_code code =
        weigh_queries(reader, scoring, arena, &queries, reterr);
    if (code == ENGINE_OK)
        code = match_make(reader, scoring->filter, arena, &match, reterr);
    if (code != ENGINE_OK)
        return code;
    uint64_t candidates = match_candidates_count(&match);
    struct best_hits best = { .k = candidates < scoring->k
                                       ? (uint32_t)candidates
                                       : scoring->k };
    best.hits = arena_alloc(arena, (best.k + 1) * sizeof(*best.hits));
    float *similarities = arena_calloc(
        arena, BATCH_SLOTS * (scoring->queries_count + 1), sizeof(float));
    code = best.hits == NULL || similarities == NULL
               ? error_memory(reterr)
               : scorer_open(&scorer, queries, arena, reterr);
    if (code == ENGINE_OK && best.k > 0)
        code = score_candidates(&scorer, scoring, &match, &best, similarities,
                                reterr);
    scorer_close(&scorer);
    match_release(&match);
    if (code != ENGINE_OK)
        return code;
    best_hits_sort(&best);
    *ret_hits = best.hits;
    *ret_count = best.count;
    return ENGINE_OK;
}

enum engine_code
segment_similarities(struct segment_reader *reader, size_t number,
                     const struct vector_value *query, const uint32_t *slots,
                     size_t count, float *ret_similarities,
                     struct error *reterr)
{
    struct scorer scorer = { .reader = reader,
                             .number = number,
                             .vectors = segment_reader_vectors(reader, number),
                             .queries_count = 1 };
    struct arena arena;
    arena_init(&arena, BATCH_ARENA_SIZE);
    arena_bind(&arena, &budget_requests);
    enum engine_code code = scorer_open(&scorer, query, &arena, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i += BATCH_SLOTS)
        code = compare(&scorer, slots + i,
                       count - i < BATCH_SLOTS ? count - i : BATCH_SLOTS,
                       ret_similarities + i, reterr);
    scorer_close(&scorer);
    arena_release(&arena);
    return code;
}
