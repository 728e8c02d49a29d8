/* SPDX-License-Identifier: Apache-2.0
 * The newest documents: one growing list for each index. Memory comes in chunks
 * that are freed with the tail, so that readers may keep outgrown lists. */
#include "engine/index/sparse_part.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE   ((size_t)256 << 10)
#define TABLE_MIN    256u
#define LIST_MIN     2u
#define CHUNK_ALIGN  8u
#define ENTRIES_SIZE sizeof(struct sparse_entry)

struct chunk {
    struct chunk *next;
    size_t size;
    size_t used;
    _Alignas(CHUNK_ALIGN) char data[];
};

struct sparse_tail {
    struct chunk *chunks;
    _Atomic size_t size; /* of all chunks */
    size_t lists_count;
    _Atomic(struct sparse_tail_table *) table;
};

static void *
take(struct sparse_tail *tail, size_t size)
{
    size = (size + CHUNK_ALIGN - 1) & ~(size_t)(CHUNK_ALIGN - 1);
    struct chunk *chunk = tail->chunks;
    if (chunk == NULL || chunk->size - chunk->used < size) {
        size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;
        chunk = malloc(sizeof(*chunk) + room);
        if (chunk == NULL)
            return NULL;
        chunk->next = tail->chunks;
        chunk->size = room;
        chunk->used = 0;
        tail->chunks = chunk;
        atomic_fetch_add(&tail->size, sizeof(*chunk) + room);
    }
    void *data = chunk->data + chunk->used;
    chunk->used += size;
    return data;
}

static struct sparse_tail_table *
table_new(struct sparse_tail *tail, size_t room)
{
    size_t size = sizeof(struct sparse_tail_table) +
                  room * sizeof(struct sparse_tail_list *);
    struct sparse_tail_table *table = take(tail, size);
    if (table == NULL)
        return NULL;
    table->room = room;
    for (size_t i = 0; i < room; i++)
        atomic_init(&table->lists[i], NULL);
    return table;
}

struct sparse_tail *
sparse_tail_new(void)
{
    struct sparse_tail *tail = calloc(1, sizeof(*tail));
    if (tail == NULL)
        return NULL;
    struct sparse_tail_table *table = table_new(tail, TABLE_MIN);
    if (table == NULL) {
        sparse_tail_free(tail);
        return NULL;
    }
    atomic_init(&tail->table, table);
    return tail;
}

void
sparse_tail_free(struct sparse_tail *tail)
{
    if (tail == NULL)
        return;
    for (struct chunk *chunk = tail->chunks; chunk != NULL;) {
        struct chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    free(tail);
}

size_t
sparse_tail_memory(const struct sparse_tail *tail)
{
    return sizeof(*tail) + atomic_load(&tail->size);
}

const struct sparse_tail_table *
sparse_tail_table(const struct sparse_tail *tail)
{
    return atomic_load_explicit(&tail->table, memory_order_acquire);
}

/* Where the list is, or would be. */
static size_t
table_at(const struct sparse_tail_table *table, uint32_t index,
         struct sparse_tail_list **ret_list)
{
    size_t at = sparse_hash(index) & (table->room - 1);
    for (;;) {
        *ret_list =
            atomic_load_explicit(&table->lists[at], memory_order_acquire);
        if (*ret_list == NULL || (*ret_list)->index == index)
            return at;
        at = (at + 1) & (table->room - 1);
    }
}

const struct sparse_tail_list *
sparse_tail_find(const struct sparse_tail *tail, uint32_t index)
{
    struct sparse_tail_list *list;
    (void)table_at(sparse_tail_table(tail), index, &list);
    return list;
}

static bool
table_grow(struct sparse_tail *tail)
{
    const struct sparse_tail_table *old = sparse_tail_table(tail);
    if (tail->lists_count + 1 <= old->room / 2)
        return true;
    struct sparse_tail_table *table = table_new(tail, old->room * 2);
    if (table == NULL)
        return false;
    for (size_t i = 0; i < old->room; i++) {
        struct sparse_tail_list *list = atomic_load(&old->lists[i]), *none;
        if (list == NULL)
            continue;
        size_t at = table_at(table, list->index, &none);
        atomic_init(&table->lists[at], list);
    }
    atomic_store_explicit(&tail->table, table, memory_order_release);
    return true;
}

static struct sparse_tail_list *
list_of(struct sparse_tail *tail, uint32_t index)
{
    struct sparse_tail_list *list;
    if (!table_grow(tail))
        return NULL;
    struct sparse_tail_table *table = atomic_load(&tail->table);
    size_t at = table_at(table, index, &list);
    if (list != NULL)
        return list;
    list = take(tail, sizeof(*list));
    struct sparse_entry *entries = take(tail, LIST_MIN * ENTRIES_SIZE);
    if (list == NULL || entries == NULL)
        return NULL;
    list->index = index;
    list->room = LIST_MIN;
    atomic_init(&list->count, 0);
    atomic_init(&list->entries, entries);
    tail->lists_count++;
    atomic_store_explicit(&table->lists[at], list, memory_order_release);
    return list;
}

static bool
list_put(struct sparse_tail *tail, struct sparse_tail_list *list, uint32_t doc,
         float weight)
{
    uint32_t count = atomic_load_explicit(&list->count, memory_order_relaxed);
    struct sparse_entry *entries =
        atomic_load_explicit(&list->entries, memory_order_relaxed);
    if (count == list->room) {
        struct sparse_entry *more = take(tail, 2 * count * ENTRIES_SIZE);
        if (more == NULL)
            return false;
        memcpy(more, entries, count * ENTRIES_SIZE);
        list->room = 2 * count;
        entries = more;
        atomic_store_explicit(&list->entries, entries, memory_order_release);
    }
    entries[count] = (struct sparse_entry){ doc, weight };
    atomic_store_explicit(&list->count, count + 1, memory_order_release);
    return true;
}

bool
sparse_tail_add(struct sparse_tail *tail, uint32_t doc,
                const struct vector_value *value)
{
    assert(value->kind == VECTOR_SPARSE);
    for (size_t i = 0; i < value->dim; i++) {
        struct sparse_tail_list *list = list_of(tail, value->indices[i]);
        if (list == NULL || !list_put(tail, list, doc, value->values[i]))
            return false;
    }
    return true;
}
