/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_SPARSE_DISK_H
#define ENGINE_INDEX_SPARSE_DISK_H

#include "engine/index/sparse_part.h"
#include "engine/storage/disk_heap.h"

/* Where the lists of sealed parts lie: in memory, or in one of two mapped
 * files. A part is made in memory and then copied as one piece, so that each of
 * its arrays is written once and in order. */
struct sparse_disk {
    enum sparse_place place;                /* wanted; the writer's */
    struct disk_heap *heaps[SPARSE_PLACES]; /* NULL: malloc() */
};

/* ENGINE_ENOMEM: there is nothing to release. */
enum engine_code sparse_disk_init(struct sparse_disk *disk,
                                  const struct sparse_options *options,
                                  struct error *reterr)
    __attribute__((warn_unused_result));
/* After all lists. */
void sparse_disk_release(struct sparse_disk *disk);

/* Whether the lists are where they are wanted, or on a full disk's behalf in
 * memory. */
bool sparse_disk_has(const struct sparse_disk *disk,
                     const struct sparse_lists *lists);

/* A copy of the lists where they are wanted; NULL when memory is out. */
struct sparse_lists *sparse_disk_copy(const struct sparse_disk *disk,
                                      const struct sparse_lists *lists)
    __attribute__((warn_unused_result));

/* Lists of any place; NULL is allowed. */
void sparse_lists_free(struct sparse_lists *lists);

#endif /* ENGINE_INDEX_SPARSE_DISK_H */
