/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_CHANGE_H
#define ENGINE_SEGMENT_CHANGE_H

#include "base/arena.h"
#include "engine/index/vector_row.h"
#include "engine/segment/segment.h"

/* One change of a segment: points are staged with what they have now, edited,
 * and committed together, or not at all. From begin to end it holds the
 * segment's writer mutex. One thread. */
struct change;

/* Staged points and their copies; a change that needs more is refused with
 * ENGINE_ENOMEM. */
#define CHANGE_SIZE_MAX ((size_t)4 << 30)

/* A point as it will be. */
struct staged_point {
    struct point_id id;
    uint32_t slot; /* where it is now; SEGMENT_NO_SLOT: it is new */
    bool is_there; /* whether it will exist */
    /* Rows (engine/index/vector_row.h) by vector number; NULL: lacks it. Not
     * to be read: a row may be on disk. Change it by change_set_vector() and
     * change_clear_vectors(). */
    const void **vectors;
    /* Size 0: none. Read it after change_read_payload(), change it by
     * change_set_payload(). */
    struct span payload;
};

/* Waits for its turn. */
enum engine_code change_begin(struct segment *segment,
                              struct change **ret_change, struct error *reterr)
    __attribute__((warn_unused_result));

/* From here on its copies, and what it adds to the data, must fit into the
 * memory limit: for all but deletes. */
void change_ask_memory(struct change *change);

/* Ends it, committed or not. */
void change_end(struct change *change);

/* Whether the point existed before the change. */
bool change_finds(const struct change *change, const struct point_id *id);

/* Memory that lives until change_end(). */
struct arena *change_arena(struct change *change);

/* The point of that id as staged before, or else as it is now. A new one has
 * is_there false until something is set. ENGINE_ENOMEM */
enum engine_code change_stage(struct change *change, const struct point_id *id,
                              struct staged_point **ret_point,
                              struct error *reterr)
    __attribute__((warn_unused_result));

/* The number of a vector name, or SIZE_MAX; the same until change_end(). */
size_t change_vector_number(const struct change *change, struct span name);

/* The value is copied; dense ones and sub-vectors are brought to unit length
 * under the cosine metric, bytes excepted.
 * ENGINE_EINPUT  another kind, wrong length, or a value that is not finite. */
enum engine_code change_set_vector(struct change *change,
                                   struct staged_point *point, size_t number,
                                   const struct vector_value *value,
                                   struct error *reterr)
    __attribute__((warn_unused_result));

void change_clear_vector(struct staged_point *point, size_t number);
void change_clear_vectors(struct change *change, struct staged_point *point);

/* Makes point->payload known: it may be on disk. Failures of the store. */
enum engine_code change_read_payload(struct change *change,
                                     struct staged_point *point,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

/* `payload` is a compact JSON object, size 0 or {} for none; copied. */
enum engine_code change_set_payload(struct change *change,
                                    struct staged_point *point,
                                    struct span payload, struct error *reterr)
    __attribute__((warn_unused_result));

void change_remove(struct staged_point *point);

/* None on that path is fine. */
void change_drop_index(struct change *change, struct span field);

struct change_commit {
    uint64_t sequence;
    uint64_t ticket; /* for segment_sync_to() */
};

/* Writes the store, then memory; both survive a killed process. Whoever needs
 * more calls segment_sync_to() after change_end(), so that the next writer
 * works meanwhile and several share one sync. Every commit uses up one
 * sequence number, the first is 0. On failure nothing has changed.
 * ENGINE_ENOSPACE, ENGINE_ENOMEM, ENGINE_EINTERNAL */
enum engine_code change_commit(struct change *change,
                               struct change_commit *ret_commit,
                               struct error *reterr)
    __attribute__((warn_unused_result));

/* A payload index; the former one on its path goes. */
struct index_wish {
    const struct payload_path *path;
    enum payload_index_kind kind;
    struct span note; /* kept for the info */
};

/* Asks for a payload index, durably, as a change of its own. It is made beside
 * writers and searches, which go without it until it is whole: by
 * segment_index_work(), and with `waits` by this call, which returns when it is
 * there. The same index as before is fine. Any thread, without a change.
 * ENGINE_EINPUT  more than SEGMENT_INDEXES_MAX; the parameters, as
 * payload_index_new(). Others as change_commit(). */
enum engine_code segment_index_create(struct segment *segment,
                                      const struct index_wish *wish, bool waits,
                                      struct change_commit *ret_commit,
                                      struct error *reterr)
    __attribute__((warn_unused_result));

/* Goes on with payload indexes that were asked for, some milliseconds. What
 * finds no memory or no disk is kept and tried again. *ret_rest: MORE, LATER
 * after a failure, NONE. Any thread; one at a time works. */
void segment_index_work(struct segment *segment, enum segment_rest *ret_rest);

#endif /* ENGINE_SEGMENT_CHANGE_H */
