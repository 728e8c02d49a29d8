/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_SPARSE_H
#define ENGINE_INDEX_SPARSE_H

#include "engine/index/epoch.h"
#include "engine/index/plain.h"
#include "engine/index/vector_row.h"
#include "engine/storage/disk_heap.h"

/* An inverted index over sparse vectors, exact. Documents are
 * numbered as they come; each has a slot, and what of it is seen is its
 * reader's affair (struct slot_filter, which has a view). Documents lie in
 * parts: a tail that grows and sealed ones that only lose documents. In a
 * sealed part the documents stand in blocks of 32, like beside like; long lists know their
 * greatest weight in each block, so that a search scores the most promising
 * blocks first and leaves out those that cannot come up to what it has
 * (Mallia, Suel, Tonellotto: Faster Learned Sparse Retrieval with Block-Max
 * Pruning, SIGIR 2024). Weights of either sign are exact.
 *
 * One writer at a time, which readers never wait for. Readers are in `epoch`,
 * the owner's, for as long as they use the index. */
struct sparse;

/* Where sealed parts are; the tail is in memory, in any case. */
enum sparse_place {
    SPARSE_PINNED, /* in memory */
    SPARSE_CACHED, /* in a mapped file (disk_heap.h) */
    SPARSE_COLD,
    SPARSE_PLACES
};

struct sparse_options {
    enum datatype datatype; /* of weights of sealed parts; the tail's: floats */
    enum sparse_place place;
    const char *folder; /* of the files, copied; NULL: always in memory */
};

enum engine_code sparse_create(struct epoch *epoch,
                               const struct sparse_options *options,
                               struct sparse **ret_sparse, struct error *reterr)
    __attribute__((warn_unused_result));
/* Nobody may read any more. NULL is allowed. */
void sparse_free(struct sparse *sparse);

/* Adds the vector of a slot that has none and that no reader's filter lets
 * pass yet. ENGINE_ENOMEM  it was not added. The writer. */
enum engine_code sparse_add(struct sparse *sparse, uint32_t slot,
                            const struct vector_value *value,
                            struct error *reterr)
    __attribute__((warn_unused_result));

/* The slot is in no new view; readers of older ones still find it. */
void sparse_hide(struct sparse *sparse, uint32_t slot);

/* No reader knows the slot any more; it may be added again. One that has no
 * vector is fine. */
void sparse_forget(struct sparse *sparse, uint32_t slot);

/* Takes forgotten documents out of one part, if that is worth it, or moves one
 * to another place. False when there was nothing to do, or no memory for it.
 * The writer. */
bool sparse_tidy(struct sparse *sparse);

/* Where new sealed parts are from now on; sparse_tidy() moves the others. It
 * has a folder. The writer. */
void sparse_set_place(struct sparse *sparse, enum sparse_place place);

/* Whether some part is not there yet, or is in its old place, too, for readers
 * that have not left. sparse_tidy() lets it go. The writer. */
bool sparse_is_moving(const struct sparse *sparse);

/* Whether something that was replaced waits for its readers to leave, and then
 * for sparse_tidy(). The writer. */
bool sparse_has_retired(const struct sparse *sparse);

/* Documents not forgotten, and entries of all documents. */
uint64_t sparse_count(const struct sparse *sparse);
uint64_t sparse_entries(const struct sparse *sparse);

/* Heap bytes. The writer, or readers in the epoch. */
size_t sparse_memory(const struct sparse *sparse);

/* Beside them, of the files. Any thread. */
struct disk_heap_sizes sparse_disk_sizes(const struct sparse *sparse);

struct sparse_search {
    const uint32_t *indices; /* [count], ascending, no repeats */
    const float *weights;    /* [count], finite */
    size_t count;
    uint32_t k;                       /* 1..PLAIN_K_MAX */
    const struct slot_filter *filter; /* with a view */
    struct stopper stopper;
    uint64_t *scored; /* counts documents of scored blocks; NULL: nobody asks */
};

/* The k best of the documents that have an index in common with the query, by
 * descending dot product: hit.distance is its negative. `ret_hits` is hit[k].
 * ENGINE_ETIMEOUT, ENGINE_ENOMEM. Any thread in the epoch. */
enum engine_code
sparse_search(struct sparse *sparse, const struct sparse_search *search,
              struct hit *ret_hits, uint32_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

/* How many documents that pass the filter have each index: ret_counts[count].
 * Looks at single documents only where some are hidden, or when the filter is
 * more than a view. Any thread in the epoch. */
void sparse_frequencies(const struct sparse *sparse, const uint32_t *indices,
                        size_t count, const struct slot_filter *filter,
                        uint32_t *ret_counts);

/* Nanoseconds, roughly, of a search. */
uint64_t sparse_search_cost_ns(const struct sparse *sparse,
                               const uint32_t *indices, size_t count);

#endif /* ENGINE_INDEX_SPARSE_H */
