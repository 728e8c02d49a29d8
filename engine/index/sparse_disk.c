/* SPDX-License-Identifier: Apache-2.0
 * Lists of sealed parts in one piece, of a file or of memory. */
#include "engine/index/sparse_disk.h"

#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Arrays begin with a line of the cache. */
#define ALIGN      64u
#define ARRAYS_MAX 11u

enum engine_code
sparse_disk_init(struct sparse_disk *disk, const struct sparse_options *options,
                 struct error *reterr)
{
    *disk = (struct sparse_disk){ .place = options->place };
    assert(options->folder != NULL || options->place == SPARSE_PINNED);
    if (options->folder == NULL)
        return ENGINE_OK;
    disk->heaps[SPARSE_CACHED] =
        disk_heap_new(options->folder, DISK_HEAP_CACHED);
    disk->heaps[SPARSE_COLD] = disk_heap_new(options->folder, DISK_HEAP_COLD);
    if (disk->heaps[SPARSE_CACHED] != NULL && disk->heaps[SPARSE_COLD] != NULL)
        return ENGINE_OK;
    sparse_disk_release(disk);
    return error_memory(reterr);
}

void
sparse_disk_release(struct sparse_disk *disk)
{
    for (size_t i = 0; i < SPARSE_PLACES; i++)
        disk_heap_free(disk->heaps[i]);
}

bool
sparse_disk_has(const struct sparse_disk *disk,
                const struct sparse_lists *lists)
{
    return lists->heap == disk->heaps[disk->place];
}

/* ---- one piece ---- */

/* An array of lists: where its address is, and how long it is. */
struct array {
    size_t place; /* of the pointer in struct sparse_lists */
    size_t size;
};

#define ARRAY(field, count)                                                    \
    (struct array)                                                             \
    {                                                                          \
        offsetof(struct sparse_lists, field),                                  \
            (count) * sizeof(*((struct sparse_lists *)0)->field)               \
    }

/* Those that the datatype has; what a search reads first comes first. */
static size_t
arrays_of(const struct sparse_lists *lists, struct array *ret_arrays)
{
    size_t entries = lists->starts[lists->count], count = lists->count;
    size_t bounds = (size_t)lists->long_count * lists->stride;
    size_t used = 0;
    ret_arrays[used++] = ARRAY(table, (size_t)lists->table_mask + 1);
    ret_arrays[used++] = ARRAY(indices, count);
    ret_arrays[used++] = ARRAY(starts, count + 1);
    ret_arrays[used++] = ARRAY(steps, lists->long_count);
    if (lists->datatype == DATATYPE_U8)
        ret_arrays[used++] = ARRAY(scales, count);
    ret_arrays[used++] = ARRAY(greatest, bounds);
    ret_arrays[used++] = ARRAY(begins, bounds);
    ret_arrays[used++] = ARRAY(docs, entries);
    if (lists->datatype == DATATYPE_F16)
        ret_arrays[used++] = ARRAY(halves, entries);
    else if (lists->datatype == DATATYPE_U8)
        ret_arrays[used++] = ARRAY(bytes, entries);
    else
        ret_arrays[used++] = ARRAY(weights, entries);
    assert(used <= ARRAYS_MAX);
    return used;
}

static size_t
aligned(size_t size)
{
    return (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static void
array_copy(struct sparse_lists *into, const struct sparse_lists *from,
           const struct array *array, char *data)
{
    const void *old;
    memcpy(&old, (const char *)from + array->place, sizeof(old));
    if (array->size > 0)
        memcpy(data, old, array->size);
    memcpy((char *)into + array->place, &data, sizeof(data));
}

struct sparse_lists *
sparse_disk_copy(const struct sparse_disk *disk,
                 const struct sparse_lists *lists)
{
    struct array arrays[ARRAYS_MAX];
    size_t count = arrays_of(lists, arrays);
    size_t size = ALIGN;
    for (size_t i = 0; i < count; i++)
        size += aligned(arrays[i].size);
    struct disk_heap *heap = disk->heaps[disk->place];
    struct sparse_lists *copy = malloc(sizeof(*copy));
    uint64_t used;
    bool has_room = heap != NULL || memory_has_room(size, &used);
    char *piece = copy == NULL || !has_room ? NULL : disk_heap_take(heap, size);
    if (piece == NULL) {
        free(copy);
        return NULL;
    }
    *copy = *lists;
    copy->heap = heap;
    copy->piece = piece;
    copy->piece_size = size;
    char *at = piece + (aligned((uintptr_t)piece) - (uintptr_t)piece);
    for (size_t i = 0; i < count; i++) {
        array_copy(copy, lists, &arrays[i], at);
        at += aligned(arrays[i].size);
    }
    disk_heap_rest_one(copy->heap, piece);
    return copy;
}

void
sparse_lists_free(struct sparse_lists *lists)
{
    if (lists == NULL)
        return;
    if (lists->piece != NULL) {
        disk_heap_give(lists->heap, lists->piece, lists->piece_size);
        free(lists);
        return;
    }
    free(lists->table);
    free(lists->indices);
    free(lists->starts);
    free(lists->docs);
    free(lists->weights);
    free(lists->halves);
    free(lists->bytes);
    free(lists->scales);
    free(lists->greatest);
    free(lists->steps);
    free(lists->begins);
    free(lists);
}
