/* SPDX-License-Identifier: Apache-2.0
 * Maximal marginal relevance (Carbonell & Goldstein 1998): of the nearest
 * candidates one is taken after the other, near to the query and unlike those
 * that were taken before. Their scores stay those of the query. */
#include "engine/collection/nearest.h"
#include "engine/collection/query_stage.h"
#include "engine/segment/score.h"

#include <math.h>
#include <string.h>

/* Memory of one candidate's vector where it is read or becomes floats. */
#define ROW_ARENA_SIZE ((size_t)64 << 20)

struct mmr {
    struct query_run *run;
    size_t number;
    float lambda;
    struct query_hits candidates;
    uint32_t *slots;   /* of them, as long as they wait: [pending_count] */
    uint32_t *places;  /* in `candidates` */
    float *relevances; /* of these, */
    float *nearest;    /* and the largest similarity to one that was taken */
    float *work;
    size_t pending_count;
};

static enum engine_code
mmr_alloc(struct mmr *mmr, struct arena *arena, struct error *reterr)
{
    size_t count = mmr->candidates.count;
    mmr->slots = arena_calloc(arena, count + 1, sizeof(*mmr->slots));
    mmr->places = arena_calloc(arena, count + 1, sizeof(*mmr->places));
    mmr->relevances = arena_calloc(arena, count + 1, sizeof(float));
    mmr->nearest = arena_calloc(arena, count + 1, sizeof(float));
    mmr->work = arena_calloc(arena, count + 1, sizeof(float));
    if (arena_failed(arena))
        return error_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        mmr->slots[i] = mmr->candidates.items[i].slot;
        mmr->places[i] = (uint32_t)i;
        mmr->nearest[i] = -INFINITY;
    }
    mmr->pending_count = count;
    return ENGINE_OK;
}

/* The last one of equals, as the reference does it. */
static size_t
best_pending(const struct mmr *mmr, bool is_first)
{
    size_t best = 0;
    float best_score = -INFINITY;
    for (size_t i = 0; i < mmr->pending_count; i++) {
        float score = mmr->relevances[i];
        if (!is_first)
            score =
                mmr->lambda * score - (1.0f - mmr->lambda) * mmr->nearest[i];
        if (score >= best_score) {
            best = i;
            best_score = score;
        }
    }
    return best;
}

/* The last one takes its place. */
static void
take_pending(struct mmr *mmr, size_t at)
{
    size_t last = --mmr->pending_count;
    mmr->slots[at] = mmr->slots[last];
    mmr->places[at] = mmr->places[last];
    mmr->relevances[at] = mmr->relevances[last];
    mmr->nearest[at] = mmr->nearest[last];
}

/* How similar the point in `query` is to those in `slots`. */
static enum engine_code
similarities(const struct mmr *mmr, uint32_t query, const uint32_t *slots,
             size_t count, float *ret_similarities, struct error *reterr)
{
    struct segment_reader *reader = mmr->run->reader;
    const void *row = NULL;
    struct arena arena;
    arena_init(&arena, ROW_ARENA_SIZE);
    enum engine_code code =
        segment_vectors(reader, mmr->number, &query, 1, &arena, &row, reterr);
    if (code == ENGINE_OK && row != NULL) {
        struct vector_value value =
            vector_row_value(segment_vector_kind(reader, mmr->number),
                             segment_vector_dim(reader, mmr->number), row);
        code = segment_similarities(reader, mmr->number, &value, slots, count,
                                    ret_similarities, reterr);
    }
    arena_release(&arena);
    return code;
}

/* All that wait with the one in `slot`, which was taken. */
static enum engine_code
compare_with(struct mmr *mmr, uint32_t slot, struct error *reterr)
{
    /* MaxSim of a and b is not that of b and a. */
    bool is_even =
        segment_vector_kind(mmr->run->reader, mmr->number) != VECTOR_MULTI;
    enum engine_code code = ENGINE_OK;
    if (is_even)
        code = similarities(mmr, slot, mmr->slots, mmr->pending_count,
                            mmr->work, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < mmr->pending_count; i++) {
        if (!is_even)
            code = similarities(mmr, mmr->slots[i], &slot, 1, &mmr->work[i],
                                reterr);
        if (mmr->work[i] > mmr->nearest[i])
            mmr->nearest[i] = mmr->work[i];
    }
    return code;
}

static enum engine_code
choose(struct mmr *mmr, size_t k, struct query_hits *ret_hits,
       struct error *reterr)
{
    struct query_hits hits = { .items = arena_calloc(mmr->run->arena,
                                                     mmr->candidates.count + 1,
                                                     sizeof(*hits.items)) };
    enum engine_code code = ENGINE_OK;
    if (hits.items == NULL)
        return error_memory(reterr);
    while (code == ENGINE_OK && hits.count < k && mmr->pending_count > 0) {
        size_t at = best_pending(mmr, hits.count == 0);
        uint32_t slot = mmr->slots[at];
        hits.items[hits.count++] = mmr->candidates.items[mmr->places[at]];
        take_pending(mmr, at);
        code = compare_with(mmr, slot, reterr);
        if (code == ENGINE_OK)
            code = segment_check_deadline(mmr->run->deadline_ms, reterr);
    }
    *ret_hits = hits;
    return code;
}

enum engine_code
query_mmr(struct query_run *run, const struct search_command *command,
          const struct filter *filter, size_t k, struct arena *arena,
          struct query_hits *ret_hits, struct error *reterr)
{
    const struct query *query = command->query;
    struct mmr mmr = { .run = run, .lambda = 1.0f - query->diversity };
    struct segment_search search = nearest_params(command);
    const struct hit *hits = NULL;
    size_t count = 0;
    search.k = (uint32_t)(query->candidates > 0 ? query->candidates : k);
    search.filter = filter;
    search.deadline_ms = run->deadline_ms;
    enum engine_code code =
        nearest_number(run->reader, command->using, &search.number, reterr);
    if (code == ENGINE_OK)
        code = nearest_check_idf(run->reader, command, search.number, reterr);
    if (code == ENGINE_OK)
        code = query_example_vector(run, search.number, &query->target, arena,
                                    &search.query, reterr);
    if (code == ENGINE_OK)
        code =
            segment_search(run->reader, &search, arena, &hits, &count, reterr);
    if (code == ENGINE_OK)
        code = query_take(run, command,
                          segment_vector_metric(run->reader, search.number),
                          false, hits, count, &mmr.candidates, reterr);
    mmr.number = search.number;
    if (code == ENGINE_OK)
        code = mmr_alloc(&mmr, arena, reterr);
    if (code == ENGINE_OK)
        code = segment_similarities(run->reader, mmr.number, &search.query,
                                    mmr.slots, mmr.pending_count,
                                    mmr.relevances, reterr);
    return code == ENGINE_OK ? choose(&mmr, k, ret_hits, reterr) : code;
}
