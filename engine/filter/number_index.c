/* SPDX-License-Identifier: Apache-2.0
 * The ordered index of one numeric field. Invariants: no block is empty;
 * firsts[i] is blocks[i]->entries[0]; entries ascend strictly over all
 * blocks. A block that falls under a quarter joins a neighbour with room. */
#include "engine/filter/number_index.h"

#include "engine/filter/eval.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KIND_INTEGER   0x8000u
#define SORT_COUNT_MAX 4096 /* fewer slots are sorted, more set bits */
#define BLOCKS_MIN     16

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
struct position {
    size_t block;
    uint32_t at;
};

static uint64_t
key_of(double number)
{
    if (number == 0)
        number = 0; /* -0.0 and 0.0 are one number */
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return bits >> 63 != 0 ? ~bits : bits | UINT64_C(1) << 63;
}

struct number_entry
number_entry_float(double number, uint32_t slot)
{
    assert(isfinite(number));
    return (struct number_entry){ .key = key_of(number), .slot = slot };
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
    return (struct number_entry){ .key = key_of(image),
                                  .kind = (uint32_t)(KIND_INTEGER + off),
                                  .slot = slot };
}

static int
entry_compare(const struct number_entry *a, const struct number_entry *b)
{
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    return (a->slot > b->slot) - (a->slot < b->slot);
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

/* The first entry >= `entry`; {blocks_count, 0} past the end. */
static struct position
find(const struct number_index *index, const struct number_entry *entry)
{
    size_t low = 0, high = index->blocks_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entry_compare(&index->firsts[middle], entry) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return (struct position){ 0, 0 };
    const struct number_block *block = index->blocks[low - 1];
    uint32_t from = 0, to = block->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (entry_compare(&block->entries[middle], entry) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    if (from == block->count)
        return (struct position){ low, 0 };
    return (struct position){ low - 1, from };
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
block_split(struct number_index *index, struct position *place)
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
    struct position place = find(index, &entry);
    if (place.block < index->blocks_count &&
        entry_compare(&index->blocks[place.block]->entries[place.at], &entry) ==
            0) {
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
    struct position place = find(index, &entry);
    if (place.block == index->blocks_count)
        return;
    struct number_block *block = index->blocks[place.block];
    if (entry_compare(&block->entries[place.at], &entry) != 0)
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

/* ---- reading ---- */

struct extent {
    struct position from;
    struct position to; /* exclusive */
};

/* Keys low..high, both inclusive; false: none. */
static bool
range_keys(const struct range *range, uint64_t *ret_low, uint64_t *ret_high)
{
    uint64_t low = 0, high = UINT64_MAX;
    if ((range->has_gt && isnan(range->gt)) ||
        (range->has_gte && isnan(range->gte)) ||
        (range->has_lt && isnan(range->lt)) ||
        (range->has_lte && isnan(range->lte)))
        return false;
    if (range->has_gte)
        low = key_of(range->gte);
    if (range->has_gt && key_of(range->gt) + 1 > low)
        low = key_of(range->gt) + 1;
    if (range->has_lte)
        high = key_of(range->lte);
    if (range->has_lt && key_of(range->lt) - 1 < high)
        high = key_of(range->lt) - 1;
    *ret_low = low;
    *ret_high = high;
    return low <= high;
}

static struct extent
extent_of(const struct number_index *index, const struct number_entry *low,
          const struct number_entry *high)
{
    struct extent extent = { .from = find(index, low),
                             .to = find(index, high) };
    if (extent.to.block < index->blocks_count &&
        entry_compare(&index->blocks[extent.to.block]->entries[extent.to.at],
                      high) == 0)
        extent.to.at++;
    return extent;
}

static uint64_t
extent_count(const struct number_index *index, const struct extent *extent)
{
    if (extent->from.block == extent->to.block)
        return extent->to.at - extent->from.at;
    uint64_t count = index->blocks[extent->from.block]->count - extent->from.at;
    for (size_t i = extent->from.block + 1; i < extent->to.block; i++)
        count += index->blocks[i]->count;
    return count + extent->to.at;
}

static int
slot_compare(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Where slots gather: few are sorted, many become bits. */
struct gather {
    uint32_t *slots;
    uint64_t *words;
    size_t count;
    size_t words_count;
};

static bool
gather_init(struct gather *gather, const struct number_index *index,
            uint64_t count_max)
{
    *gather = (struct gather){ .words_count = index->slot_max / 64 + 1 };
    if (count_max <= SORT_COUNT_MAX)
        gather->slots = malloc((size_t)(count_max + 1) * sizeof(uint32_t));
    else
        gather->words = calloc(gather->words_count, sizeof(uint64_t));
    return gather->slots != NULL || gather->words != NULL;
}

static inline void
gather_slot(struct gather *gather, uint32_t slot)
{
    if (gather->slots != NULL)
        gather->slots[gather->count++] = slot;
    else
        gather->words[slot / 64] |= UINT64_C(1) << (slot % 64);
}

static void
gather_finish(struct gather *gather, struct slot_set *set)
{
    if (gather->slots != NULL) {
        if (gather->count > 1)
            qsort(gather->slots, gather->count, sizeof(uint32_t), slot_compare);
        slot_set_add_many(set, gather->slots, gather->count);
    } else {
        slot_set_add_words(set, gather->words, gather->words_count);
    }
    free(gather->slots);
    free(gather->words);
}

static enum engine_code
extent_slots(const struct number_index *index, const struct extent *extent,
             struct slot_set *set, struct error *reterr)
{
    uint64_t count = extent_count(index, extent);
    if (count == 0)
        return ENGINE_OK;
    struct gather gather;
    if (!gather_init(&gather, index, count))
        return error_memory(reterr);
    struct position at = extent->from;
    for (; count > 0; at.block++, at.at = 0) {
        const struct number_block *block = index->blocks[at.block];
        for (uint32_t i = at.at; i < block->count && count > 0; i++, count--)
            gather_slot(&gather, block->entries[i].slot);
    }
    gather_finish(&gather, set);
    return ENGINE_OK;
}

static bool
range_extent(const struct number_index *index, const struct range *range,
             struct extent *ret_extent)
{
    struct number_entry low = { 0 };
    struct number_entry high = { .kind = UINT32_MAX, .slot = UINT32_MAX };
    if (!range_keys(range, &low.key, &high.key))
        return false;
    *ret_extent = extent_of(index, &low, &high);
    return true;
}

uint64_t
number_index_range_count(const struct number_index *index,
                         const struct range *range)
{
    struct extent extent;
    if (!range_extent(index, range, &extent))
        return 0;
    return extent_count(index, &extent);
}

enum engine_code
number_index_range(const struct number_index *index, const struct range *range,
                   struct slot_set *set, struct error *reterr)
{
    struct extent extent;
    if (!range_extent(index, range, &extent))
        return ENGINE_OK;
    return extent_slots(index, &extent, set, reterr);
}

enum engine_code
number_index_integer(const struct number_index *index, int64_t number,
                     struct slot_set *set, struct error *reterr)
{
    struct number_entry low = number_entry_integer(number, 0);
    struct number_entry high = number_entry_integer(number, UINT32_MAX);
    struct extent extent = extent_of(index, &low, &high);
    return extent_slots(index, &extent, set, reterr);
}

static bool
is_listed(const struct number_entry *entry, const struct match_value *values,
          size_t count)
{
    for (size_t low = 0, high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        struct number_entry value =
            number_entry_integer(values[middle].integer, entry->slot);
        int order = entry_compare(&value, entry);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

enum engine_code
number_index_other(const struct number_index *index,
                   const struct match_value *values, size_t count,
                   struct slot_set *set, struct error *reterr)
{
    struct gather gather;
    if (!gather_init(&gather, index, index->count))
        return error_memory(reterr);
    for (size_t i = 0; i < index->blocks_count; i++) {
        const struct number_block *block = index->blocks[i];
        for (uint32_t k = 0; k < block->count; k++) {
            const struct number_entry *entry = &block->entries[k];
            if (entry->kind != 0 && !is_listed(entry, values, count))
                gather_slot(&gather, entry->slot);
        }
    }
    gather_finish(&gather, set);
    return ENGINE_OK;
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
