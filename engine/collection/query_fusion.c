/* SPDX-License-Identifier: Apache-2.0
 * Several lists as one: by reciprocal ranks (Cormack et al. 2009) or by scores
 * that are brought to one scale by their mean and deviation. */
#include "engine/collection/query_stage.h"

#include <math.h>
#include <stdlib.h>

/* ---- one of each point ---- */

#define PLACE_NONE UINT32_MAX

struct table {
    uint32_t *places; /* [mask + 1], PLACE_NONE: free */
    size_t mask;
};

static enum engine_code
table_init(struct table *table, size_t count, struct arena *arena,
           struct error *reterr)
{
    size_t size = 16;
    while (size < count * 2)
        size *= 2;
    table->mask = size - 1;
    table->places = arena_alloc(arena, size * sizeof(*table->places));
    if (table->places == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < size; i++)
        table->places[i] = PLACE_NONE;
    return ENGINE_OK;
}

/* Where the point is in `hits`; it is put at the end when it is new. */
static uint32_t
table_put(struct table *table, struct query_hits *hits,
          const struct query_hit *hit)
{
    size_t at = point_id_hash(&hit->id) & table->mask;
    for (; table->places[at] != PLACE_NONE; at = (at + 1) & table->mask)
        if (point_id_compare(&hits->items[table->places[at]].id, &hit->id) == 0)
            return table->places[at];
    table->places[at] = (uint32_t)hits->count;
    hits->items[hits->count] = *hit;
    return (uint32_t)hits->count++;
}

enum engine_code
query_unite(struct query_run *run, const struct query_hits *lists, size_t count,
            struct query_hits *ret_hits, uint32_t **places,
            struct error *reterr)
{
    size_t total = 0;
    struct table table;
    for (size_t i = 0; i < count; i++)
        total += lists[i].count;
    enum engine_code code = table_init(&table, total, run->arena, reterr);
    if (code != ENGINE_OK)
        return code;
    *ret_hits =
        (struct query_hits){ .items = arena_calloc(run->arena, total + 1,
                                                   sizeof(*ret_hits->items)) };
    if (ret_hits->items == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        places[i] =
            arena_alloc(run->arena, (lists[i].count + 1) * sizeof(**places));
        if (places[i] == NULL)
            return error_memory(reterr);
        for (size_t k = 0; k < lists[i].count; k++)
            places[i][k] = table_put(&table, ret_hits, &lists[i].items[k]);
    }
    return ENGINE_OK;
}

static int
compare(const void *a, const void *b)
{
    const struct query_hit *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return point_id_compare(&x->id, &y->id);
}

void
query_sort(struct query_hits *hits)
{
    if (hits->count > 1)
        qsort(hits->items, hits->count, sizeof(*hits->items), compare);
}

/* ---- ranks ---- */

static float
rank_score(size_t position, double weight, double constant)
{
    if (!(weight > 0))
        return 0;
    return (float)(1.0 / (((double)position + 1.0) / weight + constant - 1.0));
}

static void
add_ranks(const struct query *query, size_t list, const struct query_hits *hits,
          const uint32_t *places, struct query_hits *all)
{
    double weight = query->weights == NULL ? 1.0 : (double)query->weights[list];
    for (size_t i = 0; i < hits->count; i++)
        all->items[places[i]].score +=
            rank_score(i, weight, (double)query->rank_constant);
}

/* ---- distributions ---- */

/* The scale of a list: three deviations on each side of the mean. */
static void
add_scaled(const struct query_hits *hits, const uint32_t *places,
           struct query_hits *all)
{
    double mean = 0, square = 0;
    bool is_flat = true;
    for (size_t i = 1; i < hits->count; i++)
        is_flat = is_flat && hits->items[i].score == hits->items[0].score;
    for (size_t i = 0; i < hits->count; i++)
        mean += (double)hits->items[i].score / (double)hits->count;
    for (size_t i = 0; i < hits->count; i++)
        square += ((double)hits->items[i].score - mean) *
                  ((double)hits->items[i].score - mean);
    double deviation = is_flat ? 0 : sqrt(square / (double)(hits->count - 1));
    for (size_t i = 0; i < hits->count; i++) {
        double score = 0.5;
        if (deviation > 0)
            score = ((double)hits->items[i].score - (mean - 3 * deviation)) /
                    (6 * deviation);
        all->items[places[i]].score += (float)score;
    }
}

enum engine_code
query_fuse(struct query_run *run, const struct query *query,
           const struct query_hits *lists, size_t count,
           struct query_hits *ret_hits, struct error *reterr)
{
    if (query->weights != NULL && query->weights_count != count)
        return error_set(reterr, ENGINE_EINPUT,
                         "Validation failed: RRF weights length (%zu) must "
                         "match the number of prefetches (%zu)",
                         query->weights_count, count);
    uint32_t **places = arena_calloc(run->arena, count + 1, sizeof(*places));
    if (places == NULL)
        return error_memory(reterr);
    enum engine_code code =
        query_unite(run, lists, count, ret_hits, places, reterr);
    if (code != ENGINE_OK)
        return code;
    for (size_t i = 0; i < ret_hits->count; i++)
        ret_hits->items[i].score = 0;
    for (size_t i = 0; i < count; i++) {
        if (query->kind == QUERY_RRF)
            add_ranks(query, i, &lists[i], places[i], ret_hits);
        else
            add_scaled(&lists[i], places[i], ret_hits);
    }
    query_sort(ret_hits);
    return ENGINE_OK;
}
