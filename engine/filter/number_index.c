/* SPDX-License-Identifier: Apache-2.0
 * The ordered index of one numeric field. Invariants: no block is empty;
 * firsts[i] is blocks[i]->entries[0]; entries ascend strictly over all
 * blocks. A block that falls under a quarter joins a neighbour with room. */
#include "engine/filter/number_index_body.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KIND_INTEGER 0x8000u
#define BLOCKS_MIN   16

struct number_entry
number_entry_float(double number, uint32_t slot)
{
    assert(isfinite(number));
    return (struct number_entry){ .key = number_key(number), .slot = slot };
}

/* A double is off by at most 512 from an integer of 64 bits. The difference
 * is taken modulo 2^64, because 2^63 itself is no i64. */
struct number_entry
number_entry_integer(int64_t number, uint32_t slot)
{
    double image = (double)number;
    uint64_t whole = image < 0 ? (uint64_t)(int64_t)image : (uint64_t)image;
    int64_t off = (int64_t)((uint64_t)number - whole);
    assert(off >= -1024 && off <= 1024);
    return (struct number_entry){ .key = number_key(image),
                                  .kind = (uint32_t)(KIND_INTEGER + off),
                                  .slot = slot };
}

int64_t
number_entry_to_integer(const struct number_entry *entry)
{
    assert(entry->kind != 0);
    uint64_t bits =
        entry->key >> 63 != 0 ? entry->key & ~(UINT64_C(1) << 63) : ~entry->key;
    double image;
    memcpy(&image, &bits, sizeof(image));
    uint64_t whole = image < 0 ? (uint64_t)(int64_t)image : (uint64_t)image;
    return (int64_t)(whole + entry->kind - KIND_INTEGER);
}

struct number_index *
number_index_new(void)
{
    return calloc(1, sizeof(struct number_index));
}

void
number_index_free(struct number_index *index)
{
    if (index == NULL)
        return;
    for (size_t i = 0; i < index->blocks_count; i++)
        free(index->blocks[i]);
    free(index->blocks);
    free(index->firsts);
    free(index);
}

struct number_position
number_index_find(const struct number_index *index,
                  const struct number_entry *entry)
{
    size_t low = 0, high = index->blocks_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (number_entry_compare(&index->firsts[middle], entry) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return (struct number_position){ 0, 0 };
    const struct number_block *block = index->blocks[low - 1];
    uint32_t from = 0, to = block->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (number_entry_compare(&block->entries[middle], entry) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    if (from == block->count)
        return (struct number_position){ low, 0 };
    return (struct number_position){ low - 1, from };
}

static bool
blocks_reserve(struct number_index *index)
{
    if (index->blocks_count < index->blocks_room)
        return true;
    size_t room = index->blocks_room == 0 ? BLOCKS_MIN : index->blocks_room * 2;
    struct number_block **blocks =
        realloc(index->blocks, room * sizeof(struct number_block *));
    if (blocks == NULL)
        return false;
    index->blocks = blocks;
    struct number_entry *firsts =
        realloc(index->firsts, room * sizeof(*firsts));
    if (firsts == NULL)
        return false;
    index->firsts = firsts;
    index->blocks_room = room;
    return true;
}

/* A new block at place `at` of the array, empty: the caller fills it and its
 * first entry at once. NULL when memory is out. */
static struct number_block *
block_insert(struct number_index *index, size_t at)
{
    if (!blocks_reserve(index))
        return NULL;
    struct number_block *block = malloc(sizeof(*block));
    if (block == NULL)
        return NULL;
    block->count = 0;
    size_t after = index->blocks_count - at;
    memmove(index->blocks + at + 1, index->blocks + at,
            after * sizeof(struct number_block *));
    memmove(index->firsts + at + 1, index->firsts + at,
            after * sizeof(*index->firsts));
    index->blocks[at] = block;
    index->blocks_count++;
    return block;
}

static void
block_remove(struct number_index *index, size_t at)
{
    free(index->blocks[at]);
    size_t after = index->blocks_count - at - 1;
    memmove(index->blocks + at, index->blocks + at + 1,
            after * sizeof(struct number_block *));
    memmove(index->firsts + at, index->firsts + at + 1,
            after * sizeof(*index->firsts));
    index->blocks_count--;
}

static void
block_put(struct number_index *index, size_t at, uint32_t place,
          struct number_entry entry)
{
    struct number_block *block = index->blocks[at];
    assert(block->count < NUMBER_BLOCK_ROOM);
    memmove(block->entries + place + 1, block->entries + place,
            (block->count - place) * sizeof(entry));
    block->entries[place] = entry;
    block->count++;
    index->firsts[at] = block->entries[0];
}

/* Makes room in full block `at` by moving its upper half to a new one; at the
 * end of all numbers nothing moves, so that rising numbers fill blocks. */
static bool
block_split(struct number_index *index, struct number_position *place)
{
    struct number_block *block = index->blocks[place->block];
    bool is_tail =
        place->block + 1 == index->blocks_count && place->at == block->count;
    struct number_block *upper = block_insert(index, place->block + 1);
    if (upper == NULL)
        return false;
    uint32_t kept = is_tail ? block->count : block->count / 2;
    upper->count = block->count - kept;
    memcpy(upper->entries, block->entries + kept,
           upper->count * sizeof(block->entries[0]));
    block->count = kept;
    if (upper->count > 0)
        index->firsts[place->block + 1] = upper->entries[0];
    if (is_tail || place->at > kept) {
        place->block++;
        place->at -= kept;
    }
    return true;
}

enum engine_code
number_index_add(struct number_index *index, struct number_entry entry,
                 bool *ret_added, struct error *reterr)
{
    struct number_position place = number_index_find(index, &entry);
    if (place.block < index->blocks_count &&
        number_entry_compare(&index->blocks[place.block]->entries[place.at],
                             &entry) == 0) {
        *ret_added = false;
        return ENGINE_OK;
    }
    if (index->blocks_count == 0) {
        if (block_insert(index, 0) == NULL)
            return error_memory(reterr);
    } else if (place.at == 0 && place.block > 0) {
        /* Between two blocks: the end of the left one. */
        place.block--;
        place.at = index->blocks[place.block]->count;
    }
    if (index->blocks[place.block]->count == NUMBER_BLOCK_ROOM &&
        !block_split(index, &place))
        return error_memory(reterr);
    block_put(index, place.block, place.at, entry);
    index->count++;
    if (entry.slot > index->slot_max)
        index->slot_max = entry.slot;
    *ret_added = true;
    return ENGINE_OK;
}

/* Moves everything of block `at + 1` into block `at` when that leaves room. */
static void
block_join(struct number_index *index, size_t at)
{
    if (at + 1 >= index->blocks_count)
        return;
    struct number_block *left = index->blocks[at];
    struct number_block *right = index->blocks[at + 1];
    if (left->count + right->count > NUMBER_BLOCK_ROOM / 4 * 3)
        return;
    memcpy(left->entries + left->count, right->entries,
           right->count * sizeof(right->entries[0]));
    left->count += right->count;
    block_remove(index, at + 1);
}

void
number_index_remove(struct number_index *index, struct number_entry entry)
{
    struct number_position place = number_index_find(index, &entry);
    if (place.block == index->blocks_count)
        return;
    struct number_block *block = index->blocks[place.block];
    if (number_entry_compare(&block->entries[place.at], &entry) != 0)
        return;
    memmove(block->entries + place.at, block->entries + place.at + 1,
            (block->count - place.at - 1) * sizeof(entry));
    block->count--;
    index->count--;
    if (block->count == 0) {
        block_remove(index, place.block);
        return;
    }
    index->firsts[place.block] = block->entries[0];
    if (block->count < NUMBER_BLOCK_ROOM / 4) {
        block_join(index, place.block);
        if (place.block > 0)
            block_join(index, place.block - 1);
    }
}

uint64_t
number_index_count(const struct number_index *index)
{
    return index->count;
}

size_t
number_index_memory(const struct number_index *index)
{
    return sizeof(*index) +
           index->blocks_room *
               (sizeof(struct number_block *) + sizeof(struct number_entry)) +
           index->blocks_count * sizeof(struct number_block);
}
