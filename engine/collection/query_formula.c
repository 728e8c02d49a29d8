/* SPDX-License-Identifier: Apache-2.0
 * Points of several lists scored by a formula: conditions are tested for all of
 * them, payloads are read some at a time. */
#include "engine/collection/formula.h"
#include "engine/collection/query_stage.h"

#include "base/budget.h"
#include "engine/codec/json_read.h"

#include <math.h>
#include <stdlib.h>

#define BATCH_POINTS 64u
/* Payloads of a batch as they are read. */
#define BATCH_ARENA_SIZE ((size_t)1 << 30)

struct rescoring {
    struct query_run *run;
    const struct formula *formula;
    size_t lists_count;
    struct query_hits *hits;
    float *scores;    /* [hits][lists_count], NAN: not in that list */
    bool *conditions; /* [hits][conditions_count] */
};

static enum engine_code
rescoring_alloc(struct rescoring *rescoring, const struct query_hits *lists,
                uint32_t *const *places, struct error *reterr)
{
    struct arena *arena = rescoring->run->arena;
    size_t count = rescoring->hits->count;
    size_t lists_count = rescoring->lists_count;
    rescoring->scores =
        arena_calloc(arena, count * lists_count + 1, sizeof(float));
    rescoring->conditions = arena_calloc(
        arena, count * rescoring->formula->conditions_count + 1, sizeof(bool));
    if (rescoring->scores == NULL || rescoring->conditions == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < count * lists_count; i++)
        rescoring->scores[i] = NAN;
    for (size_t i = 0; i < lists_count; i++)
        for (size_t k = 0; k < lists[i].count; k++)
            rescoring->scores[places[i][k] * lists_count + i] =
                lists[i].items[k].score;
    return ENGINE_OK;
}

static int
compare_slots(const void *key, const void *element)
{
    const uint32_t *x = key, *y = element;
    return (*x > *y) - (*x < *y);
}

static enum engine_code
test_condition(struct rescoring *rescoring, size_t number, uint32_t *slots,
               struct arena *arena, struct error *reterr)
{
    const struct formula *formula = rescoring->formula;
    size_t count = rescoring->hits->count, kept = 0;
    for (size_t i = 0; i < count; i++)
        slots[i] = rescoring->hits->items[i].slot;
    enum engine_code code = segment_keep_matching(
        rescoring->run->reader, &formula->conditions[number], arena, slots,
        count, &kept, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++)
        rescoring->conditions[i * formula->conditions_count + number] =
            bsearch(&rescoring->hits->items[i].slot, slots, kept,
                    sizeof(*slots), compare_slots) != NULL;
    return code;
}

static enum engine_code
test_conditions(struct rescoring *rescoring, struct error *reterr)
{
    struct arena arena;
    enum engine_code code = ENGINE_OK;
    if (rescoring->formula->conditions_count == 0)
        return ENGINE_OK;
    arena_init(&arena, BATCH_ARENA_SIZE);
    arena_bind(&arena, &budget_requests);
    uint32_t *slots =
        arena_calloc(&arena, rescoring->hits->count + 1, sizeof(*slots));
    if (slots == NULL)
        code = error_memory(reterr);
    for (size_t i = 0;
         code == ENGINE_OK && i < rescoring->formula->conditions_count; i++)
        code = test_condition(rescoring, i, slots, &arena, reterr);
    arena_release(&arena);
    return code;
}

static enum engine_code
score_one(const struct rescoring *rescoring, size_t at, struct span payload,
          struct error *reterr)
{
    yyjson_doc *doc = NULL;
    enum engine_code code = ENGINE_OK;
    if (payload.size > 0)
        code = json_parse(payload, &doc, reterr);
    if (code != ENGINE_OK)
        return code;
    struct formula_input input = {
        .payload = doc == NULL ? NULL : yyjson_doc_get_root(doc),
        .scores = rescoring->scores + at * rescoring->lists_count,
        .scores_count = rescoring->lists_count,
        .conditions =
            rescoring->conditions + at * rescoring->formula->conditions_count,
    };
    code = formula_score(rescoring->formula, &input,
                         &rescoring->hits->items[at].score, reterr);
    yyjson_doc_free(doc);
    return code;
}

static enum engine_code
score_batch(const struct rescoring *rescoring, size_t begin, size_t count,
            bool reads, struct error *reterr)
{
    uint32_t slots[BATCH_POINTS];
    struct span texts[BATCH_POINTS] = { 0 };
    struct arena arena;
    enum engine_code code = ENGINE_OK;
    arena_init(&arena, BATCH_ARENA_SIZE);
    arena_bind(&arena, &budget_requests);
    for (size_t i = 0; i < count; i++)
        slots[i] = rescoring->hits->items[begin + i].slot;
    if (reads)
        code = segment_payloads(rescoring->run->reader, slots, count, &arena,
                                texts, reterr);
    if (code == ENGINE_ENOMEM && arena_over_budget(&arena))
        code =
            error_memory_busy(reterr, atomic_load(&budget_requests.limit_size));
    for (size_t i = 0; code == ENGINE_OK && i < count; i++)
        code = score_one(rescoring, begin + i, texts[i], reterr);
    arena_release(&arena);
    return code;
}

enum engine_code
query_formula(struct query_run *run, const struct query *query,
              const struct query_hits *lists, size_t count,
              struct query_hits *ret_hits, struct error *reterr)
{
    struct rescoring rescoring = { .run = run,
                                   .formula = query->formula,
                                   .lists_count = count,
                                   .hits = ret_hits };
    uint32_t **places = arena_calloc(run->arena, count + 1, sizeof(*places));
    if (places == NULL)
        return error_memory(reterr);
    bool reads = formula_reads_payload(query->formula);
    enum engine_code code =
        query_unite(run, lists, count, ret_hits, places, reterr);
    if (code == ENGINE_OK)
        code = rescoring_alloc(&rescoring, lists, places, reterr);
    if (code == ENGINE_OK)
        code = test_conditions(&rescoring, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < ret_hits->count;
         i += BATCH_POINTS) {
        size_t left = ret_hits->count - i;
        code = score_batch(&rescoring, i,
                           left < BATCH_POINTS ? left : BATCH_POINTS, reads,
                           reterr);
        if (code == ENGINE_OK)
            code = segment_check_deadline(run->deadline_ms, reterr);
    }
    for (size_t i = 0; i < ret_hits->count; i++)
        ret_hits->items[i].has_order = false;
    query_sort(ret_hits);
    return code;
}
