/* SPDX-License-Identifier: Apache-2.0
 * Which slots have a number: a part of the ordered entries, gathered. */
#include "engine/filter/number_column.h"
#include "engine/filter/number_index_body.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define SORT_COUNT_MAX 4096 /* fewer slots are sorted, more set bits */
/* So many entries for each slot that is wanted are not gathered: the slots are
 * looked at, or looked for. */
#define WITHIN_SHARE 8u
/* Integers below are told apart by their doubles alone. */
#define WHOLE_MAX ((int64_t)1 << 53)

struct extent {
    struct number_position from;
    struct number_position to; /* exclusive */
};

uint64_t
number_index_count(const struct number_index *index)
{
    return index->count;
}

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
        low = number_key(range->gte);
    if (range->has_gt && number_key(range->gt) + 1 > low)
        low = number_key(range->gt) + 1;
    if (range->has_lte)
        high = number_key(range->lte);
    if (range->has_lt && number_key(range->lt) - 1 < high)
        high = number_key(range->lt) - 1;
    *ret_low = low;
    *ret_high = high;
    return low <= high;
}

static struct extent
extent_of(const struct number_index *index, const struct number_entry *low,
          const struct number_entry *high)
{
    struct extent extent = { .from = number_index_find(index, low),
                             .to = number_index_find(index, high) };
    if (extent.to.block < index->blocks_count) {
        struct number_entry last =
            number_entry_at(index->blocks[extent.to.block], extent.to.at);
        if (number_entry_compare(&last, high) == 0)
            extent.to.at++;
    }
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

/* The slots of the extent that are in `within`, each once: its bit goes when it
 * is found. */
static size_t
find_wanted(const struct number_index *index, const struct extent *extent,
            uint64_t *wanted, uint32_t *found)
{
    uint64_t count = extent_count(index, extent);
    struct number_position at = extent->from;
    size_t found_count = 0;
    for (; count > 0; at.block++, at.at = 0) {
        const struct number_block *block = index->blocks[at.block];
        for (uint32_t i = at.at; i < block->count && count > 0; i++, count--) {
            uint32_t slot = block->slots[i];
            uint64_t bit = UINT64_C(1) << (slot % 64);
            if ((wanted[slot / 64] & bit) == 0)
                continue;
            wanted[slot / 64] &= ~bit;
            found[found_count++] = slot;
        }
    }
    return found_count;
}

static enum engine_code
extent_within(const struct number_index *index, const struct extent *extent,
              const struct slot_set *within, struct slot_set *set,
              struct error *reterr)
{
    size_t words_count = index->slot_max / 64 + 1;
    size_t most = (size_t)slot_set_count(within);
    uint64_t *wanted = calloc(words_count, sizeof(*wanted));
    uint32_t *found = malloc((most + 1) * sizeof(*found));
    bool is_out = wanted == NULL || found == NULL;
    if (!is_out) {
        slot_set_to_words(within, wanted, words_count);
        size_t count = find_wanted(index, extent, wanted, found);
        if (count > 1)
            qsort(found, count, sizeof(*found), slot_compare);
        slot_set_add_many(set, found, count);
    }
    free(wanted);
    free(found);
    return is_out ? error_memory(reterr) : ENGINE_OK;
}

/* Those of `within` by the keys of their slots. */
static enum engine_code
pick_within(const struct number_column *column, const struct number_keys *keys,
            const struct slot_set *within, struct slot_set *set,
            struct error *reterr)
{
    size_t count = (size_t)slot_set_count(within);
    uint32_t *slots = malloc((count + 1) * sizeof(*slots));
    if (slots == NULL)
        return error_memory(reterr);
    slot_set_to_list(within, slots);
    slot_set_add_many(set, slots,
                      number_column_pick(column, keys, slots, count, slots));
    free(slots);
    return ENGINE_OK;
}

/* Those in `within`, or all. `keys`: NULL when they do not tell. */
static enum engine_code
extent_slots(struct number_index *index, const struct extent *extent,
             const struct number_keys *keys, const struct slot_set *within,
             struct slot_set *set, struct error *reterr)
{
    uint64_t count = extent_count(index, extent);
    if (count == 0)
        return ENGINE_OK;
    if (within != NULL && slot_set_count(within) < count / WITHIN_SHARE) {
        const struct number_column *column =
            keys != NULL ? number_column_get(index) : NULL;
        if (column != NULL)
            return pick_within(column, keys, within, set, reterr);
        return extent_within(index, extent, within, set, reterr);
    }
    struct gather gather;
    if (!gather_init(&gather, index, count))
        return error_memory(reterr);
    struct number_position at = extent->from;
    for (; count > 0; at.block++, at.at = 0) {
        const struct number_block *block = index->blocks[at.block];
        for (uint32_t i = at.at; i < block->count && count > 0; i++, count--)
            gather_slot(&gather, block->slots[i]);
    }
    gather_finish(&gather, set);
    return ENGINE_OK;
}

static struct extent
keys_extent(const struct number_index *index, const struct number_keys *keys)
{
    struct number_entry low = { .key = keys->first };
    struct number_entry high = { keys->last, UINT32_MAX, UINT32_MAX };
    return extent_of(index, &low, &high);
}

uint64_t
number_index_range_count(const struct number_index *index,
                         const struct range *range)
{
    struct number_keys keys;
    if (!range_keys(range, &keys.first, &keys.last))
        return 0;
    struct extent extent = keys_extent(index, &keys);
    return extent_count(index, &extent);
}

enum engine_code
number_index_range(struct number_index *index, const struct range *range,
                   const struct slot_set *within, struct slot_set *set,
                   struct error *reterr)
{
    struct number_keys keys;
    if (!range_keys(range, &keys.first, &keys.last))
        return ENGINE_OK;
    struct extent extent = keys_extent(index, &keys);
    return extent_slots(index, &extent, &keys, within, set, reterr);
}

enum engine_code
number_index_integer(struct number_index *index, int64_t number,
                     struct slot_set *set, struct error *reterr)
{
    struct number_entry low = number_entry_integer(number, 0);
    struct number_entry high = number_entry_integer(number, UINT32_MAX);
    struct extent extent = extent_of(index, &low, &high);
    return extent_slots(index, &extent, NULL, NULL, set, reterr);
}

/* Whether no other integer has the double of this bound, or there is none
 * beyond it. */
static bool
is_told_by_key(int64_t bound)
{
    return (bound > -WHOLE_MAX && bound < WHOLE_MAX) || bound == INT64_MIN ||
           bound == INT64_MAX;
}

enum engine_code
number_index_between(struct number_index *index, struct number_span span,
                     const struct slot_set *within, struct slot_set *set,
                     struct error *reterr)
{
    if (span.first > span.last)
        return ENGINE_OK;
    struct number_entry low = number_entry_integer(span.first, 0);
    struct number_entry high = number_entry_integer(span.last, UINT32_MAX);
    struct extent extent = extent_of(index, &low, &high);
    const struct number_keys keys = { low.key, high.key };
    bool is_told = is_told_by_key(span.first) && is_told_by_key(span.last);
    return extent_slots(index, &extent, is_told ? &keys : NULL, within, set,
                        reterr);
}

/* Keys repeat, and each is tested once. */
static void
extent_pick(const struct number_index *index, const struct extent *extent,
            number_test test, void *ctx, struct gather *gather)
{
    uint64_t count = extent_count(index, extent), key = 0;
    struct number_position at = extent->from;
    bool has_key = false, holds = false;
    for (; count > 0; at.block++, at.at = 0) {
        const struct number_block *block = index->blocks[at.block];
        for (uint32_t i = at.at; i < block->count && count > 0; i++, count--) {
            if (!has_key || block->keys[i] != key) {
                key = block->keys[i];
                has_key = true;
                holds = test(ctx, key);
            }
            if (holds)
                gather_slot(gather, block->slots[i]);
        }
    }
}

enum engine_code
number_index_pick(const struct number_index *index,
                  const struct number_keys *ranges, size_t count,
                  number_test test, void *ctx, struct slot_set *set,
                  struct error *reterr)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        struct extent extent = keys_extent(index, &ranges[i]);
        total += extent_count(index, &extent);
    }
    struct gather gather;
    if (!gather_init(&gather, index, total))
        return error_memory(reterr);
    for (size_t i = 0; i < count; i++) {
        struct extent extent = keys_extent(index, &ranges[i]);
        extent_pick(index, &extent, test, ctx, &gather);
    }
    gather_finish(&gather, set);
    return ENGINE_OK;
}

static bool
is_listed(const struct number_entry *entry, const struct match_value *values,
          size_t count)
{
    for (size_t low = 0, high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        struct number_entry value =
            number_entry_integer(values[middle].integer, entry->slot);
        int order = number_entry_compare(&value, entry);
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
            struct number_entry entry = number_entry_at(block, k);
            if (entry.kind != 0 && !is_listed(&entry, values, count))
                gather_slot(&gather, entry.slot);
        }
    }
    gather_finish(&gather, set);
    return ENGINE_OK;
}

size_t
number_index_page(const struct number_index *index,
                  enum number_direction direction,
                  const struct number_entry *from,
                  struct number_entry *ret_entries, size_t count_max)
{
    struct number_position at = number_index_find(index, from);
    size_t count = 0;
    struct number_entry first = *from;
    if (at.block < index->blocks_count)
        first = number_entry_at(index->blocks[at.block], at.at);
    bool is_there = at.block < index->blocks_count &&
                    number_entry_compare(&first, from) == 0;
    if (direction == NUMBER_ASCENDING) {
        for (; count < count_max && at.block < index->blocks_count;) {
            const struct number_block *block = index->blocks[at.block];
            ret_entries[count++] = number_entry_at(block, at.at);
            at = at.at + 1 < block->count
                     ? (struct number_position){ at.block, at.at + 1 }
                     : (struct number_position){ at.block + 1, 0 };
        }
        return count;
    }
    if (is_there && count_max > 0)
        ret_entries[count++] = *from;
    while (count < count_max && (at.at > 0 || at.block > 0)) {
        if (at.at == 0)
            at.at = index->blocks[--at.block]->count;
        ret_entries[count++] =
            number_entry_at(index->blocks[at.block], --at.at);
    }
    return count;
}
