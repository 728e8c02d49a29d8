/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_POSTING_H
#define ENGINE_FILTER_POSTING_H

#include "engine/error.h"
#include "engine/filter/slot_set.h"
#include "engine/storage/disk_heap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The slots of one value. Most values of real fields have one slot or a few,
 * and a bitmap costs ten times their size: so one slot stands inline, up to
 * POSTING_FEW_MAX in a sorted array, more in a slot_set, or in slot_parts where
 * the posting's memory comes from a heap: always the same one (NULL: malloc).
 * Not thread safe: many readers or one writer. */
#define POSTING_FEW_MAX 64
#define POSTING_MANY    UINT32_MAX
#define POSTING_PARTS   (UINT32_MAX - 1)

struct slot_parts;

struct posting {
    uint32_t count; /* 0: empty, nothing is owned */
    uint32_t room;  /* of `few`; 0: `one`, POSTING_MANY, POSTING_PARTS */
    union {
        uint32_t one;
        uint32_t *few; /* ascending */
        struct slot_set *many;
        struct slot_parts *parts;
    } as;
};

/* Zeroes are an empty posting. */
void posting_release(struct posting *posting, struct disk_heap *heap);

/* *ret_added false: it was there. ENGINE_ENOMEM nothing changed. */
enum engine_code posting_add(struct posting *posting, struct disk_heap *heap,
                             uint32_t slot, bool *ret_added,
                             struct error *reterr)
    __attribute__((warn_unused_result));

/* Fine when it is not there. */
void posting_remove(struct posting *posting, struct disk_heap *heap,
                    uint32_t slot);

bool posting_contains(const struct posting *posting, uint32_t slot);

/* How many of its slots are in `set`. */
uint64_t posting_and_count(const struct posting *posting,
                           const struct slot_set *set);

/* set |= posting. */
void posting_or_into(const struct posting *posting, struct slot_set *set);

/* As slot_set_settle(). */
void posting_settle(struct posting *posting, struct disk_heap *heap);

/* Bytes from malloc, about, of one without a heap. */
size_t posting_memory(const struct posting *posting);

#endif /* ENGINE_FILTER_POSTING_H */
