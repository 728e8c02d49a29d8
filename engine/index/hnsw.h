/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_HNSW_H
#define ENGINE_INDEX_HNSW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/error.h"
#include "engine/index/codes.h"
#include "engine/index/datatype.h"
#include "engine/index/epoch.h"
#include "engine/index/plain.h"
#include "engine/index/slab.h"
#include "engine/index/slotset.h"
#include "engine/kernel/kernel.h"

/* One living graph per (shard, named vector): Malkov & Yashunin 2018, searched
 * without locks while threads insert into it. README.md of this folder has the
 * papers, the deviations and the lock rules. The graph holds links only;
 * vectors and codes belong to the caller and must outlive it. */

struct hnsw;

#define HNSW_M_MIN     2u
#define HNSW_M_MAX     256u
#define HNSW_EF_MAX    8192u
#define HNSW_K_MAX     HNSW_EF_MAX
#define HNSW_LEVEL_MAX 15u

struct hnsw_params {
    uint32_t dim;
    enum metric metric;
    uint32_t m;            /* links per node and upper level; level 0: 2 m */
    uint32_t ef_construct; /* candidates looked at by an insert */
    uint64_t seed;         /* of the levels: a node's level follows from seed
                              and slot alone */
};

/* Where a graph finds its points; borrowed. */
struct hnsw_rows {
    const struct slab *vectors; /* rows by slot. NULL: not in memory; then
                                   there are codes and `fetch` */
    const struct codes *codes;  /* what is walked on; NULL: the vectors */
    enum datatype datatype;     /* of the rows */
    /* Copies the rows of `count` <= KERNEL_ROWS_MAX slots one after another
     * into ret_rows. Any thread; only searches call it. */
    enum engine_code (*fetch)(void *ctx, const uint32_t *slots, uint32_t count,
                              void *ret_rows, struct error *reterr);
    void *fetch_ctx;
};

/* ENGINE_EINPUT  m or ef_construct out of range. ENGINE_ENOMEM */
enum engine_code hnsw_create(const struct hnsw_params *params,
                             const struct hnsw_rows *rows,
                             struct hnsw **ret_hnsw, struct error *reterr)
    __attribute__((warn_unused_result));

/* Accepts NULL. Nobody may use the graph any more. */
void hnsw_free(struct hnsw *hnsw);

/* Links `slot`, whose vector and code are written and never change as long as
 * the graph lives. A slot that is linked already is left alone (ENGINE_OK).
 * Slots may come in any order and with gaps. Any number of threads at once,
 * also with searches and a checkpoint; two threads never insert the same slot
 * at once.
 * ENGINE_ENOMEM  nothing was linked. */
enum engine_code hnsw_insert(struct hnsw *hnsw, uint32_t slot,
                             struct error *reterr)
    __attribute__((warn_unused_result));

/* What becomes of the estimated distances of a walk on codes. */
enum hnsw_scoring {
    HNSW_RESCORE,       /* the best are scored again with their vectors */
    HNSW_KEEP_ESTIMATE, /* hits carry estimates */
    HNSW_IGNORE_CODES,  /* walk on the vectors; as HNSW_RESCORE with the whole
                           list rescored where they are not in memory */
};

/* How a walk treats slots that do not pass the filter. */
enum hnsw_filtering {
    HNSW_FILTER_RESULT, /* scored and walked over like all others */
    HNSW_FILTER_LIST,   /* as if there was no filter, but for the hits: the list
                         must be longer where fewer pass. pass_count and
                         pass_depth say what of it did; both are 0, and there
                         are no hits, when that was seen to be too few on the
                         way */
    HNSW_FILTER_FIRST   /* never scored, only looked through: for filters that
                           fewer pass. They must be bitsets in `allowed`: of the
                           other parts nothing counts */
};

struct hnsw_search {
    uint32_t k;  /* 1..HNSW_K_MAX */
    uint32_t ef; /* list length of the walk; raised to k and to
                    rescore_count, cut to the maximum */
    enum hnsw_scoring scoring;
    uint32_t rescore_count; /* how many are rescored; raised to k; 0 = as many
                               as may still be among the best k */
    uint32_t visit_max;     /* with a filter: give up after scoring so many
                           nodes, or looking through so many lists; 0 = no
                           limit */
    const struct slot_filter *filter; /* NULL = all linked slots. Slots that do
                                         not pass are walked through */
    enum hnsw_filtering filtering;
    /* With HNSW_FILTER_FIRST: some slots that pass, from where the walk begins,
     * too; and how many pass among as many slots as a list on level 0 has. */
    const uint32_t *samples;
    uint32_t samples_count;
    uint32_t pass_per_list;
    struct stopper stopper;
};

struct hnsw_found {
    uint32_t count;         /* hits written, <= k */
    uint32_t visit_count;   /* nodes scored */
    uint32_t hop_count;     /* link lists read */
    uint32_t bridge_count;  /* beside them, of nodes that do not pass */
    uint32_t rescore_count; /* vectors read beside the walk */
    uint32_t pass_count;    /* nodes that pass the filter and were in the list
                               at the end of the walk */
    uint32_t pass_depth;    /* with HNSW_FILTER_LIST: the place in the list of
                               the k-th that passes, from 1; 0: there is none */
    bool is_cut;   /* stopped by visit_max: finish with plain_search() */
    bool is_short; /* with a filter: the list was not full, although all that
                      can be reached was seen. Where more than pass_count
                      linked slots pass, finish as well */
};

/* The k nearest linked slots that pass, approximately.
 *   query      float[dim]; unit length when rows are (datatype.h); borrowed
 *   ret_hits   hit[k] of the caller, ascending as plain_search(); undefined on
 *              failure
 *   ret_found  what came out
 * A slot whose insert returned before the call can be found; one being
 * inserted may be. An empty graph gives 0 hits.
 * ENGINE_EINPUT  k out of range. ENGINE_ETIMEOUT  the stopper said so.
 * ENGINE_ENOMEM  no scratch memory. Or the failure of `fetch`.
 * Any thread; takes no lock. */
enum engine_code hnsw_search(const struct hnsw *hnsw, const float *query,
                             const struct hnsw_search *options,
                             struct hit *ret_hits, struct hnsw_found *ret_found,
                             struct error *reterr)
    __attribute__((warn_unused_result));

/* Whether an insert of `slot` has completed (or a checkpoint brought it), and
 * no sweep takes it out again. Any thread. */
bool hnsw_is_linked(const struct hnsw *hnsw, uint32_t slot);

/* Whether walks may still come by `slot`: it is linked or being swept out. Its
 * row may not change and it cannot be inserted. Any thread. */
bool hnsw_is_held(const struct hnsw *hnsw, uint32_t slot);

/* As given when the graph was made, ef_construct as it was set since. */
struct hnsw_params hnsw_params_of(const struct hnsw *hnsw);

/* For inserts from now on; in range. Any thread. */
void hnsw_set_ef_construct(struct hnsw *hnsw, uint32_t ef_construct);

/* Walks go by these codes from now on, which have every held slot; there were
 * others. Searches that are under way end with those. Nobody inserts, sweeps or
 * writes a checkpoint meanwhile. */
void hnsw_set_codes(struct hnsw *hnsw, const struct codes *codes);

/* Number of linked slots. Any thread. */
uint32_t hnsw_linked_count(const struct hnsw *hnsw);

/* Links, upper levels and scratch; not the vectors. Any thread. */
struct memory_report hnsw_memory(const struct hnsw *hnsw);

/* Taking slots out: a sweep over all lists (hnsw_repair.c says how and why it
 * is complete). One at a time:
 *   hnsw_sweep_begin()  marks the slots;
 *   hnsw_sweep_work()   again and again, any threads, until it says IDLE;
 *                       then the marked slots are not held any more and may
 *                       be inserted as other points.
 * Whoever inserts, searches or writes a checkpoint is inside `epoch` from
 * before it looks at the graph until it keeps no slot of it. */
enum hnsw_sweep {
    HNSW_SWEEP_IDLE,  /* no sweep under way */
    HNSW_SWEEP_WAITS, /* for others to leave the epoch */
    HNSW_SWEEP_WORKS
};

/* Takes out every linked slot that is in `dead` (*ret_count says how many), and
 * those that a checkpoint brought with another row. Without any, no sweep
 * begins. Costs a look at each node. `epoch` must outlive the sweep. Nothing
 * happens while a sweep is under way. Any thread. */
void hnsw_sweep_begin(struct hnsw *hnsw, const struct slotset *dead,
                      struct epoch *epoch, uint32_t *ret_count);

/* Works on about `nodes_max` nodes. The caller is not inside the epoch.
 * *ret_done is how many it were. ENGINE_ENOMEM  try again. */
enum engine_code hnsw_sweep_work(struct hnsw *hnsw, uint32_t nodes_max,
                                 enum hnsw_sweep *ret_state, uint32_t *ret_done,
                                 struct error *reterr)
    __attribute__((warn_unused_result));

/* Any thread. */
bool hnsw_is_sweeping(const struct hnsw *hnsw);

/* Forgets the slots from `end` on, none of which is held or waits to be
 * inserted, and gives their memory back to the system. Searches, inserts of
 * other slots, a sweep and a checkpoint go on meanwhile. One caller at a time,
 * and nobody inserts a slot from `end` on before it returns. */
void hnsw_cut(struct hnsw *hnsw, uint32_t end);

/* Checkpoint: the graph as bytes (the format is drawn in hnsw_checkpoint.c).
 * The file around it (temporary name, fsync, rename) is the storage room's. */

/* Takes `size` bytes, in order; a failure ends the write with its code. */
struct hnsw_writer {
    enum engine_code (*write)(void *ctx, const void *data, size_t size,
                              struct error *reterr);
    void *ctx;
};

/* Fills up to `size` bytes; *ret_size < size only at the end of the bytes. */
struct hnsw_reader {
    enum engine_code (*read)(void *ctx, void *data, size_t size,
                             size_t *ret_size, struct error *reterr);
    void *ctx;
};

/* Writes the slots linked at the time of the call, with links among them and a
 * tag of each row; inserts, searches and sweeps go on meanwhile. The caller is
 * inside the sweeps' epoch. `sequence` is the caller's: the last
 * operation that is surely in (take it before the call); given back by
 * hnsw_checkpoint_read(). One checkpoint of a graph at a time.
 * ENGINE_ENOMEM, or the writer's failure. */
enum engine_code
hnsw_checkpoint_write(const struct hnsw *hnsw, uint64_t sequence,
                      const struct hnsw_writer *writer, struct error *reterr)
    __attribute__((warn_unused_result));

/* From the first bytes of a checkpoint: how many slots must be backed to read
 * it. Errors as hnsw_checkpoint_read(). */
enum engine_code hnsw_checkpoint_slots(const struct hnsw_reader *reader,
                                       uint32_t *ret_count,
                                       struct error *reterr)
    __attribute__((warn_unused_result));

/* The same for the codes that walks went by. */
enum engine_code hnsw_checkpoint_codes(const struct hnsw_reader *reader,
                                       struct codes_wish *ret_codes,
                                       struct error *reterr)
    __attribute__((warn_unused_result));

/* Makes a graph from a checkpoint, after every byte was checked. The vectors
 * or codes that it was built on must be in `rows` first. Slots whose row is not
 * the one that they were linked with (used again since, or gone) are held, but
 * not linked: they want a sweep. Then hnsw_insert() every live slot that is not
 * hnsw_is_linked(), once it is not held any more.
 *   params        must be those of the checkpoint in dim, metric and m
 *   ret_hnsw      as from hnsw_create(); untouched on failure
 *   ret_sequence  as given to the write; untouched on failure
 * ENGINE_ECORRUPT  damaged, cut short, for other parameters, or with slots
 * that `rows` does not back: rebuild. ENGINE_EVERSION  written by a newer
 * version. ENGINE_ENOMEM, or the reader's failure. */
enum engine_code
hnsw_checkpoint_read(const struct hnsw_params *params,
                     const struct hnsw_rows *rows,
                     const struct hnsw_reader *reader, struct hnsw **ret_hnsw,
                     uint64_t *ret_sequence, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_INDEX_HNSW_H */
