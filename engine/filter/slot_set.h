/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_SLOT_SET_H
#define ENGINE_FILTER_SLOT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A set of slots (u32), compressed (a roaring bitmap inside). Not thread safe:
 * many readers or one writer. Running out of memory in the bitmap library
 * cannot be seen, so no function here reports it but slot_set_new(). */
struct slot_set;

/* NULL when memory is out. The caller frees it. */
struct slot_set *slot_set_new(void) __attribute__((warn_unused_result));
struct slot_set *slot_set_copy(const struct slot_set *set)
    __attribute__((warn_unused_result));
void slot_set_free(struct slot_set *set); /* NULL is allowed */

void slot_set_add(struct slot_set *set, uint32_t slot);
void slot_set_remove(struct slot_set *set, uint32_t slot);
/* Adds first..last, both inclusive. */
void slot_set_add_range(struct slot_set *set, uint32_t first, uint32_t last);
/* Adds `count` slots; ascending order is fastest. */
void slot_set_add_many(struct slot_set *set, const uint32_t *slots,
                       size_t count);

bool slot_set_contains(const struct slot_set *set, uint32_t slot);
uint64_t slot_set_count(const struct slot_set *set);
uint64_t slot_set_and_count(const struct slot_set *a, const struct slot_set *b);

/* set &= other, set |= other, set -= other. */
void slot_set_and(struct slot_set *set, const struct slot_set *other);
void slot_set_or(struct slot_set *set, const struct slot_set *other);
void slot_set_subtract(struct slot_set *set, const struct slot_set *other);

/* Takes the least memory for what is in it: after many were added. */
void slot_set_settle(struct slot_set *set);

/* Heap bytes, about. */
size_t slot_set_memory(const struct slot_set *set);

/* Walks a set in ascending order, several slots at a time. The set must not
 * change meanwhile. */
struct slot_cursor;

/* NULL when memory is out. */
struct slot_cursor *slot_cursor_new(const struct slot_set *set)
    __attribute__((warn_unused_result));
void slot_cursor_free(struct slot_cursor *cursor); /* NULL is allowed */

/* Writes up to `count` slots; returns how many, 0 at the end. */
size_t slot_cursor_next(struct slot_cursor *cursor, uint32_t *slots,
                        size_t count);

/* Sets bit `slot` of words[] for each member below words_count * 64; the
 * caller has zeroed them. For loops that test many slots. */
void slot_set_to_words(const struct slot_set *set, uint64_t *words,
                       size_t words_count);

/* Writes all members, ascending, to list[slot_set_count()]. */
void slot_set_to_list(const struct slot_set *set, uint32_t *list);

/* Adds every set bit of words[]. */
void slot_set_add_words(struct slot_set *set, const uint64_t *words,
                        size_t words_count);

/* Members of slots high * 65536 .. + 65535: up to SLOT_SET_LIST_MAX ascending
 * u16, more as 1024 words of bits. Adds all of parts[count], which ascend. */
#define SLOT_SET_LIST_MAX 4096u
struct slot_set_part {
    uint32_t high;
    uint32_t members; /* 1 at least */
    const void *data;
};
void slot_set_add_parts(struct slot_set *set, const struct slot_set_part *parts,
                        uint32_t count);

#endif /* ENGINE_FILTER_SLOT_SET_H */
