/* SPDX-License-Identifier: Apache-2.0
 * The writer's side of the sparse index: documents go to the tail, which
 * sparse_merge.c seals when it is full. Invariant: a document of a slot is found
 * by place[] until it is forgotten, and no slot has two that are not. */
#include "engine/index/sparse.h"

#include "engine/index/sparse_body.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const struct sparse_parts *
sparse_parts_now(const struct sparse *sparse)
{
    return atomic_load_explicit(&sparse->parts, memory_order_acquire);
}

struct sparse_parts *
sparse_parts_new(size_t count)
{
    struct sparse_parts *parts =
        malloc(sizeof(*parts) + count * sizeof(struct sparse_part *));
    if (parts != NULL)
        parts->count = count;
    return parts;
}

bool
sparse_reserve(void **items, size_t *room, size_t count, size_t item_size)
{
    if (count <= *room)
        return true;
    size_t more = count + count / 2 + 16;
    char *grown = realloc(*items, more * item_size);
    if (grown == NULL)
        return false;
    memset(grown + *room * item_size, 0, (more - *room) * item_size);
    *items = grown;
    *room = more;
    return true;
}

static void
note_tables(struct sparse *sparse)
{
    atomic_store(&sparse->tables_size,
                 sparse->places_room * sizeof(sparse->places[0]) +
                     sparse->numbered_room * sizeof(sparse->numbered[0]));
}

bool
sparse_number_part(struct sparse *sparse, struct sparse_part *part)
{
    size_t number = 0;
    while (number < sparse->numbered_room && sparse->numbered[number] != NULL)
        number++;
    void *items = sparse->numbered;
    bool is_ok = sparse_reserve(&items, &sparse->numbered_room, number + 1,
                                sizeof(struct sparse_part *));
    sparse->numbered = items;
    note_tables(sparse);
    if (!is_ok)
        return false;
    sparse->numbered[number] = part;
    part->number = (uint32_t)number;
    return true;
}

struct sparse_part *
sparse_tail_part_new(struct sparse *sparse)
{
    struct sparse_part *part = sparse_part_new(SPARSE_TAIL_DOCS);
    if (part == NULL)
        return NULL;
    part->tail = sparse_tail_new();
    if (part->tail != NULL && sparse_number_part(sparse, part))
        return part;
    sparse_part_free(part);
    return NULL;
}

enum engine_code
sparse_create(struct epoch *epoch, const struct sparse_options *options,
              struct sparse **ret_sparse, struct error *reterr)
{
    struct sparse *sparse = calloc(1, sizeof(*sparse));
    if (sparse == NULL)
        return error_memory(reterr);
    enum engine_code code = sparse_disk_init(&sparse->disk, options, reterr);
    if (code == ENGINE_OK &&
        pthread_mutex_init(&sparse->scratch_lock, NULL) != 0) {
        sparse_disk_release(&sparse->disk);
        code = error_memory(reterr);
    }
    if (code != ENGINE_OK) {
        free(sparse);
        return code;
    }
    sparse->epoch = epoch;
    sparse->datatype = options->datatype;
    struct sparse_parts *parts = sparse_parts_new(1);
    struct sparse_part *tail = sparse_tail_part_new(sparse);
    if (parts == NULL || tail == NULL) {
        sparse_part_free(tail);
        free(parts);
        sparse_free(sparse);
        return error_memory(reterr);
    }
    parts->parts[0] = tail;
    atomic_store(&sparse->parts, parts);
    *ret_sparse = sparse;
    return ENGINE_OK;
}

void
sparse_free(struct sparse *sparse)
{
    if (sparse == NULL)
        return;
    struct sparse_parts *parts = atomic_load(&sparse->parts);
    for (size_t i = 0; parts != NULL && i < parts->count; i++)
        sparse_part_free(parts->parts[i]);
    free(parts);
    sparse_retired_free(sparse);
    while (sparse->scratches != NULL) {
        struct sparse_scratch *scratch = sparse->scratches;
        sparse->scratches = *sparse_scratch_next(scratch);
        sparse_scratch_free(scratch);
    }
    pthread_mutex_destroy(&sparse->scratch_lock);
    sparse_disk_release(&sparse->disk);
    free(sparse->numbered);
    free(sparse->places);
    free(sparse);
}

enum engine_code
sparse_add(struct sparse *sparse, uint32_t slot,
           const struct vector_value *value, struct error *reterr)
{
    void *items = sparse->places;
    bool is_ok = sparse_reserve(&items, &sparse->places_room, (size_t)slot + 1,
                                sizeof(*sparse->places));
    sparse->places = items;
    note_tables(sparse);
    if (!is_ok)
        return error_memory(reterr);
    assert(sparse->places[slot].number == 0);
    enum engine_code code = sparse_seal(sparse, reterr);
    if (code != ENGINE_OK)
        return code;
    struct sparse_part *tail = sparse_tail_of(sparse);
    uint32_t doc = atomic_load(&tail->count);
    tail->slots[doc] = slot;
    is_ok = sparse_tail_add(tail->tail, doc, value);
    tail->entries += value->dim;
    atomic_fetch_add(&sparse->entries, value->dim);
    atomic_store(&tail->count, doc + 1);
    if (!is_ok) {
        atomic_fetch_add(&tail->hidden_count, 1);
        sparse_part_set_gone(tail, doc);
        return error_memory(reterr);
    }
    sparse->places[slot] =
        (struct place){ tail->number + 1, (uint16_t)doc, false };
    atomic_fetch_add(&sparse->count, 1);
    return ENGINE_OK;
}

static struct place
place_of(const struct sparse *sparse, uint32_t slot)
{
    return slot < sparse->places_room ? sparse->places[slot]
                                      : (struct place){ 0 };
}

void
sparse_hide(struct sparse *sparse, uint32_t slot)
{
    struct place place = place_of(sparse, slot);
    assert(place.number != 0 && !place.is_hidden);
    sparse->places[slot].is_hidden = true;
    atomic_fetch_add(&sparse->numbered[place.number - 1]->hidden_count, 1);
}

void
sparse_forget(struct sparse *sparse, uint32_t slot)
{
    struct place place = place_of(sparse, slot);
    if (place.number == 0)
        return;
    struct sparse_part *part = sparse->numbered[place.number - 1];
    sparse_part_set_gone(part, place.doc);
    /* One that was never seen. */
    if (!place.is_hidden)
        atomic_fetch_add(&part->hidden_count, 1);
    sparse->places[slot] = (struct place){ 0 };
    atomic_fetch_sub(&sparse->count, 1);
}

uint64_t
sparse_count(const struct sparse *sparse)
{
    return atomic_load(&sparse->count);
}

uint64_t
sparse_entries(const struct sparse *sparse)
{
    return atomic_load(&sparse->entries);
}

/* ---- rooms of searches ---- */

struct sparse_scratch *
sparse_scratch_take(struct sparse *sparse)
{
    pthread_mutex_lock(&sparse->scratch_lock);
    struct sparse_scratch *scratch = sparse->scratches;
    if (scratch != NULL)
        sparse->scratches = *sparse_scratch_next(scratch);
    pthread_mutex_unlock(&sparse->scratch_lock);
    return scratch != NULL ? scratch : sparse_scratch_new();
}

void
sparse_scratch_give(struct sparse *sparse, struct sparse_scratch *scratch)
{
    pthread_mutex_lock(&sparse->scratch_lock);
    *sparse_scratch_next(scratch) = sparse->scratches;
    sparse->scratches = scratch;
    pthread_mutex_unlock(&sparse->scratch_lock);
}

size_t
sparse_memory(const struct sparse *sparse)
{
    const struct sparse_parts *parts = sparse_parts_now(sparse);
    size_t size = sizeof(*sparse) + atomic_load(&sparse->tables_size);
    for (size_t i = 0; i < parts->count; i++)
        size += sparse_part_memory(parts->parts[i]);
    return size;
}

struct disk_heap_sizes
sparse_disk_sizes(const struct sparse *sparse)
{
    struct disk_heap_sizes sum = { 0 };
    for (size_t i = 0; i < SPARSE_PLACES; i++) {
        struct disk_heap_sizes sizes = disk_heap_sizes(sparse->disk.heaps[i]);
        sum.disk_size += sizes.disk_size;
        sum.memory_size += sizes.memory_size;
    }
    return sum;
}
