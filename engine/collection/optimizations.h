/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_OPTIMIZATIONS_H
#define ENGINE_COLLECTION_OPTIMIZATIONS_H

#include "engine/codec/hex.h"
#include "engine/collection/collection.h"

#include <pthread.h>

/* What the background has done for a collection: a run begins when something
 * waits for a graph or a payload index, and ends when nothing does. Nothing is
 * kept over a restart. */

#define OPTIMIZATIONS_KEPT 16 /* ended runs */

struct optimization {
    char id[UUID_STRING_SIZE];
    uint64_t started_ms; /* since 1970 */
    uint64_t finished_ms;
    uint64_t points_count; /* of the collection as it was seen last */
    uint64_t done;         /* of what was to link or to make */
    uint64_t total;
};

struct optimizations {
    pthread_mutex_t lock;
    char segment_id[UUID_STRING_SIZE]; /* another for each opening */
    bool is_running;
    struct optimization now;
    struct optimization ended[OPTIMIZATIONS_KEPT]; /* a ring */
    uint64_t ended_count;                          /* ever */
};

/* False: there are no resources for a lock. */
bool optimizations_init(struct optimizations *optimizations)
    __attribute__((warn_unused_result));
void optimizations_release(struct optimizations *optimizations);

/* Notes how much waits at this moment. Any thread. */
void optimizations_see(struct optimizations *optimizations, uint64_t waiting,
                       uint64_t points_count);

/* What a collection tells of it; ended runs with the newest first. */
struct optimizations_report {
    char segment_id[UUID_STRING_SIZE];
    uint64_t points_count;
    bool is_running;
    struct optimization running;
    struct optimization completed[OPTIMIZATIONS_KEPT];
    size_t completed_count;
};
void collection_optimizations(struct collection *collection,
                              struct optimizations_report *ret_report);

#endif /* ENGINE_COLLECTION_OPTIMIZATIONS_H */
