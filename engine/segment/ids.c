/* SPDX-License-Identifier: Apache-2.0
 * Ids and slots. The hash table is open addressing with linear probing and
 * backward-shift deletion, at most 2/3 full; its entries are slots, the ids
 * are read from the rows. Rows live in chunks that never move. */
#include "engine/segment/ids.h"

#include "engine/segment/order.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_ROWS     8192u
#define TABLE_ROOM_MIN 64u

struct row {
    uint64_t high; /* the number, or the first half of a UUID */
    uint64_t low;
    uint64_t version : 62;
    uint64_t is_uuid : 1;
    uint64_t is_live : 1;
};

struct ids {
    struct row **chunks;
    size_t chunks_count;
    size_t chunks_room;
    uint32_t *table;
    size_t table_room; /* a power of two */
    size_t count;
    struct slot_set *live;
    struct order order;
};

static struct row *
row_of(const struct ids *ids, uint32_t slot)
{
    assert(slot / CHUNK_ROWS < ids->chunks_count);
    return &ids->chunks[slot / CHUNK_ROWS][slot % CHUNK_ROWS];
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

static struct row
row_make(const struct point_id *id, uint64_t version)
{
    assert(version < (uint64_t)1 << 62);
    struct row row = { .is_live = 1 };
    row.version = version & (((uint64_t)1 << 62) - 1);
    row.is_uuid = id->is_uuid;
    row.high = id->is_uuid ? load_be(id->uuid) : id->number;
    row.low = id->is_uuid ? load_be(id->uuid + 8) : 0;
    return row;
}

static struct point_id
row_id(const struct row *row)
{
    struct point_id id = { .is_uuid = row->is_uuid };
    if (row->is_uuid) {
        store_be(id.uuid, row->high);
        store_be(id.uuid + 8, row->low);
    } else {
        id.number = row->high;
    }
    return id;
}

static int
row_compare(const struct row *a, const struct row *b)
{
    if (a->is_uuid != b->is_uuid)
        return a->is_uuid ? 1 : -1;
    if (a->high != b->high)
        return a->high < b->high ? -1 : 1;
    if (a->low != b->low)
        return a->low < b->low ? -1 : 1;
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
    return ids;
}

void
ids_free(struct ids *ids)
{
    if (ids == NULL)
        return;
    for (size_t i = 0; i < ids->chunks_count; i++)
        free(ids->chunks[i]);
    free(ids->chunks);
    free(ids->table);
    order_release(&ids->order);
    slot_set_free(ids->live);
    free(ids);
}

static size_t
table_place(const struct ids *ids, const struct point_id *id)
{
    return (size_t)point_id_hash(id) & (ids->table_room - 1);
}

static void
table_put(struct ids *ids, const struct point_id *id, uint32_t slot)
{
    size_t at = table_place(ids, id);
    while (ids->table[at] != IDS_NO_SLOT)
        at = (at + 1) & (ids->table_room - 1);
    ids->table[at] = slot;
}

static bool
table_reserve(struct ids *ids, size_t count)
{
    size_t room = ids->table_room == 0 ? TABLE_ROOM_MIN : ids->table_room;
    while (room / 3 * 2 < count) {
        if (room > SIZE_MAX / 2 / sizeof(uint32_t))
            return false;
        room *= 2;
    }
    if (room == ids->table_room)
        return true;
    uint32_t *table = malloc(room * sizeof(*table));
    if (table == NULL)
        return false;
    memset(table, 0xff, room * sizeof(*table));
    uint32_t *old = ids->table;
    size_t old_room = ids->table_room;
    ids->table = table;
    ids->table_room = room;
    for (size_t i = 0; i < old_room; i++) {
        if (old[i] == IDS_NO_SLOT)
            continue;
        struct point_id id = row_id(row_of(ids, old[i]));
        table_put(ids, &id, old[i]);
    }
    free(old);
    return true;
}

static bool
rows_reserve(struct ids *ids, size_t slots_count)
{
    size_t need = (slots_count + CHUNK_ROWS - 1) / CHUNK_ROWS;
    if (need > ids->chunks_room) {
        size_t room = need + need / 2 + 8;
        struct row **chunks = realloc(ids->chunks, room * sizeof(*chunks));
        if (chunks == NULL)
            return false;
        ids->chunks = chunks;
        ids->chunks_room = room;
    }
    while (ids->chunks_count < need) {
        struct row *chunk = calloc(CHUNK_ROWS, sizeof(*chunk));
        if (chunk == NULL)
            return false;
        ids->chunks[ids->chunks_count++] = chunk;
    }
    return true;
}

bool
ids_reserve(struct ids *ids, size_t more_count, size_t slots_count)
{
    assert(slots_count < IDS_NO_SLOT);
    return rows_reserve(ids, slots_count) &&
           table_reserve(ids, ids->count + more_count) &&
           order_reserve(&ids->order, more_count);
}

/* The table index of a live id, or SIZE_MAX. */
static size_t
table_find(const struct ids *ids, const struct point_id *id)
{
    if (ids->table_room == 0)
        return SIZE_MAX;
    struct row key = row_make(id, 0);
    size_t at = table_place(ids, id);
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
        size_t place = table_place(ids, &id);
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
    assert(!row->is_live);
    assert(ids->count < ids->table_room / 3 * 2);
    *row = row_make(id, version);
    table_put(ids, id, slot);
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
    *row_of(ids, to) = row_make(&id, version);
    ids->table[at] = to;
    order_replace(&ids->order, ids, to, &id);
    *row_of(ids, from) = (struct row){ 0 };
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
    *row_of(ids, slot) = (struct row){ 0 };
    slot_set_remove(ids->live, slot);
    ids->count--;
}

void
ids_set_version(struct ids *ids, uint32_t slot, uint64_t version)
{
    assert(ids_is_live(ids, slot));
    row_of(ids, slot)->version = version & (((uint64_t)1 << 62) - 1);
}

bool
ids_is_live(const struct ids *ids, uint32_t slot)
{
    return slot / CHUNK_ROWS < ids->chunks_count && row_of(ids, slot)->is_live;
}

struct point_id
ids_at(const struct ids *ids, uint32_t slot)
{
    const struct row *row = row_of(ids, slot);
    assert(row->is_live);
    return row_id(row);
}

uint64_t
ids_version(const struct ids *ids, uint32_t slot)
{
    const struct row *row = row_of(ids, slot);
    assert(row->is_live);
    return row->version;
}

int
ids_compare(const struct ids *ids, uint32_t slot, const struct point_id *id)
{
    struct row key = row_make(id, 0);
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
ids_memory(const struct ids *ids)
{
    return ids->chunks_count * CHUNK_ROWS * sizeof(struct row) +
           ids->table_room * sizeof(uint32_t) + slot_set_memory(ids->live) +
           order_memory(&ids->order);
}
