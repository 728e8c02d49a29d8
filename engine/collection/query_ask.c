/* SPDX-License-Identifier: Apache-2.0
 * Leaves of a query: what asks the segment. What a leaf works with is free
 * again after it; only its list stays. */
#include "engine/collection/query_stage.h"

#include "base/budget.h"
#include "engine/collection/nearest.h"
#include "engine/segment/order_by.h"
#include "engine/segment/draw.h"

#include <assert.h>
#include <float.h>
#include <math.h>

struct leaf {
    struct query_run *run;
    const struct search_command *command;
    const struct filter *filter;
    size_t k;
    struct arena arena;
};

static enum engine_code
hits_alloc(struct query_run *run, size_t count, struct query_hits *ret_hits,
           struct error *reterr)
{
    *ret_hits =
        (struct query_hits){ .items = arena_calloc(run->arena, count + 1,
                                                   sizeof(*ret_hits->items)) };
    return ret_hits->items == NULL ? error_memory(reterr) : ENGINE_OK;
}

enum engine_code
query_take(struct query_run *run, const struct search_command *command,
           enum metric metric, bool is_similar, const struct hit *hits,
           size_t count, struct query_hits *ret_hits, struct error *reterr)
{
    /* The reference asks the metric which way is better whatever made the
     * score. */
    bool is_descending = kernel_score_is_descending(metric);
    enum engine_code code = hits_alloc(run, count, ret_hits, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++) {
        float distance = hits[i].distance;
        float score = is_similar ? -fmaxf(-FLT_MAX, fminf(FLT_MAX, distance))
                                 : nearest_score(metric, distance);
        if (!nearest_passes(command, is_descending, score))
            break;
        ret_hits->items[ret_hits->count++] =
            (struct query_hit){ .id = segment_id(run->reader, hits[i].slot),
                                .slot = hits[i].slot,
                                .score = score };
    }
    return code;
}

/* Points that come without a score. */
static enum engine_code
take_slots(struct leaf *leaf, const uint32_t *slots, size_t count,
           struct query_hits *ret_hits, struct error *reterr)
{
    enum engine_code code = hits_alloc(leaf->run, count, ret_hits, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++)
        ret_hits->items[ret_hits->count++] =
            (struct query_hit){ .id = segment_id(leaf->run->reader, slots[i]),
                                .slot = slots[i],
                                .score = 1.0f,
                                .is_unscored = true };
    return code;
}

static enum engine_code
search(struct leaf *leaf, struct segment_search *made,
       struct query_hits *ret_hits, struct error *reterr)
{
    struct query_run *run = leaf->run;
    struct segment_report report = { 0 };
    const struct hit *hits = NULL;
    size_t count = 0;
    made->filter = leaf->filter;
    made->k = (uint32_t)leaf->k;
    made->report = &report;
    made->deadline_ms = run->deadline_ms;
    enum engine_code code =
        segment_search(run->reader, made, &leaf->arena, &hits, &count, reterr);
    if (code != ENGINE_OK)
        return code;
    if (run->reports_count < QUERY_REPORTS_MAX)
        run->reports[run->reports_count++] = report;
    return query_take(run, leaf->command,
                      segment_vector_metric(run->reader, made->number), false,
                      hits, count, ret_hits, reterr);
}

static enum engine_code
ask_nearest(struct leaf *leaf, struct query_hits *ret_hits,
            struct error *reterr)
{
    struct segment_search made;
    enum engine_code code = nearest_make(leaf->run->reader, leaf->command,
                                         &leaf->arena, &made, reterr);
    return code == ENGINE_OK ? search(leaf, &made, ret_hits, reterr) : code;
}

static enum engine_code
ask_average(struct leaf *leaf, struct query_hits *ret_hits,
            struct error *reterr)
{
    const struct search_command *command = leaf->command;
    struct segment_search made = nearest_params(command);
    enum engine_code code =
        nearest_number(leaf->run->reader, command->using, &made.number, reterr);
    if (code == ENGINE_OK)
        code =
            nearest_check_idf(leaf->run->reader, command, made.number, reterr);
    if (code == ENGINE_OK)
        code = query_average(leaf->run, made.number, command->query,
                             &leaf->arena, &made.query, reterr);
    return code == ENGINE_OK ? search(leaf, &made, ret_hits, reterr) : code;
}

static enum engine_code
ask_by_id(struct leaf *leaf, struct query_hits *ret_hits, struct error *reterr)
{
    struct segment_scroll scroll = { .limit = leaf->k,
                                     .filter = leaf->filter,
                                     .deadline_ms = leaf->run->deadline_ms };
    const uint32_t *slots = NULL;
    size_t count = 0;
    enum engine_code code = segment_scroll(
        leaf->run->reader, &scroll, &leaf->arena, &slots, &count, reterr);
    if (code != ENGINE_OK)
        return code;
    return take_slots(leaf, slots, count < leaf->k ? count : leaf->k, ret_hits,
                      reterr);
}

static enum engine_code
ask_sample(struct leaf *leaf, struct query_hits *ret_hits, struct error *reterr)
{
    const uint32_t *slots = NULL;
    size_t count = 0;
    enum engine_code code =
        segment_draw(leaf->run->reader, leaf->filter, leaf->k, &leaf->arena,
                     &slots, &count, reterr);
    return code == ENGINE_OK ? take_slots(leaf, slots, count, ret_hits, reterr)
                             : code;
}

static enum engine_code
ask_in_order(struct leaf *leaf, struct query_hits *ret_hits,
             struct error *reterr)
{
    const struct query_order *order = &leaf->command->query->order;
    struct segment_order_by ask = { .key = &order->key,
                                    .is_descending = order->is_descending,
                                    .has_start = order->has_start,
                                    .start = order->start,
                                    .limit = leaf->k,
                                    .filter = leaf->filter,
                                    .deadline_ms = leaf->run->deadline_ms };
    const struct segment_ordered *found = NULL;
    size_t count = 0;
    enum engine_code code = segment_order_by(
        leaf->run->reader, &ask, &leaf->arena, &found, &count, reterr);
    if (code == ENGINE_OK)
        code = hits_alloc(leaf->run, count, ret_hits, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++)
        ret_hits->items[ret_hits->count++] = (struct query_hit){
            .id = segment_id(leaf->run->reader, found[i].slot),
            .slot = found[i].slot,
            .score = 1.0f,
            .is_unscored = true,
            .has_order = true,
            .order = found[i].value,
        };
    return code;
}

static enum engine_code
ask(struct leaf *leaf, struct query_hits *ret_hits, struct error *reterr)
{
    const struct search_command *command = leaf->command;
    if (command->query == NULL)
        return command->vector != NULL || command->by_id != NULL
                   ? ask_nearest(leaf, ret_hits, reterr)
                   : ask_by_id(leaf, ret_hits, reterr);
    switch (command->query->kind) {
    case QUERY_AVERAGE:
        return ask_average(leaf, ret_hits, reterr);
    case QUERY_BEST_SCORE:
    case QUERY_SUM_SCORES:
    case QUERY_DISCOVER:
    case QUERY_CONTEXT:
    case QUERY_FEEDBACK:
        return query_score(leaf->run, command, leaf->filter, leaf->k,
                           &leaf->arena, ret_hits, reterr);
    case QUERY_MMR:
        return query_mmr(leaf->run, command, leaf->filter, leaf->k,
                         &leaf->arena, ret_hits, reterr);
    case QUERY_ORDER_BY:
        return ask_in_order(leaf, ret_hits, reterr);
    case QUERY_SAMPLE:
        return ask_sample(leaf, ret_hits, reterr);
    case QUERY_RRF:
    case QUERY_DBSF:
    case QUERY_FORMULA:
        break;
    }
    return error_set(reterr, ENGINE_EINPUT,
                     "Validation failed: cannot apply %s without prefetches",
                     command->query->kind == QUERY_FORMULA ? "Formula"
                                                           : "Fusion");
}

enum engine_code
query_ask(struct query_run *run, const struct search_command *command,
          const struct filter *filter, size_t k, struct query_hits *ret_hits,
          struct error *reterr)
{
    struct leaf leaf = {
        .run = run, .command = command, .filter = filter, .k = k
    };
    assert(k > 0 && k <= COMMAND_LIMIT_MAX);
    arena_init(&leaf.arena, run->arena->cap_size);
    arena_bind(&leaf.arena, &budget_requests);
    enum engine_code code = ask(&leaf, ret_hits, reterr);
    if (code == ENGINE_ENOMEM && arena_over_budget(&leaf.arena))
        code =
            error_memory_busy(reterr, atomic_load(&budget_requests.limit_size));
    arena_release(&leaf.arena);
    return code;
}
