/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_SPARSE_PART_H
#define ENGINE_INDEX_SPARSE_PART_H

#include "engine/index/sparse.h"

#include <stdatomic.h>

/* The inside of the sparse index, for its own files: parts and what they are
 * made of. Everything a reader looks at is written before it is published. */

#define SPARSE_BLOCK_DOCS 32u
/* Bounds of so many blocks are summed in one go. */
#define SPARSE_LANES     16u
#define SPARSE_PART_DOCS 65536u /* numbers are u16 */
#define SPARSE_TAIL_DOCS 4096u
/* Documents of a tail have so many entries together, but for a last one. */
#define SPARSE_TAIL_ENTRIES 1048576u

/* What tails and sealed parts have in common. */
struct sparse_part {
    uint32_t number;        /* in the index; the writer's */
    _Atomic uint32_t count; /* documents */
    uint32_t gone_count;    /* forgotten; the writer's */
    /* Hidden or forgotten ones: while 0, the lengths of lists are exact. */
    _Atomic uint32_t hidden_count;
    uint64_t entries; /* of all documents; the writer's */
    uint32_t *slots;  /* [count] */
    _Atomic uint64_t *gone;
    /* Sealed; NULL: a tail. Others of the same content may take their place. */
    _Atomic(struct sparse_lists *) lists;
    struct sparse_tail *tail;
};

/* What the bytes of a list mean. */
struct sparse_scale {
    float least;
    float most;
};

/* The lists of a sealed part: first the long ones. */
struct sparse_lists {
    uint32_t count;
    uint32_t long_count;
    uint32_t blocks_count;
    uint32_t stride;   /* blocks_count in whole SPARSE_LANES */
    bool has_negative; /* some weight is */
    uint32_t table_mask;
    uint32_t *table;   /* by hash of the index: list + 1; 0: empty */
    uint32_t *indices; /* [count] */
    uint32_t *starts;  /* [count + 1] */
    uint16_t *docs;    /* ascending within a list */
    /* One of these, by the datatype; `weights` while the part is made, too. */
    enum datatype datatype;
    float *weights;
    uint16_t *halves;
    uint8_t *bytes;
    struct sparse_scale *scales; /* of bytes, [count] */
    /* Of long lists, [long_count][stride]: a bound of the weights in each
     * block, in parts of steps[list], rounded up, 0 for none above 0; and where
     * the block begins, from the list's start. */
    uint8_t *greatest;
    float *steps; /* [long_count] */
    uint16_t *begins;
    size_t size; /* bytes of all this */
    /* All arrays are in it (sparse_disk.h); NULL: each is its own. */
    char *piece;
    size_t piece_size;
    struct disk_heap *heap; /* of the piece; NULL: memory */
};

struct sparse_entry {
    uint32_t doc;
    float weight;
};

/* One list of a tail. `count` is written last. */
struct sparse_tail_list {
    uint32_t index;
    uint32_t room;
    _Atomic uint32_t count;
    _Atomic(struct sparse_entry *) entries;
};

/* The tail's lists; memory goes only all together. */
struct sparse_tail_table {
    size_t room; /* a power of two */
    _Atomic(struct sparse_tail_list *) lists[];
};

static inline uint32_t
sparse_hash(uint32_t index)
{
    uint32_t hash = index * 0x9e3779b1u;
    return hash ^ hash >> 15;
}

static inline bool
sparse_is_gone(const struct sparse_part *part, uint32_t doc)
{
    return (atomic_load_explicit(&part->gone[doc / 64], memory_order_relaxed) >>
                (doc % 64) &
            1) != 0;
}

/* NULL: a tail. Read once where more than one thing is asked of them. */
static inline const struct sparse_lists *
sparse_lists_now(const struct sparse_part *part)
{
    return atomic_load_explicit(&part->lists, memory_order_acquire);
}

/* The list of an index in a sealed part; UINT32_MAX: none. */
static inline uint32_t
sparse_lists_find(const struct sparse_lists *lists, uint32_t index)
{
    uint32_t at = sparse_hash(index) & lists->table_mask;
    while (lists->table[at] != 0) {
        uint32_t list = lists->table[at] - 1;
        if (lists->indices[list] == index)
            return list;
        at = (at + 1) & lists->table_mask;
    }
    return UINT32_MAX;
}

/* An empty part with room for `docs` documents, without lists. NULL when memory
 * is out. */
struct sparse_part *sparse_part_new(uint32_t docs)
    __attribute__((warn_unused_result));
void sparse_part_free(struct sparse_part *part); /* NULL is allowed */
size_t sparse_part_memory(const struct sparse_part *part);
void sparse_part_set_gone(struct sparse_part *part, uint32_t doc);

/* One sealed part with what is not gone of `parts`, at most SPARSE_PART_DOCS.
 * Its weights are of `datatype` (sparse_weight.h).
 * Documents of like content become neighbours, so that few blocks are worth a
 * look. ENGINE_ENOMEM. The writer. */
enum engine_code sparse_part_build(struct sparse_part *const *parts,
                                   size_t parts_count, enum datatype datatype,
                                   struct sparse_part **ret_part,
                                   struct error *reterr)
    __attribute__((warn_unused_result));

/* Sorts each list by document. `room` and `spare` have place for the longest.
 * sparse_sort.c */
void sparse_lists_sort(struct sparse_lists *lists, struct sparse_entry *room,
                       struct sparse_entry *spare);

/* ---- sparse_tail.c ---- */

struct sparse_tail *sparse_tail_new(void) __attribute__((warn_unused_result));
void sparse_tail_free(struct sparse_tail *tail); /* NULL is allowed */
size_t sparse_tail_memory(const struct sparse_tail *tail);

/* Adds the entries of document `doc`; what a failure leaves behind belongs to
 * `doc`, too. False when memory is out. */
bool sparse_tail_add(struct sparse_tail *tail, uint32_t doc,
                     const struct vector_value *value)
    __attribute__((warn_unused_result));

/* NULL: none. Any thread. */
const struct sparse_tail_list *sparse_tail_find(const struct sparse_tail *tail,
                                                uint32_t index);
/* All lists, for the writer. */
const struct sparse_tail_table *
sparse_tail_table(const struct sparse_tail *tail);

/* ---- what readers see ---- */

struct sparse_parts {
    size_t count;
    struct sparse_part *parts[];
};
const struct sparse_parts *sparse_parts_now(const struct sparse *sparse);

/* Room of one search, kept for the next; NULL when memory is out. */
struct sparse_scratch;
struct sparse_scratch *sparse_scratch_take(struct sparse *sparse);
void sparse_scratch_give(struct sparse *sparse, struct sparse_scratch *scratch);
/* sparse_search.c */
struct sparse_scratch *sparse_scratch_new(void);
void sparse_scratch_free(struct sparse_scratch *scratch);
struct sparse_scratch **sparse_scratch_next(struct sparse_scratch *scratch);

#endif /* ENGINE_INDEX_SPARSE_PART_H */
