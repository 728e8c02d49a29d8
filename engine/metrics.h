/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_METRICS_H
#define ENGINE_METRICS_H

#include "engine/metrics_text.h"

#include <stdint.h>

/* Counters of the process's requests. Observing is lock-free and may happen on
 * any thread; endpoints are added before that. Counts of a collection take the
 * lock of a sixteenth of them, a leaf. */

#define METRICS_ENDPOINTS_MAX 320
/* Collections whose requests are counted apart; of more the first. */
#define METRICS_COLLECTIONS_MAX 1000
#define METRICS_TRACE_SIZE      65 /* of an exemplar's trace id, with NUL */

struct metrics;

enum metrics_protocol { METRICS_REST, METRICS_GRPC };

struct metrics_endpoint {
    enum metrics_protocol protocol;
    const char *method; /* of HTTP; both outlive the metrics */
    const char *name;   /* the route's pattern, or /package.Service/Method */
    bool is_search;     /* counts for qdrant_search_latency_seconds, too */
};

/* One answered request. */
struct metrics_event {
    unsigned endpoint;
    int status; /* of HTTP or gRPC, by the endpoint's protocol */
    uint64_t duration_ns;
    const char *trace;      /* for an exemplar; NULL: none */
    struct span collection; /* that it was about; size 0: none */
};

/* NULL when memory is out. With exemplars the last trace of each bucket of each
 * endpoint is kept. */
struct metrics *metrics_new(bool has_exemplars);
void metrics_free(struct metrics *metrics);

/* Whether a trace in an event is of use. */
bool metrics_has_exemplars(const struct metrics *metrics);

/* Returns its number. At most METRICS_ENDPOINTS_MAX (asserted). */
unsigned metrics_endpoint_add(struct metrics *metrics,
                              const struct metrics_endpoint *endpoint);

/* Durations count for success only (200, OK), as Qdrant's do. */
void metrics_observe(struct metrics *metrics,
                     const struct metrics_event *event);

/* A collection is gone, and what was counted for it. */
void metrics_forget(struct metrics *metrics, struct span collection);

/* Requests answered so far, and those of them that failed (status >= 400; not
 * OK). */
void metrics_requests(const struct metrics *metrics,
                      enum metrics_protocol protocol, uint64_t *ret_count,
                      uint64_t *ret_failed);

/* What is known of one endpoint and status. Durations are 0 but for success. */
struct metrics_stats {
    const struct metrics_endpoint *endpoint;
    struct span collection; /* size 0: those of all */
    int status;
    bool is_failure;
    uint64_t count;
    uint64_t sum_ns, min_ns, max_ns;
};
typedef void metrics_visit(void *ctx, const struct metrics_stats *stats);

/* All that have a count, endpoint by endpoint. */
void metrics_each(const struct metrics *metrics, enum metrics_protocol protocol,
                  metrics_visit *visit, void *ctx);

/* rest_responses_*, grpc_responses_*, qdrant_grpc_requests_total and
 * qdrant_search_latency_seconds.
 *   is_by_collection  the first two by collection, with a label, and only those
 *                     that were about one */
void metrics_write_requests(struct metrics *metrics, bool is_by_collection,
                            struct metrics_text *text);

/* process_*, memory_resident_bytes and system_max_mmaps, from /proc. */
void metrics_write_process(struct metrics_text *text);

/* qdrant_disk_*_bytes of the file system that holds `path`. */
void metrics_write_disk(struct metrics_text *text, const char *path);

#endif /* ENGINE_METRICS_H */
