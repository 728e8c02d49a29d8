/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_SEARCH_RUN_H
#define BENCH_SEARCH_RUN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/npy.h"
#include "bench/option.h"
#include "engine/index/hnsw.h"

/* One run of azimuth-bench search. search.c takes the options and decides what
 * is measured when; building, measuring and writing have a file each. A
 * function that returns false has said why on stderr, or set is_failed. */

#define SEARCH_THREADS_MAX 256u

struct search_options {
    const char *base;
    const char *queries;
    const char *out;
    const char *ids;
    enum metric metric;
    uint32_t k;
    uint32_t threads;
    uint32_t m;
    uint32_t ef_construct;
    uint32_t repeats;
    bool has_codes;
    struct codes_wish code;
    bool is_exact;
    bool is_asked;
    struct option_numbers efs;
};

struct search_run {
    const struct search_options *options;
    struct npy_matrix base;
    struct npy_matrix queries;
    struct slab vectors;
    struct codes *codes; /* NULL: none */
    struct hnsw *hnsw;
    double build_s;
    double build_cpu_s; /* over all threads */
    /* Of the job at hand; threads take the next number. */
    uint32_t threads;
    uint32_t ef;
    enum hnsw_scoring scoring;
    uint32_t again_count; /* scored again; 0: the index decides */
    _Atomic size_t next;
    _Atomic bool is_failed;
    int32_t *ids;      /* [query][k] of this ef */
    double *latencies; /* [query] seconds of this ef, last repeat */
    _Atomic uint64_t visit_count;
    _Atomic uint64_t hop_count;
    _Atomic uint64_t rescore_count;
};

/* What one ef gave. */
enum search_figure {
    QPS,
    CPU_QPS, /* had each thread had a core for itself */
    P50_US,
    P99_US,
    VISITS,
    HOPS,
    RESCORED,
    BYTES,
    SEARCH_FIGURE_COUNT
};

struct search_figures {
    double values[SEARCH_FIGURE_COUNT];
};

/* search_build.c: copies the rows, which frees run->base, and links them. */
bool search_build(struct search_run *run);

/* run->threads threads, this one among them, do `work` with the run. */
void search_run_threads(struct search_run *run, void *(*work)(void *));

/* search_measure.c: one setting. The best of the repeats for the rate;
 * percentiles of the same round. */
void search_measure(struct search_run *run, struct search_figures *ret_figures);

/* search_write.c: an object of JSON without its last brace: what holds for all
 * efs; */
void search_print_build(FILE *file, const struct search_run *run);

/* one line of figures; */
void search_print_figures(const struct search_figures *figures);

/* all of them, to --out; */
bool search_write_figures(const struct search_run *run,
                          const struct search_figures *figures);

/* int32[ef_count][query][k], to --ids. */
bool search_write_ids(const struct search_run *run, const int32_t *ids,
                      size_t ef_count);

#endif /* BENCH_SEARCH_RUN_H */
