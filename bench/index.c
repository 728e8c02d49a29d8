/* SPDX-License-Identifier: Apache-2.0
 * azimuth-bench index: payload indexes of a big collection, and searches while
 * they are made. A line of JSON for each order; judging them is the work of
 * index.py. */
#include "bench/command.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bench/fill.h"
#include "bench/npy.h"
#include "bench/option.h"
#include "bench/shelf.h"
#include "bench/timing.h"
#include "engine/api/rest_filter.h"
#include "engine/codec/json_read.h"
#include "engine/index/cost.h"
#include "engine/segment/memory.h"

#define ARENA_SIZE  ((size_t)64 << 20)
#define SAMPLES_MAX ((size_t)1 << 20)
#define HITS        10u

static const char usage[] =
    "usage: azimuth-bench index --base B.npy --queries Q.npy --payloads P "
    "--folder DIR [options]\n"
    "Makes a collection of B with the payloads, one line of JSON for each "
    "row,\n"
    "and obeys lines of standard input, each answered by a line of JSON:\n"
    "  index FIELD TYPE [cold]  makes a payload index, in a file\n"
    "  beside FIELD TYPE   the same while one thread searches\n"
    "  drop FIELD          takes it away\n"
    "  idle SECONDS        one thread searches\n"
    "  patch JSON          changes the collection's configuration\n"
    "  --filter JSON       of every second search\n" SHELF_USAGE "  --help\n";

struct index_options {
    const char *base;
    const char *queries;
    const char *payloads;
    const char *filter;
    struct shelf_config shelf;
};

struct index_run {
    const struct index_options *options;
    struct npy_matrix base;
    struct npy_matrix queries;
    struct fill_lines payloads;
    struct shelf shelf;
    struct arena arena;
    yyjson_doc *doc; /* of the filter */
    const struct filter *filter;
    double *wall; /* [SAMPLES_MAX] seconds of each search */
    double *cpu;
};

static int
parse_options(int argc, char **argv, struct index_options *o)
{
    const struct option_row rows[] = {
        { .name = "base", .text = &o->base, .is_needed = true },
        { .name = "queries", .text = &o->queries, .is_needed = true },
        { .name = "payloads", .text = &o->payloads, .is_needed = true },
        { .name = "folder", .text = &o->shelf.folder, .is_needed = true },
        { .name = "filter", .text = &o->filter },
        SHELF_OPTIONS(&o->shelf),
    };
    return option_parse(argc, argv, rows, sizeof(rows) / sizeof(rows[0]),
                        usage);
}

static bool
read_filter(struct index_run *run)
{
    struct error error = { .code = ENGINE_OK };
    if (run->options->filter == NULL)
        return true;
    enum engine_code code =
        json_parse(span_of(run->options->filter), &run->doc, &error);
    if (code == ENGINE_OK)
        code = rest_filter_parse(yyjson_doc_get_root(run->doc), "filter",
                                 &run->arena, &run->filter, &error);
    if (code != ENGINE_OK)
        fprintf(stderr, "azimuth-bench: %s\n", error.text);
    return code == ENGINE_OK;
}

/* ---- searches ---- */

struct searcher {
    struct index_run *run;
    _Atomic bool is_over;
    size_t count;
    double cpu_s;
    bool is_failed;
};

static void *
search_work(void *ctx)
{
    struct searcher *searcher = ctx;
    struct index_run *run = searcher->run;
    struct shelf_hit hits[SHELF_K_MAX];
    size_t at = 0;
    double cpu = timing_thread_cpu_s(), cpu_first = cpu;
    while (!atomic_load(&searcher->is_over) && at < SAMPLES_MAX) {
        const float *query = run->queries.values +
                             at % run->queries.row_count * run->queries.dim;
        struct shelf_walk walk = { .k = HITS,
                                   .ef = SHELF_EF_DEFAULT,
                                   .filter = at % 2 ? run->filter : NULL };
        uint32_t found = 0;
        double begin = timing_now_s();
        if (!shelf_search(&run->shelf, query, &walk, hits, &found)) {
            searcher->is_failed = true;
            break;
        }
        run->wall[at] = timing_now_s() - begin;
        double cpu_now = timing_thread_cpu_s();
        run->cpu[at++] = cpu_now - cpu;
        cpu = cpu_now;
    }
    searcher->count = at;
    searcher->cpu_s = cpu - cpu_first;
    return NULL;
}

/* Searches while `work` runs. */
static bool
search_beside(struct index_run *run, bool (*work)(struct index_run *, char *),
              char *arg, double *ret_cpu_s)
{
    pthread_t thread;
    struct searcher searcher = { .run = run };
    if (pthread_create(&thread, NULL, search_work, &searcher) != 0)
        return false;
    bool is_done = work(run, arg);
    atomic_store(&searcher.is_over, true);
    pthread_join(thread, NULL);
    *ret_cpu_s = searcher.cpu_s;
    if (!is_done || searcher.is_failed || searcher.count == 0)
        return false;
    struct timing wall = timing_of(run->wall, searcher.count);
    struct timing cpu = timing_of(run->cpu, searcher.count);
    printf("{\"searches\": %zu, \"p50_us\": %.1f, \"p99_us\": %.1f, "
           "\"most_us\": %.1f, \"cpu_p50_us\": %.1f, \"cpu_p99_us\": %.1f, ",
           searcher.count, wall.p50 * 1e6, wall.p99 * 1e6, wall.most * 1e6,
           cpu.p50 * 1e6, cpu.p99 * 1e6);
    return true;
}

static bool
sleep_work(struct index_run *run, char *seconds)
{
    (void)run;
    timing_sleep_until(timing_now_s() + strtod(seconds, NULL));
    return true;
}

/* ---- orders ---- */

/* What the collection's own report says of all payload indexes. */
static bool
reported(struct index_run *run, uint64_t *ret_size)
{
    struct error error = { .code = ENGINE_OK };
    struct segment_memory memory;
    struct arena arena;
    arena_init(&arena, ARENA_SIZE);
    bool is_read = collection_memory(run->shelf.collection, &arena, &memory,
                                     &error) == ENGINE_OK;
    *ret_size = 0;
    for (size_t i = 0; is_read && i < memory.indexes_count; i++)
        *ret_size += memory.indexes[i].usage.ram_size;
    arena_release(&arena);
    return is_read;
}

static bool
index_work(struct index_run *run, char *field)
{
    char *type = strchr(field, ' ');
    if (type == NULL)
        return false;
    *type++ = '\0';
    return shelf_index(&run->shelf, field, type);
}

static bool
make_index(struct index_run *run, char *field, bool is_beside)
{
    uint64_t size = 0, size_before = 0;
    double searched_s = 0;
    if (!reported(run, &size_before))
        return false;
    memory_give_back();
    struct memory_use before = memory_look();
    double begin = timing_now_s(), cpu_begin = timing_cpu_s();
    if (is_beside && !search_beside(run, index_work, field, &searched_s))
        return false;
    if (!is_beside) {
        printf("{");
        if (!index_work(run, field))
            return false;
    }
    double cpu_s = timing_cpu_s() - cpu_begin - searched_s;
    double wall_s = timing_now_s() - begin;
    memory_give_back();
    struct memory_use after = memory_look();
    if (!reported(run, &size))
        return false;
    printf("\"wall_s\": %.6f, \"cpu_s\": %.6f, \"reported\": %" PRId64
           ", \"allocated\": %" PRId64 ", \"anonymous\": %" PRId64 "}\n",
           wall_s, cpu_s, (int64_t)(size - size_before),
           (int64_t)(after.allocated_size - before.allocated_size),
           (int64_t)(after.anonymous_size - before.anonymous_size));
    return true;
}

static bool
patch(struct index_run *run, const char *text)
{
    printf("{}\n");
    return shelf_patch(&run->shelf, text);
}

static bool
obey(struct index_run *run, char *line)
{
    char *rest = strchr(line, ' ');
    double cpu_s;
    if (rest == NULL)
        return false;
    *rest++ = '\0';
    if (strcmp(line, "index") == 0 || strcmp(line, "beside") == 0)
        return make_index(run, rest, line[0] == 'b');
    if (strcmp(line, "patch") == 0)
        return patch(run, rest);
    if (strcmp(line, "drop") == 0) {
        printf("{}\n");
        return shelf_drop_index(&run->shelf, rest);
    }
    if (strcmp(line, "idle") != 0 ||
        !search_beside(run, sleep_work, rest, &cpu_s))
        return false;
    printf("\"cpu_s\": %.6f}\n", cpu_s);
    return true;
}

static bool
run_all(struct index_run *run)
{
    char line[1024];
    const struct index_options *options = run->options;
    if (!npy_read_pair(options->base, options->queries, &run->base,
                       &run->queries) ||
        !fill_lines_read(options->payloads, run->base.row_count,
                         &run->payloads) ||
        !read_filter(run))
        return false;
    run->wall = calloc(SAMPLES_MAX, sizeof(*run->wall));
    run->cpu = calloc(SAMPLES_MAX, sizeof(*run->cpu));
    double begin = timing_now_s(), cpu_begin = timing_cpu_s();
    if (run->wall == NULL || run->cpu == NULL ||
        !shelf_create(&run->shelf, &options->shelf, run->base.dim) ||
        !fill_shelf(&run->shelf, &run->base, run->payloads.lines))
        return false;
    fill_lines_release(&run->payloads);
    printf("{\"build_s\": %.3f, \"build_cpu_s\": %.3f}\n",
           timing_now_s() - begin, timing_cpu_s() - cpu_begin);
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (!obey(run, line)) {
            fprintf(stderr, "azimuth-bench: failed: %s\n", line);
            return false;
        }
        fflush(stdout);
    }
    return true;
}

int
index_command(int argc, char **argv)
{
    struct index_options options = { .shelf = SHELF_CONFIG_DEFAULT };
    int status = parse_options(argc, argv, &options);
    if (status >= 0)
        return status;
    struct index_run run = { .options = &options };
    arena_init(&run.arena, ARENA_SIZE);
    cost_measure();
    bool is_done = run_all(&run);
    shelf_close(&run.shelf);
    yyjson_doc_free(run.doc);
    arena_release(&run.arena);
    fill_lines_release(&run.payloads);
    free(run.wall);
    free(run.cpu);
    free(run.base.values);
    free(run.queries.values);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
