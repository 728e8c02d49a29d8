/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_VECTORS_H
#define ENGINE_SEGMENT_VECTORS_H

#include "base/arena.h"
#include "engine/index/epoch.h"
#include "engine/index/fde.h"
#include "engine/index/hnsw.h"
#include "engine/index/slab.h"
#include "engine/index/slotset.h"
#include "engine/index/sparse.h"
#include "engine/index/vector_row.h"
#include "engine/segment/queue.h"
#include "engine/segment/segment.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One named vector of a segment: its rows, which slots have it, its graph and
 * what waits to be linked. Locks: segment.h. By options.kind:
 *   VECTOR_DENSE   rows of one length, in memory or on disk, codes and a graph.
 *   VECTOR_SPARSE  rows on disk, `sparse`; no codes, no graph.
 *   VECTOR_MULTI   rows of any length, each in memory of its own or on disk;
 *                  codes and graph, if any, are of their encodings (fde.h). */
struct vectors {
    struct segment_vector_options options; /* name owned here */
    struct row_form form;                  /* of dense rows */
    struct store *store; /* borrowed; with `number` the keys of the rows */
    size_t number;
    /* Of vector_names.c: background work that has it (by vectors_lock); and
     * when it goes away, since when, and the next that does. */
    uint32_t holders_count;
    uint64_t leave_stamp;
    struct vectors *next_leaving;
    bool
        is_on_disk; /* rows are in the store only; dense ones have codes then */
    enum segment_place next_place; /* from the next start on */
    struct slab rows;              /* empty when they are on disk; MULTI: the
                                      addresses of rows, NULL: none */
    struct sparse *sparse;         /* VECTOR_SPARSE, else NULL */
    /* By slot, as rows; NULL: walks read the rows, for ever. Changed as graph
     * below; who is not in the epoch asks codes_size (0: none). */
    _Atomic(struct codes *) codes;
    _Atomic size_t codes_size;
    struct codes_query coding; /* room of the writer, with codes */
    /* Others, that are to take their place (vectors_codes.c). */
    struct codes *next_codes;
    struct codes_query next_coding;
    _Atomic uint32_t code_slot; /* the first that nobody has put into them */
    _Atomic uint32_t code_end;  /* slots from here on are put by writers */
    float *values; /* room of the writer, float[dim], unless rows are floats */
    /* VECTOR_MULTI. The encoder is there when codes are. */
    struct fde *fde;
    void *encoding; /* room of the writer; `encoding_size` bytes */
    size_t encoding_size;
    uint32_t cells_end;         /* slots below may have a row */
    _Atomic uint64_t rows_size; /* bytes of rows in memory */
    _Atomic uint64_t put_size;  /* bytes and number of rows ever put */
    _Atomic uint64_t put_count;
    struct slotset absent;  /* slots in use that lack this vector, and all that
                              are free */
    struct slotset rowless; /* of them all but the dead that had it, whose rows
                               readers may still want */
    uint32_t count;         /* slots that have it */
    struct queue queue;
    /* Changed only with `link_lock` exclusive; who links holds it shared,
     * readers are in the segment's epoch. */
    pthread_rwlock_t link_lock;
    _Atomic(struct hnsw *) graph; /* NULL: none yet */
    /* A graph with another m, being built to take the other's place. */
    struct hnsw *next_graph;
    _Atomic uint32_t next_slot; /* the first slot it was not offered */
    _Atomic uint32_t end_slot;  /* slots ever used are below */
    _Atomic int32_t dead_count; /* dead slots that the graph has linked or the
                                    queue has, and no sweep has marked */
    _Atomic uint32_t sweepers;  /* threads in a sweep */
    /* Another graph or other codes are being made or asked for. */
    _Atomic bool is_renewing;
    /* A sweep is to begin as soon as anything is dead. */
    _Atomic bool wants_sweep;
    _Atomic uint64_t links;       /* changes of the graph since the start */
    _Atomic uint64_t saved_links; /* at the last checkpoint */
};

/* A sweep begins when more of the linked slots are dead than one of
 * VECTORS_DEAD_SHARE, and than VECTORS_DEAD_MIN in any case. */
#define VECTORS_DEAD_MIN   128u
#define VECTORS_DEAD_SHARE 24u

/* What a search reads of points that wait for their link, and how many points
 * that is: beyond it writers link, too. */
#define VECTORS_TAIL_SIZE ((size_t)24 << 20)
#define VECTORS_TAIL_MIN  16384u
#define VECTORS_TAIL_MAX  131072u

/* Nodes that a sweep repairs for one link that is made beside it: so a pass
 * ends before as many points have died again. */
#define VECTORS_SWEEP_NODES 24u

/* Copies the name. `codes` are those to begin with; `epoch` and `folder` are
 * the segment's. ENGINE_ENOMEM */
enum engine_code vectors_init(struct vectors *vectors,
                              const struct segment_vector_options *options,
                              const struct codes_wish *codes,
                              struct epoch *epoch, const char *folder,
                              struct error *reterr)
    __attribute__((warn_unused_result));
void vectors_release(struct vectors *vectors);

/* Room for slots below `slots_count` and `more_count` puts. */
enum engine_code vectors_reserve(struct vectors *vectors, uint32_t slots_count,
                                 size_t more_count, struct error *reterr)
    __attribute__((warn_unused_result));

/* What may fail of bringing the row of a slot in that nobody can see; before
 * vectors_write(), or vectors_forget() when that will not come. Slots are
 * reserved. ENGINE_ENOMEM */
enum engine_code vectors_prepare(struct vectors *vectors, uint32_t slot,
                                 const void *row, struct error *reterr)
    __attribute__((warn_unused_result));

/* Nobody knows the slot any more; having no row is fine. */
void vectors_forget(struct vectors *vectors, uint32_t slot);

/* A part of it, that counts for a vector that leaves, too: whose the slot is
 * from now on has no row here. */
void vectors_note_free(struct vectors *vectors, uint32_t slot);

/* Writes the row of a slot that nobody can see and that was prepared. */
void vectors_write(struct vectors *vectors, uint32_t slot, const void *row);

/* The written row of `slot` is seen from now on. */
void vectors_show(struct vectors *vectors, uint32_t slot);

/* A slot that was never used before, or that was hidden and lives on, lacks
 * the vector. */
void vectors_lack(struct vectors *vectors, uint32_t slot);

/* The slot, which has the vector, lacks it from now on. */
void vectors_hide(struct vectors *vectors, uint32_t slot);

bool vectors_has(const struct vectors *vectors, uint32_t slot);

/* Whether the point of a slot has the vector, or had it when it died: for
 * slots that do not live in the caller's view, which has a bit for those that
 * do. Any thread in the epoch. */
bool vectors_had(const struct vectors *vectors, uint32_t slot);

/* Starts a graph when there is none and the vectors are many enough; all
 * slots that have one are queued. The caller holds the writer mutex; `points`
 * is locked inside. A failure only means that searches go on scanning. */
enum engine_code vectors_start_graph(struct vectors *vectors,
                                     pthread_rwlock_t *points,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

/* What one call has done. */
struct vectors_work {
    size_t links;     /* made, or offered to the next graph */
    bool has_moved;   /* some of what waits was linked or left out */
    bool is_waiting;  /* a sweep waits for readers to leave the epoch */
    bool has_more;    /* a sweep is under way */
    bool has_freed;   /* dead slots are not held any more */
    bool is_outdated; /* the options want a graph with another m, or other
                         codes */
    bool is_built;    /* the next graph was offered every slot */
    bool is_coded;    /* the next codes have every slot */
};

/* As segment_link() for one vector: links, then some of a sweep. The caller is
 * not in `epoch`, the segment's. */
enum engine_code vectors_link(struct vectors *vectors, struct epoch *epoch,
                              size_t slots_max, struct vectors_work *work,
                              struct error *reterr)
    __attribute__((warn_unused_result));

/* Begins to sweep the dead of now out of the graph. */
void vectors_sweep_begin(struct vectors *vectors, struct epoch *epoch);

/* Sets is_renewing; after each change of what is wanted and of what is there.
 * The caller holds the writer mutex. */
void vectors_note_renewal(struct vectors *vectors);

/* Begins to build a graph with the wanted m: vectors_link() fills the next
 * graph from now on. The caller holds the writer mutex. */
enum engine_code vectors_renew_begin(struct vectors *vectors,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

/* Puts the next graph in place; what it lacks is queued. *ret_old is the one
 * that readers may still walk over. The caller holds the writer mutex. `points`
 * is locked only once linking and a checkpoint have ended, so that readers do
 * not wait for those. ENGINE_ENOMEM  not done. */
enum engine_code vectors_renew_end(struct vectors *vectors,
                                   pthread_rwlock_t *points,
                                   struct hnsw **ret_old, struct error *reterr)
    __attribute__((warn_unused_result));

/* Takes a graph (none is there) and queues what it lacks; as above.
 * *ret_is_stale: it has slots with other rows, which want a sweep. */
enum engine_code vectors_adopt(struct vectors *vectors,
                               pthread_rwlock_t *points, struct hnsw *graph,
                               bool *ret_is_stale, struct error *reterr)
    __attribute__((warn_unused_result));

/* Takes the graph away, if there is one; *ret_old as above. */
void vectors_drop_graph(struct vectors *vectors, pthread_rwlock_t *points,
                        struct hnsw **ret_old);

/* Whether walks may still come by a slot. The caller holds the writer mutex. */
bool vectors_is_held(const struct vectors *vectors, uint32_t slot);

/* Lowers end_slot and gives the memory of slots from there on, which are free,
 * back to the system; then bits of `absent` and `rowless` are all that is left.
 * No other graph is being built. The caller holds the writer mutex. */
void vectors_cut(struct vectors *vectors, uint32_t end_slot);

/* Links and offers to come. Any thread. */
size_t vectors_waiting(struct vectors *vectors);

/* Whether more points wait for their link than a search should scan. Any
 * thread. */
bool vectors_is_behind(struct vectors *vectors);

/* Bytes of a row that a scan of what waits reads. */
size_t vectors_tail_row_size(const struct vectors *vectors);

/* ---- vectors_codes.c ---- */

/* Codes are for walks, and for scans of what one tenant has: without either in
 * prospect there are none. For vectors_init(). */
enum engine_code vectors_codes_init(struct vectors *vectors,
                                    const struct codes_wish *wish,
                                    struct error *reterr)
    __attribute__((warn_unused_result));
void vectors_codes_release(struct vectors *vectors);

/* Whether the options want other codes than those in use or in the making. The
 * caller holds the link lock or the writer mutex. */
bool vectors_codes_are_outdated(const struct vectors *vectors);

/* Begins to make them; nothing when they are not outdated. The caller holds
 * the writer mutex. ENGINE_ENOMEM */
enum engine_code vectors_codes_begin(struct vectors *vectors,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

/* Makes the codes of some slots. The caller holds the link lock shared and is
 * in the epoch. ENGINE_ENOMEM, and failures of the store. */
enum engine_code vectors_codes_fill(struct vectors *vectors, size_t slots_max,
                                    struct vectors_work *work,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* The caller holds the link lock. */
bool vectors_codes_are_filled(const struct vectors *vectors);
size_t vectors_codes_waiting(const struct vectors *vectors);

/* Puts them in place when they are filled; returns the old ones, that readers
 * may still walk on. Locks as vectors_renew_end(). */
struct codes *vectors_codes_end(struct vectors *vectors,
                                pthread_rwlock_t *points);

/* ---- vectors_row.c ---- */

/* Bytes of a row of this vector. */
size_t vectors_row_size(const struct vectors *vectors, const void *row);
bool vectors_row_equal(const struct vectors *vectors, const void *a,
                       const void *b);

/* Whether bytes of the store are a whole row. */
bool vectors_row_is_whole(const struct vectors *vectors, struct span record);

/* The row of a slot that has one, in memory. */
const void *vectors_row(const struct vectors *vectors, uint32_t slot);

/* About as many bytes as the rows have on the average, for estimates; never
 * 0. */
size_t vectors_row_size_about(const struct vectors *vectors);

/* The rows of `count` slots from the store, in `arena`; NULL: no record. Only
 * when rows are on disk. ENGINE_ENOMEM and failures of the store. Any
 * thread. */
enum engine_code vectors_read_rows(const struct vectors *vectors,
                                   const uint32_t *slots, size_t count,
                                   struct arena *arena, const void **ret_rows,
                                   struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- vectors_multi.c: only for VECTOR_MULTI ---- */

/* The graph's encoder, where the metric and the dimension allow one. */
enum engine_code vectors_multi_init(struct vectors *vectors,
                                    struct error *reterr)
    __attribute__((warn_unused_result));
void vectors_multi_release(struct vectors *vectors);

/* Takes a copy of the row, and its code, for a slot that is reserved and that
 * nobody can see: before the commit, since memory may be out. A slot that is
 * not used after all keeps its copy until the next one. ENGINE_ENOMEM */
enum engine_code vectors_multi_put(struct vectors *vectors, uint32_t slot,
                                   const void *row, struct error *reterr)
    __attribute__((warn_unused_result));

/* Frees the row of a slot that no reader can hold. */
void vectors_multi_forget(struct vectors *vectors, uint32_t slot);

/* The same for all slots from `end_slot` on. */
void vectors_multi_cut(struct vectors *vectors, uint32_t end_slot);

/* As vectors_row_size_about(). */
size_t vectors_multi_size_about(const struct vectors *vectors);

/* The address of the row of a slot that has one; not when on disk. */
const void *vectors_multi_row(const struct vectors *vectors, uint32_t slot);

/* ---- vectors_disk.c ---- */

/* Copies the dense rows of `count` slots one after another; a slot without
 * record gives zero bytes. Only when rows are on disk. Failures of the store. Any
 * thread. */
enum engine_code vectors_read(const struct vectors *vectors,
                              const uint32_t *slots, size_t count,
                              void *ret_rows, struct error *reterr)
    __attribute__((warn_unused_result));

/* The same for struct hnsw_rows; `ctx` is the struct vectors. */
enum engine_code vectors_fetch(void *ctx, const uint32_t *slots, uint32_t count,
                               void *ret_rows, struct error *reterr)
    __attribute__((warn_unused_result));

/* plain_search(), also over rows on disk, which are read block by block: about
 * a microsecond for each row of 384 dimensions that passes the filter. `arena`
 * is for the work. */
enum engine_code
vectors_scan(const struct vectors *vectors, const struct plain_scan *scan,
             const float *query, uint32_t k, struct arena *arena,
             struct hit *ret_hits, uint32_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

struct hnsw_params vectors_params(const struct vectors *vectors);
struct hnsw_rows vectors_rows(const struct vectors *vectors);

#endif /* ENGINE_SEGMENT_VECTORS_H */
