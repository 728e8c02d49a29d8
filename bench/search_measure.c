/* SPDX-License-Identifier: Apache-2.0
 * Rounds of searches of azimuth-bench search, and what they cost. */
#include "bench/search_run.h"

#include <stdlib.h>
#include <string.h>

#include "bench/timing.h"
#include "engine/kernel/kernel.h"

static uint32_t
search_one(struct search_run *run, const float *query, struct hit *hits)
{
    const struct search_options *options = run->options;
    uint32_t count = 0;
    enum engine_code code;
    if (options->is_exact) {
        struct plain_scan scan = {
            .vectors = &run->vectors,
            .dim = run->base.dim,
            .metric = options->metric,
            .slot_end = (uint32_t)run->base.row_count,
        };
        code = plain_search(&scan, query, options->k, hits, &count, NULL);
    } else {
        struct hnsw_search search = { .k = options->k,
                                      .ef = run->ef,
                                      .scoring = run->scoring,
                                      .rescore_count = run->again_count };
        struct hnsw_found found = { .count = 0 };
        code = hnsw_search(run->hnsw, query, &search, hits, &found, NULL);
        count = found.count;
        atomic_fetch_add_explicit(&run->visit_count, found.visit_count,
                                  memory_order_relaxed);
        atomic_fetch_add_explicit(&run->hop_count, found.hop_count,
                                  memory_order_relaxed);
        atomic_fetch_add_explicit(&run->rescore_count, found.rescore_count,
                                  memory_order_relaxed);
    }
    if (code != ENGINE_OK)
        atomic_store(&run->is_failed, true);
    return count;
}

static void *
search_work(void *ctx)
{
    struct search_run *run = ctx;
    uint32_t k = run->options->k;
    struct hit *hits = calloc(k, sizeof(*hits));
    float *query = calloc(run->base.dim, sizeof(*query));
    size_t at;
    if (hits == NULL || query == NULL)
        atomic_store(&run->is_failed, true);
    while (hits != NULL && query != NULL &&
           (at = atomic_fetch_add(&run->next, 1)) < run->queries.row_count) {
        double begin = timing_now_s();
        memcpy(query, run->queries.values + at * run->base.dim,
               run->base.dim * sizeof(*query));
        if (run->options->metric == METRIC_COSINE)
            kernel_normalise(query, run->base.dim);
        uint32_t count = search_one(run, query, hits);
        run->latencies[at] = timing_now_s() - begin;
        for (uint32_t i = 0; i < k; i++)
            run->ids[at * k + i] = i < count ? (int32_t)hits[i].slot : -1;
    }
    free(hits);
    free(query);
    return NULL;
}

/* Bytes of links, rows and vectors that a query of these counts reads. */
static double
bytes_read(const struct search_run *run, const struct search_figures *figures)
{
    const double *values = figures->values;
    double row = run->codes != NULL ? (double)codes_row_size(run->codes)
                                    : (double)run->vectors.row_size;
    return values[HOPS] * 2.0 * run->options->m * sizeof(uint32_t) +
           values[VISITS] * row +
           values[RESCORED] * (double)run->vectors.row_size;
}

void
search_measure(struct search_run *run, struct search_figures *ret_figures)
{
    size_t count = run->queries.row_count;
    struct search_figures best = { { 0 } };
    for (uint32_t i = 0; i < run->options->repeats; i++) {
        atomic_store(&run->visit_count, 0);
        atomic_store(&run->hop_count, 0);
        atomic_store(&run->rescore_count, 0);
        double begin = timing_now_s(), cpu_begin = timing_cpu_s();
        search_run_threads(run, search_work);
        double qps = (double)count / (timing_now_s() - begin);
        double cpu_qps =
            (double)count * run->threads / (timing_cpu_s() - cpu_begin);
        double cpu_best = best.values[CPU_QPS];
        best.values[CPU_QPS] = cpu_qps > cpu_best ? cpu_qps : cpu_best;
        if (qps <= best.values[QPS])
            continue;
        struct timing timing = timing_of(run->latencies, count);
        best.values[QPS] = qps;
        best.values[P50_US] = timing.p50 * 1e6;
        best.values[P99_US] = timing.p99 * 1e6;
        best.values[VISITS] =
            (double)atomic_load(&run->visit_count) / (double)count;
        best.values[HOPS] =
            (double)atomic_load(&run->hop_count) / (double)count;
        best.values[RESCORED] =
            (double)atomic_load(&run->rescore_count) / (double)count;
        best.values[BYTES] = bytes_read(run, &best);
    }
    *ret_figures = best;
}
