/* SPDX-License-Identifier: Apache-2.0
 * A dense bitset over slots in slab rows; see the header for the rules. */
#include "engine/index/slotset.h"

#include <assert.h>

void
slotset_init(struct slotset *set)
{
    slab_init(&set->rows, SLOTSET_ROW_BITS / 8, SLAB_ROW_ALIGN);
    atomic_init(&set->count, 0);
}

void
slotset_release(struct slotset *set)
{
    if (set == NULL)
        return;
    slab_release(&set->rows);
    atomic_store(&set->count, 0);
}

enum engine_code
slotset_reserve(struct slotset *set, uint32_t count, struct error *reterr)
{
    uint32_t rows = count / SLOTSET_ROW_BITS + (count % SLOTSET_ROW_BITS != 0);
    return slab_reserve(&set->rows, rows, reterr);
}

static _Atomic uint64_t *
word_of(struct slotset *set, uint32_t slot)
{
    uint32_t row = slot / SLOTSET_ROW_BITS;
    assert(row < slab_capacity(&set->rows));
    _Atomic uint64_t *words = slab_row(&set->rows, row);
    return &words[slot % SLOTSET_ROW_BITS / 64];
}

bool
slotset_add(struct slotset *set, uint32_t slot)
{
    uint64_t bit = UINT64_C(1) << (slot % 64);
    uint64_t before =
        atomic_fetch_or_explicit(word_of(set, slot), bit, memory_order_acq_rel);
    if ((before & bit) != 0)
        return false;
    atomic_fetch_add_explicit(&set->count, 1, memory_order_relaxed);
    return true;
}

bool
slotset_remove(struct slotset *set, uint32_t slot)
{
    if (slot / SLOTSET_ROW_BITS >= slab_capacity(&set->rows))
        return false;
    uint64_t bit = UINT64_C(1) << (slot % 64);
    uint64_t before = atomic_fetch_and_explicit(word_of(set, slot), ~bit,
                                                memory_order_acq_rel);
    if ((before & bit) == 0)
        return false;
    atomic_fetch_sub_explicit(&set->count, 1, memory_order_relaxed);
    return true;
}

uint32_t
slotset_count(const struct slotset *set)
{
    return atomic_load_explicit(&set->count, memory_order_relaxed);
}
