/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_NUMBER_INDEX_BODY_H
#define ENGINE_FILTER_NUMBER_INDEX_BODY_H

#include "engine/filter/number_index.h"

#include <stdatomic.h>
#include <string.h>

struct number_column;

/* Between number_index.c (changes) and number_index_query.c (answers). */

/* Keys and slots of ascending entries. Fields hold integers or other numbers,
 * hardly ever both: a kind for all, until one differs. 4 KiB. */
struct number_block {
    uint32_t count;
    uint32_t kind;   /* of all, without `kinds` */
    uint16_t *kinds; /* NULL, or [NUMBER_BLOCK_ROOM] */
    uint64_t keys[NUMBER_BLOCK_ROOM];
    uint32_t slots[NUMBER_BLOCK_ROOM];
};

struct number_index {
    struct disk_heap *heap; /* of blocks and the column; NULL: malloc */
    struct number_block **blocks;
    struct number_entry *firsts;
    size_t blocks_count;
    size_t blocks_room;
    uint64_t count;
    uint32_t slot_max; /* highest slot ever added */
    /* NULL until somebody asks about few slots; number_column.c. */
    _Atomic(struct number_column *) column;
    _Atomic bool is_making_column;
    /* Added and not yet sorted in; number_index_bulk.c. */
    bool is_bulk;
    struct number_entry *pending;
    size_t pending_count;
    size_t pending_room;
};

static inline struct number_entry
number_entry_at(const struct number_block *block, uint32_t at)
{
    return (struct number_entry){ block->keys[at],
                                  block->kinds != NULL ? block->kinds[at]
                                                       : block->kind,
                                  block->slots[at] };
}

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

/* Frees all, and gives back what lies in a heap that stays. */
void number_index_end(struct number_index *index);

/* A new block at the end of all, empty: the caller fills it and its first entry
 * at once. NULL when memory is out. */
struct number_block *number_index_append(struct number_index *index);

/* Puts one behind those of the block, which has room. False when memory is
 * out. */
bool number_block_push(struct number_block *block, struct disk_heap *heap,
                       struct number_entry entry)
    __attribute__((warn_unused_result));

void number_block_free(struct number_block *block, struct disk_heap *heap);

/* While `is_bulk`: adds one; takes one out again. */
enum engine_code number_index_bulk_add(struct number_index *index,
                                       struct number_entry entry,
                                       bool *ret_added, struct error *reterr)
    __attribute__((warn_unused_result));
void number_index_bulk_remove(struct number_index *index,
                              struct number_entry entry);

/* The first entry >= `entry`; {blocks_count, 0} past the end. */
struct number_position number_index_find(const struct number_index *index,
                                         const struct number_entry *entry);

#endif /* ENGINE_FILTER_NUMBER_INDEX_BODY_H */
