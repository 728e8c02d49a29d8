/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_SEGMENT_H
#define ENGINE_SEGMENT_SEGMENT_H

#include "base/arena.h"
#include "base/bytes.h"
#include "engine/codec/point_id.h"
#include "engine/error.h"
#include "engine/filter/filter.h"
#include "engine/filter/payload_index.h"
#include "engine/index/codes.h"
#include "engine/index/sparse.h"
#include "engine/index/vector_row.h"
#include "engine/kernel/kernel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One shard's points: ids, payloads, named vectors with their graphs, payload
 * indexes, and the store under them.
 *
 * Locks, always taken in this order:
 *   0. building a mutex that the making of a payload index holds from begin to
 *               end; the index itself has a lock that its builder and the
 *               change being applied take in turns, after the writer mutex.
 *   1. writer   a mutex that one change holds from begin to end: writers take
 *               turns. Its holder may read everything without the others.
 *   2. each vector's link lock: shared while linking into a graph and while a
 *               checkpoint is written, exclusive to put another graph in place.
 *   3. points   a rwlock, writers first, for what cannot be read while it
 *               changes: the id hash, the order of ids, payload indexes. Held
 *               shared for one look (a plan, a page of ids), exclusive for one
 *               slice of a change. Nothing waits, reads files or walks
 *               under it.
 *   4. each queue's mutex.
 *   5. vectors  a mutex for a moment: which vectors there are, for background
 *               work, which holds them with it (vector_names.c).
 *
 * Readers take no lock while they walk, scan, test payloads or copy results:
 *   - from segment_read_begin() to segment_read_end() a reader is in the
 *     segment's epoch (engine/index/epoch.h): no slot or memory that it may
 *     know is used again meanwhile.
 *   - It goes by a view (view.h): which slots live at one moment. A look under
 *     the points lock takes the newest view with it, so that slots from an
 *     index and the view tell the same.
 *   - A change publishes one view for each slice. Within a slice, in this
 *     order: rows are written, the queue has the new slots, hash, order and
 *     indexes change, the view is published, the old slots become `absent`.
 *     So a slot of the newest view is linked or in the queue, and linking
 *     leaves out only what no newer reader can see. A reader lists the queue
 *     and looks whether its view is still the newest, else does it again.
 *   - What a change took away goes into a grave (grave.h): ids and payloads of
 *     dead slots stay readable, and the slot is not used again, until every
 *     reader of that time has left.
 * Hence a point that was deleted before a read began is never in its answer, an
 * acknowledged one always is, and no id comes twice. Payloads are those of the
 * moment they are copied. */
struct segment;

#define SEGMENT_VECTORS_MAX 256
#define SEGMENT_INDEXES_MAX 256
#define SEGMENT_SLOTS_MAX   0x7fff0000u /* what a graph can number */

#define SEGMENT_NO_SLOT UINT32_MAX

enum segment_place { SEGMENT_IN_MEMORY, SEGMENT_ON_DISK };

struct segment_vector_options {
    struct span name;
    enum vector_kind kind;  /* constant */
    uint32_t dim;           /* 0 when sparse */
    enum metric metric;     /* METRIC_DOT when sparse */
    enum datatype datatype; /* of rows, or of the sparse index; constant */
    bool has_idf;           /* sparse: the modifier `idf` */
    uint32_t m;             /* 0: no graph */
    bool has_tenants;       /* codes without a graph, too; from the opening */
    uint32_t ef_construct;
    uint32_t full_scan_kib; /* full_scan_threshold */
    uint64_t indexing_kib;  /* indexing_threshold; 0: no graph */
    uint32_t linkers_max;   /* threads that link at once; 0: any number */
    /* Counts from the opening on. On disk only where walks go by codes: not
     * under manhattan, nor with few dimensions (codes_choose()). */
    enum segment_place place;
    enum sparse_place sparse_place; /* of a sparse index */
    struct codes_wish codes;        /* to walk on, where walks go by codes */
};

struct segment_options {
    const char *path; /* directory; created when missing */
    bool is_existing; /* it holds a segment: what is missing is damage */
    const struct segment_vector_options *vectors; /* copied */
    size_t vectors_count;
    enum segment_place payloads; /* where they are read from */
    bool must_fit; /* ENGINE_ENOMEM instead of going past the memory limit */
    /* Progress and trouble, as text; NULL: silent. Any thread. */
    void (*report)(void *ctx, const char *text);
    void *report_ctx;
};

/* Opens the store and loads everything. A graph whose checkpoint is missing
 * or unusable is linked again by segment_link().
 * ENGINE_ECORRUPT, ENGINE_EVERSION, ENGINE_ENOSPACE, ENGINE_ENOMEM */
enum engine_code segment_open(const struct segment_options *options,
                              struct segment **ret_segment,
                              struct error *reterr)
    __attribute__((warn_unused_result));

/* Closes the files of a segment without points that nobody changes now; the next
 * change opens them. False: it has points, or something is at work. Any
 * thread. */
bool segment_rest(struct segment *segment);

/* Whether segment_rest() has something to do. */
bool segment_may_rest(struct segment *segment);

/* Whether the directory, which nobody has open, may hold points. */
bool segment_has_points(const char *path);

/* Syncs and closes, without a checkpoint. No call may be running. NULL is
 * allowed. */
void segment_close(struct segment *segment);

/* Changes what may change of the vectors' options: has_idf, m, ef_construct,
 * codes, sparse_place and the thresholds; each of `count` names is there.
 * Another m: a graph is built beside the one in use and takes its place; 0 takes
 * it away. Other codes, a sparse index's other place: likewise. ef_construct
 * counts for what is linked from now on. */
void segment_configure(struct segment *segment,
                       const struct segment_vector_options *vectors,
                       size_t count);

/* Moves the payloads; waits for changes and readers of now. No change
 * otherwise: reads go on. ENGINE_ENOMEM, or the store's: they stay where they
 * are. */
enum engine_code segment_place_payloads(struct segment *segment,
                                        enum segment_place place,
                                        struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- background: any thread, no lock held ---- */

/* What is left to link, sweep and free. */
enum segment_rest {
    SEGMENT_REST_NONE,
    SEGMENT_REST_LONG,  /* it waits for memory, or for writers */
    SEGMENT_REST_LATER, /* it waits for readers or other linkers to end */
    SEGMENT_REST_MORE
};

/* Links about `slots_max` waiting points into their graphs, then does as much
 * as goes with it of what dead points leave behind: sweeping them out of the
 * graphs, freeing their slots, and, when the points have become few, moving
 * them together and giving memory back. A failure is kept for segment_state(),
 * and the points stay searchable. */
enum engine_code segment_link(struct segment *segment, size_t slots_max,
                              enum segment_rest *ret_rest, struct error *reterr)
    __attribute__((warn_unused_result));

/* After many deletes: a piece of giving disk space back, which reads and writes
 * some 100 MB. False: there was nothing to do, or another thread is at it. For
 * when segment_link() has nothing left. */
bool segment_compact_disk(struct segment *segment);

/* Frees what filters are remembered that a change has put out of date. */
void segment_sweep_filters(struct segment *segment);

/* Whether a graph has changed since its last checkpoint. */
bool segment_is_unsaved(struct segment *segment);

/* Points that wait for linking, over all vectors. */
size_t segment_link_count(struct segment *segment);

/* Whether so many wait that writers should link, too: searches scan them. */
bool segment_is_behind(struct segment *segment);

/* Makes a commit and those before it survive power loss; writers that wait at
 * the same time share the sync. */
enum engine_code segment_sync_to(struct segment *segment, uint64_t ticket,
                                 struct error *reterr)
    __attribute__((warn_unused_result));

/* The same for all changes so far; nothing to do is quick. */
enum engine_code segment_sync(struct segment *segment, struct error *reterr)
    __attribute__((warn_unused_result));

/* Frees what changes took away and no reader can hold any more, unless a
 * writer is at work, who does so, too. */
void segment_tidy(struct segment *segment);

/* Writes a checkpoint of each graph that changed since its last one. One
 * caller at a time. */
enum engine_code segment_checkpoint(struct segment *segment,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* Makes a segment of its own in `folder`, which is there and lies on the same
 * disk: the state of one moment (engine/storage/store.h, store_snapshot()) with
 * the checkpoints that are there. Changes go on. No checkpoint may be written
 * meanwhile. Errors as store_snapshot(). */
enum engine_code segment_freeze(struct segment *segment, const char *folder,
                                struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- reading ---- */

struct segment_view;

/* One read. A thread may have several. */
struct segment_reader {
    struct segment *segment;
    const struct segment_view *view;
    uint32_t place; /* in the epoch */
};
void segment_read_begin(struct segment *segment,
                        struct segment_reader *ret_reader);
void segment_read_end(struct segment_reader *reader);

/* What these return is valid until segment_read_end(). A slot comes from the
 * same reader; its point may be gone meanwhile. */

/* SEGMENT_NO_SLOT: no such point. Looks at the newest points. */
uint32_t segment_find(const struct segment_reader *reader,
                      const struct point_id *id);
struct point_id segment_id(const struct segment_reader *reader, uint32_t slot);
uint64_t segment_version(const struct segment_reader *reader, uint32_t slot);

/* The payload texts of many slots into ret_texts[count], size 0: none. They are
 * in `arena` or valid until segment_read_end(). ENGINE_ENOMEM, or the
 * store's. */
enum engine_code segment_payloads(const struct segment_reader *reader,
                                  const uint32_t *slots, size_t count,
                                  struct arena *arena, struct span *ret_texts,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* The vectors of many slots as rows (engine/index/vector_row.h), dense ones as
 * floats whatever their datatype, NULL when the point lacks it. `number` is the position in the options. Valid as above.
 * ENGINE_ENOMEM, or the store's. */
enum engine_code segment_vectors(const struct segment_reader *reader,
                                 size_t number, const uint32_t *slots,
                                 size_t count, struct arena *arena,
                                 const void **ret_rows, struct error *reterr)
    __attribute__((warn_unused_result));

uint64_t segment_points_count(const struct segment_reader *reader);

/* Vectors have numbers below this, for the reader: of those that are not there
 * nothing else may be asked. */
size_t segment_vectors_count(const struct segment_reader *reader);
bool segment_vector_is_there(const struct segment_reader *reader,
                             size_t number);

/* The number of a vector name, or SIZE_MAX. It is that of the same vector until
 * segment_read_end(), also when the name is deleted meanwhile; then no point
 * has the vector any more. */
size_t segment_vector_number(const struct segment_reader *reader,
                             struct span name);
/* Whether it is a sparse one with the modifier `idf`, as the reader sees it. */
bool segment_vector_has_idf(const struct segment_reader *reader, size_t number);

enum vector_kind segment_vector_kind(const struct segment_reader *reader,
                                     size_t number);
/* About how many numbers one has, for estimates. */
size_t segment_vector_numbers(const struct segment_reader *reader,
                              size_t number);
uint32_t segment_vector_dim(const struct segment_reader *reader, size_t number);
enum metric segment_vector_metric(const struct segment_reader *reader,
                                  size_t number);
/* Whether the query of a search is to be of unit length. */
bool segment_vector_is_unit(const struct segment_reader *reader, size_t number);
/* Valid until segment_read_end(). */
struct span segment_vector_name(const struct segment_reader *reader,
                                size_t number);

struct segment_state {
    uint64_t vectors_count; /* over all names */
    uint64_t indexed_count; /* of them linked into a graph */
    uint64_t waiting_count; /* not linked yet */
    /* Another graph or other codes are made, a sparse index moves, or will. */
    bool is_renewing;
    uint32_t builds_count; /* payload indexes that are not ready yet */
    bool has_failed;       /* a background step failed last time */
    char failure[ENGINE_ERROR_TEXT_SIZE];
};
void segment_state(struct segment *segment, struct segment_state *ret_state);

/* The counts of a vector that is there; cheap. */
struct segment_vector_state {
    uint64_t count, indexed_count, waiting_count;
    bool is_renewing;
};
struct segment_vector_state
segment_vector_state(const struct segment_reader *reader, size_t number);

/* What the points take, about; nothing is counted for it. */
struct segment_sizes {
    uint64_t points_count;
    uint64_t vector_bytes; /* as floats, over all names */
    uint64_t payload_bytes;
};
void segment_sizes(struct segment *segment, struct segment_sizes *ret_sizes);

struct segment_index_info {
    struct span field;
    enum payload_index_kind kind;
    struct span note; /* as given to segment_index_create() */
    uint64_t points;  /* while it is made: so far */
};

/* Those that are made included. */
size_t segment_indexes_count(struct segment *segment);

/* The payload indexes in the order of their making, and those that are asked
 * for and not ready, copied into `arena`. Any
 * thread. ENGINE_ENOMEM */
enum engine_code segment_indexes(struct segment *segment, struct arena *arena,
                                 const struct segment_index_info **ret_indexes,
                                 size_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_SEGMENT_SEGMENT_H */
