/* SPDX-License-Identifier: Apache-2.0
 * A filter at work: the plan's candidates, then the residual on the stored
 * payload. */
#include "engine/segment/match.h"

#include "engine/filter/eval.h"
#include "engine/segment/body.h"

#include <assert.h>

static bool
slot_of(void *ctx, const struct point_id *id, uint32_t *ret_slot)
{
    const struct segment *segment = ctx;
    uint32_t slot = ids_find(segment->ids, id);
    if (slot == IDS_NO_SLOT)
        return false;
    *ret_slot = slot;
    return true;
}

static enum engine_code
plan_make(const struct segment *segment, const struct filter *filter,
          struct arena *arena, struct filter_plan *ret_plan,
          struct error *reterr)
{
    struct payload_index **indexes =
        arena_calloc(arena, segment->indexes_count + 1, sizeof(*indexes));
    if (indexes == NULL)
        return error_memory(reterr);
    size_t count = 0;
    for (size_t i = 0; i < segment->indexes_count; i++)
        if (!segment->indexes[i].is_broken)
            indexes[count++] = segment->indexes[i].index;
    union {
        const struct segment *in;
        void *out;
    } ctx = { .in = segment };
    struct plan_sources sources = { .indexes = indexes,
                                    .indexes_count = count,
                                    .live = ids_live(segment->ids),
                                    .slot_of = slot_of,
                                    .slot_of_ctx = ctx.out };
    return filter_plan_make(filter, &sources, arena, ret_plan, reterr);
}

enum engine_code
match_make(const struct segment *segment, const struct filter *filter,
           struct arena *arena, struct match *ret_match, struct error *reterr)
{
    struct match match = { .segment = segment };
    if (filter == NULL || filter_is_empty(filter)) {
        uint64_t count = ids_count(segment->ids);
        match.plan.estimate = (struct filter_estimate){ count, count, count };
        *ret_match = match;
        return ENGINE_OK;
    }
    enum engine_code code =
        plan_make(segment, filter, arena, &match.plan, reterr);
    if (code != ENGINE_OK)
        return code;
    if (match.plan.residual != NULL &&
        filter_reads_payload(match.plan.residual)) {
        match.reader = json_reader_new();
        if (match.reader == NULL) {
            filter_plan_release(&match.plan);
            return error_memory(reterr);
        }
    }
    *ret_match = match;
    return ENGINE_OK;
}

void
match_release(struct match *match)
{
    filter_plan_release(&match->plan);
    json_reader_free(match->reader);
    match->reader = NULL;
}

bool
match_is_all(const struct match *match)
{
    return match->plan.slots == NULL && match->plan.residual == NULL;
}

const struct slot_set *
match_candidates(const struct match *match)
{
    return match->plan.slots != NULL ? match->plan.slots
                                     : ids_live(match->segment->ids);
}

bool
match_residual(struct match *match, uint32_t slot)
{
    if (match->plan.residual == NULL)
        return true;
    struct point_id id = ids_at(match->segment->ids, slot);
    yyjson_val *payload = NULL;
    if (match->reader != NULL)
        payload = json_reader_root(
            match->reader, payloads_get(&match->segment->payloads, slot));
    return filter_matches(match->plan.residual, &id, payload);
}

bool
match_passes(struct match *match, uint32_t slot)
{
    if (match->plan.slots != NULL &&
        !slot_set_contains(match->plan.slots, slot))
        return false;
    return match_residual(match, slot);
}
