/* SPDX-License-Identifier: Apache-2.0
 * Ids in order, for scrolling: blocks of sorted slots under a directory.
 * Invariants: no block in the directory is empty; every id of a block sorts
 * below every id of the next. A split needs a spare block and a directory
 * place; order_prepare() keeps enough of both. */
#include "engine/segment/order.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void
order_release(struct order *order)
{
    for (size_t i = 0; i < order->blocks_count; i++)
        free(order->blocks[i]);
    for (size_t i = 0; i < order->spares_count; i++)
        free(order->spares[i]);
    free(order->blocks);
    free(order->spares);
    free(order->next_blocks);
    *order = (struct order){ 0 };
}

static bool
spares_reserve(struct order *order, size_t count)
{
    if (count > order->spares_room) {
        size_t room = count + count / 2 + 8;
        struct order_block **spares =
            realloc(order->spares, room * sizeof(*spares));
        if (spares == NULL)
            return false;
        order->spares = spares;
        order->spares_room = room;
    }
    while (order->spares_count < count) {
        struct order_block *block = malloc(sizeof(*block));
        if (block == NULL)
            return false;
        order->spares[order->spares_count++] = block;
    }
    return true;
}

bool
order_prepare(struct order *order, size_t more_count)
{
    /* Each block may be full and split once; beyond that a half-filled block
     * takes half a block of inserts before it splits again. */
    size_t splits =
        order->blocks_count + 2 * (more_count / (ORDER_BLOCK_SLOTS / 2)) + 2;
    if (splits > more_count)
        splits = more_count;
    size_t need = order->blocks_count + splits;
    if (need > order->blocks_room && need > order->next_room) {
        size_t room = need + need / 2 + 8;
        struct order_block **blocks =
            realloc(order->next_blocks, room * sizeof(*blocks));
        if (blocks == NULL)
            return false;
        order->next_blocks = blocks;
        order->next_room = room;
    }
    return spares_reserve(order, splits);
}

void *
order_prepared(struct order *order)
{
    if (order->next_blocks == NULL)
        return NULL;
    assert(order->next_room > order->blocks_room);
    struct order_block **old = order->blocks;
    if (order->blocks_count > 0)
        memcpy(order->next_blocks, old, order->blocks_count * sizeof(old[0]));
    order->blocks = order->next_blocks;
    order->blocks_room = order->next_room;
    order->next_blocks = NULL;
    order->next_room = 0;
    return old;
}

void
order_cut(struct order *order)
{
    while (order->spares_count > 0)
        free(order->spares[--order->spares_count]);
}

/* The block that holds `id` or where it belongs: the last one whose first id
 * is not above it. */
static size_t
block_of(const struct order *order, const struct ids *ids,
         const struct point_id *id)
{
    size_t low = 0, high = order->blocks_count;
    while (low + 1 < high) {
        size_t middle = low + (high - low) / 2;
        if (ids_compare(ids, order->blocks[middle]->slots[0], id) <= 0)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static size_t
index_in(const struct order_block *block, const struct ids *ids,
         const struct point_id *id)
{
    size_t low = 0, high = block->count;
    /* Ids mostly arrive in ascending order. */
    if (ids_compare(ids, block->slots[high - 1], id) < 0)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ids_compare(ids, block->slots[middle], id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct ids_cursor
order_seek(const struct order *order, const struct ids *ids,
           const struct point_id *id)
{
    struct ids_cursor cursor = { 0, 0 };
    if (order->blocks_count == 0)
        return cursor;
    cursor.block = block_of(order, ids, id);
    cursor.index = index_in(order->blocks[cursor.block], ids, id);
    return cursor;
}

static struct order_block *
block_add(struct order *order, size_t at)
{
    assert(order->spares_count > 0);
    assert(order->blocks_count < order->blocks_room &&
           at <= order->blocks_count);
    struct order_block *block = order->spares[--order->spares_count];
    block->count = 0;
    memmove(&order->blocks[at + 1], &order->blocks[at],
            (order->blocks_count - at) * sizeof(order->blocks[0]));
    order->blocks[at] = block;
    order->blocks_count++;
    return block;
}

/* Moves the upper half of block `at` into a new one behind it; of the last
 * block only nothing, so that ascending inserts leave full blocks. */
static void
block_split(struct order *order, size_t at, bool is_append)
{
    struct order_block *upper = block_add(order, at + 1);
    struct order_block *lower = order->blocks[at];
    uint32_t keep = is_append ? lower->count - 1 : lower->count / 2;
    upper->count = lower->count - keep;
    memcpy(upper->slots, lower->slots + keep,
           upper->count * sizeof(upper->slots[0]));
    lower->count = keep;
}

void
order_insert(struct order *order, const struct ids *ids, uint32_t slot,
             const struct point_id *id)
{
    if (order->blocks_count == 0)
        block_add(order, 0);
    size_t at = block_of(order, ids, id);
    struct order_block *block = order->blocks[at];
    size_t index = block->count == 0 ? 0 : index_in(block, ids, id);
    if (block->count == ORDER_BLOCK_SLOTS) {
        bool is_append =
            at + 1 == order->blocks_count && index == ORDER_BLOCK_SLOTS;
        block_split(order, at, is_append);
        if (index >= block->count) {
            index -= block->count;
            block = order->blocks[at + 1];
        }
    }
    memmove(&block->slots[index + 1], &block->slots[index],
            (block->count - index) * sizeof(block->slots[0]));
    block->slots[index] = slot;
    block->count++;
}

static struct ids_cursor
place_of(const struct order *order, const struct ids *ids,
         const struct point_id *id)
{
    struct ids_cursor cursor = order_seek(order, ids, id);
    assert(cursor.block < order->blocks_count);
    const struct order_block *block = order->blocks[cursor.block];
    assert(cursor.index < block->count);
    assert(ids_compare(ids, block->slots[cursor.index], id) == 0);
    return cursor;
}

void
order_replace(struct order *order, const struct ids *ids, uint32_t slot,
              const struct point_id *id)
{
    struct ids_cursor cursor = place_of(order, ids, id);
    order->blocks[cursor.block]->slots[cursor.index] = slot;
}

static void
block_drop(struct order *order, size_t at)
{
    free(order->blocks[at]);
    order->blocks_count--;
    memmove(&order->blocks[at], &order->blocks[at + 1],
            (order->blocks_count - at) * sizeof(order->blocks[0]));
}

/* Takes what block `at` + 1 holds into block `at` when both are rather empty:
 * so a list that shrinks gives memory back. */
static void
blocks_join(struct order *order, size_t at)
{
    if (at + 1 >= order->blocks_count)
        return;
    struct order_block *lower = order->blocks[at];
    const struct order_block *upper = order->blocks[at + 1];
    if (lower->count + upper->count > ORDER_BLOCK_SLOTS / 2)
        return;
    memcpy(lower->slots + lower->count, upper->slots,
           upper->count * sizeof(upper->slots[0]));
    lower->count += upper->count;
    block_drop(order, at + 1);
}

void
order_remove(struct order *order, const struct ids *ids,
             const struct point_id *id)
{
    struct ids_cursor cursor = place_of(order, ids, id);
    struct order_block *block = order->blocks[cursor.block];
    block->count--;
    memmove(&block->slots[cursor.index], &block->slots[cursor.index + 1],
            (block->count - cursor.index) * sizeof(block->slots[0]));
    if (block->count == 0) {
        block_drop(order, cursor.block);
        return;
    }
    blocks_join(order, cursor.block);
    if (cursor.block > 0)
        blocks_join(order, cursor.block - 1);
}

size_t
order_memory(const struct order *order)
{
    return (order->blocks_count + order->spares_count) *
               sizeof(struct order_block) +
           (order->blocks_room + order->spares_room) * sizeof(order->blocks[0]);
}
