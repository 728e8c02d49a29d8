/* SPDX-License-Identifier: Apache-2.0
 * Keys by slot. A key is that of a finite double, so that the numbers above the
 * infinite one are free: the highest says "none", the others are the places of
 * lists of several keys, in no order. */
#include "engine/filter/number_column.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

#define KEY_NONE UINT64_MAX
/* The key of infinity; above it 52 bits, more than an address has. */
#define KEY_PLACE (UINT64_C(0xfff) << 52)

/* Not for indexes where so many slots have no number for each that has. */
#define SLOTS_PER_NUMBER 4u
/* Dropped when there are so few, that it does not come and go. */
#define SLOTS_PER_NUMBER_MAX 8u
#define ROOM_MIN             1024u
#define LIST_ROOM_MIN        3u

struct keys_list {
    uint32_t count;
    uint32_t room;
    uint64_t keys[];
};

struct number_column {
    struct disk_heap *heap; /* of it and its lists; NULL: malloc */
    size_t room;
    size_t lists_size;
    uint64_t keys[];
};

static struct number_column *
column_of(const struct number_index *index)
{
    return atomic_load_explicit(&index->column, memory_order_acquire);
}

static size_t
column_size(size_t room)
{
    return sizeof(struct number_column) + room * sizeof(uint64_t);
}

static struct number_column *
column_new(struct disk_heap *heap, size_t room, size_t lists_size)
{
    uint64_t used = 0;
    struct number_column *column = NULL;
    if (heap != NULL || memory_may_work(column_size(room) + lists_size, &used))
        column = disk_heap_take(heap, column_size(room));
    if (column == NULL)
        return NULL;
    column->heap = heap;
    column->room = room;
    column->lists_size = 0;
    for (size_t slot = 0; slot < room; slot++)
        column->keys[slot] = KEY_NONE;
    return column;
}

/* ---- lists ---- */

static bool
is_list(uint64_t key)
{
    return key > KEY_PLACE && key != KEY_NONE;
}

static struct keys_list *
list_at(uint64_t key)
{
    return (struct keys_list *)(uintptr_t)(key - KEY_PLACE);
}

static uint64_t
place_of(const struct keys_list *list)
{
    uint64_t place = (uint64_t)(uintptr_t)list;
    assert(place > 0 && place < UINT64_MAX - KEY_PLACE);
    return KEY_PLACE + place;
}

static size_t
list_size(uint32_t room)
{
    return sizeof(struct keys_list) + room * sizeof(uint64_t);
}

static void
list_free(struct number_column *column, struct keys_list *list)
{
    column->lists_size -= list_size(list->room);
    disk_heap_give(column->heap, list, list_size(list->room));
}

/* One with `room`, and what `old` (NULL: nothing) has, which goes. */
static struct keys_list *
list_grow(struct number_column *column, struct keys_list *old, uint32_t room)
{
    struct keys_list *list = disk_heap_take(column->heap, list_size(room));
    if (list == NULL)
        return NULL;
    list->count = 0;
    list->room = room;
    column->lists_size += list_size(room);
    if (old != NULL) {
        list->count = old->count;
        memcpy(list->keys, old->keys, old->count * sizeof(old->keys[0]));
        list_free(column, old);
    }
    return list;
}

/* False when memory is out. */
static bool
column_put(struct number_column *column, uint32_t slot, uint64_t key)
{
    uint64_t *place = &column->keys[slot];
    struct keys_list *list;
    assert(key < KEY_PLACE);
    if (*place == KEY_NONE) {
        *place = key;
        return true;
    }
    if (!is_list(*place)) {
        list = list_grow(column, NULL, LIST_ROOM_MIN);
        if (list == NULL)
            return false;
        list->keys[list->count++] = *place;
        *place = place_of(list);
    }
    list = list_at(*place);
    if (list->count == list->room) {
        list = list_grow(column, list, list->room * 2);
        if (list == NULL)
            return false;
        *place = place_of(list);
    }
    list->keys[list->count++] = key;
    return true;
}

static void
list_remove(struct number_column *column, uint64_t *place, uint64_t key)
{
    struct keys_list *list = list_at(*place);
    uint32_t at = 0;
    while (at < list->count && list->keys[at] != key)
        at++;
    assert(at < list->count);
    list->keys[at] = list->keys[--list->count];
    if (list->count > 1)
        return;
    *place = list->keys[0];
    list_free(column, list);
}

/* ---- all of them ---- */

static void
column_free(struct number_column *column)
{
    if (column == NULL)
        return;
    for (size_t slot = 0; column->lists_size > 0 && slot < column->room; slot++)
        if (is_list(column->keys[slot]))
            list_free(column, list_at(column->keys[slot]));
    disk_heap_give(column->heap, column, column_size(column->room));
}

/* Whether so few of the slots have a number that it is not worth it. */
static bool
is_sparse(const struct number_index *index, uint32_t slots_per_number)
{
    return index->slot_max / slots_per_number >= index->count;
}

static struct number_column *
column_make(const struct number_index *index)
{
    uint64_t slots = (uint64_t)index->slot_max + 1;
    /* At least so many have company. */
    uint64_t more = index->count > slots ? index->count - slots : 0;
    struct number_column *column =
        column_new(index->heap, (size_t)index->slot_max + ROOM_MIN,
                   (size_t)more * 2 * sizeof(uint64_t));
    bool is_ok = column != NULL;
    for (size_t i = 0; is_ok && i < index->blocks_count; i++) {
        const struct number_block *block = index->blocks[i];
        for (uint32_t k = 0; is_ok && k < block->count; k++)
            is_ok = column_put(column, block->slots[k], block->keys[k]);
    }
    if (!is_ok) {
        column_free(column);
        return NULL;
    }
    return column;
}

const struct number_column *
number_column_get(struct number_index *index)
{
    struct number_column *column = column_of(index);
    if (column != NULL || index->is_bulk ||
        is_sparse(index, SLOTS_PER_NUMBER) ||
        atomic_exchange(&index->is_making_column, true))
        return column;
    /* It may have come between. */
    column = column_of(index);
    if (column == NULL) {
        column = column_make(index);
        atomic_store_explicit(&index->column, column, memory_order_release);
    }
    atomic_store(&index->is_making_column, false);
    return column;
}

void
number_column_drop(struct number_index *index)
{
    column_free(column_of(index));
    atomic_store(&index->column, NULL);
}

/* NULL when memory is out: the old one is as it was. */
static struct number_column *
column_widen(struct number_index *index, struct number_column *column,
             uint32_t slot)
{
    struct number_column *larger =
        column_new(index->heap, (size_t)slot + slot / 4 + ROOM_MIN, 0);
    if (larger == NULL)
        return NULL;
    memcpy(larger->keys, column->keys, column->room * sizeof(column->keys[0]));
    larger->lists_size = column->lists_size;
    column->lists_size = 0;
    column_free(column);
    atomic_store(&index->column, larger);
    return larger;
}

void
number_column_add(struct number_index *index, struct number_entry entry)
{
    struct number_column *column = column_of(index);
    if (column != NULL && entry.slot >= column->room)
        column = column_widen(index, column, entry.slot);
    if (column == NULL || !column_put(column, entry.slot, entry.key))
        number_column_drop(index);
}

void
number_column_remove(struct number_index *index, struct number_entry entry)
{
    struct number_column *column = column_of(index);
    if (column == NULL)
        return;
    if (is_sparse(index, SLOTS_PER_NUMBER_MAX)) {
        number_column_drop(index);
        return;
    }
    uint64_t *place = &column->keys[entry.slot];
    if (is_list(*place)) {
        list_remove(column, place, entry.key);
        return;
    }
    assert(*place == entry.key);
    *place = KEY_NONE;
}

size_t
number_column_memory(const struct number_index *index)
{
    const struct number_column *column = column_of(index);
    return column == NULL ? 0 : column_size(column->room) + column->lists_size;
}

static bool
list_meets(const struct keys_list *list, const struct number_keys *keys)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->keys[i] >= keys->first && list->keys[i] <= keys->last)
            return true;
    return false;
}

size_t
number_column_pick(const struct number_column *column,
                   const struct number_keys *keys, const uint32_t *slots,
                   size_t count, uint32_t *found)
{
    size_t found_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (slots[i] >= column->room)
            continue;
        uint64_t key = column->keys[slots[i]];
        if (is_list(key)
                ? list_meets(list_at(key), keys)
                : key >= keys->first && key <= keys->last && key != KEY_NONE)
            found[found_count++] = slots[i];
    }
    return found_count;
}
