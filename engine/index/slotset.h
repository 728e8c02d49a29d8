/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_SLOTSET_H
#define ENGINE_INDEX_SLOTSET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/error.h"
#include "engine/index/slab.h"

/* A growing set of slots that many threads test without a lock while one
 * writer changes it: the deleted points of a shard. A dense bitset in slab
 * rows of 64 bytes. Slots beyond the capacity are not in the set. */

#define SLOTSET_ROW_BITS 512u

struct slotset {
    struct slab rows;       /* _Atomic uint64_t[8] each */
    _Atomic uint32_t count; /* members */
};

/* Prepares an empty set; allocates nothing. */
void slotset_init(struct slotset *set);
void slotset_release(struct slotset *set);

/* Makes room for slots 0..count-1; one writer. ENGINE_ENOMEM as before. */
enum engine_code slotset_reserve(struct slotset *set, uint32_t count,
                                 struct error *reterr)
    __attribute__((warn_unused_result));

/* Adds or takes away a slot that slotset_reserve() covered; true when that
 * changed the set. One writer at a time; visible to readers at once. */
bool slotset_add(struct slotset *set, uint32_t slot);
bool slotset_remove(struct slotset *set, uint32_t slot);

/* Number of members. Any thread. */
uint32_t slotset_count(const struct slotset *set);

/* 64 slots from `word` * 64 on. Any thread, no lock. */
static inline uint64_t
slotset_word(const struct slotset *set, uint32_t word)
{
    uint32_t row = word / (SLOTSET_ROW_BITS / 64);
    if (row >= slab_capacity(&set->rows))
        return 0;
    const _Atomic uint64_t *words = slab_row(&set->rows, row);
    return atomic_load_explicit(&words[word % (SLOTSET_ROW_BITS / 64)],
                                memory_order_acquire);
}

/* Whether `slot` is a member. Any thread, no lock. */
static inline bool
slotset_has(const struct slotset *set, uint32_t slot)
{
    return (slotset_word(set, slot / 64) >> (slot % 64) & 1) != 0;
}

#endif /* ENGINE_INDEX_SLOTSET_H */
