/* SPDX-License-Identifier: Apache-2.0
 * Scoring of listed multivectors, some at a time: rows on disk are read, those
 * of other datatypes become floats, each is scored while the next one comes. All
 * of it is memory of the request's budget. */
#include "engine/segment/multi.h"

#include "base/budget.h"

#include <assert.h>
#include <math.h>

#define BATCH_SLOTS 64u
/* As much of a row as fits beside the query. */
#define PREFETCH_SIZE ((size_t)32 << 10)
/* Rows on disk that are in memory at once, if they are of the usual size. */
#define BATCH_SIZE ((size_t)4 << 20)
/* Of a batch where the largest rows come together, once as read and one as
 * floats. */
#define ROW_SIZE_MAX   (VECTOR_MULTI_MAX * sizeof(float) + 4096)
#define ARENA_SIZE_MAX ((BATCH_SLOTS + 1) * ROW_SIZE_MAX)
/* Multiplications between two looks at the time: some milliseconds. */
#define STOP_TERMS ((uint64_t)1 << 26)

struct scorer {
    const struct vectors *vectors;
    const struct multi_query *multi;
    uint64_t terms;     /* since the last look at the time */
    struct arena arena; /* of a batch */
    float *room;        /* for rows as floats, in the arena */
    size_t room_size;
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
measure(struct scorer *scorer, const struct vector_value *row,
        float *ret_distance, struct error *reterr)
{
    const struct maxsim_query *query = &scorer->multi->maxsim;
    const struct stopper *stopper = &scorer->multi->stopper;
    uint64_t *terms = &scorer->terms;
    uint64_t group_terms = (uint64_t)row->rows * row->dim * MAXSIM_LANES;
    size_t step = (size_t)(STOP_TERMS / group_terms + 1) * MAXSIM_LANES;
    float sum = 0;
    for (size_t begin = 0; begin < query->rows; begin += step) {
        size_t end = query->rows - begin < step ? query->rows : begin + step;
        bool is_time = *terms >= STOP_TERMS && stopper->is_due != NULL;
        if (is_time && stopper->is_due(stopper->ctx))
            return error_set(reterr, ENGINE_ETIMEOUT,
                             "the operation took longer than its timeout");
        *terms = is_time ? 0 : *terms;
        *terms += group_terms * ((end - begin) / MAXSIM_LANES + 1);
        sum += maxsim_part(query, begin, end, row->values, row->rows);
    }
    /* As maxsim_distance(). */
    *ret_distance = isnan(sum) ? INFINITY : sum;
    return ENGINE_OK;
}

/* The row's sub-vectors. False: no memory. */
static bool
open_row(struct scorer *scorer, const void *row, struct vector_value *ret_value)
{
    const struct row_form *form = &scorer->vectors->form;
    size_t size = vector_row_size(VECTOR_MULTI, form->dim, row);
    if (form->datatype != DATATYPE_F32 && size > scorer->room_size) {
        /* Twice as much, so that little of the arena is outgrown. */
        size_t wanted = size * 2 < ROW_SIZE_MAX ? size * 2 : ROW_SIZE_MAX;
        scorer->room = arena_alloc(&scorer->arena, wanted);
        if (scorer->room == NULL)
            return false;
        scorer->room_size = wanted;
    }
    *ret_value = vector_row_scored(form, row, scorer->room);
    return true;
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
    enum engine_code code = ENGINE_OK;
    if (vectors->is_on_disk)
        code = vectors_read_rows(vectors, slots, count, &scorer->arena, rows,
                                 reterr);
    for (uint32_t i = 0; !vectors->is_on_disk && i < count; i++) {
        rows[i] = vectors_multi_row(vectors, slots[i]);
        __builtin_prefetch(rows[i]);
    }
    for (uint32_t i = 0; code == ENGINE_OK && i < count; i++) {
        struct vector_value row;
        hits[i].distance = INFINITY;
        if (i + 1 < count && rows[i + 1] != NULL)
            prefetch(vectors, rows[i + 1]);
        if (rows[i] == NULL)
            continue;
        if (!open_row(scorer, rows[i], &row))
            return error_memory(reterr);
        code = measure(scorer, &row, &hits[i].distance, reterr);
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
        scorer.room_size = 0;
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
