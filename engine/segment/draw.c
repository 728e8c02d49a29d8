/* SPDX-License-Identifier: Apache-2.0
 * Random points: those that match are shuffled; of all points some are drawn,
 * as long as few of the drawn are none or known. */
#include "engine/segment/draw.h"

#include "engine/segment/body.h"

#include <string.h>
#include <sys/random.h>

/* Drawing takes so many tries for a point, at most, or shuffling is better. */
#define SHARE 8

/* xorshift64*, for choices that nobody has a reason to foresee. */
static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static uint64_t
seed(void)
{
    uint64_t state = 0;
    if (getrandom(&state, sizeof(state), GRND_NONBLOCK) != sizeof(state))
        state = (uintptr_t)&state;
    return state | 1;
}

/* Below `end`, which is small beside 2^32. */
static uint32_t
below(uint64_t *state, uint32_t end)
{
    return (uint32_t)((next_random(state) >> 32) * end >> 32);
}

static enum engine_code
draw(const struct segment_view *view, size_t count, struct arena *arena,
     uint64_t *state, uint32_t **ret_slots, struct error *reterr)
{
    uint64_t *words =
        arena_calloc(arena, view->slots_count / 64 + 1, sizeof(*words));
    uint32_t *slots = arena_alloc(arena, (count + 1) * sizeof(*slots));
    if (words == NULL || slots == NULL)
        return error_memory(reterr);
    for (size_t found = 0; found < count;) {
        uint32_t slot = below(state, view->slots_count);
        uint64_t bit = UINT64_C(1) << (slot % 64);
        if ((words[slot / 64] & bit) != 0 || !slotview_has(view->live, slot))
            continue;
        words[slot / 64] |= bit;
        slots[found++] = slot;
    }
    *ret_slots = slots;
    return ENGINE_OK;
}

enum engine_code
segment_draw(struct segment_reader *reader, const struct filter *filter,
             size_t count_max, struct arena *arena, const uint32_t **ret_slots,
             size_t *ret_count, struct error *reterr)
{
    const struct segment_view *view = reader->view;
    uint64_t state = seed();
    uint32_t *slots = NULL;
    const uint32_t *all = NULL;
    size_t count = 0;
    uint64_t live = view->live->count;
    if (filter == NULL && live > 0 && count_max < live / SHARE &&
        live >= view->slots_count / SHARE) {
        *ret_count = count_max;
        enum engine_code code =
            draw(view, count_max, arena, &state, &slots, reterr);
        *ret_slots = slots;
        return code;
    }
    enum engine_code code =
        segment_select(reader, filter, arena, &all, &count, reterr);
    if (code != ENGINE_OK)
        return code;
    slots = arena_alloc(arena, (count + 1) * sizeof(*slots));
    if (slots == NULL)
        return error_memory(reterr);
    memcpy(slots, all, count * sizeof(*slots));
    *ret_count = count < count_max ? count : count_max;
    for (size_t i = 0; i < *ret_count; i++) {
        size_t other = i + below(&state, (uint32_t)(count - i));
        uint32_t slot = slots[i];
        slots[i] = slots[other];
        slots[other] = slot;
    }
    *ret_slots = slots;
    return ENGINE_OK;
}
