/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_ORDER_H
#define ENGINE_SEGMENT_ORDER_H

#include "engine/segment/ids.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Slots in ascending order of their ids: a list of sorted blocks under one
 * directory, that is a B+ tree of two levels. Inserting costs one search and
 * one memmove of at most ORDER_BLOCK_SLOTS entries. Used by ids.c only; locks
 * as there. */
#define ORDER_BLOCK_SLOTS 512

struct order_block {
    uint32_t count; /* 1..ORDER_BLOCK_SLOTS, in the directory */
    uint32_t slots[ORDER_BLOCK_SLOTS];
};

struct order {
    struct order_block **blocks;
    size_t blocks_count;
    size_t blocks_room;
    struct order_block **next_blocks; /* a longer list; NULL: not needed */
    size_t next_room;
    /* Taken by splits. Only writers use them; order_memory() looks at how many
     * there are while one makes room. */
    struct order_block **spares;
    _Atomic size_t spares_count;
    _Atomic size_t spares_room;
};

void order_release(struct order *order);

/* Makes `more_count` inserts unable to fail; false when memory is out. Readers
 * may go on; order_prepared() puts the longer list in place, under the
 * exclusive lock, and returns the old one, to be freed. */
bool order_prepare(struct order *order, size_t more_count)
    __attribute__((warn_unused_result));
void *order_prepared(struct order *order);

/* Frees what order_prepare() made and no insert has used. Readers may go on. */
void order_cut(struct order *order);

/* The first place whose id is not below `id`. */
struct ids_cursor order_seek(const struct order *order, const struct ids *ids,
                             const struct point_id *id);

/* `slot` has its id in `ids` already, or gets it right after. */
void order_insert(struct order *order, const struct ids *ids, uint32_t slot,
                  const struct point_id *id);

/* The entry of `id` is `slot` from now on; it must exist. */
void order_replace(struct order *order, const struct ids *ids, uint32_t slot,
                   const struct point_id *id);

/* The entry of `id` must exist. Neighbours that are rather empty become one
 * block. */
void order_remove(struct order *order, const struct ids *ids,
                  const struct point_id *id);

size_t order_memory(const struct order *order);

#endif /* ENGINE_SEGMENT_ORDER_H */
