/* SPDX-License-Identifier: Apache-2.0
 * One table: endpoint x status, with a histogram of the durations of success. */
#include "engine/metrics_body.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const int metrics_statuses_rest[METRICS_STATUSES_MAX] = {
    200, 202, 204, 304, 400, 401, 403, 404, 405,
    408, 409, 415, 422, 429, 500, 503, 507, 0
};
const int metrics_statuses_grpc[METRICS_STATUSES_MAX] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, -1
};

/* Qdrant's. */
static const uint64_t response_bounds_ns[] = {
    1000000u,    5000000u,     10000000u,    20000000u,
    50000000u,   100000000u,   500000000u,   1000000000u,
    5000000000u, 10000000000u, 50000000000u,
};

/* Searches take less than a millisecond: ours begin below. */
static const uint64_t search_bounds_ns[] = {
    250000u,    500000u,     1000000u,    2500000u,    5000000u,
    10000000u,  25000000u,   50000000u,   100000000u,  250000000u,
    500000000u, 1000000000u, 2500000000u, 5000000000u, 10000000000u,
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
static_assert(COUNT_OF(search_bounds_ns) <= METRICS_BOUNDS_MAX, "room");
static_assert(COUNT_OF(response_bounds_ns) <= METRICS_BOUNDS_MAX, "room");

static bool
histogram_init(struct histogram *histogram, const uint64_t *bounds_ns,
               size_t count, bool has_exemplars)
{
    histogram->bounds_ns = bounds_ns;
    histogram->bounds_count = count;
    if (has_exemplars)
        histogram->exemplars = calloc(count + 1, sizeof(*histogram->exemplars));
    return !has_exemplars || histogram->exemplars != NULL;
}

bool
metrics_endpoint_init(struct endpoint *endpoint, bool has_exemplars)
{
    return histogram_init(&endpoint->durations, response_bounds_ns,
                          COUNT_OF(response_bounds_ns), has_exemplars);
}

struct metrics *
metrics_new(bool has_exemplars)
{
    struct metrics *metrics = calloc(1, sizeof(*metrics));
    if (metrics == NULL)
        return NULL;
    metrics->has_exemplars = has_exemplars;
    metrics_collections_init(metrics);
    bool is_ok = histogram_init(&metrics->searches, search_bounds_ns,
                                COUNT_OF(search_bounds_ns), has_exemplars);
    for (size_t i = 0; is_ok && i < METRICS_ENDPOINTS_MAX; i++)
        is_ok = metrics_endpoint_init(&metrics->endpoints[i], has_exemplars);
    if (is_ok)
        return metrics;
    metrics_free(metrics);
    return NULL;
}

void
metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    metrics_collections_free(metrics);
    free(metrics->searches.exemplars);
    for (size_t i = 0; i < METRICS_ENDPOINTS_MAX; i++)
        free(metrics->endpoints[i].durations.exemplars);
    free(metrics);
}

bool
metrics_has_exemplars(const struct metrics *metrics)
{
    return metrics->has_exemplars;
}

unsigned
metrics_endpoint_add(struct metrics *metrics,
                     const struct metrics_endpoint *endpoint)
{
    assert(metrics->count < METRICS_ENDPOINTS_MAX);
    metrics->endpoints[metrics->count].name = *endpoint;
    return metrics->count++;
}

static size_t
status_index(enum metrics_protocol protocol, int status)
{
    const int *statuses = metrics_statuses(protocol);
    for (size_t i = 0; i < METRICS_STATUSES_MAX - 1; i++) {
        if (statuses[i] == status)
            return i;
    }
    return METRICS_STATUSES_MAX - 1;
}

static void
exemplar_keep(struct exemplar *exemplar, const struct metrics_event *event)
{
    struct timespec now;
    if (atomic_flag_test_and_set_explicit(&exemplar->is_busy,
                                          memory_order_acquire))
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    exemplar->time_ms =
        (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    exemplar->duration_ns = event->duration_ns;
    size_t size = strnlen(event->trace, METRICS_TRACE_SIZE - 1);
    memcpy(exemplar->trace, event->trace, size);
    exemplar->trace[size] = '\0';
    atomic_flag_clear_explicit(&exemplar->is_busy, memory_order_release);
}

static void
histogram_observe(struct histogram *histogram,
                  const struct metrics_event *event)
{
    size_t bucket = 0;
    while (bucket < histogram->bounds_count &&
           event->duration_ns > histogram->bounds_ns[bucket])
        bucket++;
    atomic_fetch_add_explicit(&histogram->buckets[bucket], 1,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_ns, event->duration_ns,
                              memory_order_relaxed);
    if (histogram->exemplars != NULL && event->trace != NULL)
        exemplar_keep(&histogram->exemplars[bucket], event);
}

static void
observe_success(struct endpoint *endpoint, const struct metrics_event *event)
{
    uint64_t ns = event->duration_ns;
    histogram_observe(&endpoint->durations, event);
    unsigned long long old = atomic_load(&endpoint->max_ns);
    while (ns > old &&
           !atomic_compare_exchange_weak(&endpoint->max_ns, &old, ns))
        ;
    old = atomic_load(&endpoint->min_ns);
    while ((old == 0 || ns < old) &&
           !atomic_compare_exchange_weak(&endpoint->min_ns, &old, ns))
        ;
}

void
metrics_endpoint_observe(struct endpoint *endpoint,
                         const struct metrics_event *event)
{
    size_t status = status_index(endpoint->name.protocol, event->status);
    atomic_fetch_add_explicit(&endpoint->counts[status], 1,
                              memory_order_relaxed);
    if (status == 0)
        observe_success(endpoint, event);
}

void
metrics_observe(struct metrics *metrics, const struct metrics_event *event)
{
    assert(event->endpoint < metrics->count);
    struct endpoint *row = &metrics->endpoints[event->endpoint];
    metrics_endpoint_observe(row, event);
    if (row->name.is_search &&
        status_index(row->name.protocol, event->status) == 0)
        histogram_observe(&metrics->searches, event);
    if (event->collection.size > 0)
        metrics_collections_observe(metrics, event);
}

static bool
is_failure(enum metrics_protocol protocol, int status)
{
    return protocol == METRICS_GRPC ? status != 0 : status >= 400;
}

void
metrics_visit_endpoint(const struct endpoint *endpoint, struct span collection,
                       metrics_visit *visit, void *ctx)
{
    enum metrics_protocol protocol = endpoint->name.protocol;
    const int *statuses = metrics_statuses(protocol);
    for (size_t s = 0; s < METRICS_STATUSES_MAX; s++) {
        uint64_t count = atomic_load(&endpoint->counts[s]);
        if (count == 0)
            continue;
        struct metrics_stats stats = {
            .endpoint = &endpoint->name,
            .collection = collection,
            .status = statuses[s],
            .is_failure = is_failure(protocol, statuses[s]),
            .count = count,
        };
        if (s == 0) {
            stats.sum_ns = atomic_load(&endpoint->durations.sum_ns);
            stats.min_ns = atomic_load(&endpoint->min_ns);
            stats.max_ns = atomic_load(&endpoint->max_ns);
        }
        visit(ctx, &stats);
    }
}

void
metrics_each(const struct metrics *metrics, enum metrics_protocol protocol,
             metrics_visit *visit, void *ctx)
{
    for (unsigned i = 0; i < metrics->count; i++)
        if (metrics->endpoints[i].name.protocol == protocol)
            metrics_visit_endpoint(&metrics->endpoints[i],
                                   (struct span){ NULL, 0 }, visit, ctx);
}

struct sums {
    uint64_t count, failed;
};

static void
sums_add(void *ctx, const struct metrics_stats *stats)
{
    struct sums *sums = ctx;
    sums->count += stats->count;
    if (stats->is_failure)
        sums->failed += stats->count;
}

void
metrics_requests(const struct metrics *metrics, enum metrics_protocol protocol,
                 uint64_t *ret_count, uint64_t *ret_failed)
{
    struct sums sums = { 0, 0 };
    metrics_each(metrics, protocol, sums_add, &sums);
    *ret_count = sums.count;
    *ret_failed = sums.failed;
}
