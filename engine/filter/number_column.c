/* SPDX-License-Identifier: Apache-2.0
 * Keys by slot. A key is that of a finite double, so that the two highest
 * numbers are free to say "none" and "several". */
#include "engine/filter/number_column.h"

#include <assert.h>
#include <stdlib.h>

#define KEY_NONE    UINT64_MAX
#define KEY_SEVERAL (UINT64_MAX - 1)

/* Not for indexes where so many slots have no number for each that has. */
#define SLOTS_PER_NUMBER 4u
/* Dropped when there are so few, that it does not come and go. */
#define SLOTS_PER_NUMBER_MAX 8u
#define ROOM_MIN             1024u
/* Made anew after so many doubts. */
#define DOUBTS_SHARE 64u

struct number_column {
    size_t room;
    size_t doubts_count; /* slots that may have one number again, at most */
    uint64_t keys[];
};

static struct number_column *
column_of(const struct number_index *index)
{
    return atomic_load_explicit(&index->column, memory_order_acquire);
}

static struct number_column *
column_new(size_t room)
{
    struct number_column *column =
        malloc(sizeof(*column) + room * sizeof(column->keys[0]));
    if (column == NULL)
        return NULL;
    column->room = room;
    column->doubts_count = 0;
    for (size_t slot = 0; slot < room; slot++)
        column->keys[slot] = KEY_NONE;
    return column;
}

static void
column_put(struct number_column *column, uint32_t slot, uint64_t key)
{
    assert(key < KEY_SEVERAL);
    column->keys[slot] = column->keys[slot] == KEY_NONE ? key : KEY_SEVERAL;
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
    struct number_column *column =
        column_new((size_t)index->slot_max + ROOM_MIN);
    if (column == NULL)
        return NULL;
    for (size_t i = 0; i < index->blocks_count; i++) {
        const struct number_block *block = index->blocks[i];
        for (uint32_t k = 0; k < block->count; k++)
            column_put(column, block->slots[k], block->keys[k]);
    }
    return column;
}

const struct number_column *
number_column_get(struct number_index *index)
{
    struct number_column *column = column_of(index);
    if (column != NULL || index->is_bulk || is_sparse(index, SLOTS_PER_NUMBER))
        return column;
    struct number_column *made = column_make(index);
    if (made == NULL ||
        atomic_compare_exchange_strong(&index->column, &column, made))
        return made;
    /* Another thread was first. */
    free(made);
    return column;
}

void
number_column_drop(struct number_index *index)
{
    free(column_of(index));
    atomic_store(&index->column, NULL);
}

void
number_column_add(struct number_index *index, struct number_entry entry)
{
    struct number_column *column = column_of(index);
    if (column == NULL)
        return;
    if (entry.slot >= column->room) {
        struct number_column *larger =
            column_new((size_t)entry.slot + entry.slot / 4 + ROOM_MIN);
        if (larger == NULL) {
            number_column_drop(index);
            return;
        }
        memcpy(larger->keys, column->keys,
               column->room * sizeof(column->keys[0]));
        larger->doubts_count = column->doubts_count;
        number_column_drop(index);
        atomic_store(&index->column, larger);
        column = larger;
    }
    column_put(column, entry.slot, entry.key);
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
    if (column->keys[entry.slot] == KEY_SEVERAL) {
        /* Which are left it does not know. */
        if (++column->doubts_count > column->room / DOUBTS_SHARE)
            number_column_drop(index);
        return;
    }
    assert(column->keys[entry.slot] == entry.key);
    column->keys[entry.slot] = KEY_NONE;
}

size_t
number_column_memory(const struct number_index *index)
{
    const struct number_column *column = column_of(index);
    return column == NULL
               ? 0
               : sizeof(*column) + column->room * sizeof(column->keys[0]);
}

bool
number_column_pick(const struct number_column *column,
                   const struct number_keys *keys, const uint32_t *slots,
                   size_t count, uint32_t *found, size_t *ret_count)
{
    size_t found_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (slots[i] >= column->room)
            continue;
        uint64_t key = column->keys[slots[i]];
        if (key == KEY_SEVERAL)
            return false;
        if (key >= keys->first && key <= keys->last && key != KEY_NONE)
            found[found_count++] = slots[i];
    }
    *ret_count = found_count;
    return true;
}
