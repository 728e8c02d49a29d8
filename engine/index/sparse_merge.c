/* SPDX-License-Identifier: Apache-2.0
 * Parts of the sparse index that take the place of others: a full tail is
 * sealed, and sealed parts of one size become one of the next, as in a
 * log-structured merge tree. Parts that lost many documents are built anew. What
 * is replaced waits until its readers have left. */
#include "engine/index/sparse.h"

#include "engine/index/sparse_body.h"

#include <assert.h>
#include <stdlib.h>

/* Sealed parts of one size that become one: SPARSE_TAIL_DOCS times 4, 16. */
#define MERGE_PARTS 4u
/* A part is built anew when one in so many of its documents is gone. */
#define GONE_SHARE 4u

static bool
reserve_retired(struct sparse *sparse, size_t more)
{
    void *items = sparse->retired;
    bool is_ok =
        sparse_reserve(&items, &sparse->retired_room,
                       sparse->retired_count + more, sizeof(*sparse->retired));
    sparse->retired = items;
    return is_ok;
}

static void
retired_free(struct retired *retired)
{
    sparse_part_free(retired->part);
    free(retired->parts);
    sparse_lists_free(retired->lists);
}

void
sparse_retired_free(struct sparse *sparse)
{
    for (size_t i = 0; i < sparse->retired_count; i++)
        retired_free(&sparse->retired[i]);
    free(sparse->retired);
}

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
            (struct retired){ .stamp = stamp, .part = old->parts[from + i] };
    }
    sparse->retired[sparse->retired_count++] =
        (struct retired){ .stamp = stamp, .parts = old };
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

/* Where a part that nobody knows is wanted. It stays in memory if there is none
 * to move it with, until sparse_tidy() comes by. */
static void
settle(struct sparse *sparse, struct sparse_part *part)
{
    struct sparse_lists *lists = atomic_load(&part->lists);
    if (sparse_disk_has(&sparse->disk, lists))
        return;
    struct sparse_lists *moved = sparse_disk_copy(&sparse->disk, lists);
    if (moved == NULL)
        return;
    atomic_store(&part->lists, moved);
    sparse_lists_free(lists);
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
    next = sparse_parts_new(old->count - count + 1 + (tail != NULL));
    if (next == NULL || !reserve_retired(sparse, count + 1)) {
        free(next);
        return error_memory(reterr);
    }
    enum engine_code code = sparse_part_build(old->parts + from, count,
                                              sparse->datatype, &part, reterr);
    if (code == ENGINE_OK && !sparse_number_part(sparse, part)) {
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
    settle(sparse, part);
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

enum engine_code
sparse_seal(struct sparse *sparse, struct error *reterr)
{
    const struct sparse_part *full = sparse_tail_of(sparse);
    if (atomic_load(&full->count) < SPARSE_TAIL_DOCS &&
        full->entries < SPARSE_TAIL_ENTRIES)
        return ENGINE_OK;
    struct sparse_part *tail = sparse_tail_part_new(sparse);
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

/* Moves the lists of one sealed part that readers may look at. */
static bool
move_one(struct sparse *sparse)
{
    const struct sparse_parts *parts = atomic_load(&sparse->parts);
    size_t i = 0;
    while (i + 1 < parts->count &&
           sparse_disk_has(&sparse->disk, sparse_lists_now(parts->parts[i])))
        i++;
    if (i + 1 >= parts->count || !reserve_retired(sparse, 1))
        return false;
    struct sparse_part *part = parts->parts[i];
    struct sparse_lists *old = atomic_load(&part->lists);
    struct sparse_lists *moved = sparse_disk_copy(&sparse->disk, old);
    if (moved == NULL)
        return false;
    atomic_store_explicit(&part->lists, moved, memory_order_release);
    uint64_t stamp = epoch_advance(sparse->epoch);
    sparse->retired[sparse->retired_count++] =
        (struct retired){ .stamp = stamp, .lists = old };
    free_retired(sparse);
    return true;
}

void
sparse_set_place(struct sparse *sparse, enum sparse_place place)
{
    assert(place == SPARSE_PINNED || sparse->disk.heaps[place] != NULL);
    sparse->disk.place = place;
}

bool
sparse_is_moving(const struct sparse *sparse)
{
    const struct sparse_parts *parts = atomic_load(&sparse->parts);
    for (size_t i = 0; i + 1 < parts->count; i++)
        if (!sparse_disk_has(&sparse->disk, sparse_lists_now(parts->parts[i])))
            return true;
    for (size_t i = 0; i < sparse->retired_count; i++)
        if (sparse->retired[i].lists != NULL)
            return true;
    return false;
}

bool
sparse_has_retired(const struct sparse *sparse)
{
    return sparse->retired_count > 0;
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
    return move_one(sparse);
}
