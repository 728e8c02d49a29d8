/* SPDX-License-Identifier: Apache-2.0
 * The ordered index of one numeric field. Invariants: no block is empty;
 * firsts[i] is blocks[i]->entries[0]; entries ascend strictly over all
 * blocks. A block that falls under a quarter joins a neighbour with room. */
#include "engine/filter/number_column.h"
#include "engine/filter/number_index_body.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KIND_INTEGER 0x8000u
#define BLOCKS_MIN   16
#define KINDS_SIZE   (NUMBER_BLOCK_ROOM * sizeof(uint16_t))

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

struct number_value
number_entry_value(const struct number_entry *entry)
{
    uint64_t bits =
        entry->key >> 63 != 0 ? entry->key ^ UINT64_C(1) << 63 : ~entry->key;
    struct number_value value = { .is_integer = entry->kind != 0 };
    memcpy(&value.real, &bits, sizeof(bits));
    if (value.is_integer) {
        uint64_t whole = value.real < 0 ? (uint64_t)(int64_t)value.real
                                        : (uint64_t)value.real;
        value.integer = (int64_t)(whole + entry->kind - KIND_INTEGER);
    }
    return value;
}

struct number_index *
number_index_new(struct disk_heap *heap)
{
    struct number_index *index = calloc(1, sizeof(*index));
    if (index != NULL)
        index->heap = heap;
    return index;
}

void
number_index_free(struct number_index *index)
{
    if (index == NULL)
        return;
    if (index->heap == NULL) {
        number_index_end(index);
        return;
    }
    free(index->blocks);
    free(index->firsts);
    free(index->pending);
    free(index);
}

void
number_index_end(struct number_index *index)
{
    for (size_t i = 0; i < index->blocks_count; i++)
        number_block_free(index->blocks[i], index->heap);
    number_column_drop(index);
    free(index->blocks);
    free(index->firsts);
    free(index->pending);
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
        struct number_entry other = number_entry_at(block, middle);
        if (number_entry_compare(&other, entry) < 0)
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

void
number_block_free(struct number_block *block, struct disk_heap *heap)
{
    disk_heap_give(heap, block->kinds, KINDS_SIZE);
    disk_heap_give(heap, block, sizeof(*block));
}

/* A kind for each entry; false when memory is out. */
static bool
kinds_make(struct number_block *block, struct disk_heap *heap)
{
    if (block->kinds != NULL)
        return true;
    block->kinds = disk_heap_take(heap, KINDS_SIZE);
    if (block->kinds == NULL)
        return false;
    for (uint32_t i = 0; i < block->count; i++)
        block->kinds[i] = (uint16_t)block->kind;
    return true;
}

/* Makes the block ready for an entry of that kind. */
static bool
kinds_prepare(struct number_block *block, struct disk_heap *heap, uint32_t kind)
{
    if (block->count == 0 && block->kinds == NULL)
        block->kind = kind;
    return (block->kinds == NULL && block->kind == kind) ||
           kinds_make(block, heap);
}

/* A new block at place `at` of the array, empty: the caller fills it and its
 * first entry at once. NULL when memory is out. */
static struct number_block *
block_insert(struct number_index *index, size_t at)
{
    if (!blocks_reserve(index))
        return NULL;
    struct number_block *block = disk_heap_take(index->heap, sizeof(*block));
    if (block == NULL)
        return NULL;
    block->count = 0;
    block->kind = 0;
    block->kinds = NULL;
    size_t after = index->blocks_count - at;
    memmove(index->blocks + at + 1, index->blocks + at,
            after * sizeof(struct number_block *));
    memmove(index->firsts + at + 1, index->firsts + at,
            after * sizeof(*index->firsts));
    index->blocks[at] = block;
    index->blocks_count++;
    return block;
}

struct number_block *
number_index_append(struct number_index *index)
{
    return block_insert(index, index->blocks_count);
}

static void
block_remove(struct number_index *index, size_t at)
{
    number_block_free(index->blocks[at], index->heap);
    size_t after = index->blocks_count - at - 1;
    memmove(index->blocks + at, index->blocks + at + 1,
            after * sizeof(struct number_block *));
    memmove(index->firsts + at, index->firsts + at + 1,
            after * sizeof(*index->firsts));
    index->blocks_count--;
}

/* `count` entries of `from` at `from_at` come to stand at `to_at` of `to`;
 * both have kinds, or neither. */
static void
entries_move(struct number_block *to, uint32_t to_at,
             const struct number_block *from, uint32_t from_at, uint32_t count)
{
    memmove(to->keys + to_at, from->keys + from_at, count * sizeof(uint64_t));
    memmove(to->slots + to_at, from->slots + from_at, count * sizeof(uint32_t));
    if (to->kinds != NULL)
        memmove(to->kinds + to_at, from->kinds + from_at,
                count * sizeof(uint16_t));
}

static void
entry_write(struct number_block *block, uint32_t at, struct number_entry entry)
{
    block->keys[at] = entry.key;
    block->slots[at] = entry.slot;
    if (block->kinds != NULL)
        block->kinds[at] = (uint16_t)entry.kind;
    block->count++;
}

bool
number_block_push(struct number_block *block, struct disk_heap *heap,
                  struct number_entry entry)
{
    assert(block->count < NUMBER_BLOCK_ROOM);
    if (!kinds_prepare(block, heap, entry.kind))
        return false;
    entry_write(block, block->count, entry);
    return true;
}

static bool
block_put(struct number_index *index, size_t at, uint32_t place,
          struct number_entry entry)
{
    struct number_block *block = index->blocks[at];
    assert(block->count < NUMBER_BLOCK_ROOM);
    if (!kinds_prepare(block, index->heap, entry.kind))
        return false;
    entries_move(block, place + 1, block, place, block->count - place);
    entry_write(block, place, entry);
    index->firsts[at] = number_entry_at(block, 0);
    return true;
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
    upper->kind = block->kind;
    if (block->kinds != NULL && kept < block->count &&
        !kinds_make(upper, index->heap)) {
        block_remove(index, place->block + 1);
        return false;
    }
    upper->count = block->count - kept;
    entries_move(upper, 0, block, kept, upper->count);
    block->count = kept;
    if (upper->count > 0)
        index->firsts[place->block + 1] = number_entry_at(upper, 0);
    if (is_tail || place->at > kept) {
        place->block++;
        place->at -= kept;
    }
    return true;
}

static bool
has_entry(const struct number_index *index, const struct number_position *place,
          const struct number_entry *entry)
{
    if (place->block == index->blocks_count)
        return false;
    struct number_entry other =
        number_entry_at(index->blocks[place->block], place->at);
    return number_entry_compare(&other, entry) == 0;
}

enum engine_code
number_index_add(struct number_index *index, struct number_entry entry,
                 bool *ret_added, struct error *reterr)
{
    if (index->is_bulk)
        return number_index_bulk_add(index, entry, ret_added, reterr);
    struct number_position place = number_index_find(index, &entry);
    if (has_entry(index, &place, &entry)) {
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
    if (!block_put(index, place.block, place.at, entry)) {
        if (index->blocks[place.block]->count == 0)
            block_remove(index, place.block);
        return error_memory(reterr);
    }
    index->count++;
    if (entry.slot > index->slot_max)
        index->slot_max = entry.slot;
    number_column_add(index, entry);
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
    bool is_alike = left->kinds == NULL && right->kinds == NULL &&
                    left->kind == right->kind;
    if (!is_alike &&
        (!kinds_make(left, index->heap) || !kinds_make(right, index->heap)))
        return;
    entries_move(left, left->count, right, 0, right->count);
    left->count += right->count;
    block_remove(index, at + 1);
}

void
number_index_remove(struct number_index *index, struct number_entry entry)
{
    if (index->is_bulk) {
        number_index_bulk_remove(index, entry);
        return;
    }
    struct number_position place = number_index_find(index, &entry);
    if (!has_entry(index, &place, &entry))
        return;
    number_column_remove(index, entry);
    struct number_block *block = index->blocks[place.block];
    entries_move(block, place.at, block, place.at + 1,
                 block->count - place.at - 1);
    block->count--;
    index->count--;
    if (block->count == 0) {
        block_remove(index, place.block);
        return;
    }
    index->firsts[place.block] = number_entry_at(block, 0);
    if (block->count < NUMBER_BLOCK_ROOM / 4) {
        block_join(index, place.block);
        if (place.block > 0)
            block_join(index, place.block - 1);
    }
}

size_t
number_index_memory(const struct number_index *index)
{
    size_t size =
        sizeof(*index) + index->pending_room * sizeof(struct number_entry) +
        index->blocks_room *
            (sizeof(struct number_block *) + sizeof(struct number_entry));
    if (index->heap != NULL)
        return size;
    for (size_t i = 0; i < index->blocks_count; i++)
        if (index->blocks[i]->kinds != NULL)
            size += KINDS_SIZE;
    return size + number_column_memory(index) +
           index->blocks_count * sizeof(struct number_block);
}
