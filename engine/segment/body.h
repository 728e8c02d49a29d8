/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_BODY_H
#define ENGINE_SEGMENT_BODY_H

#include "base/bytes.h"
#include "engine/filter/payload_index.h"
#include "engine/index/epoch.h"
#include "engine/segment/compact.h"
#include "engine/segment/filter_cache.h"
#include "engine/segment/grave.h"
#include "engine/segment/ids.h"
#include "engine/segment/payload.h"
#include "engine/segment/segment.h"
#include "engine/segment/vectors.h"
#include "engine/segment/view.h"
#include "engine/storage/store.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

/* What a segment is made of: for the files of this folder only. Each field
 * says which lock of segment.h guards it. */

struct segment_index {
    struct payload_index *index; /* owned */
    struct bytes note;
    /* Memory ran out while a committed change went in: not asked any more,
     * and built again at the next opening. */
    bool is_broken;
};

struct segment {
    char *path;
    struct store *store;
    void (*report)(void *ctx, const char *text);
    void *report_ctx;
    pthread_mutex_t writer;
    pthread_rwlock_t points;
    struct epoch epoch; /* every reader is in it */
    /* The newest; changed with `points` exclusive. */
    _Atomic(struct segment_view *) view;
    /* Grows with each change of points, payloads or indexes, with `points`
     * exclusive. */
    _Atomic uint64_t version;
    struct filter_cache filters;
    struct payloads payloads;
    /* By number; NULL: free, or going away. Changed with `writer`,
     * `vectors_lock` and `points` exclusive, so each is enough to look. */
    _Atomic(struct vectors *) vectors[SEGMENT_VECTORS_MAX];
    _Atomic size_t vectors_count; /* numbers ever used are below */
    pthread_mutex_t vectors_lock; /* the last of all locks */
    /* By `points`. */
    struct ids *ids;               /* rows: see ids.h */
    struct segment_index *indexes; /* [SEGMENT_INDEXES_MAX] */
    size_t indexes_count;
    /* Held by who makes an index; before all other locks. */
    pthread_mutex_t building;
    struct index_build *builds; /* asked for; the first is made first */
    _Atomic uint32_t builds_count;
    /* By `writer`. */
    struct index_build *build; /* the first, once it is begun; else NULL */
    /* Of vector_names.c: those that go away, and which numbers have records or
     * may have some. */
    struct vectors *leaving;
    bool is_number_taken[SEGMENT_VECTORS_MAX];
    uint32_t slots_count; /* every slot ever used is below */
    struct grave *graves_first, *graves_last;
    size_t buried_count;  /* slots in graves that become free */
    uint32_t *free_slots; /* the last one is taken first */
    size_t free_count;
    size_t free_room;
    struct slotset free_set; /* the same slots */
    uint32_t reclaim_slot;   /* dead slots below were looked at, */
    uint32_t reclaim_again;  /* but from here on some were still buried */
    uint64_t next_sequence;
    bool is_known_empty; /* at the opening, by the store's note (rest.c) */
    _Atomic bool is_reclaiming; /* those above are to be looked at */
    /* A run of compact.c. */
    uint32_t compact_end;  /* where slots shall end; COMPACT_NONE: no run */
    uint32_t compact_slot; /* points from here on were moved */
    size_t tail_count;     /* free_slots[] before: those beyond compact_end */
    bool has_asked_reclaim;
    uint32_t slots_before;      /* at its begin */
    _Atomic bool is_compacting; /* a run is under way */
    /* Of compact_disk.c: slots before were done; where it ends, 0: nowhere. */
    _Atomic uint32_t disk_slot;
    _Atomic uint32_t disk_end;
    _Atomic bool is_disk_busy;
    _Atomic bool is_number_gone[SEGMENT_VECTORS_MAX]; /* all its records */
    /* By `is_disk_busy`: which of them is at work, and how far it got. */
    size_t gone_number;
    uint32_t gone_slot;
    _Atomic bool has_leaving; /* vectors */
    /* By `failure_lock`: how the last background step ended. */
    pthread_mutex_t failure_lock;
    bool has_failed;
    struct error failure;
};

#define SEGMENT_PATH_SIZE_MAX 8192

/* Keys of the store's families. */
#define SEGMENT_KEY_SIZE_MAX 8
struct segment_key {
    size_t size;
    char data[SEGMENT_KEY_SIZE_MAX];
};
struct segment_key segment_key_slot(uint32_t slot);
struct segment_key segment_key_vector(size_t number, uint32_t slot);
struct span segment_key_span(const struct segment_key *key);

/* META keys. An index is stored as "index/PATH" -> kind byte and note. */
#define SEGMENT_META_SEQUENCE "sequence"
#define SEGMENT_META_INDEX    "index/"
#define SEGMENT_META_WISH     "wish/" /* the same, asked for */
#define SEGMENT_META_NAME     "name/" /* vector NAME -> number, 2 bytes */

/* Value of POINTS: version (u64, little endian) and point_id_key(). */
#define SEGMENT_POINT_SIZE_MAX (8 + POINT_ID_KEY_SIZE_MAX)

/* Puts the applied sequence number into a batch. */
void segment_batch_sequence(struct store_batch *batch, uint64_t sequence);

/* Makes room in `free_slots` for `more_count` more. */
bool segment_reserve_free(struct segment *segment, size_t more_count)
    __attribute__((warn_unused_result));

/* The newest view; for readers in the epoch and the writer. */
struct segment_view *segment_view_now(const struct segment *segment);

/* The number of a vector name, or SIZE_MAX; for who may look at `vectors`. */
size_t segment_number_of(const struct segment *segment, struct span name);

/* Puts what searches want to know of the vectors and their options into a view
 * that nobody has seen. The caller holds the writer mutex. */
void segment_view_options(const struct segment *segment,
                          struct segment_view *view);

/* Makes `next` the newest view and puts what it replaces into `grave`, which
 * has room. The caller holds the writer mutex and `points` exclusive. */
void segment_publish(struct segment *segment, struct segment_view *next,
                     struct grave *grave);

/* Numbers in the store: 8 bytes, the least significant first. */
static inline void
segment_put_u64(uint64_t value, char raw[8])
{
    for (size_t i = 0; i < 8; i++)
        raw[i] = (char)(value >> (8 * i));
}

static inline uint64_t
segment_get_u64(const char raw[8])
{
    uint64_t value = 0;
    for (size_t i = 8; i > 0; i--)
        value = value << 8 | (unsigned char)raw[i - 1];
    return value;
}

/* Moves *number on to the first one in use, itself included; false: there is
 * none. For who may look at `vectors`. */
static inline bool
segment_seek(const struct segment *segment, size_t *number)
{
    while (*number < segment->vectors_count &&
           segment->vectors[*number] == NULL)
        (*number)++;
    return *number < segment->vectors_count;
}

/* What a reader, who has the number from segment_vector_number(), reads. */
static inline struct vectors *
segment_reader_vectors(const struct segment_reader *reader, size_t number)
{
    assert(number < reader->view->vectors_count);
    assert(reader->view->vectors[number].vectors != NULL);
    return reader->view->vectors[number].vectors;
}

/* Whether a point that the reader came by has the vector. Its slot may be newer
 * than the view, and dead by now. */
bool segment_has_vector(const struct segment_reader *reader, size_t number,
                        uint32_t slot);

/* ---- vector_names.c ---- */

/* For background work that holds none of the locks: the vector of a number,
 * which stays until segment_let(); NULL: there is none. */
struct vectors *segment_hold(struct segment *segment, size_t number);
void segment_let(struct segment *segment, struct vectors *vectors);

/* Gives the vectors of the options their numbers and makes them, empty; what
 * an interrupted change of names left behind goes. segment_open() only. */
enum engine_code segment_names_open(struct segment *segment,
                                    const struct segment_options *options,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* Ends of what goes away as much as readers and background work allow. */
enum engine_code segment_names_work(struct segment *segment,
                                    enum segment_rest *ret_rest,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* The same and all of it, at the close. */
void segment_names_close(struct segment *segment);

/* Loads everything from the store; segment_open() only. */
enum engine_code segment_load(struct segment *segment,
                              const struct segment_options *options,
                              struct error *reterr)
    __attribute__((warn_unused_result));

/* The codes that the checkpoint of a vector's graph was made with, if there is
 * a checkpoint. */
void segment_graph_codes(const struct segment *segment, size_t number,
                         struct codes_wish *codes);

/* Loads graphs from their checkpoints, queues the rest and frees the slots
 * that nobody needs; after segment_load(). */
enum engine_code segment_load_graphs(struct segment *segment,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

/* Frees some of the dead slots that nothing holds, from reclaim_slot on; with
 * `has_rows` their records go from the store. *ret_rest: what is left. The
 * caller holds the writer mutex. ENGINE_ENOMEM, or the store's failure: nothing
 * was freed. */
enum engine_code segment_reclaim(struct segment *segment, bool has_rows,
                                 enum segment_rest *ret_rest,
                                 struct error *reterr)
    __attribute__((warn_unused_result));

/* Takes what died out of sparse indexes and moves them to where they are
 * wanted, a part at a time; what is left of the latter when nothing was done. */
enum segment_rest segment_tidy_sparse(struct segment *segment);

/* Where the checkpoint of a vector's graph is; the caller releases `path` in
 * any case. ENGINE_ENOMEM */
enum engine_code segment_graph_path(const struct segment *segment,
                                    size_t number, struct bytes *path,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* Takes the graph of a vector away with its checkpoint. The caller holds the
 * writer mutex. */
void segment_drop_graph(struct segment *segment, size_t number);

/* Starts the graphs that are due; the caller holds the writer mutex. */
void segment_start_graphs(struct segment *segment);

/* Makes the payload indexes of the store; of segment_load(). */
enum engine_code segment_load_indexes(struct segment *segment,
                                      struct error *reterr)
    __attribute__((warn_unused_result));

void segment_say(struct segment *segment, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* rest.c: opens the store of a segment that is there; one at rest stays closed
 * when its note fits the options, and then nothing is to be read from it.
 * Errors as segment_open(). */
enum engine_code segment_open_store(struct segment *segment, const char *path,
                                    const struct segment_options *options,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_SEGMENT_BODY_H */
