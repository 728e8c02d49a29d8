/* SPDX-License-Identifier: Apache-2.0
 * azimuth-bench recover: a process fills a collection and is killed by -9 while
 * it writes; another opens the folder. When does it answer, when is it as fast
 * as before, what does it find? Prints one line of JSON per step. */
#include "bench/command.h"
#include "bench/npy.h"
#include "bench/option.h"
#include "bench/shelf.h"
#include "bench/timing.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH      1000u
#define TAIL       5u /* batches that are written again before the kill */
#define WINDOW_S   0.25
#define FULL_SHARE 0.9
#define WAIT_S_MAX 600.0
#define RECALL_MAX 200u /* queries whose recall is taken */

static const char usage[] =
    "usage: azimuth-bench recover --base B.npy --queries Q.npy --folder DIR "
    "[options]\n"
    "  --k N, --ef N     of the searches (10, 64)\n" SHELF_USAGE
    "  --settle N        seconds between the last point linked and the kill,\n"
    "                    for a checkpoint (70)\n"
    "  --help\n";

struct options {
    const char *base;
    const char *queries;
    struct shelf_config shelf;
    struct shelf_walk walk;
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

/* Exit status, or -1 to go on. */
static int
parse_options(int argc, char **argv, struct options *o)
{
    const struct option_row rows[] = {
        { .name = "base", .text = &o->base, .is_needed = true },
        { .name = "queries", .text = &o->queries, .is_needed = true },
        { .name = "folder", .text = &o->shelf.folder, .is_needed = true },
        { .name = "k", .number = &o->walk.k, .max = SHELF_K_MAX },
        { .name = "ef", .number = &o->walk.ef, .max = HNSW_EF_MAX },
        { .name = "settle", .number = &o->settle, .max = 3600 },
        SHELF_OPTIONS(&o->shelf),
    };
    return option_parse(argc, argv, rows, sizeof(rows) / sizeof(rows[0]),
                        usage);
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
    struct shelf_hit hits[SHELF_K_MAX];
    double begin = timing_now_s(), now;
    size_t count = 0;
    do {
        uint32_t found = 0;
        const float *query =
            run->queries.values + run->next_query * run->queries.dim;
        run->next_query = (run->next_query + 1) % run->queries.row_count;
        if (!shelf_search(&run->shelf, query, &run->options->walk, hits,
                          &found))
            return false;
        count++;
        now = timing_now_s();
    } while (now - begin < seconds);
    *ret_qps = (double)count / (now - begin);
    return true;
}

static bool
measure_recall(struct run *run, double *ret_recall)
{
    size_t count = run->queries.row_count;
    return shelf_recall(&run->shelf, run->queries.values,
                        count < RECALL_MAX ? count : RECALL_MAX,
                        &run->options->walk, ret_recall);
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
    struct before before = { 0 };
    double begin = timing_now_s();
    if (!shelf_create(&run->shelf, &options->shelf, run->base.dim) ||
        !put_range(run, 0, run->base.row_count))
        return false;
    before.filled_s = timing_now_s() - begin;
    if (!shelf_wait_green(&run->shelf))
        return false;
    before.green_s = timing_now_s() - begin;
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
    struct shelf_hit hits[SHELF_K_MAX];
    uint32_t found = 0;
    double qps = 0, recall = 0, begin = timing_now_s();
    uint64_t empty = shelf_resident();
    if (!shelf_open(&run->shelf, run->options->shelf.folder, run->base.dim))
        return false;
    double opened = timing_now_s() - begin;
    if (!shelf_search(&run->shelf, run->queries.values, &run->options->walk,
                      hits, &found))
        return false;
    double answered = timing_now_s() - begin, full;
    do {
        if (!search_for(run, WINDOW_S, &qps))
            return false;
        full = timing_now_s() - begin;
    } while (qps < FULL_SHARE * before->qps && full < WAIT_S_MAX);
    bool is_full = qps >= FULL_SHARE * before->qps;
    if (!shelf_wait_green(&run->shelf))
        return false;
    double green = timing_now_s() - begin;
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
    const struct options *options = run->options;
    struct before before = { 0 };
    if (!npy_read_pair(options->base, options->queries, &run->base,
                       &run->queries))
        return false;
    size_t raw = run->base.row_count * run->base.dim * sizeof(float);
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
    struct options options = { .shelf = SHELF_CONFIG_DEFAULT,
                               .walk = { .k = 10, .ef = 64 },
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
