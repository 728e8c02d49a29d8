/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_INDEX_BUILD_H
#define ENGINE_SEGMENT_INDEX_BUILD_H

#include "base/arena.h"
#include "engine/codec/json_reader.h"
#include "engine/error.h"
#include "engine/filter/payload_index.h"
#include "engine/segment/body.h"
#include "engine/segment/change.h"
#include "engine/storage/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Payload indexes that are asked for and not there yet. Each is in the store
 * (META, "wish/PATH") from the request on, so that a restart goes on with it,
 * and in segment->builds, whose first is made first. */
struct index_build {
    struct index_build *next; /* by `points`, as indexes are */
    struct arena arena;       /* of the path */
    struct payload_path path;
    enum payload_index_kind kind;
    struct bytes note;
    _Atomic uint32_t users; /* the list, who makes it, who waits for it */
    _Atomic uint32_t waiters_count;
    /* Out of the list: made, dropped, or in vain. What follows stands then. */
    _Atomic bool is_over;
    enum engine_code code;
    struct error error;
    _Atomic uint64_t points; /* so far, now and then, for the info */
    /* Of who makes it. */
    uint64_t begin_ms, said_ms;
    uint32_t end_slot;           /* there were so many */
    bool has_failed;             /* and that was said */
    pthread_mutex_t lock;        /* guards what follows */
    struct payload_index *index; /* NULL: not begun */
    uint32_t next_slot;          /* slots below are in the index */
    bool is_broken;              /* a change found no memory for it */
};

/* An empty one with one user, in no list. ENGINE_EFORMAT, ENGINE_EREQUEST,
 * ENGINE_ENOMEM as payload_index_make(). */
enum engine_code
index_build_new(const struct segment *segment, const struct index_wish *wish,
                struct index_build **ret_build, struct error *reterr)
    __attribute__((warn_unused_result));

/* Its index, empty, in build->index. As payload_index_make(). */
enum engine_code index_build_begin(const struct segment *segment,
                                   struct index_build *build,
                                   struct error *reterr)
    __attribute__((warn_unused_result));

struct index_slots {
    const uint32_t *slots; /* ascending */
    size_t count;
};

/* Adds what living slots hold. ENGINE_ENOMEM, or the store's: the index may
 * hold some of them. */
enum engine_code
index_build_fill(const struct segment *segment, struct payload_index *index,
                 struct json_reader *json, const struct index_slots *slots,
                 struct error *reterr) __attribute__((warn_unused_result));

/* Gives one user up; the last one frees it. NULL is allowed. */
void index_build_leave(struct index_build *build);

/* Makes what is in the list up to this one, which the caller uses; returns how
 * that one ended. */
enum engine_code index_build_finish(struct segment *segment,
                                    struct index_build *build,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* What is asked for on that path; NULL: nothing. The caller holds the writer
 * mutex or `points`. */
struct index_build *index_build_find(const struct segment *segment,
                                     struct span field);

/* Puts it at the end of the list, which becomes a user; takes it out, and who
 * called gives up the list's use. The caller holds the writer mutex, and
 * `points` exclusive. */
void index_build_append(struct segment *segment, struct index_build *build);
void index_build_remove(struct segment *segment, struct index_build *build);

/* From where it stands to the end. Under the same locks. */
void index_build_rotate(struct segment *segment, struct index_build *build);

#endif /* ENGINE_SEGMENT_INDEX_BUILD_H */
