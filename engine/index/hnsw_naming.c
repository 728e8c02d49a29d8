/* SPDX-License-Identifier: Apache-2.0
 * How many lists on level 0 name a node. Behind the maximum of a byte it is not
 * counted up, but down: too low a count only keeps a link more. A twin names
 * the one that it hangs on (README.md, Equal points): that alone brings nobody
 * there, so such a link does not count. What a checkpoint brings counts in any
 * case. */
#include "engine/index/hnsw_graph.h"

#include <assert.h>

#define NAMED_MAX 255u

static _Atomic uint8_t *
count_of(const struct hnsw *hnsw, uint32_t slot)
{
    return &hnsw_node(hnsw, slot)->in_count;
}

static bool
counts(const struct hnsw *hnsw, uint32_t owner, uint32_t slot)
{
    return slot > owner || !hnsw_is_twin(hnsw, owner, slot);
}

void
hnsw_naming_up(const struct hnsw *hnsw, uint32_t slot)
{
    _Atomic uint8_t *named = count_of(hnsw, slot);
    uint8_t before = atomic_load_explicit(named, memory_order_relaxed);
    while (before < NAMED_MAX &&
           !atomic_compare_exchange_weak_explicit(
               named, &before, (uint8_t)(before + 1), memory_order_relaxed,
               memory_order_relaxed))
        ;
}

/* Counts one list less, if `least` are left then. */
static bool
count_down(const struct hnsw *hnsw, uint32_t slot, uint8_t least)
{
    _Atomic uint8_t *named = count_of(hnsw, slot);
    uint8_t before = atomic_load_explicit(named, memory_order_relaxed);
    while (before > least)
        if (atomic_compare_exchange_weak_explicit(
                named, &before, (uint8_t)(before - 1), memory_order_relaxed,
                memory_order_relaxed))
            return true;
    return false;
}

bool
hnsw_is_named(const struct hnsw *hnsw, uint32_t slot)
{
    return atomic_load_explicit(count_of(hnsw, slot), memory_order_relaxed) > 0;
}

void
hnsw_naming_add(const struct hnsw *hnsw, uint32_t owner, const uint32_t *slots,
                uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (counts(hnsw, owner, slots[i]))
            hnsw_naming_up(hnsw, slots[i]);
}

void
hnsw_naming_drop(const struct hnsw *hnsw, uint32_t owner, const uint32_t *slots,
                 uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (counts(hnsw, owner, slots[i]))
            (void)count_down(hnsw, slots[i], 0);
}

bool
hnsw_naming_replace(const struct hnsw *hnsw, uint32_t owner, uint32_t slot,
                    uint32_t *slots, uint32_t count)
{
    for (uint32_t i = count; i-- > 0;) {
        if (slots[i] == slot || !counts(hnsw, owner, slots[i]) ||
            !count_down(hnsw, slots[i], 1))
            continue;
        slots[i] = slot;
        return true;
    }
    return false;
}

/* Where `slot` is, or `count`. */
static uint32_t
place_of(const uint32_t *slots, uint32_t count, uint32_t slot)
{
    uint32_t i = 0;
    while (i < count && slots[i] != slot)
        i++;
    return i;
}

uint32_t
hnsw_naming_choose(const struct hnsw *hnsw, uint32_t owner, uint32_t fresh,
                   uint32_t *kept, uint32_t count)
{
    const hnsw_link *links = hnsw_links(hnsw, owner, 0);
    HNSW_UNSET uint32_t lost[2 * HNSW_M_MAX];
    uint32_t lost_count = 0, chosen = count;
    for (uint32_t i = 0; i < hnsw->m0; i++) {
        uint32_t slot = hnsw_link_load(&links[i]);
        /* Where this list is not the last that names it, it may go. */
        if (place_of(kept, chosen, slot) == chosen &&
            hnsw_state(hnsw, slot) < HNSW_DYING && counts(hnsw, owner, slot) &&
            !count_down(hnsw, slot, 1))
            lost[lost_count++] = slot;
    }
    uint32_t at = place_of(kept, chosen, fresh);
    if (at < chosen)
        hnsw_naming_add(hnsw, owner, &fresh, 1);
    for (uint32_t i = 0; i < lost_count; i++) {
        if (count < hnsw->m0)
            kept[count++] = lost[i];
        else if (!hnsw_naming_replace(hnsw, owner, lost[i], kept, chosen) &&
                 at < chosen && kept[at] == fresh) {
            /* One too many: others may still take the new one. */
            hnsw_naming_drop(hnsw, owner, &fresh, 1);
            kept[at] = lost[i];
        }
    }
    return count;
}
