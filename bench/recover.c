/* SPDX-License-Identifier: Apache-2.0
 * azimuth-bench recover: a process fills a collection and is killed by -9 while
 * it writes; another opens the folder. When does it answer, when is it as fast
 * as before, what does it find? Prints one line of JSON per step. */
#include "bench/npy.h"
#include "bench/option.h"
#include "bench/shelf.h"

#include <assert.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH      1000u
#define TAIL       5u /* batches that are written again before the kill */
#define K_MAX      100u
#define WINDOW_S   0.25
#define FULL_SHARE 0.9
#define WAIT_S_MAX 600.0
#define RECALL_MAX 200u /* queries whose recall is taken */
#define TIE        1e-5f

static const char usage[] =
    "usage: azimuth-bench recover --base B.npy --queries Q.npy --folder DIR "
    "[options]\n"
    "  --k N, --ef N              of the searches (10, 64)\n"
    "  --m N, --ef-construct N    of the graph (16, 100)\n"
    "  --config MEMBERS           more of the create body\n"
    "  --settle N                 seconds between the last point linked and "
    "the\n"
    "                             kill, for a checkpoint (70)\n"
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
    uint32_t settle;
};

struct run {
    const struct options *options;
    struct npy_matrix base;
    struct npy_matrix queries;
    struct shelf shelf;
    size_t next_query;
};

/* What the killed process tells. */
struct before {
    double qps;
    double recall;
    double filled_s;
    double green_s;
    uint64_t resident;
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
    { "settle", required_argument, NULL, 's' },
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
    case 's':
        return option_number("settle", text, 3600, &options->settle);
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

static bool
put_range(struct run *run, size_t begin, size_t end)
{
    static uint64_t ids[BATCH];
    static const float *rows[BATCH];
    for (size_t at = begin; at < end;) {
        size_t count = 0;
        for (; count < BATCH && at < end; count++, at++) {
            ids[count] = at;
            rows[count] = run->base.values + at * run->base.dim;
        }
        if (!shelf_put(&run->shelf, ids, rows, count, NULL))
            return false;
    }
    return true;
}

/* Searches for `seconds`; false when one fails. */
static bool
search_for(struct run *run, double seconds, double *ret_qps)
{
    struct shelf_hit hits[K_MAX];
    double begin = option_now_s(), now;
    size_t count = 0;
    do {
        uint32_t found = 0;
        const float *query =
            run->queries.values + run->next_query * run->queries.dim;
        run->next_query = (run->next_query + 1) % run->queries.row_count;
        if (!shelf_search(&run->shelf, query, run->options->k, run->options->ef,
                          hits, &found))
            return false;
        count++;
        now = option_now_s();
    } while (now - begin < seconds);
    *ret_qps = (double)count / (now - begin);
    return true;
}

static bool
measure_recall(struct run *run, double *ret_recall)
{
    const struct options *options = run->options;
    struct shelf_hit exact[K_MAX], hits[K_MAX];
    size_t good = 0, whole = 0;
    size_t count_max = run->queries.row_count < RECALL_MAX
                           ? run->queries.row_count
                           : RECALL_MAX;
    for (size_t q = 0; q < count_max; q++) {
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

/* The best of some windows: what is full speed. */
static bool
measure_speed(struct run *run, double *ret_qps)
{
    double best = 0;
    for (int i = 0; i < 8; i++) {
        double qps = 0;
        if (!search_for(run, WINDOW_S, &qps))
            return false;
        best = qps > best ? qps : best;
    }
    *ret_qps = best;
    return true;
}

/* The life that ends by -9: tells `before` once and goes on writing. */
static bool
live(struct run *run, int to_parent)
{
    const struct options *options = run->options;
    struct shelf_config config = { .folder = options->folder,
                                   .dim = run->base.dim,
                                   .m = options->m,
                                   .ef_construct = options->ef_construct,
                                   .more = options->more };
    struct before before = { 0 };
    double begin = option_now_s();
    if (!shelf_create(&run->shelf, &config) ||
        !put_range(run, 0, run->base.row_count))
        return false;
    before.filled_s = option_now_s() - begin;
    if (!shelf_wait_green(&run->shelf))
        return false;
    before.green_s = option_now_s() - begin;
    if (!measure_speed(run, &before.qps) ||
        !measure_recall(run, &before.recall))
        return false;
    before.resident = shelf_resident();
    sleep(options->settle);
    /* A tail that no checkpoint has. */
    size_t tail =
        run->base.row_count < TAIL * BATCH ? run->base.row_count : TAIL * BATCH;
    if (!put_range(run, 0, tail))
        return false;
    if (write(to_parent, &before, sizeof(before)) != sizeof(before))
        return false;
    for (;;)
        if (!put_range(run, 0, tail))
            return false;
}

static bool
live_and_die(struct run *run, struct before *ret_before)
{
    int ends[2];
    if (pipe(ends) != 0)
        return false;
    pid_t child = fork();
    if (child == 0)
        _exit(live(run, ends[1]) ? EXIT_SUCCESS : EXIT_FAILURE);
    close(ends[1]);
    bool is_told =
        child > 0 &&
        read(ends[0], ret_before, sizeof(*ret_before)) == sizeof(*ret_before);
    if (child > 0) {
        nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    close(ends[0]);
    return is_told;
}

static bool
come_back(struct run *run, const struct before *before)
{
    struct shelf_hit hits[K_MAX];
    uint32_t found = 0;
    double qps = 0, recall = 0, begin = option_now_s();
    uint64_t empty = shelf_resident();
    if (!shelf_open(&run->shelf, run->options->folder, run->base.dim))
        return false;
    double opened = option_now_s() - begin;
    if (!shelf_search(&run->shelf, run->queries.values, run->options->k,
                      run->options->ef, hits, &found))
        return false;
    double answered = option_now_s() - begin, full;
    do {
        if (!search_for(run, WINDOW_S, &qps))
            return false;
        full = option_now_s() - begin;
    } while (qps < FULL_SHARE * before->qps && full < WAIT_S_MAX);
    bool is_full = qps >= FULL_SHARE * before->qps;
    if (!shelf_wait_green(&run->shelf))
        return false;
    double green = option_now_s() - begin;
    if (!measure_speed(run, &qps) || !measure_recall(run, &recall))
        return false;
    printf("{\"step\": \"after\", \"opened_s\": %.3f, \"first_answer_s\": "
           "%.3f, \"full_speed_s\": %.3f, \"is_full\": %s, \"green_s\": %.3f, "
           "\"qps\": %.1f, \"recall\": %.5f, \"resident\": %.0f}\n",
           opened, answered, full, is_full ? "true" : "false", green, qps,
           recall, (double)shelf_resident() - (double)empty);
    return true;
}

static bool
recover(struct run *run)
{
    char error[512];
    const struct options *options = run->options;
    struct before before = { 0 };
    if (!npy_read(options->base, &run->base, error, sizeof(error)) ||
        !npy_read(options->queries, &run->queries, error, sizeof(error))) {
        fprintf(stderr, "azimuth-bench: %s\n", error);
        return false;
    }
    size_t raw = run->base.row_count * run->base.dim * sizeof(float);
    assert(run->base.dim == run->queries.dim);
    uint64_t empty = shelf_resident();
    if (!live_and_die(run, &before)) {
        fputs("azimuth-bench: the first life failed\n", stderr);
        return false;
    }
    printf("{\"step\": \"before\", \"points\": %zu, \"dim\": %zu, \"raw\": "
           "%zu, \"filled_s\": %.3f, \"green_s\": %.3f, \"qps\": %.1f, "
           "\"recall\": %.5f, \"resident\": %.0f}\n",
           run->base.row_count, run->base.dim, raw, before.filled_s,
           before.green_s, before.qps, before.recall,
           (double)before.resident - (double)empty);
    fflush(stdout);
    return come_back(run, &before);
}

int
recover_command(int argc, char **argv)
{
    struct options options = { .more = "",
                               .k = 10,
                               .ef = 64,
                               .m = 16,
                               .ef_construct = 100,
                               .settle = 70 };
    int status = parse_options(argc, argv, &options);
    if (status >= 0)
        return status;
    struct run run = { .options = &options };
    bool is_done = recover(&run);
    if (run.shelf.registry != NULL)
        shelf_close(&run.shelf);
    free(run.base.values);
    free(run.queries.values);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
