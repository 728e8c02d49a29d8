/* SPDX-License-Identifier: Apache-2.0
 * azimuth-bench search: builds our graph over an array of vectors and measures
 * how fast it answers. */
#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bench/npy.h"
#include "bench/option.h"
#include "engine/index/hnsw.h"
#include "engine/kernel/kernel.h"

#define THREADS_MAX 256
#define REPEATS_MAX 1000

enum code_choice { CODE_AUTO, CODE_BITS_8, CODE_BITS_4, CODE_NONE };

struct options {
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
    enum code_choice code;
    bool is_exact;
    bool is_asked;
    struct option_numbers efs;
};

struct run {
    const struct options *options;
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
    _Atomic size_t next;
    _Atomic bool is_failed;
    int32_t *ids;      /* [query][k] of this ef */
    double *latencies; /* [query] seconds of this ef, last repeat */
    _Atomic uint64_t visit_count;
    _Atomic uint64_t hop_count;
    _Atomic uint64_t rescore_count;
};

/* What one ef gave. */
enum figure {
    QPS,
    CPU_QPS, /* had each thread had a core for itself */
    P50_US,
    P99_US,
    VISITS,
    HOPS,
    RESCORED,
    BYTES,
    FIGURE_COUNT
};

static const char *const figure_names[FIGURE_COUNT] = {
    "qps", "cpu_qps", "p50_us", "p99_us", "visits", "hops", "rescored", "bytes",
};

struct figures {
    double values[FIGURE_COUNT];
};

static const char usage[] =
    "usage: azimuth-bench search --base B.npy --queries Q.npy [options]\n"
    "Builds the graph over B and searches it for each row of Q.\n"
    "  --base FILE      float32 array [points][dim]\n"
    "  --queries FILE   float32 array [queries][dim]\n"
    "  --metric NAME    cosine (default), dot, euclid or manhattan\n"
    "  --k N            hits per query (10)\n"
    "  --threads N      threads that build and search (1)\n"
    "  --ef N,N,...     list lengths to measure (16,32,64,128)\n"
    "  --m N            links per node; level 0 has twice as many (16)\n"
    "  --ef-construct N list length while building (100)\n"
    "  --repeats N      the best of so many rounds counts (3)\n"
    "  --code NAME      what the walk reads: auto (default), 8, 4 (bits per\n"
    "                   dimension) or none: the vectors\n"
    "  --exact          scan all points instead of walking; ef is ignored\n"
    "  --ask            after building, one round for each line \"THREADS EF\" "
    "of\n"
    "                   standard input, answered by a line of figures; --ids "
    "holds\n"
    "                   the ids of the last one\n"
    "  --kernel NAME    auto (default), plain or avx2\n"
    "  --out FILE       figures as JSON (default: standard output)\n"
    "  --ids FILE       int32 array [ef][query][k] of row numbers, -1 = none\n"
    "  --help\n";

static bool
parse_metric(const char *text, enum metric *ret_metric)
{
    for (int m = 0; m < METRIC_COUNT; m++)
        if (strcasecmp(text, kernel_metric_name((enum metric)m)) == 0) {
            *ret_metric = (enum metric)m;
            return true;
        }
    fprintf(stderr,
            "azimuth-bench: --metric must be cosine, dot, euclid or "
            "manhattan, not '%s'\n",
            text);
    return false;
}

static bool
parse_code(const char *text, enum code_choice *ret_code)
{
    static const char *const names[] = { "auto", "8", "4", "none" };
    for (int i = 0; i < 4; i++)
        if (strcmp(text, names[i]) == 0) {
            *ret_code = (enum code_choice)i;
            return true;
        }
    fprintf(stderr,
            "azimuth-bench: --code must be auto, 8, 4 or none, not '%s'\n",
            text);
    return false;
}

static bool
choose_kernel(const char *name)
{
    struct error error;
    if (kernel_select(name, &error) == ENGINE_OK)
        return true;
    fprintf(stderr, "azimuth-bench: %s\n", error.text);
    return false;
}

enum option_key {
    OPTION_BASE = 256,
    OPTION_QUERIES,
    OPTION_METRIC,
    OPTION_K,
    OPTION_THREADS,
    OPTION_EF,
    OPTION_M,
    OPTION_EF_CONSTRUCT,
    OPTION_REPEATS,
    OPTION_CODE,
    OPTION_EXACT,
    OPTION_ASK,
    OPTION_KERNEL,
    OPTION_OUT,
    OPTION_IDS,
    OPTION_HELP,
};

static const struct option long_options[] = {
    { "base", required_argument, NULL, OPTION_BASE },
    { "queries", required_argument, NULL, OPTION_QUERIES },
    { "metric", required_argument, NULL, OPTION_METRIC },
    { "k", required_argument, NULL, OPTION_K },
    { "threads", required_argument, NULL, OPTION_THREADS },
    { "ef", required_argument, NULL, OPTION_EF },
    { "m", required_argument, NULL, OPTION_M },
    { "ef-construct", required_argument, NULL, OPTION_EF_CONSTRUCT },
    { "repeats", required_argument, NULL, OPTION_REPEATS },
    { "code", required_argument, NULL, OPTION_CODE },
    { "exact", no_argument, NULL, OPTION_EXACT },
    { "ask", no_argument, NULL, OPTION_ASK },
    { "kernel", required_argument, NULL, OPTION_KERNEL },
    { "out", required_argument, NULL, OPTION_OUT },
    { "ids", required_argument, NULL, OPTION_IDS },
    { "help", no_argument, NULL, OPTION_HELP },
    { NULL, 0, NULL, 0 },
};

static bool
take_option(struct options *options, int key, const char *text)
{
    switch (key) {
    case OPTION_BASE:
        options->base = text;
        return true;
    case OPTION_QUERIES:
        options->queries = text;
        return true;
    case OPTION_OUT:
        options->out = text;
        return true;
    case OPTION_IDS:
        options->ids = text;
        return true;
    case OPTION_EXACT:
        options->is_exact = true;
        return true;
    case OPTION_ASK:
        options->is_asked = true;
        return true;
    case OPTION_CODE:
        return parse_code(text, &options->code);
    case OPTION_METRIC:
        return parse_metric(text, &options->metric);
    case OPTION_EF:
        return option_numbers("ef", text, HNSW_EF_MAX, &options->efs);
    case OPTION_KERNEL:
        return choose_kernel(text);
    case OPTION_K:
        return option_number("k", text, HNSW_K_MAX, &options->k);
    case OPTION_THREADS:
        return option_number("threads", text, THREADS_MAX, &options->threads);
    case OPTION_M:
        return option_number("m", text, HNSW_M_MAX, &options->m);
    case OPTION_EF_CONSTRUCT:
        return option_number("ef-construct", text, HNSW_EF_MAX,
                             &options->ef_construct);
    case OPTION_REPEATS:
        return option_number("repeats", text, REPEATS_MAX, &options->repeats);
    default:
        fputs(usage, stderr);
        return false;
    }
}

/* Exit status, or -1 to go on. */
static int
parse_options(int argc, char **argv, struct options *options)
{
    int key;
    while ((key = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (key == OPTION_HELP) {
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        }
        if (!take_option(options, key, optarg))
            return EXIT_FAILURE;
    }
    if (optind != argc) {
        fputs(usage, stderr);
        return EXIT_FAILURE;
    }
    if (options->base == NULL || options->queries == NULL) {
        fputs("azimuth-bench: --base and --queries are needed\n", stderr);
        return EXIT_FAILURE;
    }
    return -1;
}

static void
run_threads(struct run *run, void *(*work)(void *))
{
    pthread_t threads[THREADS_MAX];
    uint32_t count = 0;
    atomic_store(&run->next, 0);
    while (count + 1 < run->threads &&
           pthread_create(&threads[count], NULL, work, run) == 0)
        count++;
    if (count + 1 < run->threads)
        atomic_store(&run->is_failed, true);
    work(run);
    for (uint32_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static bool
insert_one(struct run *run, uint32_t slot, struct codes_query *query)
{
    if (run->codes != NULL)
        codes_put(run->codes, slot, slab_f32(&run->vectors, slot), query);
    return hnsw_insert(run->hnsw, slot, NULL) == ENGINE_OK;
}

static void *
build_work(void *ctx)
{
    struct run *run = ctx;
    struct codes_query query = { 0 };
    size_t at;
    if (run->codes != NULL &&
        codes_query_init(&query, run->codes, NULL) != ENGINE_OK) {
        atomic_store(&run->is_failed, true);
        return NULL;
    }
    while ((at = atomic_fetch_add(&run->next, 1)) < run->base.row_count)
        if (!insert_one(run, (uint32_t)at, &query))
            atomic_store(&run->is_failed, true);
    codes_query_release(&query);
    return NULL;
}

static uint32_t
search_one(struct run *run, const float *query, struct hit *hits)
{
    const struct options *options = run->options;
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
        struct hnsw_search search = { .k = options->k, .ef = run->ef };
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
    struct run *run = ctx;
    uint32_t k = run->options->k;
    struct hit *hits = calloc(k, sizeof(*hits));
    float *query = calloc(run->base.dim, sizeof(*query));
    size_t at;
    if (hits == NULL || query == NULL)
        atomic_store(&run->is_failed, true);
    while (hits != NULL && query != NULL &&
           (at = atomic_fetch_add(&run->next, 1)) < run->queries.row_count) {
        double begin = option_now_s();
        memcpy(query, run->queries.values + at * run->base.dim,
               run->base.dim * sizeof(*query));
        if (run->options->metric == METRIC_COSINE)
            kernel_normalise(query, run->base.dim);
        uint32_t count = search_one(run, query, hits);
        run->latencies[at] = option_now_s() - begin;
        for (uint32_t i = 0; i < k; i++)
            run->ids[at * k + i] = i < count ? (int32_t)hits[i].slot : -1;
    }
    free(hits);
    free(query);
    return NULL;
}

/* Bytes of links, rows and vectors that a query of these counts reads. */
static double
bytes_read(const struct run *run, const struct figures *figures)
{
    const double *values = figures->values;
    double row = run->codes != NULL ? (double)codes_row_size(run->codes)
                                    : (double)run->vectors.row_size;
    return values[HOPS] * 2.0 * run->options->m * sizeof(uint32_t) +
           values[VISITS] * row +
           values[RESCORED] * (double)run->vectors.row_size;
}

/* Best of the repeats for the rate; percentiles of the same round. */
static void
measure(struct run *run, struct figures *ret_figures)
{
    size_t count = run->queries.row_count;
    struct figures best = { { 0 } };
    for (uint32_t i = 0; i < run->options->repeats; i++) {
        atomic_store(&run->visit_count, 0);
        atomic_store(&run->hop_count, 0);
        atomic_store(&run->rescore_count, 0);
        double begin = option_now_s(), cpu_begin = option_cpu_s();
        run_threads(run, search_work);
        double qps = (double)count / (option_now_s() - begin);
        double cpu_qps =
            (double)count * run->threads / (option_cpu_s() - cpu_begin);
        double cpu_best = best.values[CPU_QPS];
        best.values[CPU_QPS] = cpu_qps > cpu_best ? cpu_qps : cpu_best;
        if (qps <= best.values[QPS])
            continue;
        option_sort(run->latencies, count);
        best.values[QPS] = qps;
        best.values[P50_US] = run->latencies[count / 2] * 1e6;
        best.values[P99_US] = run->latencies[count - 1 - count / 100] * 1e6;
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

static enum engine_code
make_codes(struct run *run, struct error *reterr)
{
    const struct options *options = run->options;
    struct codes_params params = { .dim = (uint32_t)run->base.dim,
                                   .metric = options->metric,
                                   .kind = options->code == CODE_BITS_4
                                               ? CODE_4
                                               : CODE_8 };
    enum code_kind kind;
    if (options->is_exact || options->code == CODE_NONE ||
        !codes_choose(params.dim, params.metric, &kind))
        return ENGINE_OK;
    if (options->code == CODE_AUTO)
        params.kind = kind;
    enum engine_code code = codes_create(&params, &run->codes, reterr);
    if (code == ENGINE_OK)
        code = codes_reserve(run->codes, (uint32_t)run->base.row_count, reterr);
    return code;
}

static bool
build(struct run *run)
{
    const struct options *options = run->options;
    struct error error = { ENGINE_OK, "" };
    struct hnsw_params params = {
        .dim = (uint32_t)run->base.dim,
        .metric = options->metric,
        .m = options->m,
        .ef_construct = options->ef_construct,
        .seed = 1,
    };
    double begin = option_now_s(), cpu_begin = option_cpu_s();
    slab_init_f32(&run->vectors, run->base.dim);
    enum engine_code code =
        slab_reserve(&run->vectors, (uint32_t)run->base.row_count, &error);
    for (uint32_t i = 0; code == ENGINE_OK && i < run->base.row_count; i++) {
        float *row = run->base.values + (size_t)i * run->base.dim;
        if (options->metric == METRIC_COSINE)
            kernel_normalise(row, run->base.dim);
        slab_put_f32(&run->vectors, i, row, run->base.dim);
    }
    if (code == ENGINE_OK)
        code = make_codes(run, &error);
    struct hnsw_rows rows = { .vectors = &run->vectors, .codes = run->codes };
    if (code == ENGINE_OK)
        code = hnsw_create(&params, &rows, &run->hnsw, &error);
    if (code != ENGINE_OK) {
        fprintf(stderr, "azimuth-bench: %s\n", error.text);
        return false;
    }
    free(run->base.values); /* the slab has them */
    run->base.values = NULL;
    if (!options->is_exact)
        run_threads(run, build_work);
    run->build_s = option_now_s() - begin;
    run->build_cpu_s = option_cpu_s() - cpu_begin;
    return !atomic_load(&run->is_failed);
}

/* What holds for all efs. */
static void
print_build(FILE *file, const struct run *run)
{
    const struct options *options = run->options;
    double bytes =
        (double)slab_memory(&run->vectors, (uint32_t)run->base.row_count)
            .used_size +
        (double)hnsw_memory(run->hnsw).used_size;
    if (run->codes != NULL)
        bytes += (double)codes_memory(run->codes, (uint32_t)run->base.row_count)
                     .used_size;
    fprintf(file,
            "{\"engine\": \"azimuth\", \"kernel\": \"%s\", \"metric\": "
            "\"%s\", \"points\": %zu, \"dim\": %zu, \"threads\": %u, \"m\": "
            "%u, \"ef_construct\": %u, \"k\": %u, \"build_s\": %.3f, "
            "\"build_cpu_s\": %.3f, \"bytes_per_point\": %.1f",
            kernel_get()->name, kernel_metric_name(options->metric),
            run->base.row_count, run->base.dim, options->threads, options->m,
            options->ef_construct, options->k, run->build_s, run->build_cpu_s,
            bytes / (double)run->base.row_count);
}

static bool
write_figures(const struct run *run, const struct figures *figures)
{
    const struct options *options = run->options;
    FILE *file = options->out == NULL ? stdout : fopen(options->out, "w");
    if (file == NULL) {
        fprintf(stderr, "azimuth-bench: %s: %s\n", options->out,
                strerror(errno));
        return false;
    }
    print_build(file, run);
    fputs(",\n \"ef\": [", file);
    for (uint32_t i = 0; i < options->efs.count; i++)
        fprintf(file, "%s%u", i > 0 ? ", " : "", options->efs.values[i]);
    fputs("]", file);
    for (size_t column = 0; column < FIGURE_COUNT; column++) {
        fprintf(file, ",\n \"%s\": [", figure_names[column]);
        for (uint32_t i = 0; i < options->efs.count; i++)
            fprintf(file, "%s%.1f", i > 0 ? ", " : "",
                    figures[i].values[column]);
        fputs("]", file);
    }
    fputs("}\n", file);
    bool is_written = ferror(file) == 0;
    if (file != stdout && fclose(file) != 0)
        is_written = false;
    return is_written;
}

static bool
load(struct run *run)
{
    char error[512];
    const struct options *options = run->options;
    if (!npy_read(options->base, &run->base, error, sizeof(error)) ||
        !npy_read(options->queries, &run->queries, error, sizeof(error))) {
        fprintf(stderr, "azimuth-bench: %s\n", error);
        return false;
    }
    if (run->base.dim != run->queries.dim) {
        fprintf(stderr,
                "azimuth-bench: the base has %zu dimensions, the queries "
                "%zu\n",
                run->base.dim, run->queries.dim);
        return false;
    }
    if (run->base.dim > 65536 || run->base.row_count > INT32_MAX) {
        fputs("azimuth-bench: at most 65536 dimensions and 2^31 points\n",
              stderr);
        return false;
    }
    return true;
}

static bool
write_ids(const struct run *run, const int32_t *ids, size_t ef_count)
{
    char error[512];
    const struct options *options = run->options;
    size_t shape[3] = { ef_count, run->queries.row_count, options->k };
    if (options->ids == NULL ||
        npy_write_i32(options->ids, ids, shape, error, sizeof(error)))
        return true;
    fprintf(stderr, "azimuth-bench: %s\n", error);
    return false;
}

static bool
run_search(struct run *run, int32_t *ids)
{
    const struct options *options = run->options;
    struct figures figures[OPTION_NUMBERS_MAX];
    size_t per_ef = run->queries.row_count * options->k;
    for (uint32_t i = 0; i < options->efs.count; i++) {
        run->ef = options->efs.values[i];
        run->ids = ids + per_ef * i;
        measure(run, &figures[i]);
        if (atomic_load(&run->is_failed))
            return false;
    }
    return write_figures(run, figures) &&
           write_ids(run, ids, options->efs.count);
}

/* Somebody else decides what is measured when, so that rounds of several
 * engines can take turns. */
static bool
run_asked(struct run *run, int32_t *ids)
{
    char line[64];
    print_build(stdout, run);
    puts("}");
    fflush(stdout);
    run->ids = ids;
    while (fgets(line, sizeof(line), stdin) != NULL) {
        char *ef = strchr(line, ' ');
        line[strcspn(line, "\n")] = '\0';
        if (ef != NULL)
            *ef++ = '\0';
        if (ef == NULL ||
            !option_number("ask", line, THREADS_MAX, &run->threads) ||
            !option_number("ask", ef, HNSW_EF_MAX, &run->ef))
            return false;
        struct figures figures;
        measure(run, &figures);
        if (atomic_load(&run->is_failed) || !write_ids(run, ids, 1))
            return false;
        for (size_t column = 0; column < FIGURE_COUNT; column++)
            printf("%s\"%s\": %.1f", column > 0 ? ", " : "{",
                   figure_names[column], figures.values[column]);
        puts("}");
        fflush(stdout);
    }
    return true;
}

static bool
run_all(struct run *run)
{
    const struct options *options = run->options;
    size_t per_ef = run->queries.row_count * options->k;
    int32_t *ids = calloc(per_ef * options->efs.count, sizeof(*ids));
    run->latencies = calloc(run->queries.row_count, sizeof(double));
    bool is_done =
        ids != NULL && run->latencies != NULL && build(run) &&
        (options->is_asked ? run_asked(run, ids) : run_search(run, ids));
    free(ids);
    free(run->latencies);
    return is_done;
}

int
search_command(int argc, char **argv)
{
    struct options options = {
        .metric = METRIC_COSINE,
        .k = 10,
        .threads = 1,
        .m = 16,
        .ef_construct = 100,
        .repeats = 3,
        .efs = { .values = { 16, 32, 64, 128 }, .count = 4 },
    };
    int status = parse_options(argc, argv, &options);
    if (status >= 0)
        return status;
    struct run run = { .options = &options, .threads = options.threads };
    bool is_done = load(&run) && run_all(&run);
    if (atomic_load(&run.is_failed))
        fputs("azimuth-bench: out of memory or threads\n", stderr);
    hnsw_free(run.hnsw);
    slab_release(&run.vectors);
    free(run.base.values);
    free(run.queries.values);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
