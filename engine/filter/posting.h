/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_POSTING_H
#define ENGINE_FILTER_POSTING_H

#include "engine/error.h"
#include "engine/filter/slot_set.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The slots of one value. Most values of real fields have one slot or a few,
 * and a bitmap costs ten times their size: so one slot stands inline, up to
 * POSTING_FEW_MAX in a sorted array, more in a slot_set. Not thread safe:
 * many readers or one writer. */
#define POSTING_FEW_MAX 64

struct posting {
    uint32_t count; /* 0: empty, nothing is owned */
    uint32_t room;  /* of `few`; 0: `one`, UINT32_MAX: `many` */
    union {
        uint32_t one;
        uint32_t *few; /* ascending */
        struct slot_set *many;
    } as;
};

/* Zeroes are an empty posting. */
void posting_release(struct posting *posting);

/* *ret_added false: it was there. ENGINE_ENOMEM nothing changed. */
enum engine_code posting_add(struct posting *posting, uint32_t slot,
                             bool *ret_added, struct error *reterr)
    __attribute__((warn_unused_result));

/* Fine when it is not there. */
void posting_remove(struct posting *posting, uint32_t slot);

bool posting_contains(const struct posting *posting, uint32_t slot);

/* How many of its slots are in `set`. */
uint64_t posting_and_count(const struct posting *posting,
                           const struct slot_set *set);

/* set |= posting. */
void posting_or_into(const struct posting *posting, struct slot_set *set);

/* As slot_set_settle(). */
void posting_settle(struct posting *posting);

/* Heap bytes, about. */
size_t posting_memory(const struct posting *posting);

#endif /* ENGINE_FILTER_POSTING_H */
