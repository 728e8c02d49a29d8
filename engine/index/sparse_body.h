/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_SPARSE_BODY_H
#define ENGINE_INDEX_SPARSE_BODY_H

#include "engine/index/sparse_disk.h"
#include "engine/index/sparse_part.h"

#include <pthread.h>

/* The index itself, for the files of its writer. */

/* Where the document of a slot is. */
struct place {
    uint32_t number; /* of the part, + 1; 0: nowhere */
    uint16_t doc;
    bool is_hidden;
};

struct retired {
    uint64_t stamp;
    struct sparse_part *part; /* NULL, or */
    struct sparse_parts *parts;
    struct sparse_lists *lists; /* as they were before they moved */
};

struct sparse {
    struct epoch *epoch;
    enum datatype datatype; /* of sealed parts */
    struct sparse_disk disk;
    _Atomic(struct sparse_parts *) parts; /* the tail is the last one */
    struct sparse_part **numbered;        /* by number; NULL: free */
    size_t numbered_room;
    struct place *places; /* by slot */
    size_t places_room;
    struct retired *retired;
    size_t retired_count;
    size_t retired_room;
    _Atomic uint64_t count;
    _Atomic uint64_t entries;
    _Atomic size_t tables_size; /* numbered[] and places[] */
    pthread_mutex_t scratch_lock;
    struct sparse_scratch *scratches; /* free ones */
};

static inline struct sparse_part *
sparse_tail_of(const struct sparse *sparse)
{
    const struct sparse_parts *parts = atomic_load(&sparse->parts);
    return parts->parts[parts->count - 1];
}

/* ---- sparse.c ---- */

struct sparse_parts *sparse_parts_new(size_t count)
    __attribute__((warn_unused_result));

/* Room for `count` items, zeroes beyond what was there. False: no memory, and
 * nothing changed. */
bool sparse_reserve(void **items, size_t *room, size_t count, size_t item_size)
    __attribute__((warn_unused_result));

/* Gives the part a number, so that places can name it. False: no memory. */
bool sparse_number_part(struct sparse *sparse, struct sparse_part *part)
    __attribute__((warn_unused_result));

/* An empty tail with a number; NULL when memory is out. */
struct sparse_part *sparse_tail_part_new(struct sparse *sparse)
    __attribute__((warn_unused_result));

/* ---- sparse_merge.c ---- */

/* Seals a full tail. ENGINE_ENOMEM */
enum engine_code sparse_seal(struct sparse *sparse, struct error *reterr)
    __attribute__((warn_unused_result));

/* All of it: nobody reads any more. */
void sparse_retired_free(struct sparse *sparse);

#endif /* ENGINE_INDEX_SPARSE_BODY_H */
