/* SPDX-License-Identifier: Apache-2.0
 * Conditional updates. The writer's turn is the caller's, so that nothing
 * changes between the test and the change. */
#include "engine/collection/condition.h"

#include "engine/segment/search.h"

#include <stdlib.h>

enum engine_code
condition_test(struct segment *segment, struct change *change,
               const struct update *update, struct condition_met *ret_met,
               struct error *reterr)
{
    *ret_met = (struct condition_met){ .update = update, .change = change };
    if (update->condition == NULL)
        return ENGINE_OK;
    struct arena *arena = change_arena(change);
    segment_read_begin(segment, &ret_met->reader);
    uint32_t *slots =
        arena_calloc(arena, update->points_count + 1, sizeof(*slots));
    if (slots == NULL)
        return error_memory(reterr);
    size_t count = 0;
    for (size_t i = 0; i < update->points_count; i++) {
        slots[count] = segment_find(&ret_met->reader, &update->points[i].id);
        count += slots[count] != SEGMENT_NO_SLOT;
    }
    ret_met->slots = slots;
    return segment_keep_matching(&ret_met->reader, update->condition, arena,
                                 slots, count, &ret_met->count, reterr);
}

static int
compare_slots(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

bool
condition_lets(const struct condition_met *met, const struct point_id *id)
{
    bool is_there = change_finds(met->change, id);
    if (!is_there)
        return met->update->mode != UPDATE_THERE_ONLY;
    if (met->update->mode == UPDATE_NEW_ONLY)
        return false;
    if (met->update->condition == NULL)
        return true;
    uint32_t slot = segment_find(&met->reader, id);
    return bsearch(&slot, met->slots, met->count, sizeof(slot),
                   compare_slots) != NULL;
}

void
condition_end(struct condition_met *met)
{
    if (met->update->condition != NULL)
        segment_read_end(&met->reader);
}
