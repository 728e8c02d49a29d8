/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_CHURN_RUN_H
#define BENCH_CHURN_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/npy.h"
#include "bench/shelf.h"

/* One run of azimuth-bench churn: churn.c replaces points and watches recall,
 * churn_latency.c takes latencies. A function that returns false has said why
 * on stderr. */

#define CHURN_BATCH_MAX   4096u
#define CHURN_WRITERS_MAX 64u

struct churn_options {
    const char *base;
    const char *queries;
    struct shelf_config shelf;
    struct shelf_walk walk;
    uint32_t batch;   /* points of one change */
    uint32_t rate;    /* points per second while latencies are taken */
    uint32_t writers; /* clients that bring them */
    uint32_t seconds; /* for each kind of latency */
};

struct churn_run {
    const struct churn_options *options;
    struct npy_matrix base;
    struct npy_matrix queries;
    struct shelf shelf;
    size_t live;     /* points at any time */
    size_t replaced; /* points that were replaced so far: the first ones */
};

/* Replaces points first..first+count-1, count <= CHURN_BATCH_MAX: a delete and
 * an upsert, both with wait=true. Any thread, others for other points. */
bool churn_replace(struct churn_run *run, size_t first, size_t count);

/* Latencies of searches by one thread without writes, while batches are
 * written, and while single points are: one line of JSON each. Replaces at
 * most half of the points. */
bool churn_latency(struct churn_run *run);

#endif /* BENCH_CHURN_RUN_H */
