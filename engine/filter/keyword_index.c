/* SPDX-License-Identifier: Apache-2.0
 * Open addressing with linear probing over numbers of records; deletion shifts
 * the run back, so there are no tombstones. Invariant: count <= 3/4 of room,
 * room is a power of two. Most strings of real fields have one slot: a record
 * is
 *   head | slot | text            one slot
 *   head | struct posting | text  more
 * and a text that is too long for the pool a pointer to it instead, the text of
 * a UUID as it is mostly written its 16 bytes. */
#include "engine/filter/keyword_index.h"

#include "engine/codec/hex.h"

#include "engine/filter/text_pool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#define ROOM_MIN 16

/* The head: the text's size and */
#define HEAD_MANY 0x80000000u
#define HEAD_UUID 0x40000000u /* the text is packed */
#define SIZE_MASK 0x3fffffffu

#define ONE_SIZE  (2 * sizeof(uint32_t))
#define MANY_SIZE (sizeof(uint32_t) + sizeof(struct posting))
#define LONG_SIZE (TEXT_POOL_SIZE_MAX - MANY_SIZE) /* longer ones: elsewhere */

struct keyword_index {
    struct text_pool pool;
    uint32_t *records; /* 0: free */
    size_t room;
    size_t count;
    size_t long_size; /* bytes of texts outside of the pool */
};

/* A record, read. */
struct entry {
    struct span stored; /* the text; of a long one its place, packed */
    bool is_uuid;
    bool is_many;
    uint32_t slot;          /* unless is_many */
    struct posting posting; /* if is_many */
};

static uint64_t
hash_of(struct span text)
{
    return XXH3_64bits(text.data == NULL ? "" : text.data, text.size);
}

static bool
is_long(size_t text_size)
{
    return text_size > LONG_SIZE;
}

static size_t
record_size(size_t text_size, bool is_many)
{
    return (is_many ? MANY_SIZE : ONE_SIZE) +
           (is_long(text_size) ? sizeof(char *) : text_size);
}

static struct entry
entry_read(const struct keyword_index *index, uint32_t number)
{
    const char *record = text_pool_at(&index->pool, number);
    struct entry entry = { .is_many = false };
    uint32_t head;
    memcpy(&head, record, sizeof(head));
    entry.is_uuid = (head & HEAD_UUID) != 0;
    entry.is_many = (head & HEAD_MANY) != 0;
    if (entry.is_many)
        memcpy(&entry.posting, record + sizeof(head), sizeof(entry.posting));
    else
        memcpy(&entry.slot, record + sizeof(head), sizeof(entry.slot));
    entry.stored =
        (struct span){ record + (entry.is_many ? MANY_SIZE : ONE_SIZE),
                       head & SIZE_MASK };
    if (is_long(entry.stored.size))
        memcpy(&entry.stored.data, entry.stored.data,
               sizeof(entry.stored.data));
    return entry;
}

/* Its text, in `buffer` if it is packed. */
static struct span
entry_text(const struct entry *entry, char buffer[UUID_STRING_SIZE])
{
    if (!entry->is_uuid)
        return entry->stored;
    uuid_string((const unsigned char *)entry->stored.data, buffer);
    return (struct span){ buffer, UUID_STRING_SIZE - 1 };
}

/* A string that is looked for, and as it is stored. */
struct sought {
    struct span text;
    struct span stored;
    uint64_t hash;
    bool is_uuid;
    unsigned char packed[UUID_SIZE];
};

static void
sought_init(struct sought *sought, struct span text)
{
    sought->text = sought->stored = text;
    sought->hash = hash_of(text);
    sought->is_uuid = uuid_read(text, sought->packed);
    if (sought->is_uuid)
        sought->stored =
            (struct span){ (const char *)sought->packed, UUID_SIZE };
}

static struct posting
entry_posting(const struct entry *entry)
{
    if (entry->is_many)
        return entry->posting;
    return (struct posting){ .count = 1, .as.one = entry->slot };
}

/* All but the text. */
static void
entry_write(struct keyword_index *index, uint32_t number,
            const struct entry *entry)
{
    char *record = text_pool_at(&index->pool, number);
    uint32_t head = (uint32_t)entry->stored.size |
                    (entry->is_many ? HEAD_MANY : 0) |
                    (entry->is_uuid ? HEAD_UUID : 0);
    memcpy(record, &head, sizeof(head));
    if (entry->is_many)
        memcpy(record + sizeof(head), &entry->posting, sizeof(entry->posting));
    else
        memcpy(record + sizeof(head), &entry->slot, sizeof(entry->slot));
}

/* A record with all of it; a long text stays where it is. 0: memory is out. */
static uint32_t
entry_put(struct keyword_index *index, const struct entry *entry)
{
    size_t size = record_size(entry->stored.size, entry->is_many);
    uint32_t number = text_pool_take(&index->pool, size);
    if (number == 0)
        return 0;
    entry_write(index, number, entry);
    char *place = text_pool_at(&index->pool, number) +
                  (entry->is_many ? MANY_SIZE : ONE_SIZE);
    if (is_long(entry->stored.size))
        memcpy(place, &entry->stored.data, sizeof(entry->stored.data));
    else if (entry->stored.size > 0)
        memcpy(place, entry->stored.data, entry->stored.size);
    return number;
}

struct keyword_index *
keyword_index_new(struct disk_heap *heap)
{
    struct keyword_index *index = calloc(1, sizeof(*index));
    if (index == NULL)
        return NULL;
    index->pool.heap = heap;
    index->room = ROOM_MIN;
    index->records =
        disk_heap_take_zeroes(heap, index->room * sizeof(*index->records));
    if (index->records == NULL) {
        free(index);
        return NULL;
    }
    return index;
}

/* Of a long text, which nobody refers to any more. */
static void
long_free(struct keyword_index *index, struct span text)
{
    union {
        const char *in;
        void *out;
    } data = { .in = text.data };
    index->long_size -= text.size;
    disk_heap_give(index->pool.heap, data.out, text.size);
}

/* What an entry owns beside its record. */
static void
entry_release(struct keyword_index *index, struct entry *entry)
{
    if (entry->is_many)
        posting_release(&entry->posting, index->pool.heap);
    if (is_long(entry->stored.size))
        long_free(index, entry->stored);
}

void
keyword_index_free(struct keyword_index *index)
{
    if (index == NULL)
        return;
    bool is_in_heap = index->pool.heap != NULL;
    for (size_t i = 0; !is_in_heap && i < index->room; i++) {
        if (index->records[i] == 0)
            continue;
        struct entry entry = entry_read(index, index->records[i]);
        entry_release(index, &entry);
    }
    text_pool_release(&index->pool);
    if (!is_in_heap)
        free(index->records);
    free(index);
}

/* Where the string stands, or the free place where it would. */
static size_t
place_of(const struct keyword_index *index, const struct sought *sought)
{
    size_t at = sought->hash & (index->room - 1);
    for (;; at = (at + 1) & (index->room - 1)) {
        if (index->records[at] == 0)
            return at;
        struct entry entry = entry_read(index, index->records[at]);
        if (entry.is_uuid == sought->is_uuid &&
            span_equal(entry.stored, sought->stored))
            return at;
    }
}

static size_t
home_of(const struct keyword_index *index, uint32_t record, size_t room)
{
    char buffer[UUID_STRING_SIZE];
    struct entry entry = entry_read(index, record);
    return hash_of(entry_text(&entry, buffer)) & (room - 1);
}

static bool
table_grow(struct keyword_index *index)
{
    size_t room = index->room * 2;
    uint32_t *records =
        disk_heap_take_zeroes(index->pool.heap, room * sizeof(*records));
    if (records == NULL)
        return false;
    for (size_t i = 0; i < index->room; i++) {
        if (index->records[i] == 0)
            continue;
        size_t at = home_of(index, index->records[i], room);
        while (records[at] != 0)
            at = (at + 1) & (room - 1);
        records[at] = index->records[i];
    }
    disk_heap_give(index->pool.heap, index->records,
                   index->room * sizeof(*records));
    index->records = records;
    index->room = room;
    return true;
}

/* Another slot of the string at `at`. */
static enum engine_code
slot_add(struct keyword_index *index, size_t at, uint32_t slot, bool *ret_added,
         struct error *reterr)
{
    uint32_t number = index->records[at];
    struct entry entry = entry_read(index, number);
    struct posting posting = entry_posting(&entry);
    *ret_added = false;
    if (!entry.is_many && entry.slot == slot)
        return ENGINE_OK;
    enum engine_code code =
        posting_add(&posting, index->pool.heap, slot, ret_added, reterr);
    if (code != ENGINE_OK || !*ret_added)
        return code;
    struct entry next = { .stored = entry.stored,
                          .is_uuid = entry.is_uuid,
                          .is_many = true,
                          .posting = posting };
    if (entry.is_many) {
        entry_write(index, number, &next);
        return ENGINE_OK;
    }
    uint32_t wider = entry_put(index, &next);
    if (wider == 0) {
        posting_release(&posting, index->pool.heap);
        return error_memory(reterr);
    }
    text_pool_give(&index->pool, number, record_size(entry.stored.size, false));
    index->records[at] = wider;
    return ENGINE_OK;
}

/* A new string with one slot; 0: memory is out. */
static uint32_t
text_add(struct keyword_index *index, const struct sought *sought,
         uint32_t slot)
{
    struct entry entry = { .stored = sought->stored,
                           .is_uuid = sought->is_uuid,
                           .slot = slot };
    if (is_long(entry.stored.size)) {
        char *copy = disk_heap_take(index->pool.heap, entry.stored.size);
        if (copy == NULL)
            return 0;
        memcpy(copy, entry.stored.data, entry.stored.size);
        entry.stored.data = copy;
        index->long_size += entry.stored.size;
    }
    uint32_t number = entry_put(index, &entry);
    if (number == 0)
        entry_release(index, &entry);
    return number;
}

enum engine_code
keyword_index_add(struct keyword_index *index, struct span text, uint32_t slot,
                  bool *ret_added, struct error *reterr)
{
    assert(text.size <= SIZE_MASK);
    struct sought sought;
    sought_init(&sought, text);
    size_t at = place_of(index, &sought);
    if (index->records[at] != 0)
        return slot_add(index, at, slot, ret_added, reterr);
    if (index->count >= index->room / 4 * 3) {
        if (!table_grow(index))
            return error_memory(reterr);
        at = place_of(index, &sought);
    }
    uint32_t number = text_add(index, &sought, slot);
    if (number == 0)
        return error_memory(reterr);
    index->records[at] = number;
    index->count++;
    *ret_added = true;
    return ENGINE_OK;
}

/* Closes the hole at `at` by moving later entries of the run back (Knuth,
 * volume 3, 6.4, algorithm R). */
static void
hole_close(struct keyword_index *index, size_t at)
{
    size_t mask = index->room - 1;
    size_t next = at;
    for (;;) {
        index->records[at] = 0;
        uint32_t record;
        size_t home;
        do {
            next = (next + 1) & mask;
            record = index->records[next];
            if (record == 0)
                return;
            home = home_of(index, record, index->room);
        } while (((next - home) & mask) < ((next - at) & mask));
        index->records[at] = record;
        at = next;
    }
}

void
keyword_index_remove(struct keyword_index *index, struct span text,
                     uint32_t slot)
{
    struct sought sought;
    sought_init(&sought, text);
    size_t at = place_of(index, &sought);
    uint32_t number = index->records[at];
    if (number == 0)
        return;
    struct entry entry = entry_read(index, number);
    if (!entry.is_many && entry.slot != slot)
        return;
    if (entry.is_many)
        posting_remove(&entry.posting, index->pool.heap, slot);
    if (entry.is_many && entry.posting.count > 0) {
        entry_write(index, number, &entry);
        return;
    }
    size_t size = record_size(entry.stored.size, entry.is_many);
    hole_close(index, at);
    entry_release(index, &entry);
    text_pool_give(&index->pool, number, size);
    index->count--;
}

void
keyword_index_settle(struct keyword_index *index)
{
    for (size_t i = 0; i < index->room; i++) {
        if (index->records[i] == 0)
            continue;
        struct entry entry = entry_read(index, index->records[i]);
        if (!entry.is_many)
            continue;
        posting_settle(&entry.posting, index->pool.heap);
        entry_write(index, index->records[i], &entry);
    }
}

bool
keyword_index_find(const struct keyword_index *index, struct span text,
                   struct posting *ret_posting)
{
    struct sought sought;
    sought_init(&sought, text);
    uint32_t number = index->records[place_of(index, &sought)];
    if (number == 0)
        return false;
    struct entry entry = entry_read(index, number);
    *ret_posting = entry_posting(&entry);
    return true;
}

void
keyword_index_each(const struct keyword_index *index, keyword_visit visit,
                   void *ctx)
{
    for (size_t i = 0; i < index->room; i++) {
        if (index->records[i] == 0)
            continue;
        struct entry entry = entry_read(index, index->records[i]);
        struct posting posting = entry_posting(&entry);
        char buffer[UUID_STRING_SIZE];
        if (!visit(ctx, entry_text(&entry, buffer), &posting))
            return;
    }
}

size_t
keyword_index_count(const struct keyword_index *index)
{
    return index->count;
}

size_t
keyword_index_memory(const struct keyword_index *index)
{
    size_t size = sizeof(*index) + text_pool_memory(&index->pool);
    if (index->pool.heap != NULL)
        return size;
    size += index->room * sizeof(*index->records) + index->long_size;
    for (size_t i = 0; i < index->room; i++) {
        if (index->records[i] == 0)
            continue;
        struct entry entry = entry_read(index, index->records[i]);
        if (entry.is_many)
            size += posting_memory(&entry.posting);
    }
    return size;
}
