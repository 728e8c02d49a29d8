/* SPDX-License-Identifier: Apache-2.0
 * The writer's side of the sparse index: documents go to the tail; a full tail
 * is sealed, and sealed parts of one size become one of the next, as in a
 * log-structured merge tree. Parts that lost many documents are built anew.
 * What is replaced waits until its readers have left. Invariant: a document of
 * a slot is found by place[] until it is forgotten, and no slot has two that
 * are not. */
#include "engine/index/sparse.h"

#include "engine/index/sparse_part.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Sealed parts of one size that become one: SPARSE_TAIL_DOCS times 4, 16. */
#define MERGE_PARTS 4u
/* A part is built anew when one in so many of its documents is gone. */
#define GONE_SHARE 4u

/* Where the document of a slot is. */
struct place {
    uint32_t number; /* of the part, + 1; 0: nowhere */
    uint16_t doc;
    bool is_hidden;
};

struct retired {
    uint64_t stamp;
    struct sparse_part *part;   /* NULL, or */
    struct sparse_parts *parts; /* this */
};

struct sparse {
    struct epoch *epoch;
    enum datatype datatype;               /* of sealed parts */
    _Atomic(struct sparse_parts *) parts; /* the tail is the last one */
    struct sparse_part **numbered;        /* by number; NULL: free */
    size_t numbered_room;
    struct place *places; /* by slot */
    size_t places_room;
    struct retired *retired;
    size_t retired_count;
    size_t retired_room;
    size_t retired_size;
    _Atomic uint64_t count;
    _Atomic uint64_t entries;
    _Atomic size_t tables_size; /* numbered[] and places[] */
    pthread_mutex_t scratch_lock;
    struct sparse_scratch *scratches; /* free ones */
};

const struct sparse_parts *
sparse_parts_now(const struct sparse *sparse)
{
    return atomic_load_explicit(&sparse->parts, memory_order_acquire);
}

static struct sparse_part *
tail_of(const struct sparse *sparse)
{
    const struct sparse_parts *parts = atomic_load(&sparse->parts);
    return parts->parts[parts->count - 1];
}

static struct sparse_parts *
parts_new(size_t count)
{
    struct sparse_parts *parts =
        malloc(sizeof(*parts) + count * sizeof(struct sparse_part *));
    if (parts != NULL)
        parts->count = count;
    return parts;
}

static bool
reserve(void **items, size_t *room, size_t count, size_t item_size)
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

static bool
reserve_retired(struct sparse *sparse, size_t more)
{
    void *items = sparse->retired;
    bool is_ok =
        reserve(&items, &sparse->retired_room, sparse->retired_count + more,
                sizeof(*sparse->retired));
    sparse->retired = items;
    return is_ok;
}

static void
note_tables(struct sparse *sparse)
{
    atomic_store(&sparse->tables_size,
                 sparse->places_room * sizeof(sparse->places[0]) +
                     sparse->numbered_room * sizeof(sparse->numbered[0]));
}

/* Gives the part a number, so that places can name it. */
static bool
number_part(struct sparse *sparse, struct sparse_part *part)
{
    size_t number = 0;
    while (number < sparse->numbered_room && sparse->numbered[number] != NULL)
        number++;
    void *items = sparse->numbered;
    bool is_ok = reserve(&items, &sparse->numbered_room, number + 1,
                         sizeof(struct sparse_part *));
    sparse->numbered = items;
    note_tables(sparse);
    if (!is_ok)
        return false;
    sparse->numbered[number] = part;
    part->number = (uint32_t)number;
    return true;
}

static struct sparse_part *
tail_new(struct sparse *sparse)
{
    struct sparse_part *part = sparse_part_new(SPARSE_TAIL_DOCS);
    if (part == NULL)
        return NULL;
    part->tail = sparse_tail_new();
    if (part->tail != NULL && number_part(sparse, part))
        return part;
    sparse_part_free(part);
    return NULL;
}

enum engine_code
sparse_create(struct epoch *epoch, enum datatype datatype,
              struct sparse **ret_sparse, struct error *reterr)
{
    struct sparse *sparse = calloc(1, sizeof(*sparse));
    if (sparse == NULL)
        return error_memory(reterr);
    if (pthread_mutex_init(&sparse->scratch_lock, NULL) != 0) {
        free(sparse);
        return error_memory(reterr);
    }
    sparse->epoch = epoch;
    sparse->datatype = datatype;
    struct sparse_parts *parts = parts_new(1);
    struct sparse_part *tail = tail_new(sparse);
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

static void
retired_free(struct retired *retired)
{
    sparse_part_free(retired->part);
    free(retired->parts);
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
    for (size_t i = 0; i < sparse->retired_count; i++)
        retired_free(&sparse->retired[i]);
    while (sparse->scratches != NULL) {
        struct sparse_scratch *scratch = sparse->scratches;
        sparse->scratches = *sparse_scratch_next(scratch);
        sparse_scratch_free(scratch);
    }
    pthread_mutex_destroy(&sparse->scratch_lock);
    free(sparse->numbered);
    free(sparse->places);
    free(sparse->retired);
    free(sparse);
}

/* ---- parts take the place of others ---- */

static void
free_retired(struct sparse *sparse)
{
    size_t kept = 0;
    uint64_t oldest =
        sparse->retired_count > 0 ? epoch_oldest(sparse->epoch) : 0;
    for (size_t i = 0; i < sparse->retired_count; i++) {
        if (sparse->retired[i].stamp < oldest)
            retired_free(&sparse->retired[i]);
        else
            sparse->retired[kept++] = sparse->retired[i];
    }
    sparse->retired_count = kept;
}

/* Puts `next` in place; there is room for what it replaces: `count` parts from
 * `from` on. */
static void
publish(struct sparse *sparse, struct sparse_parts *next, size_t from,
        size_t count)
{
    struct sparse_parts *old = atomic_load(&sparse->parts);
    atomic_store_explicit(&sparse->parts, next, memory_order_release);
    uint64_t stamp = epoch_advance(sparse->epoch);
    for (size_t i = 0; i < count; i++) {
        sparse->numbered[old->parts[from + i]->number] = NULL;
        sparse->retired[sparse->retired_count++] =
            (struct retired){ stamp, old->parts[from + i], NULL };
    }
    sparse->retired[sparse->retired_count++] =
        (struct retired){ stamp, NULL, old };
    free_retired(sparse);
}

static void
place_docs(struct sparse *sparse, const struct sparse_part *part)
{
    uint32_t count = atomic_load(&part->count);
    for (uint32_t doc = 0; doc < count; doc++) {
        struct place *place = &sparse->places[part->slots[doc]];
        place->number = part->number + 1;
        place->doc = (uint16_t)doc;
    }
}

/* Builds one part of `count` from `from` on, without a new tail if `tail` is
 * NULL. A part of no documents is left out. */
static enum engine_code
merge(struct sparse *sparse, size_t from, size_t count,
      struct sparse_part *tail, struct error *reterr)
{
    struct sparse_parts *old = atomic_load(&sparse->parts), *next;
    struct sparse_part *part = NULL;
    uint32_t hidden = 0;
    next = parts_new(old->count - count + 1 + (tail != NULL));
    if (next == NULL || !reserve_retired(sparse, count + 1)) {
        free(next);
        return error_memory(reterr);
    }
    enum engine_code code = sparse_part_build(old->parts + from, count,
                                              sparse->datatype, &part, reterr);
    if (code == ENGINE_OK && !number_part(sparse, part)) {
        sparse_part_free(part);
        code = error_memory(reterr);
    }
    if (code != ENGINE_OK) {
        free(next);
        return code;
    }
    uint64_t entries = 0;
    for (size_t i = 0; i < count; i++) {
        const struct sparse_part *one = old->parts[from + i];
        hidden += atomic_load(&one->hidden_count) - one->gone_count;
        entries += one->entries;
    }
    atomic_store(&part->hidden_count, hidden);
    atomic_fetch_sub(&sparse->entries, entries - part->entries);
    size_t used = 0;
    for (size_t i = 0; i < from; i++)
        next->parts[used++] = old->parts[i];
    next->parts[used++] = part;
    for (size_t i = from + count; i < old->count; i++)
        next->parts[used++] = old->parts[i];
    if (tail != NULL)
        next->parts[used++] = tail;
    next->count = used;
    place_docs(sparse, part);
    publish(sparse, next, from, count);
    return ENGINE_OK;
}

static uint32_t
kept_docs(const struct sparse_part *part)
{
    return atomic_load(&part->count) - part->gone_count;
}

/* How large it is, in documents; those with many entries count as more, so that
 * a part has 2^24 entries at most, but for the last document's. */
static uint64_t
size_of(const struct sparse_part *part)
{
    uint64_t heavy = part->entries / (SPARSE_TAIL_ENTRIES / SPARSE_TAIL_DOCS);
    return heavy > kept_docs(part) ? heavy : kept_docs(part);
}

/* 0 for a sealed tail, 1 for four of them, and so on. */
static unsigned
level_of(const struct sparse_part *part)
{
    unsigned level = 0;
    for (uint64_t size = SPARSE_TAIL_DOCS;
         size < size_of(part) && size < SPARSE_PART_DOCS; size *= MERGE_PARTS)
        level++;
    return level;
}

/* Merges the last sealed parts while there are enough of one level. What cannot
 * be merged for want of memory stays as it is. */
static void
merge_levels(struct sparse *sparse)
{
    for (;;) {
        const struct sparse_parts *parts = atomic_load(&sparse->parts);
        size_t end = parts->count - 1, count = 0;
        uint64_t size = 0;
        if (end == 0)
            return;
        unsigned level = level_of(parts->parts[end - 1]);
        while (count < end && count < MERGE_PARTS) {
            const struct sparse_part *part = parts->parts[end - 1 - count];
            size += size_of(part);
            if (level_of(part) != level || size > SPARSE_PART_DOCS)
                break;
            count++;
        }
        if (count < MERGE_PARTS ||
            merge(sparse, end - count, count, NULL, NULL) != ENGINE_OK)
            return;
    }
}

/* Seals a full tail. */
static enum engine_code
seal(struct sparse *sparse, struct error *reterr)
{
    const struct sparse_part *full = tail_of(sparse);
    if (atomic_load(&full->count) < SPARSE_TAIL_DOCS &&
        full->entries < SPARSE_TAIL_ENTRIES)
        return ENGINE_OK;
    struct sparse_part *tail = tail_new(sparse);
    if (tail == NULL)
        return error_memory(reterr);
    size_t from = atomic_load(&sparse->parts)->count - 1;
    enum engine_code code = merge(sparse, from, 1, tail, reterr);
    if (code != ENGINE_OK) {
        sparse->numbered[tail->number] = NULL;
        sparse_part_free(tail);
        return code;
    }
    merge_levels(sparse);
    return ENGINE_OK;
}

enum engine_code
sparse_add(struct sparse *sparse, uint32_t slot,
           const struct vector_value *value, struct error *reterr)
{
    void *items = sparse->places;
    bool is_ok = reserve(&items, &sparse->places_room, (size_t)slot + 1,
                         sizeof(*sparse->places));
    sparse->places = items;
    note_tables(sparse);
    if (!is_ok)
        return error_memory(reterr);
    assert(sparse->places[slot].number == 0);
    enum engine_code code = seal(sparse, reterr);
    if (code != ENGINE_OK)
        return code;
    struct sparse_part *tail = tail_of(sparse);
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

bool
sparse_tidy(struct sparse *sparse)
{
    const struct sparse_parts *parts = atomic_load(&sparse->parts);
    free_retired(sparse);
    for (size_t i = 0; i + 1 < parts->count; i++) {
        const struct sparse_part *part = parts->parts[i];
        if (part->gone_count <= atomic_load(&part->count) / GONE_SHARE)
            continue;
        /* With a neighbour, if both are small: so their number stays low. */
        bool is_small =
            i + 2 < parts->count &&
            size_of(part) + size_of(parts->parts[i + 1]) <= SPARSE_PART_DOCS;
        size_t count = is_small ? 2 : 1;
        return merge(sparse, i, count, NULL, NULL) == ENGINE_OK;
    }
    return false;
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
