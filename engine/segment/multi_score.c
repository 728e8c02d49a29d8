/* SPDX-License-Identifier: Apache-2.0
 * Scoring of listed multivectors, some at a time: rows on disk are read, each is
 * scored while the next one comes, in pieces where its sub-vectors have to become
 * floats. All of it is memory of the request's budget. */
#include "engine/segment/multi.h"

#include "base/budget.h"

#include <assert.h>
#include <math.h>

#define BATCH_SLOTS 64u
/* As much of a row as fits beside the query. */
#define PREFETCH_SIZE ((size_t)32 << 10)
/* Rows on disk that are in memory at once, if they are of the usual size. */
#define BATCH_SIZE ((size_t)4 << 20)
/* Sub-vectors as floats at a time, one at least. */
#define ROOM_SIZE ((size_t)32 << 10)
/* Of a batch where the largest rows come together, with a query as long. */
#define ROW_SIZE_MAX   (VECTOR_MULTI_MAX * sizeof(float) + 4096)
#define ARENA_SIZE_MAX ((BATCH_SLOTS + 2) * ROW_SIZE_MAX)
/* Multiplications between two looks at the time: some milliseconds. */
#define STOP_TERMS ((uint64_t)1 << 26)

struct scorer {
    const struct vectors *vectors;
    const struct multi_query *multi;
    uint64_t terms;     /* since the last look at the time */
    struct arena arena; /* of a batch */
    float *lowest;      /* float[rows of the query], in the arena */
    float *room;        /* for sub-vectors as floats; NULL: they are */
    size_t room_rows;
};

/* Asks for a row while the one before it is scored. */
static void
prefetch(const struct vectors *vectors, const void *row)
{
    const char *at = row;
    size_t size = vectors_row_size(vectors, row);
    size = size < PREFETCH_SIZE ? size : PREFETCH_SIZE;
    for (size_t i = 0; i < size; i += 64)
        __builtin_prefetch(at + i, 0, 2);
}

/* Peers choose how long query and row are: one distance may take seconds.
 * ENGINE_ETIMEOUT */
static enum engine_code
lower(struct scorer *scorer, const float *rows, size_t count,
      struct error *reterr)
{
    const struct maxsim_query *query = &scorer->multi->maxsim;
    const struct stopper *stopper = &scorer->multi->stopper;
    uint64_t *terms = &scorer->terms;
    uint64_t group_terms = (uint64_t)count * query->dim * MAXSIM_LANES;
    size_t step = (size_t)(STOP_TERMS / group_terms + 1) * MAXSIM_LANES;
    for (size_t begin = 0; begin < query->rows; begin += step) {
        size_t end = query->rows - begin < step ? query->rows : begin + step;
        bool is_time = *terms >= STOP_TERMS && stopper->is_due != NULL;
        if (is_time && stopper->is_due(stopper->ctx))
            return error_set(reterr, ENGINE_ETIMEOUT,
                             "the operation took longer than its timeout");
        *terms = is_time ? 0 : *terms;
        *terms += group_terms * ((end - begin) / MAXSIM_LANES + 1);
        maxsim_lower(query, begin, end, rows, count, scorer->lowest);
    }
    return ENGINE_OK;
}

/* The distance of the row whose sub-vectors are in lowest[]. */
static float
sum_up(const struct scorer *scorer)
{
    const float *adds = scorer->multi->adds, *lowest = scorer->lowest;
    float sum = 0;
    for (size_t i = 0; i < scorer->multi->maxsim.rows; i++) {
        float distance = adds != NULL ? lowest[i] + adds[i] : lowest[i];
        /* Rounding must not make a square negative; NaN stays. */
        sum += adds != NULL && distance < 0.0f ? 0.0f : distance;
    }
    /* As maxsim_distance(). */
    return isnan(sum) ? INFINITY : sum;
}

/* Some sub-vectors at a time where they have to become floats: those stay near
 * the processor, however long the row is. */
static enum engine_code
measure(struct scorer *scorer, const void *row, float *ret_distance,
        struct error *reterr)
{
    const struct flat_form *flat = &scorer->multi->flat;
    size_t size = row_form_size(&flat->form);
    struct vector_parts parts = vector_row_parts(row);
    bool is_flat = flat->form.datatype == DATATYPE_F32;
    size_t step = is_flat ? parts.count : scorer->room_rows;
    for (size_t i = 0; i < scorer->multi->maxsim.rows; i++)
        scorer->lowest[i] = INFINITY;
    for (size_t begin = 0; begin < parts.count; begin += step) {
        size_t count = parts.count - begin < step ? parts.count - begin : step;
        const float *values = flat_form_rows(flat, parts.first + begin * size,
                                             count, scorer->room);
        enum engine_code code = lower(scorer, values, count, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    *ret_distance = sum_up(scorer);
    return ENGINE_OK;
}

/* Of a batch. False: no memory. */
static bool
make_room(struct scorer *scorer)
{
    const struct multi_query *multi = scorer->multi;
    size_t row_size = multi->flat.dim * sizeof(float);
    scorer->lowest =
        arena_alloc(&scorer->arena, multi->maxsim.rows * sizeof(float));
    scorer->room_rows = ROOM_SIZE / row_size > 0 ? ROOM_SIZE / row_size : 1;
    if (multi->flat.form.datatype != DATATYPE_F32)
        scorer->room =
            arena_alloc(&scorer->arena, scorer->room_rows * row_size);
    return !arena_failed(&scorer->arena);
}

/* Distances of up to BATCH_SLOTS hits, whose slots have the vector. */
static enum engine_code
score_batch(struct scorer *scorer, struct hit *hits, uint32_t count,
            struct error *reterr)
{
    const struct vectors *vectors = scorer->vectors;
    const void *rows[BATCH_SLOTS];
    uint32_t slots[BATCH_SLOTS];
    assert(count <= BATCH_SLOTS);
    for (uint32_t i = 0; i < count; i++)
        slots[i] = hits[i].slot;
    enum engine_code code =
        make_room(scorer) ? ENGINE_OK : error_memory(reterr);
    if (code == ENGINE_OK && vectors->is_on_disk)
        code = vectors_read_rows(vectors, slots, count, &scorer->arena, rows,
                                 reterr);
    for (uint32_t i = 0; !vectors->is_on_disk && i < count; i++) {
        rows[i] = vectors_multi_row(vectors, slots[i]);
        __builtin_prefetch(rows[i]);
    }
    for (uint32_t i = 0; code == ENGINE_OK && i < count; i++) {
        hits[i].distance = INFINITY;
        if (i + 1 < count && rows[i + 1] != NULL)
            prefetch(vectors, rows[i + 1]);
        if (rows[i] == NULL)
            continue;
        code = measure(scorer, rows[i], &hits[i].distance, reterr);
    }
    return code;
}

/* How many rows are looked at together. */
static uint32_t
batch_slots(const struct vectors *vectors)
{
    size_t fitting = BATCH_SIZE / vectors_row_size_about(vectors);
    if (!vectors->is_on_disk || fitting >= BATCH_SLOTS)
        return BATCH_SLOTS;
    return fitting > 0 ? (uint32_t)fitting : 1;
}

enum engine_code
multi_score(const struct vectors *vectors, const struct multi_query *multi,
            struct hit *hits, uint32_t count, struct error *reterr)
{
    struct scorer scorer = { .vectors = vectors, .multi = multi };
    uint32_t step = batch_slots(vectors);
    enum engine_code code = ENGINE_OK;
    for (uint32_t i = 0; code == ENGINE_OK && i < count;) {
        uint32_t part = count - i < step ? count - i : step;
        arena_init(&scorer.arena, ARENA_SIZE_MAX);
        arena_bind(&scorer.arena, &budget_requests);
        code = score_batch(&scorer, hits + i, part, reterr);
        bool is_over = arena_over_budget(&scorer.arena);
        arena_release(&scorer.arena);
        if (code == ENGINE_OK) {
            i += part;
        } else if (is_over && step > 1) {
            /* One after another they may fit. */
            step = 1;
            code = ENGINE_OK;
        } else if (is_over) {
            code = error_memory_busy(reterr,
                                     atomic_load(&budget_requests.limit_size));
        }
    }
    return code;
}
