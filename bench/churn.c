/* SPDX-License-Identifier: Apache-2.0
 * azimuth-bench churn: replaces every point of a collection, half by upserts
 * of the same id and half by a delete and a new id, and watches recall, memory
 * and the latency of searches meanwhile. Prints one line of JSON per step. */
#include "bench/churn_run.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/command.h"
#include "bench/option.h"

#define STEPS    10u /* of 10 % each */
#define LIVE_MIN 100u

static const char usage[] =
    "usage: azimuth-bench churn --base B.npy --queries Q.npy --folder DIR "
    "[options]\n"
    "Starts with the first half of B and replaces it by the second.\n"
    "  --folder DIR      new collections are made in DIR\n"
    "  --k N, --ef N     of the searches (10, 64)\n" SHELF_USAGE
    "  --batch N         points of one change (10)\n"
    "  --rate N          upserts per second while latencies are taken (1000)\n"
    "  --writers N       clients that bring them, each by a timetable (4)\n"
    "  --seconds N       for each of the three latencies: without writes, "
    "with\n"
    "                    batches, with single points (10)\n"
    "  --help\n";

/* Exit status, or -1 to go on. */
static int
parse_options(int argc, char **argv, struct churn_options *o)
{
    const struct option_row rows[] = {
        { .name = "base", .text = &o->base, .is_needed = true },
        { .name = "queries", .text = &o->queries, .is_needed = true },
        { .name = "folder", .text = &o->shelf.folder, .is_needed = true },
        { .name = "k", .number = &o->walk.k, .max = SHELF_K_MAX },
        { .name = "ef", .number = &o->walk.ef, .max = HNSW_EF_MAX },
        { .name = "batch", .number = &o->batch, .max = CHURN_BATCH_MAX },
        { .name = "rate", .number = &o->rate, .max = 10000000 },
        { .name = "writers", .number = &o->writers, .max = CHURN_WRITERS_MAX },
        { .name = "seconds", .number = &o->seconds, .max = 3600 },
        SHELF_OPTIONS(&o->shelf),
    };
    return option_parse(argc, argv, rows, sizeof(rows) / sizeof(rows[0]),
                        usage);
}

static const float *
row_at(const struct churn_run *run, size_t at)
{
    assert(at < run->base.row_count);
    return run->base.values + at * run->base.dim;
}

/* Point i of the first half is replaced by row live + i: under its own id when
 * i is even, else under the id live + i. */
static uint64_t
id_of_replacement(const struct churn_run *run, size_t i)
{
    return i % 2 == 0 ? i : run->live + i;
}

bool
churn_replace(struct churn_run *run, size_t first, size_t count)
{
    static _Thread_local uint64_t ids[CHURN_BATCH_MAX], gone[CHURN_BATCH_MAX];
    static _Thread_local const float *rows[CHURN_BATCH_MAX];
    size_t gone_count = 0;
    assert(count > 0 && count <= CHURN_BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        ids[i] = id_of_replacement(run, first + i);
        rows[i] = row_at(run, run->live + first + i);
        if ((first + i) % 2 != 0)
            gone[gone_count++] = first + i;
    }
    return (gone_count == 0 || shelf_delete(&run->shelf, gone, gone_count)) &&
           shelf_put(&run->shelf, ids, rows, count, NULL);
}

/* Puts all points that are to be there after `replaced` replacements. */
static bool
fill(struct churn_run *run, size_t replaced)
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

static bool
report_step(struct churn_run *run, const char *name)
{
    double recall = 0;
    if (!shelf_wait_green(&run->shelf) ||
        !shelf_recall(&run->shelf, run->queries.values, run->queries.row_count,
                      &run->options->walk, &recall))
        return false;
    printf("{\"step\": \"%s\", \"replaced\": %.3f, \"recall\": %.5f, "
           "\"resident\": %.0f}\n",
           name, (double)run->replaced / (double)run->live, recall,
           (double)shelf_resident() -
               (double)(run->base.row_count * run->base.dim * sizeof(float)));
    fflush(stdout);
    return true;
}

/* A new collection in a folder of its own below the one given. */
static bool
open_new(struct churn_run *run, const char *name)
{
    char path[4096];
    struct shelf_config config = run->options->shelf;
    snprintf(path, sizeof(path), "%s/%s", config.folder, name);
    config.folder = path;
    return shelf_create(&run->shelf, &config, run->base.dim);
}

static bool
replace_until(struct churn_run *run, size_t end)
{
    while (run->replaced < end) {
        size_t left = end - run->replaced, batch = run->options->batch;
        size_t count = left < batch ? left : batch;
        if (!churn_replace(run, run->replaced, count))
            return false;
        run->replaced += count;
    }
    return true;
}

static bool
replace_all(struct churn_run *run)
{
    if (!open_new(run, "living") || !fill(run, 0) ||
        !report_step(run, "start") || !churn_latency(run))
        return false;
    for (size_t step = 1; step <= STEPS; step++) {
        if (run->replaced > run->live * step / STEPS)
            continue;
        if (!replace_until(run, run->live * step / STEPS) ||
            !report_step(run, step == STEPS ? "end" : "step"))
            return false;
    }
    shelf_close(&run->shelf);
    return open_new(run, "fresh") && fill(run, run->live) &&
           report_step(run, "fresh");
}

static bool
load(struct churn_run *run)
{
    if (!npy_read_pair(run->options->base, run->options->queries, &run->base,
                       &run->queries))
        return false;
    run->live = run->base.row_count / 2;
    if (run->live >= LIVE_MIN)
        return true;
    fprintf(stderr, "azimuth-bench: the base needs %u points\n", 2 * LIVE_MIN);
    return false;
}

int
churn_command(int argc, char **argv)
{
    struct churn_options options = { .shelf = SHELF_CONFIG_DEFAULT,
                                     .walk = { .k = 10, .ef = 64 },
                                     .batch = 10,
                                     .rate = 1000,
                                     .writers = 4,
                                     .seconds = 10 };
    int status = parse_options(argc, argv, &options);
    if (status >= 0)
        return status;
    struct churn_run run = { .options = &options };
    bool is_done = load(&run) && replace_all(&run);
    if (run.shelf.registry != NULL)
        shelf_close(&run.shelf);
    free(run.base.values);
    free(run.queries.values);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
