/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_NUMBER_INDEX_BODY_H
#define ENGINE_FILTER_NUMBER_INDEX_BODY_H

#include "engine/filter/number_index.h"

#include <string.h>

/* Between number_index.c (changes) and number_index_query.c (answers). */

struct number_block {
    uint32_t count;
    uint32_t pad;
    struct number_entry entries[NUMBER_BLOCK_ROOM];
};

struct number_index {
    struct number_block **blocks;
    struct number_entry *firsts;
    size_t blocks_count;
    size_t blocks_room;
    uint64_t count;
    uint32_t slot_max; /* highest slot ever added */
};

/* A place between entries: entry `at` of block `block`. */
struct number_position {
    size_t block;
    uint32_t at;
};

static inline uint64_t
number_key(double number)
{
    if (number == 0)
        number = 0; /* -0.0 and 0.0 are one number */
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return bits >> 63 != 0 ? ~bits : bits | UINT64_C(1) << 63;
}

static inline int
number_entry_compare(const struct number_entry *a, const struct number_entry *b)
{
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return (a->slot > b->slot) - (a->slot < b->slot);
}

/* The first entry >= `entry`; {blocks_count, 0} past the end. */
struct number_position number_index_find(const struct number_index *index,
                                         const struct number_entry *entry);

#endif /* ENGINE_FILTER_NUMBER_INDEX_BODY_H */
