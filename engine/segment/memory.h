/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_MEMORY_H
#define ENGINE_SEGMENT_MEMORY_H

#include "base/arena.h"
#include "engine/segment/segment.h"

/* What a segment takes of memory and disk, part by part. Each byte of memory
 * is in exactly one part, so that the sum can be compared with the process. */

struct usage {
    uint64_t ram_size;      /* held by this process */
    uint64_t heap_size;     /* of those what comes from malloc */
    uint64_t disk_size;     /* files */
    uint64_t expected_size; /* of those what reads want in the page cache */
};

struct vector_usage {
    struct span name; /* valid as long as the segment */
    bool is_sparse;
    struct usage storage;
    struct usage codes;
    struct usage graph; /* with its checkpoint and what waits to be linked */
};

struct index_usage {
    struct span field; /* in the arena */
    struct usage usage;
};

struct segment_memory {
    const struct vector_usage *vectors;
    size_t vectors_count;
    const struct index_usage *indexes;
    size_t indexes_count;
    struct usage payload;
    struct usage ids;       /* ids, versions, their hash and order */
    struct usage memtables; /* written, not yet in a file */
    struct usage readers;   /* indexes of table files */
    struct usage slots;     /* which live, which are free */
};

/* Looks at everything, in `arena`. Any thread; waits for a slice of a change
 * at most. ENGINE_ENOMEM */
enum engine_code segment_memory(struct segment *segment, struct arena *arena,
                                struct segment_memory *ret_memory,
                                struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_SEGMENT_MEMORY_H */
