/* SPDX-License-Identifier: Apache-2.0
 * Many numbers at once: kept as they come, by ascending slots mostly, then
 * sorted by their bytes (a stable radix sort that leaves out bytes in which all
 * are alike) and merged with the blocks that are there. */
#include "engine/filter/number_column.h"
#include "engine/filter/number_index_body.h"

#include <assert.h>
#include <stdlib.h>

#define PENDING_MIN 1024u
/* Sorted in when so many are there: 16 MiB, and as much to sort them. */
#define PENDING_MAX ((size_t)1 << 20)

/* Blocks are not filled to the last: what comes next would split them all. */
#define FILLED      (NUMBER_BLOCK_ROOM - NUMBER_BLOCK_ROOM / 16)
#define LOOK_BACK   64u
#define BYTES_COUNT (8 + 2 + 4) /* of key, kind and slot */

void
number_index_bulk(struct number_index *index)
{
    assert(index->count == 0);
    number_column_drop(index);
    index->is_bulk = true;
}

static bool
pending_grow(struct number_index *index)
{
    size_t room =
        index->pending_room == 0 ? PENDING_MIN : index->pending_room * 2;
    struct number_entry *pending =
        realloc(index->pending, room * sizeof(*pending));
    if (pending == NULL)
        return false;
    index->pending = pending;
    index->pending_room = room;
    return true;
}

/* ---- sorting ---- */

/* From the least significant: slot, kind, key. */
static inline unsigned
byte_of(const struct number_entry *entry, unsigned number)
{
    if (number < 4)
        return entry->slot >> 8 * number & 0xff;
    if (number < 6)
        return entry->kind >> 8 * (number - 4) & 0xff;
    return (unsigned)(entry->key >> 8 * (number - 6)) & 0xff;
}

/* By one byte, from `from` into `to`; false: they are all alike in it. */
static bool
sort_by(const struct number_entry *from, struct number_entry *to, size_t count,
        unsigned number)
{
    size_t places[256] = { 0 };
    for (size_t i = 0; i < count; i++)
        places[byte_of(&from[i], number)]++;
    if (places[byte_of(&from[0], number)] == count)
        return false;
    size_t place = 0;
    for (unsigned i = 0; i < 256; i++) {
        size_t size = places[i];
        places[i] = place;
        place += size;
    }
    for (size_t i = 0; i < count; i++)
        to[places[byte_of(&from[i], number)]++] = from[i];
    return true;
}

/* Slots come ascending from who reads all points: those bytes need no sort
 * then. */
static bool
has_sorted_slots(const struct number_entry *entries, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (entries[i].slot < entries[i - 1].slot)
            return false;
    return true;
}

/* False when memory is out. */
static bool
pending_sort(struct number_index *index)
{
    struct number_entry *from = index->pending;
    size_t count = index->pending_count;
    if (count < 2)
        return true;
    struct number_entry *to = malloc(index->pending_room * sizeof(*to));
    if (to == NULL)
        return false;
    unsigned first = has_sorted_slots(from, count) ? 4 : 0;
    for (unsigned number = first; number < BYTES_COUNT; number++) {
        if (!sort_by(from, to, count, number))
            continue;
        struct number_entry *old = from;
        from = to;
        to = old;
    }
    index->pending = from;
    free(to);
    return true;
}

/* ---- merging ---- */

/* Puts entries behind each other into full blocks. */
static bool
put_last(struct number_index *index, struct number_entry entry)
{
    struct number_block *block = NULL;
    if (index->blocks_count > 0)
        block = index->blocks[index->blocks_count - 1];
    if (block != NULL) {
        struct number_entry last = number_entry_at(block, block->count - 1);
        if (number_entry_compare(&last, &entry) == 0)
            return true;
    }
    bool is_new = block == NULL || block->count >= FILLED;
    if (is_new)
        block = number_index_append(index);
    if (block == NULL || !number_block_push(block, index->heap, entry))
        return false;
    if (is_new)
        index->firsts[index->blocks_count - 1] = entry;
    index->count++;
    if (entry.slot > index->slot_max)
        index->slot_max = entry.slot;
    return true;
}

/* All of `old` and the pending ones into `index`, which is empty. What is the
 * same comes once. */
static bool
merge(struct number_index *index, const struct number_index *old,
      const struct number_entry *pending, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < old->blocks_count; i++) {
        const struct number_block *block = old->blocks[i];
        for (uint32_t k = 0; k < block->count; k++) {
            struct number_entry entry = number_entry_at(block, k);
            for (;
                 at < count && number_entry_compare(&pending[at], &entry) <= 0;
                 at++)
                if (!put_last(index, pending[at]))
                    return false;
            if (!put_last(index, entry))
                return false;
        }
    }
    for (; at < count; at++)
        if (!put_last(index, pending[at]))
            return false;
    return true;
}

/* False when memory is out: nothing is lost, and those pending stay so. */
static bool
pending_flush(struct number_index *index)
{
    if (index->pending_count == 0)
        return true;
    struct number_index *merged = number_index_new(index->heap);
    if (merged == NULL)
        return false;
    if (!pending_sort(index) ||
        !merge(merged, index, index->pending, index->pending_count)) {
        number_index_end(merged);
        return false;
    }
    struct number_index old = *index;
    merged->is_bulk = old.is_bulk;
    merged->pending = old.pending;
    merged->pending_room = old.pending_room;
    *index = *merged;
    old.pending = NULL;
    *merged = old;
    number_index_end(merged);
    return true;
}

/* ---- what number_index.c calls ---- */

enum engine_code
number_index_bulk_add(struct number_index *index, struct number_entry entry,
                      bool *ret_added, struct error *reterr)
{
    /* A slot's values come together. Of very many some that come again are
     * seen when they are merged. */
    size_t end = index->pending_count;
    size_t begin = end > LOOK_BACK ? end - LOOK_BACK : 0;
    for (size_t i = end; i > begin && index->pending[i - 1].slot == entry.slot;
         i--) {
        if (number_entry_compare(&index->pending[i - 1], &entry) == 0) {
            *ret_added = false;
            return ENGINE_OK;
        }
    }
    if (index->pending_count == index->pending_room) {
        bool is_ok = index->pending_count < PENDING_MAX ? pending_grow(index)
                                                        : pending_flush(index);
        if (!is_ok)
            return error_memory(reterr);
    }
    index->pending[index->pending_count++] = entry;
    *ret_added = true;
    return ENGINE_OK;
}

/* Looks at those pending alone when there is no memory to sort them in. */
static void
pending_remove(struct number_index *index, struct number_entry entry)
{
    for (size_t i = 0; i < index->pending_count; i++) {
        if (number_entry_compare(&index->pending[i], &entry) != 0)
            continue;
        index->pending[i] = index->pending[--index->pending_count];
        return;
    }
}

/* Changes come beside: from now on one by one. */
void
number_index_bulk_remove(struct number_index *index, struct number_entry entry)
{
    if (pending_flush(index)) {
        index->is_bulk = false;
        free(index->pending);
        index->pending = NULL;
        index->pending_count = index->pending_room = 0;
        number_index_remove(index, entry);
        return;
    }
    pending_remove(index, entry);
    index->is_bulk = false;
    number_index_remove(index, entry);
    index->is_bulk = true;
}

enum engine_code
number_index_settle(struct number_index *index, struct error *reterr)
{
    if (!pending_flush(index))
        return error_memory(reterr);
    free(index->pending);
    index->pending = NULL;
    index->pending_count = index->pending_room = 0;
    index->is_bulk = false;
    return ENGINE_OK;
}
