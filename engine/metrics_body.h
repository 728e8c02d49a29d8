/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_METRICS_BODY_H
#define ENGINE_METRICS_BODY_H

#include "engine/metrics.h"

#include <pthread.h>
#include <stdatomic.h>

/* Inside of the metrics: metrics.c counts, metrics_write.c reads. */

#define METRICS_STATUSES_MAX 18
#define METRICS_BOUNDS_MAX   15

/* The last request of a bucket that had a trace. `is_busy` is a lock that
 * nobody waits for but a scrape: who finds it taken leaves its trace out. */
struct exemplar {
    atomic_flag is_busy;
    char trace[METRICS_TRACE_SIZE]; /* "": none yet */
    uint64_t duration_ns;
    uint64_t time_ms; /* since 1970 */
};

/* `bounds_ns` ascend; a bucket more than those is for what is above. */
struct histogram {
    const uint64_t *bounds_ns;
    size_t bounds_count;
    atomic_ullong buckets[METRICS_BOUNDS_MAX + 1]; /* not cumulative */
    atomic_ullong sum_ns;
    struct exemplar *exemplars; /* [bounds_count + 1], or NULL: none kept */
};

struct endpoint {
    struct metrics_endpoint name;
    atomic_ullong counts[METRICS_STATUSES_MAX];
    struct histogram durations; /* of success */
    atomic_ullong min_ns;       /* 0: none yet */
    atomic_ullong max_ns;
};

#define METRICS_SHARDS 16u

/* What one collection was asked. */
struct collection_row {
    struct collection_row *next;
    char *name;
    size_t name_size;
    struct endpoint *endpoints[METRICS_ENDPOINTS_MAX]; /* NULL: never */
};

struct collection_shard {
    pthread_mutex_t lock;
    struct collection_row *rows;
};

struct metrics {
    unsigned count;
    bool has_exemplars;
    struct histogram searches;
    struct endpoint endpoints[METRICS_ENDPOINTS_MAX];
    atomic_uint collections_count;
    struct collection_shard shards[METRICS_SHARDS];
};

/* metrics.c: the row of an endpoint that nothing was counted for, and one
 * answered request. False: no memory. */
bool metrics_endpoint_init(struct endpoint *endpoint, bool has_exemplars);
void metrics_endpoint_observe(struct endpoint *endpoint,
                              const struct metrics_event *event);

/* metrics_collections.c */
void metrics_collections_init(struct metrics *metrics);
void metrics_collections_free(struct metrics *metrics);
void metrics_collections_observe(struct metrics *metrics,
                                 const struct metrics_event *event);

/* All endpoints, or those of all collections, which are locked meanwhile. */
typedef void (*metrics_walker)(void *ctx, struct endpoint *endpoint,
                               struct span collection);
void metrics_walk(struct metrics *metrics, bool is_by_collection,
                  metrics_walker walker, void *ctx);

/* What `visit` is told of one endpoint. */
void metrics_visit_endpoint(const struct endpoint *endpoint,
                            struct span collection, metrics_visit *visit,
                            void *ctx);

/* Statuses that are counted one by one; any other counts as the last, -1 for
 * gRPC and 0 for REST. The first is success. */
extern const int metrics_statuses_rest[METRICS_STATUSES_MAX];
extern const int metrics_statuses_grpc[METRICS_STATUSES_MAX];

static inline const int *
metrics_statuses(enum metrics_protocol protocol)
{
    return protocol == METRICS_GRPC ? metrics_statuses_grpc
                                    : metrics_statuses_rest;
}

#endif /* ENGINE_METRICS_BODY_H */
