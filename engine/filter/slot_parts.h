/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_SLOT_PARTS_H
#define ENGINE_FILTER_SLOT_PARTS_H

#include "engine/filter/slot_set.h"
#include "engine/storage/disk_heap.h"

#include <stdbool.h>
#include <stdint.h>

/* A set of slots that lies in a disk_heap, which a slot_set cannot: a sorted
 * array of parts of 65,536 slots, each a sorted list or, beyond
 * SLOT_SET_LIST_MAX members, bits. Not thread safe: many readers or one
 * writer. */
struct slot_parts;

/* An empty one. NULL when memory is out. */
struct slot_parts *slot_parts_new(struct disk_heap *heap)
    __attribute__((warn_unused_result));
void slot_parts_free(struct slot_parts *parts, struct disk_heap *heap);

/* The slot must not be in it. It may move. False when memory is out: nothing
 * changed. */
bool slot_parts_add(struct slot_parts **parts, struct disk_heap *heap,
                    uint32_t slot) __attribute__((warn_unused_result));
/* The slot must be in it. */
void slot_parts_remove(struct slot_parts *parts, struct disk_heap *heap,
                       uint32_t slot);

bool slot_parts_contain(const struct slot_parts *parts, uint32_t slot);

/* set |= parts. */
void slot_parts_or_into(const struct slot_parts *parts, struct slot_set *set);

/* How many are in both; slot by slot, with no memory. */
uint64_t slot_parts_and_count(const struct slot_parts *parts,
                              const struct slot_set *set);

#endif /* ENGINE_FILTER_SLOT_PARTS_H */
