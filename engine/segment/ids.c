/* SPDX-License-Identifier: Apache-2.0
 * Ids and slots. The hash table is open addressing with linear probing and
 * backward-shift deletion, at most 2/3 full; its entries are slots, the ids
 * are read from the rows. Rows never move, and a row that dies keeps its id and
 * version until its slot is used again: readers may still look. */
#include "engine/segment/ids.h"

#include "engine/index/slab.h"
#include "engine/segment/order.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_ROOM_MIN 64u

struct row {
    uint64_t high; /* the number, or the first half of a UUID */
    uint64_t low;
    _Atomic uint64_t meta; /* the version and these: */
};
#define ROW_IS_LIVE     UINT64_C(1)
#define ROW_IS_UUID     UINT64_C(2)
#define ROW_VERSION_BIT 2
#define VERSION_MAX     (UINT64_MAX >> ROW_VERSION_BIT)

struct ids {
    struct slab rows; /* struct row */
    uint32_t *table;
    size_t table_room;    /* a power of two */
    uint32_t *next_table; /* a larger one with the same content, or NULL */
    size_t next_room;
    size_t count;
    struct slot_set *live;
    struct order order;
};

static struct row *
row_of(const struct ids *ids, uint32_t slot)
{
    assert(slot < slab_capacity(&ids->rows));
    return slab_row(&ids->rows, slot);
}

static uint64_t
row_meta(const struct row *row)
{
    return atomic_load_explicit(&row->meta, memory_order_acquire);
}

static uint64_t
load_be(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | bytes[i];
    return value;
}

static void
store_be(uint8_t *bytes, uint64_t value)
{
    for (int i = 7; i >= 0; i--) {
        bytes[i] = (uint8_t)value;
        value >>= 8;
    }
}

/* An id as rows have it. */
struct key {
    uint64_t high;
    uint64_t low;
    bool is_uuid;
};

static struct key
key_of(const struct point_id *id)
{
    if (!id->is_uuid)
        return (struct key){ .high = id->number };
    return (struct key){ load_be(id->uuid), load_be(id->uuid + 8), true };
}

static void
row_write(struct row *row, const struct point_id *id, uint64_t version)
{
    assert(version <= VERSION_MAX);
    struct key key = key_of(id);
    row->high = key.high;
    row->low = key.low;
    atomic_store_explicit(&row->meta,
                          version << ROW_VERSION_BIT | ROW_IS_LIVE |
                              (key.is_uuid ? ROW_IS_UUID : 0),
                          memory_order_release);
}

static void
row_kill(struct row *row)
{
    atomic_fetch_and(&row->meta, ~ROW_IS_LIVE);
}

static struct point_id
row_id(const struct row *row)
{
    struct point_id id = { .is_uuid = (row_meta(row) & ROW_IS_UUID) != 0 };
    if (id.is_uuid) {
        store_be(id.uuid, row->high);
        store_be(id.uuid + 8, row->low);
    } else {
        id.number = row->high;
    }
    return id;
}

static int
row_compare(const struct row *row, const struct key *key)
{
    bool is_uuid = (row_meta(row) & ROW_IS_UUID) != 0;
    if (is_uuid != key->is_uuid)
        return is_uuid ? 1 : -1;
    if (row->high != key->high)
        return row->high < key->high ? -1 : 1;
    if (row->low != key->low)
        return row->low < key->low ? -1 : 1;
    return 0;
}

struct ids *
ids_new(void)
{
    struct ids *ids = calloc(1, sizeof(*ids));
    if (ids == NULL)
        return NULL;
    ids->live = slot_set_new();
    if (ids->live == NULL) {
        free(ids);
        return NULL;
    }
    slab_init(&ids->rows, sizeof(struct row), _Alignof(struct row));
    return ids;
}

void
ids_free(struct ids *ids)
{
    if (ids == NULL)
        return;
    slab_release(&ids->rows);
    free(ids->table);
    free(ids->next_table);
    order_release(&ids->order);
    slot_set_free(ids->live);
    free(ids);
}

static size_t
table_place(size_t room, const struct point_id *id)
{
    return (size_t)point_id_hash(id) & (room - 1);
}

static void
table_put(uint32_t *table, size_t room, const struct point_id *id,
          uint32_t slot)
{
    size_t at = table_place(room, id);
    while (table[at] != IDS_NO_SLOT)
        at = (at + 1) & (room - 1);
    table[at] = slot;
}

/* The next table, with `room` places. One that was made for a change that
 * failed is out of date. */
static bool
table_make(struct ids *ids, size_t room)
{
    free(ids->next_table);
    ids->next_table = NULL;
    if (room == ids->table_room)
        return true;
    uint32_t *table = malloc(room * sizeof(*table));
    if (table == NULL)
        return false;
    memset(table, 0xff, room * sizeof(*table));
    for (size_t i = 0; i < ids->table_room; i++) {
        if (ids->table[i] == IDS_NO_SLOT)
            continue;
        struct point_id id = row_id(row_of(ids, ids->table[i]));
        table_put(table, room, &id, ids->table[i]);
    }
    ids->next_table = table;
    ids->next_room = room;
    return true;
}

/* `room` or as many times two of it as `count` ids want; 0: too many. */
static size_t
table_room_for(size_t room, size_t count)
{
    while (room / 3 * 2 < count) {
        if (room > SIZE_MAX / 2 / sizeof(uint32_t))
            return 0;
        room *= 2;
    }
    return room;
}

static bool
table_prepare(struct ids *ids, size_t count)
{
    size_t room = ids->table_room == 0 ? TABLE_ROOM_MIN : ids->table_room;
    room = table_room_for(room, count);
    return room != 0 && table_make(ids, room);
}

bool
ids_prepare(struct ids *ids, size_t more_count, size_t slots_count)
{
    assert(slots_count < IDS_NO_SLOT);
    return slab_reserve(&ids->rows, (uint32_t)slots_count, NULL) == ENGINE_OK &&
           table_prepare(ids, ids->count + more_count) &&
           order_prepare(&ids->order, more_count);
}

void
ids_cut(struct ids *ids, size_t slots_count)
{
    slab_cut(&ids->rows, (uint32_t)slots_count);
    order_cut(&ids->order);
}

void
ids_prepare_smaller(struct ids *ids)
{
    /* Half as full as it may be, so that it does not grow at once again. */
    size_t room = table_room_for(TABLE_ROOM_MIN, 2 * ids->count);
    bool is_made =
        room != 0 && room <= ids->table_room / 2 && table_make(ids, room);
    (void)is_made;
}

struct ids_outgrown
ids_prepared(struct ids *ids)
{
    struct ids_outgrown outgrown = { { NULL, NULL } };
    if (ids->next_table != NULL) {
        outgrown.memory[0] = ids->table;
        ids->table = ids->next_table;
        ids->table_room = ids->next_room;
        ids->next_table = NULL;
    }
    outgrown.memory[1] = order_prepared(&ids->order);
    return outgrown;
}

void
ids_outgrown_free(struct ids_outgrown *outgrown)
{
    free(outgrown->memory[0]);
    free(outgrown->memory[1]);
}

bool
ids_reserve(struct ids *ids, size_t more_count, size_t slots_count)
{
    if (!ids_prepare(ids, more_count, slots_count))
        return false;
    struct ids_outgrown outgrown = ids_prepared(ids);
    ids_outgrown_free(&outgrown);
    return true;
}

/* The table index of a live id, or SIZE_MAX. */
static size_t
table_find(const struct ids *ids, const struct point_id *id)
{
    if (ids->table_room == 0)
        return SIZE_MAX;
    struct key key = key_of(id);
    size_t at = table_place(ids->table_room, id);
    while (ids->table[at] != IDS_NO_SLOT) {
        if (row_compare(row_of(ids, ids->table[at]), &key) == 0)
            return at;
        at = (at + 1) & (ids->table_room - 1);
    }
    return SIZE_MAX;
}

uint32_t
ids_find(const struct ids *ids, const struct point_id *id)
{
    size_t at = table_find(ids, id);
    return at == SIZE_MAX ? IDS_NO_SLOT : ids->table[at];
}

/* Closes the gap at `hole`: a later entry of the same run moves into it when
 * its own place is not behind the hole. */
static void
table_remove(struct ids *ids, size_t hole)
{
    size_t mask = ids->table_room - 1;
    size_t at = hole;
    for (;;) {
        at = (at + 1) & mask;
        if (ids->table[at] == IDS_NO_SLOT)
            break;
        struct point_id id = row_id(row_of(ids, ids->table[at]));
        size_t place = table_place(ids->table_room, &id);
        if (((at - place) & mask) >= ((at - hole) & mask)) {
            ids->table[hole] = ids->table[at];
            hole = at;
        }
    }
    ids->table[hole] = IDS_NO_SLOT;
}

void
ids_bind(struct ids *ids, const struct point_id *id, uint32_t slot,
         uint64_t version)
{
    struct row *row = row_of(ids, slot);
    assert((row_meta(row) & ROW_IS_LIVE) == 0);
    assert(ids->count < ids->table_room / 3 * 2);
    row_write(row, id, version);
    table_put(ids->table, ids->table_room, id, slot);
    order_insert(&ids->order, ids, slot, id);
    slot_set_add(ids->live, slot);
    ids->count++;
}

void
ids_move(struct ids *ids, uint32_t from, uint32_t to, uint64_t version)
{
    assert(ids_is_live(ids, from) && !ids_is_live(ids, to));
    struct point_id id = ids_at(ids, from);
    size_t at = table_find(ids, &id);
    assert(at != SIZE_MAX && ids->table[at] == from);
    row_write(row_of(ids, to), &id, version);
    ids->table[at] = to;
    order_replace(&ids->order, ids, to, &id);
    row_kill(row_of(ids, from));
    slot_set_remove(ids->live, from);
    slot_set_add(ids->live, to);
}

void
ids_unbind(struct ids *ids, uint32_t slot)
{
    assert(ids_is_live(ids, slot));
    struct point_id id = ids_at(ids, slot);
    size_t at = table_find(ids, &id);
    assert(at != SIZE_MAX && ids->table[at] == slot);
    order_remove(&ids->order, ids, &id);
    table_remove(ids, at);
    row_kill(row_of(ids, slot));
    slot_set_remove(ids->live, slot);
    ids->count--;
}

void
ids_set_version(struct ids *ids, uint32_t slot, uint64_t version)
{
    assert(ids_is_live(ids, slot));
    assert(version <= VERSION_MAX);
    struct row *row = row_of(ids, slot);
    uint64_t flags = row_meta(row) & (ROW_IS_LIVE | ROW_IS_UUID);
    atomic_store_explicit(&row->meta, version << ROW_VERSION_BIT | flags,
                          memory_order_release);
}

bool
ids_is_live(const struct ids *ids, uint32_t slot)
{
    return slot < slab_capacity(&ids->rows) &&
           (row_meta(row_of(ids, slot)) & ROW_IS_LIVE) != 0;
}

struct point_id
ids_at(const struct ids *ids, uint32_t slot)
{
    return row_id(row_of(ids, slot));
}

uint64_t
ids_version(const struct ids *ids, uint32_t slot)
{
    return row_meta(row_of(ids, slot)) >> ROW_VERSION_BIT;
}

int
ids_compare(const struct ids *ids, uint32_t slot, const struct point_id *id)
{
    struct key key = key_of(id);
    return row_compare(row_of(ids, slot), &key);
}

size_t
ids_count(const struct ids *ids)
{
    return ids->count;
}

const struct slot_set *
ids_live(const struct ids *ids)
{
    return ids->live;
}

struct ids_cursor
ids_seek(const struct ids *ids, const struct point_id *from)
{
    if (from == NULL)
        return (struct ids_cursor){ 0, 0 };
    return order_seek(&ids->order, ids, from);
}

bool
ids_next(const struct ids *ids, struct ids_cursor *cursor, uint32_t *ret_slot)
{
    const struct order *order = &ids->order;
    while (cursor->block < order->blocks_count) {
        const struct order_block *block = order->blocks[cursor->block];
        if (cursor->index < block->count) {
            *ret_slot = block->slots[cursor->index++];
            return true;
        }
        cursor->block++;
        cursor->index = 0;
    }
    return false;
}

size_t
ids_memory(const struct ids *ids, size_t *ret_heap)
{
    *ret_heap = ids->table_room * sizeof(uint32_t) +
                slot_set_memory(ids->live) + order_memory(&ids->order);
    return slab_memory(&ids->rows).used_size + *ret_heap;
}
