/* SPDX-License-Identifier: Apache-2.0
 * Open addressing with linear probing over pointers to entries; an entry
 * keeps its string inline. Deletion shifts the run back, so there are no
 * tombstones. Invariant: count <= 3/4 of room, room is a power of two. */
#include "engine/filter/keyword_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#define ROOM_MIN 16

struct entry {
    struct posting posting;
    uint32_t hash;
    uint32_t size;
    char text[];
};

struct keyword_index {
    struct entry **entries;
    size_t room;
    size_t count;
    size_t texts_size; /* bytes of all entries */
};

static uint32_t
hash_of(struct span text)
{
    return (uint32_t)XXH3_64bits(text.data == NULL ? "" : text.data, text.size);
}

struct keyword_index *
keyword_index_new(void)
{
    struct keyword_index *index = calloc(1, sizeof(*index));
    if (index == NULL)
        return NULL;
    index->room = ROOM_MIN;
    index->entries = calloc(index->room, sizeof(struct entry *));
    if (index->entries == NULL) {
        free(index);
        return NULL;
    }
    return index;
}

static void
entry_free(struct entry *entry)
{
    posting_release(&entry->posting);
    free(entry);
}

void
keyword_index_free(struct keyword_index *index)
{
    if (index == NULL)
        return;
    for (size_t i = 0; i < index->room; i++)
        if (index->entries[i] != NULL)
            entry_free(index->entries[i]);
    free(index->entries);
    free(index);
}

/* Where `text` stands, or the free place where it would. */
static size_t
place_of(const struct keyword_index *index, struct span text, uint32_t hash)
{
    size_t at = hash & (index->room - 1);
    for (;; at = (at + 1) & (index->room - 1)) {
        const struct entry *entry = index->entries[at];
        if (entry == NULL)
            return at;
        if (entry->hash == hash && entry->size == text.size &&
            (text.size == 0 || memcmp(entry->text, text.data, text.size) == 0))
            return at;
    }
}

static bool
table_grow(struct keyword_index *index)
{
    size_t room = index->room * 2;
    struct entry **entries = calloc(room, sizeof(struct entry *));
    if (entries == NULL)
        return false;
    for (size_t i = 0; i < index->room; i++) {
        struct entry *entry = index->entries[i];
        if (entry == NULL)
            continue;
        size_t at = entry->hash & (room - 1);
        while (entries[at] != NULL)
            at = (at + 1) & (room - 1);
        entries[at] = entry;
    }
    free(index->entries);
    index->entries = entries;
    index->room = room;
    return true;
}

static struct entry *
entry_new(struct span text, uint32_t hash)
{
    struct entry *entry = malloc(sizeof(*entry) + text.size);
    if (entry == NULL)
        return NULL;
    *entry = (struct entry){ .hash = hash, .size = (uint32_t)text.size };
    if (text.size > 0)
        memcpy(entry->text, text.data, text.size);
    return entry;
}

enum engine_code
keyword_index_add(struct keyword_index *index, struct span text, uint32_t slot,
                  bool *ret_added, struct error *reterr)
{
    assert(text.size <= UINT32_MAX);
    uint32_t hash = hash_of(text);
    size_t at = place_of(index, text, hash);
    if (index->entries[at] != NULL)
        return posting_add(&index->entries[at]->posting, slot, ret_added,
                           reterr);
    if (index->count >= index->room / 4 * 3) {
        if (!table_grow(index))
            return error_memory(reterr);
        at = place_of(index, text, hash);
    }
    struct entry *entry = entry_new(text, hash);
    if (entry == NULL)
        return error_memory(reterr);
    enum engine_code code =
        posting_add(&entry->posting, slot, ret_added, reterr);
    if (code != ENGINE_OK) {
        entry_free(entry);
        return code;
    }
    index->entries[at] = entry;
    index->count++;
    index->texts_size += sizeof(*entry) + text.size;
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
        index->entries[at] = NULL;
        struct entry *entry;
        size_t home;
        do {
            next = (next + 1) & mask;
            entry = index->entries[next];
            if (entry == NULL)
                return;
            home = entry->hash & mask;
        } while (((next - home) & mask) < ((next - at) & mask));
        index->entries[at] = entry;
        at = next;
    }
}

void
keyword_index_remove(struct keyword_index *index, struct span text,
                     uint32_t slot)
{
    size_t at = place_of(index, text, hash_of(text));
    struct entry *entry = index->entries[at];
    if (entry == NULL)
        return;
    posting_remove(&entry->posting, slot);
    if (entry->posting.count > 0)
        return;
    index->count--;
    index->texts_size -= sizeof(*entry) + entry->size;
    entry_free(entry);
    hole_close(index, at);
}

void
keyword_index_settle(struct keyword_index *index)
{
    for (size_t i = 0; i < index->room; i++)
        if (index->entries[i] != NULL)
            posting_settle(&index->entries[i]->posting);
}

const struct posting *
keyword_index_find(const struct keyword_index *index, struct span text)
{
    const struct entry *entry =
        index->entries[place_of(index, text, hash_of(text))];
    return entry == NULL ? NULL : &entry->posting;
}

void
keyword_index_each(const struct keyword_index *index, keyword_visit visit,
                   void *ctx)
{
    for (size_t i = 0; i < index->room; i++) {
        const struct entry *entry = index->entries[i];
        if (entry == NULL)
            continue;
        if (!visit(ctx, (struct span){ entry->text, entry->size },
                   &entry->posting))
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
    size_t size = sizeof(*index) + index->room * sizeof(struct entry *) +
                  index->texts_size;
    for (size_t i = 0; i < index->room; i++)
        if (index->entries[i] != NULL)
            size += posting_memory(&index->entries[i]->posting);
    return size;
}
