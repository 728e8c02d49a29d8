/* SPDX-License-Identifier: Apache-2.0
 * azimuth-bench churn: replaces every point of a collection, half by upserts
 * of the same id and half by a delete and a new id, and watches recall, memory
 * and the latency of searches meanwhile. Prints one line of JSON per step. */
#include "bench/npy.h"
#include "bench/option.h"
#include "bench/shelf.h"

#include <assert.h>
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH_MAX   4096u
#define K_MAX       100u
#define SAMPLES_MAX ((size_t)1 << 22)
#define TIE         1e-5f
#define STEPS       10u /* of 10 % each */
#define WINDOWS     5   /* of each kind of latency */

static const char usage[] =
    "usage: azimuth-bench churn --base B.npy --queries Q.npy --folder DIR "
    "[options]\n"
    "Starts with the first half of B and replaces it by the second.\n"
    "  --folder DIR      new collections are made in DIR\n"
    "  --k N, --ef N     of the searches (10, 64)\n"
    "  --m N, --ef-construct N   of the graph (16, 100)\n"
    "  --config MEMBERS  more of the create body\n"
    "  --batch N         points of one change (10)\n"
    "  --rate N          upserts per second while latencies are taken (1000)\n"
    "  --seconds N       for each of the two latencies (10)\n"
    "  --help\n";

struct options {
    const char *base;
    const char *queries;
    const char *folder;
    const char *more;
    uint32_t k;
    uint32_t ef;
    uint32_t m;
    uint32_t ef_construct;
    uint32_t batch;
    uint32_t rate;
    uint32_t seconds;
};

struct run {
    const struct options *options;
    struct npy_matrix base;
    struct npy_matrix queries;
    struct shelf shelf;
    size_t live;     /* points at any time */
    size_t replaced; /* points that were replaced so far; the writer's */
    _Atomic bool is_ending;
    _Atomic bool is_failed;
    double *samples; /* [SAMPLES_MAX] */
};

static const struct option long_options[] = {
    { "base", required_argument, NULL, 'b' },
    { "queries", required_argument, NULL, 'q' },
    { "folder", required_argument, NULL, 'f' },
    { "config", required_argument, NULL, 'c' },
    { "k", required_argument, NULL, 'k' },
    { "ef", required_argument, NULL, 'e' },
    { "m", required_argument, NULL, 'm' },
    { "ef-construct", required_argument, NULL, 'E' },
    { "batch", required_argument, NULL, 'B' },
    { "rate", required_argument, NULL, 'r' },
    { "seconds", required_argument, NULL, 's' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static bool
take_option(struct options *options, int key, const char *text)
{
    switch (key) {
    case 'b':
        options->base = text;
        return true;
    case 'q':
        options->queries = text;
        return true;
    case 'f':
        options->folder = text;
        return true;
    case 'c':
        options->more = text;
        return true;
    case 'k':
        return option_number("k", text, K_MAX, &options->k);
    case 'e':
        return option_number("ef", text, 8192, &options->ef);
    case 'm':
        return option_number("m", text, 256, &options->m);
    case 'E':
        return option_number("ef-construct", text, 8192,
                             &options->ef_construct);
    case 'B':
        return option_number("batch", text, BATCH_MAX, &options->batch);
    case 'r':
        return option_number("rate", text, 10000000, &options->rate);
    case 's':
        return option_number("seconds", text, 3600, &options->seconds);
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
        if (key == 'h') {
            fputs(usage, stdout);
            return EXIT_SUCCESS;
        }
        if (!take_option(options, key, optarg))
            return EXIT_FAILURE;
    }
    if (optind == argc && options->base != NULL && options->queries != NULL &&
        options->folder != NULL)
        return -1;
    fputs(usage, stderr);
    return EXIT_FAILURE;
}

static const float *
row_at(const struct run *run, size_t at)
{
    assert(at < run->base.row_count);
    return run->base.values + at * run->base.dim;
}

/* Point i of the first half is replaced by row live + i: under its own id when
 * i is even, else under the id live + i. */
static uint64_t
id_of_replacement(const struct run *run, size_t i)
{
    return i % 2 == 0 ? i : run->live + i;
}

static bool
replace_batch(struct run *run)
{
    static _Thread_local uint64_t ids[BATCH_MAX], gone[BATCH_MAX];
    static _Thread_local const float *rows[BATCH_MAX];
    size_t count = 0, gone_count = 0;
    size_t end = run->replaced + run->options->batch;
    end = end < run->live ? end : run->live;
    for (size_t i = run->replaced; i < end; i++) {
        ids[count] = id_of_replacement(run, i);
        rows[count++] = row_at(run, run->live + i);
        if (i % 2 != 0)
            gone[gone_count++] = i;
    }
    run->replaced = end;
    return (gone_count == 0 || shelf_delete(&run->shelf, gone, gone_count)) &&
           (count == 0 || shelf_put(&run->shelf, ids, rows, count, NULL));
}

/* Puts all points that are to be there after `replaced` replacements. */
static bool
fill(struct run *run, size_t replaced)
{
    static _Thread_local uint64_t ids[1000];
    static _Thread_local const float *rows[1000];
    for (size_t at = 0; at < run->live;) {
        size_t count = 0;
        for (; count < 1000 && at < run->live; at++, count++) {
            bool is_new = at < replaced;
            ids[count] = is_new ? id_of_replacement(run, at) : at;
            rows[count] = row_at(run, is_new ? run->live + at : at);
        }
        if (!shelf_put(&run->shelf, ids, rows, count, NULL))
            return false;
    }
    return shelf_wait_green(&run->shelf);
}

/* A hit counts when its score is not worse than the k-th exact one's. */
static bool
measure_recall(struct run *run, double *ret_recall)
{
    const struct options *options = run->options;
    struct shelf_hit exact[K_MAX], hits[K_MAX];
    size_t good = 0, whole = 0;
    for (size_t q = 0; q < run->queries.row_count; q++) {
        const float *query = run->queries.values + q * run->queries.dim;
        uint32_t exact_count = 0, count = 0;
        if (!shelf_search(&run->shelf, query, options->k, 0, exact,
                          &exact_count) ||
            !shelf_search(&run->shelf, query, options->k, options->ef, hits,
                          &count))
            return false;
        float worst = exact_count > 0 ? exact[exact_count - 1].score : 0;
        for (uint32_t i = 0; i < count; i++)
            good += hits[i].score >= worst - TIE;
        whole += exact_count;
    }
    *ret_recall = whole > 0 ? (double)good / (double)whole : 1;
    return true;
}

static bool
report_step(struct run *run, const char *name)
{
    double recall = 0;
    if (!shelf_wait_green(&run->shelf) || !measure_recall(run, &recall))
        return false;
    printf("{\"step\": \"%s\", \"replaced\": %.3f, \"recall\": %.5f, "
           "\"resident\": %.0f}\n",
           name, (double)run->replaced / (double)run->live, recall,
           (double)shelf_resident() -
               (double)(run->base.row_count * run->base.dim * sizeof(float)));
    fflush(stdout);
    return true;
}

/* Batches at an even pace until the searches end. */
static void *
write_work(void *ctx)
{
    struct run *run = ctx;
    double pause = (double)run->options->batch / run->options->rate;
    double next = option_now_s();
    while (!atomic_load(&run->is_ending) && run->replaced < run->live) {
        if (!replace_batch(run)) {
            atomic_store(&run->is_failed, true);
            break;
        }
        next += pause;
        double left = next - option_now_s();
        if (left > 0)
            nanosleep(
                &(struct timespec){
                    (time_t)left, (long)((left - (double)(time_t)left) * 1e9) },
                NULL);
    }
    return NULL;
}

/* Latencies of one kind over several windows: the calmest one counts, because
 * a busy neighbour makes none of them better. */
struct latency {
    double p50;
    double p99;
    double most;
    double seconds;
    size_t count;
};

/* One thread searches for a window. */
static bool
search_window(struct run *run, struct latency *best)
{
    size_t count = 0;
    double whole = (double)run->options->seconds / WINDOWS;
    double begin = option_now_s(), now = begin;
    struct shelf_hit hits[K_MAX];
    while (now - begin < whole && count < SAMPLES_MAX) {
        const float *query = run->queries.values +
                             count % run->queries.row_count * run->queries.dim;
        uint32_t found = 0;
        if (!shelf_search(&run->shelf, query, run->options->k, run->options->ef,
                          hits, &found))
            return false;
        double end = option_now_s();
        run->samples[count++] = end - now;
        now = end;
    }
    option_sort(run->samples, count);
    double p99 = run->samples[count - 1 - count / 100];
    if (best->count == 0 || p99 < best->p99) {
        best->p50 = run->samples[count / 2];
        best->p99 = p99;
        best->most = run->samples[count - 1];
    }
    best->count += count;
    best->seconds += now - begin;
    return true;
}

static bool
write_window(struct run *run, struct latency *best)
{
    pthread_t writer;
    atomic_store(&run->is_ending, false);
    if (pthread_create(&writer, NULL, write_work, run) != 0)
        return false;
    bool is_done = search_window(run, best);
    atomic_store(&run->is_ending, true);
    pthread_join(writer, NULL);
    return is_done && !atomic_load(&run->is_failed) &&
           shelf_wait_green(&run->shelf);
}

static void
print_latency(const char *name, const struct latency *latency)
{
    printf("{\"step\": \"%s\", \"searches\": %zu, \"p50_us\": %.1f, "
           "\"p99_us\": %.1f, \"max_us\": %.1f",
           name, latency->count, latency->p50 * 1e6, latency->p99 * 1e6,
           latency->most * 1e6);
}

/* Windows without and with a writer take turns. */
static bool
measure_latency(struct run *run)
{
    struct latency idle = { 0 }, writing = { 0 };
    size_t before = run->replaced;
    for (int i = 0; i < WINDOWS; i++)
        if (!search_window(run, &idle) || !write_window(run, &writing))
            return false;
    print_latency("idle", &idle);
    puts("}");
    print_latency("writing", &writing);
    printf(", \"upserts_per_s\": %.1f}\n",
           (double)(run->replaced - before) / writing.seconds);
    fflush(stdout);
    return true;
}

static bool
open_new(struct run *run, const char *name, char *path, size_t path_size)
{
    snprintf(path, path_size, "%s/%s", run->options->folder, name);
    struct shelf_config config = { .folder = path,
                                   .dim = run->base.dim,
                                   .m = run->options->m,
                                   .ef_construct = run->options->ef_construct,
                                   .more = run->options->more };
    return shelf_create(&run->shelf, &config);
}

static bool
replace_all(struct run *run)
{
    char path[4096];
    if (!open_new(run, "living", path, sizeof(path)) || !fill(run, 0) ||
        !report_step(run, "start") || !measure_latency(run))
        return false;
    for (size_t step = 1; step <= STEPS; step++) {
        if (run->replaced > run->live * step / STEPS)
            continue;
        while (run->replaced < run->live * step / STEPS)
            if (!replace_batch(run))
                return false;
        if (!report_step(run, step == STEPS ? "end" : "step"))
            return false;
    }
    shelf_close(&run->shelf);
    return open_new(run, "fresh", path, sizeof(path)) && fill(run, run->live) &&
           report_step(run, "fresh");
}

static bool
load(struct run *run)
{
    char error[512];
    if (!npy_read(run->options->base, &run->base, error, sizeof(error)) ||
        !npy_read(run->options->queries, &run->queries, error, sizeof(error))) {
        fprintf(stderr, "azimuth-bench: %s\n", error);
        return false;
    }
    run->live = run->base.row_count / 2;
    run->samples = calloc(SAMPLES_MAX, sizeof(double));
    if (run->base.dim == run->queries.dim && run->live >= STEPS &&
        run->samples != NULL)
        return true;
    fputs("azimuth-bench: base and queries do not fit, or are too few\n",
          stderr);
    return false;
}

int
churn_command(int argc, char **argv)
{
    struct options options = { .more = "",
                               .k = 10,
                               .ef = 64,
                               .m = 16,
                               .ef_construct = 100,
                               .batch = 10,
                               .rate = 1000,
                               .seconds = 10 };
    int status = parse_options(argc, argv, &options);
    if (status >= 0)
        return status;
    struct run run = { .options = &options };
    bool is_done = load(&run) && replace_all(&run);
    if (run.shelf.registry != NULL)
        shelf_close(&run.shelf);
    free(run.base.values);
    free(run.queries.values);
    free(run.samples);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
