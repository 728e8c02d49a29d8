/* SPDX-License-Identifier: Apache-2.0
 * azimuth-bench multivector: fills a collection with multivectors, then answers
 * each line of standard input, a number of candidates (0: the default, -1:
 * exact), by one round over all queries. */
#include "bench/command.h"
#include "bench/npy.h"
#include "bench/option.h"
#include "bench/shelf.h"
#include "bench/timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 500u

static const char usage[] =
    "usage: azimuth-bench multivector --base B.npy --lengths L.npy --queries "
    "Q.npy\n"
    "       --query-lengths M.npy --folder DIR [options]\n"
    "  --base, --queries FILE           float32 [sub-vectors][dim]\n"
    "  --lengths, --query-lengths FILE  float32 [texts][1]: sub-vectors of "
    "each\n"
    "  --folder DIR      where the collection is made\n"
    "  --k N             hits per query (10)\n" SHELF_USAGE "  --help\n"
    "Prints a line of JSON when it is built, and one for each number of\n"
    "candidates on standard input: 0 the default, -1 exact.\n";

struct texts {
    struct npy_matrix rows;
    struct npy_matrix lengths;
    struct named_vector *vectors; /* one for each text */
};

static bool
texts_read(const char *rows, const char *lengths, struct texts *texts)
{
    if (!npy_read(rows, &texts->rows) || !npy_read(lengths, &texts->lengths))
        return false;
    size_t begin = 0, count = texts->lengths.row_count;
    texts->vectors = calloc(count, sizeof(*texts->vectors));
    if (texts->vectors == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        size_t length = (size_t)texts->lengths.values[i];
        if (length == 0 || length > texts->rows.row_count - begin) {
            fputs("azimuth-bench: the lengths do not fit the rows\n", stderr);
            return false;
        }
        texts->vectors[i] =
            (struct named_vector){ .name = { "", 0 },
                                   .values = texts->rows.values +
                                             begin * texts->rows.dim,
                                   .dim = texts->rows.dim,
                                   .kind = VECTOR_MULTI,
                                   .rows = length };
        begin += length;
    }
    return true;
}

static void
texts_free(struct texts *texts)
{
    free(texts->rows.values);
    free(texts->lengths.values);
    free(texts->vectors);
}

static bool
fill(struct shelf *shelf, const struct texts *base)
{
    size_t count = base->lengths.row_count;
    uint64_t ids[BATCH];
    uint64_t before = shelf_resident();
    double begin = timing_now_s(), cpu = timing_cpu_s();
    for (size_t at = 0; at < count; at += BATCH) {
        size_t part = count - at < BATCH ? count - at : BATCH;
        for (size_t i = 0; i < part; i++)
            ids[i] = at + i;
        if (!shelf_put_vectors(shelf, ids, base->vectors + at, part, NULL))
            return false;
    }
    double filled = timing_now_s() - begin;
    if (!shelf_wait_green(shelf))
        return false;
    printf("{\"filled_s\": %.3f, \"build_s\": %.3f, \"build_cpu_s\": %.3f, "
           "\"resident\": %llu}\n",
           filled, timing_now_s() - begin, timing_cpu_s() - cpu,
           (unsigned long long)(shelf_resident() - before));
    fflush(stdout);
    return true;
}

/* All queries once; the ids are printed afterwards. */
static bool
run_round(struct shelf *shelf, const struct texts *queries, uint32_t k,
          long candidates)
{
    size_t count = queries->lengths.row_count;
    struct shelf_hit *hits = calloc(count * k, sizeof(*hits));
    uint32_t *counts = calloc(count, sizeof(*counts));
    double *seconds = calloc(count, sizeof(*seconds));
    bool is_done = hits != NULL && counts != NULL && seconds != NULL;
    struct shelf_walk walk = {
        .k = k,
        .ef = candidates > 0    ? (uint32_t)candidates
              : candidates == 0 ? SHELF_EF_DEFAULT
                                : 0,
    };
    double begin = timing_now_s(), cpu = timing_cpu_s();
    for (size_t i = 0; is_done && i < count; i++) {
        double start = timing_now_s();
        is_done = shelf_search_vector(shelf, &queries->vectors[i], &walk,
                                      hits + i * k, &counts[i]);
        seconds[i] = timing_now_s() - start;
    }
    double wall = timing_now_s() - begin;
    cpu = timing_cpu_s() - cpu;
    if (is_done) {
        struct timing timing = timing_of(seconds, count);
        printf("{\"candidates\": %ld, \"seconds\": %.6f, \"cpu_s\": %.6f, "
               "\"p50_us\": %.1f, \"p99_us\": %.1f, \"ids\": [",
               candidates, wall, cpu, timing.p50 * 1e6, timing.p99 * 1e6);
        for (size_t i = 0; i < count; i++) {
            printf("%s[", i > 0 ? ", " : "");
            for (uint32_t j = 0; j < counts[i]; j++)
                printf("%s%llu", j > 0 ? ", " : "",
                       (unsigned long long)hits[i * k + j].id);
            putchar(']');
        }
        printf("]}\n");
        fflush(stdout);
    }
    free(hits);
    free(counts);
    free(seconds);
    return is_done;
}

int
multivector_command(int argc, char **argv)
{
    const char *base = NULL, *lengths = NULL, *queries = NULL;
    const char *query_lengths = NULL;
    uint32_t k = 10;
    struct shelf_config config = SHELF_CONFIG_DEFAULT;
    const struct option_row rows[] = {
        { .name = "base", .text = &base, .is_needed = true },
        { .name = "lengths", .text = &lengths, .is_needed = true },
        { .name = "queries", .text = &queries, .is_needed = true },
        { .name = "query-lengths", .text = &query_lengths, .is_needed = true },
        { .name = "folder", .text = &config.folder, .is_needed = true },
        { .name = "k", .number = &k, .max = SHELF_K_MAX },
        SHELF_OPTIONS(&config),
    };
    int status =
        option_parse(argc, argv, rows, sizeof(rows) / sizeof(rows[0]), usage);
    if (status >= 0)
        return status;
    config.is_multi = true;
    struct texts points = { .vectors = NULL }, asked = { .vectors = NULL };
    struct shelf shelf = { .registry = NULL };
    char line[64];
    bool is_done = texts_read(base, lengths, &points) &&
                   texts_read(queries, query_lengths, &asked) &&
                   shelf_create(&shelf, &config, points.rows.dim) &&
                   fill(&shelf, &points);
    while (is_done && fgets(line, sizeof(line), stdin) != NULL)
        is_done = run_round(&shelf, &asked, k, strtol(line, NULL, 10));
    if (shelf.registry != NULL)
        shelf_close(&shelf);
    texts_free(&points);
    texts_free(&asked);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
