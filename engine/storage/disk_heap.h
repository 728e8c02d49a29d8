/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_STORAGE_DISK_HEAP_H
#define ENGINE_STORAGE_DISK_HEAP_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Memory whose pages lie in a file: the bulk of an index that is `on_disk`. The
 * system reads a page when it is touched and may write it back and let it go at
 * any time, so that only what is asked for stays in memory. Such indexes are
 * made anew from the store at each start, so the file has no name: it goes with
 * the process, nothing of it is ever opened again. What is taken has its room
 * on the disk; when that is full, it is taken from memory, and the disk is asked
 * again after a while. File systems that write to another place than before
 * (btrfs, ZFS) keep no room for that: when such a disk is full, or a page
 * cannot be read, who touches it gets SIGBUS.
 * NULL in place of a heap is malloc() everywhere. Any thread. */
struct disk_heap;

enum disk_heap_use {
    DISK_HEAP_COLD,  /* pages are read one by one, and let go after a build */
    DISK_HEAP_CACHED /* ... with their neighbours, and kept while they may */
};

/* In the folder, which is copied; no file until something is taken. NULL when
 * memory is out. */
struct disk_heap *disk_heap_new(const char *folder, enum disk_heap_use use)
    __attribute__((warn_unused_result));
/* With all that was taken. NULL is allowed. */
void disk_heap_free(struct disk_heap *heap);

/* `size` bytes, aligned to 16, what is in them is not said; NULL when memory is
 * out. */
void *disk_heap_take(struct disk_heap *heap, size_t size)
    __attribute__((warn_unused_result));
/* The same, zeroes. */
void *disk_heap_take_zeroes(struct disk_heap *heap, size_t size)
    __attribute__((warn_unused_result));
/* `size` as it was taken; NULL is allowed. */
void disk_heap_give(struct disk_heap *heap, void *data, size_t size);
/* As realloc(); NULL: nothing changed. */
void *disk_heap_resize(struct disk_heap *heap, void *data, size_t size,
                       size_t new_size) __attribute__((warn_unused_result));

/* After much was taken: a cold heap lets go of the pages in memory. */
void disk_heap_rest(struct disk_heap *heap); /* NULL is allowed */
/* The same of what was taken at `data` alone, if it is large enough for pages
 * of its own. */
void disk_heap_rest_one(struct disk_heap *heap, const void *data);

struct disk_heap_sizes {
    size_t disk_size;   /* of the file; also what could not be given back */
    size_t memory_size; /* beside it: the disk was full */
};
struct disk_heap_sizes disk_heap_sizes(struct disk_heap *heap);

/* All heaps let go of their pages, but of those that are at work just now. For
 * memory_relief_set(). */
void disk_heap_relieve(void);

#endif /* ENGINE_STORAGE_DISK_HEAP_H */
