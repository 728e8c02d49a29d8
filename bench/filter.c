/* SPDX-License-Identifier: Apache-2.0
 * azimuth-bench filter: a collection with payloads and payload indexes, asked
 * with filters. Building it and the answers to each family of filters are one
 * line of JSON each; judging them is the work of filter.py. */
#include "bench/command.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/fill.h"
#include "bench/npy.h"
#include "bench/option.h"
#include "bench/shelf.h"
#include "bench/timing.h"
#include "engine/api/rest_filter.h"
#include "engine/codec/json_read.h"
#include "engine/index/cost.h"

#define ARENA_SIZE  ((size_t)1 << 30)
#define THREADS_MAX 64u

static const char usage[] =
    "usage: azimuth-bench filter --base B.npy --queries Q.npy --payloads P "
    "--families F --folder DIR [options]\n"
    "Makes a collection of B with the payloads, one line of JSON for each "
    "row,\n"
    "prints what that took, and answers lines of standard input:\n"
    "  NUMBER default|exact [THREADS [payload]]   searches all queries with\n"
    "                   family NUMBER of F; reads the payloads of the hits\n"
    "  index FIELD TYPE       makes a payload index\n"
    "  --made           the collection is in DIR already\n"
    "  --families FILE  JSON: a list of lists of filters, each with one "
    "filter\n"
    "                   or one for each query; null is no filter\n"
    "  --ids FILE       int32 array [1][query][k] of the last answers\n"
    "  --k N            hits per query (10)\n" SHELF_USAGE "  --help\n";

struct filter_options {
    const char *base;
    const char *queries;
    const char *payloads;
    const char *families;
    const char *ids;
    struct shelf_config shelf;
    uint32_t k;
    bool is_made;
};

/* One filter or one for each query. */
struct family {
    const struct filter **filters;
    size_t count;
};

struct filter_run {
    const struct filter_options *options;
    struct npy_matrix base;
    struct npy_matrix queries;
    struct fill_lines payloads;
    yyjson_doc *doc;
    struct arena arena;
    struct family *families;
    size_t families_count;
    struct shelf shelf;
    int32_t *ids;
    double *latencies;
};

static int
parse_options(int argc, char **argv, struct filter_options *o)
{
    const struct option_row rows[] = {
        { .name = "base", .text = &o->base, .is_needed = true },
        { .name = "queries", .text = &o->queries, .is_needed = true },
        { .name = "payloads", .text = &o->payloads, .is_needed = true },
        { .name = "families", .text = &o->families, .is_needed = true },
        { .name = "folder", .text = &o->shelf.folder, .is_needed = true },
        { .name = "ids", .text = &o->ids, .is_needed = true },
        { .name = "k", .number = &o->k, .max = SHELF_K_MAX },
        { .name = "made", .flag = &o->is_made },
        SHELF_OPTIONS(&o->shelf),
    };
    return option_parse(argc, argv, rows, sizeof(rows) / sizeof(rows[0]),
                        usage);
}

static bool
read_family(struct filter_run *run, yyjson_val *list, struct family *family)
{
    struct error error = { .code = ENGINE_OK };
    size_t i, count;
    yyjson_val *value;
    family->count = yyjson_arr_size(list);
    if (family->count != 1 && family->count != run->queries.row_count) {
        fputs("azimuth-bench: a family has 1 filter or one for each query\n",
              stderr);
        return false;
    }
    family->filters =
        arena_calloc(&run->arena, family->count, sizeof(*family->filters));
    if (family->filters == NULL)
        return false;
    yyjson_arr_foreach(list, i, count, value)
    {
        enum engine_code code = rest_filter_parse(value, "filter", &run->arena,
                                                  &family->filters[i], &error);
        if (code != ENGINE_OK) {
            fprintf(stderr, "azimuth-bench: %s\n", error.text);
            return false;
        }
    }
    return true;
}

static bool
read_families(struct filter_run *run)
{
    struct error error = { .code = ENGINE_OK };
    char *text = fill_read_file(run->options->families, NULL);
    bool is_read = text != NULL &&
                   json_parse(span_of(text), &run->doc, &error) == ENGINE_OK;
    free(text);
    if (!is_read) {
        fprintf(stderr, "azimuth-bench: %s\n", error.text);
        return false;
    }
    yyjson_val *root = yyjson_doc_get_root(run->doc), *list;
    size_t i, count;
    run->families_count = yyjson_arr_size(root);
    run->families = calloc(run->families_count + 1, sizeof(*run->families));
    if (run->families == NULL)
        return false;
    yyjson_arr_foreach(root, i, count, list)
    {
        if (!read_family(run, list, &run->families[i]))
            return false;
    }
    return true;
}

static void
print_step(double begin, double cpu_begin, uint64_t resident)
{
    printf("{\"build_s\": %.6f, \"build_cpu_s\": %.6f, \"resident\": %" PRId64
           "}\n",
           timing_now_s() - begin, timing_cpu_s() - cpu_begin,
           (int64_t)(shelf_resident() - resident));
    fflush(stdout);
}

/* A part of the queries; by one thread. */
struct part {
    struct filter_run *run;
    const struct family *family;
    struct shelf_walk walk;
    size_t first, end;
    bool is_done;
};

static void *
search_part(void *ctx)
{
    struct part *part = ctx;
    struct filter_run *run = part->run;
    const struct family *family = part->family;
    struct shelf_hit hits[SHELF_K_MAX];
    uint32_t k = run->options->k;
    for (size_t q = part->first; q < part->end; q++) {
        uint32_t found = 0;
        struct shelf_walk walk = part->walk;
        walk.filter = family->filters[family->count > 1 ? q : 0];
        double query_begin = timing_now_s();
        if (!shelf_search(&run->shelf,
                          run->queries.values + q * run->queries.dim, &walk,
                          hits, &found))
            return NULL;
        run->latencies[q] = timing_now_s() - query_begin;
        for (uint32_t i = 0; i < k; i++)
            run->ids[q * k + i] = i < found ? (int32_t)hits[i].id : -1;
    }
    part->is_done = true;
    return NULL;
}

static bool
search_parts(const struct part *whole, uint32_t threads_count)
{
    pthread_t threads[THREADS_MAX];
    struct part parts[THREADS_MAX];
    bool is_done = true;
    uint32_t started = 0;
    for (uint32_t i = 0; i < threads_count; i++) {
        parts[i] = *whole;
        parts[i].first = whole->end * i / threads_count;
        parts[i].end = whole->end * (i + 1) / threads_count;
        if (i + 1 < threads_count &&
            pthread_create(&threads[started], NULL, search_part, &parts[i]) !=
                0)
            return false; /* the process ends */
        started += i + 1 < threads_count;
    }
    (void)search_part(&parts[threads_count - 1]);
    for (uint32_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    for (uint32_t i = 0; i < threads_count; i++)
        is_done = is_done && parts[i].is_done;
    return is_done;
}

static bool
search_all(struct filter_run *run, const struct family *family,
           struct shelf_walk walk, uint32_t threads)
{
    size_t count = run->queries.row_count;
    struct part whole = {
        .run = run, .family = family, .walk = walk, .end = count
    };
    double begin = timing_now_s(), cpu_begin = timing_cpu_s();
    if (!search_parts(&whole, threads))
        return false;
    double cpu_s = timing_cpu_s() - cpu_begin, s = timing_now_s() - begin;
    struct timing timing = timing_of(run->latencies, count);
    size_t shape[3] = { 1, count, run->options->k };
    if (!npy_write_i32(run->options->ids, run->ids, shape))
        return false;
    printf("{\"qps\": %.1f, \"cpu_qps\": %.1f, \"p50_us\": %.1f, \"p99_us\": "
           "%.1f}\n",
           (double)count / s, (double)count / cpu_s, timing.p50 * 1e6,
           timing.p99 * 1e6);
    fflush(stdout);
    return true;
}

static bool
make_index(struct filter_run *run, char *field)
{
    char *type = strchr(field, ' ');
    if (type == NULL)
        return false;
    *type++ = '\0';
    uint64_t resident = shelf_resident();
    double begin = timing_now_s(), cpu_begin = timing_cpu_s();
    if (!shelf_index(&run->shelf, field, type))
        return false;
    print_step(begin, cpu_begin, resident);
    return true;
}

static bool
answer(struct filter_run *run, char *line)
{
    static const char index[] = "index ";
    if (strncmp(line, index, sizeof(index) - 1) == 0)
        return make_index(run, line + sizeof(index) - 1);
    unsigned long number = 0;
    char how[8] = "", more[8] = "";
    uint32_t threads = 1;
    int read =
        sscanf(line, "%lu %7s %" SCNu32 " %7s", &number, how, &threads, more);
    bool is_exact = strcmp(how, "exact") == 0;
    struct shelf_walk walk = { .k = run->options->k,
                               .ef = is_exact ? 0 : SHELF_EF_DEFAULT,
                               .has_payload = strcmp(more, "payload") == 0 };
    if (read < 2 || number >= run->families_count || threads == 0 ||
        threads > THREADS_MAX || (!is_exact && strcmp(how, "default") != 0)) {
        fprintf(stderr, "azimuth-bench: no such order: %s\n", line);
        return false;
    }
    return search_all(run, &run->families[number], walk, threads);
}

static bool
open_shelf(struct filter_run *run)
{
    const struct shelf_config *config = &run->options->shelf;
    if (run->options->is_made)
        return shelf_open(&run->shelf, config->folder, run->base.dim) &&
               shelf_wait_green(&run->shelf);
    return shelf_create(&run->shelf, config, run->base.dim) &&
           fill_shelf(&run->shelf, &run->base, run->payloads.lines);
}

static bool
run_all(struct filter_run *run)
{
    char line[256];
    const struct filter_options *options = run->options;
    if (!npy_read_pair(options->base, options->queries, &run->base,
                       &run->queries) ||
        !fill_lines_read(options->payloads, run->base.row_count,
                         &run->payloads) ||
        !read_families(run))
        return false;
    size_t count = run->queries.row_count;
    run->ids = calloc(count * options->k, sizeof(*run->ids));
    run->latencies = calloc(count, sizeof(*run->latencies));
    if (run->ids == NULL || run->latencies == NULL)
        return false;
    double begin = timing_now_s(), cpu_begin = timing_cpu_s();
    uint64_t resident = shelf_resident();
    if (!open_shelf(run))
        return false;
    print_step(begin, cpu_begin, resident);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (!answer(run, line))
            return false;
    }
    return true;
}

int
filter_command(int argc, char **argv)
{
    struct filter_options options = { .shelf = SHELF_CONFIG_DEFAULT, .k = 10 };
    int status = parse_options(argc, argv, &options);
    if (status >= 0)
        return status;
    struct filter_run run = { .options = &options };
    arena_init(&run.arena, ARENA_SIZE);
    cost_measure();
    bool is_done = run_all(&run);
    shelf_close(&run.shelf);
    yyjson_doc_free(run.doc);
    arena_release(&run.arena);
    free(run.families);
    fill_lines_release(&run.payloads);
    free(run.ids);
    free(run.latencies);
    free(run.base.values);
    free(run.queries.values);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
