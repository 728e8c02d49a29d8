/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_PASSING_H
#define ENGINE_SEGMENT_PASSING_H

#include "engine/filter/slot_set.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The slots that pass a filter at one moment, in the form that searches read: a
 * list where they are few, else a dense bitset. It never changes, so that
 * several searches can share it; the last of its users frees it. */
struct passing {
    _Atomic uint32_t users;
    uint32_t slots_count; /* every slot is below */
    uint32_t count;
    uint32_t *list;  /* [count], ascending; NULL: `words` */
    uint64_t *words; /* [slots_count / 64 + 1], bit i = slot i; NULL: `list` */
    size_t size;     /* bytes in all */
};

/* One for the caller. NULL when memory is out. Any thread. */
struct passing *passing_of_set(const struct slot_set *set, uint32_t slots_count)
    __attribute__((warn_unused_result));
struct passing *passing_of_words(const uint64_t *words, uint32_t slots_count)
    __attribute__((warn_unused_result));

/* One more user; one less. NULL is allowed. */
struct passing *passing_hold(struct passing *passing);
void passing_release(struct passing *passing);

bool passing_has(const struct passing *passing, uint32_t slot);

/* 64 slots from `word` * 64 on; of a list: costs a search. */
uint64_t passing_word(const struct passing *passing, uint32_t word);

#endif /* ENGINE_SEGMENT_PASSING_H */
