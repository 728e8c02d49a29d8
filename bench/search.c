/* SPDX-License-Identifier: Apache-2.0
 * azimuth-bench search: builds our graph over an array of vectors and measures
 * how fast it answers. */
#include "bench/command.h"
#include "bench/search_run.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/kernel/kernel.h"

#define REPEATS_MAX 1000

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
    "  --code NAME      what the walk reads: auto (default), 8, 4, 2, 1.5, 1,\n"
    "                   0.5 (bits per dimension) or none: the vectors\n"
    "  --exact          scan all points instead of walking; ef is ignored\n"
    "  --ask            after building, one round for each line\n"
    "                   \"THREADS EF [COUNT]\" of standard input, answered by "
    "a\n"
    "                   line of figures; --ids holds the ids of the last one.\n"
    "                   COUNT hits are scored again: 0 none, else as many as "
    "it\n"
    "                   takes\n"
    "  --kernel NAME    auto (default), plain or avx2\n"
    "  --out FILE       figures as JSON (default: standard output)\n"
    "  --ids FILE       int32 array [ef][query][k] of row numbers, -1 = none\n"
    "  --help\n";

static bool
parse_metric(const char *text, void *ctx)
{
    enum metric *ret_metric = ctx;
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
parse_code(const char *text, void *ctx)
{
    struct search_options *options = ctx;
    /* By enum code_kind. */
    static const char *const names[] = { "8", "4", "2", "1.5", "1", "0.5" };
    options->has_codes = strcmp(text, "none") != 0;
    if (!options->has_codes || strcmp(text, "auto") == 0)
        return true;
    for (int i = 0; i <= CODE_HALF; i++)
        if (strcmp(text, names[i]) == 0) {
            options->code = (struct codes_wish){ true, (enum code_kind)i };
            return true;
        }
    fprintf(stderr,
            "azimuth-bench: --code must be auto, 8, 4, 2, 1.5, 1, 0.5 or "
            "none, not '%s'\n",
            text);
    return false;
}

static bool
choose_kernel(const char *name, void *ctx)
{
    (void)ctx;
    struct error error;
    if (kernel_select(name, &error) == ENGINE_OK)
        return true;
    fprintf(stderr, "azimuth-bench: %s\n", error.text);
    return false;
}

/* Exit status, or -1 to go on. */
static int
parse_options(int argc, char **argv, struct search_options *o)
{
    const struct option_row rows[] = {
        { .name = "base", .text = &o->base, .is_needed = true },
        { .name = "queries", .text = &o->queries, .is_needed = true },
        { .name = "out", .text = &o->out },
        { .name = "ids", .text = &o->ids },
        { .name = "exact", .flag = &o->is_exact },
        { .name = "ask", .flag = &o->is_asked },
        { .name = "code", .parse = parse_code, .ctx = o },
        { .name = "metric", .parse = parse_metric, .ctx = &o->metric },
        { .name = "kernel", .parse = choose_kernel },
        { .name = "ef", .numbers = &o->efs, .max = HNSW_EF_MAX },
        { .name = "k", .number = &o->k, .max = HNSW_K_MAX },
        { .name = "threads", .number = &o->threads, .max = SEARCH_THREADS_MAX },
        { .name = "m", .number = &o->m, .max = HNSW_M_MAX },
        { .name = "ef-construct",
          .number = &o->ef_construct,
          .max = HNSW_EF_MAX },
        { .name = "repeats", .number = &o->repeats, .max = REPEATS_MAX },
    };
    return option_parse(argc, argv, rows, sizeof(rows) / sizeof(rows[0]),
                        usage);
}

static bool
load(struct search_run *run)
{
    const struct search_options *options = run->options;
    if (!npy_read_pair(options->base, options->queries, &run->base,
                       &run->queries))
        return false;
    if (run->base.dim > 65536 || run->base.row_count > INT32_MAX) {
        fputs("azimuth-bench: at most 65536 dimensions and 2^31 points\n",
              stderr);
        return false;
    }
    return true;
}

static bool
run_search(struct search_run *run, int32_t *ids)
{
    const struct search_options *options = run->options;
    struct search_figures figures[OPTION_NUMBERS_MAX];
    size_t per_ef = run->queries.row_count * options->k;
    for (uint32_t i = 0; i < options->efs.count; i++) {
        run->ef = options->efs.values[i];
        run->ids = ids + per_ef * i;
        search_measure(run, &figures[i]);
        if (atomic_load(&run->is_failed))
            return false;
    }
    return search_write_figures(run, figures) &&
           search_write_ids(run, ids, options->efs.count);
}

/* Somebody else decides what is measured when, so that rounds of several
 * engines can take turns. */
static bool
run_asked(struct search_run *run, int32_t *ids)
{
    char line[64];
    search_print_build(stdout, run);
    puts("}");
    fflush(stdout);
    run->ids = ids;
    while (fgets(line, sizeof(line), stdin) != NULL) {
        char *ef = strchr(line, ' ');
        line[strcspn(line, "\n")] = '\0';
        if (ef != NULL)
            *ef++ = '\0';
        char *more = ef != NULL ? strchr(ef, ' ') : NULL;
        if (more != NULL)
            *more++ = '\0';
        run->scoring = HNSW_RESCORE;
        run->again_count = 0;
        if (more != NULL && strcmp(more, "0") == 0)
            run->scoring = HNSW_KEEP_ESTIMATE;
        else if (more != NULL &&
                 !option_number("ask", more, HNSW_EF_MAX, &run->again_count))
            return false;
        if (ef == NULL ||
            !option_number("ask", line, SEARCH_THREADS_MAX, &run->threads) ||
            !option_number("ask", ef, HNSW_EF_MAX, &run->ef))
            return false;
        struct search_figures figures;
        search_measure(run, &figures);
        if (atomic_load(&run->is_failed) || !search_write_ids(run, ids, 1))
            return false;
        search_print_figures(&figures);
    }
    return true;
}

static bool
run_all(struct search_run *run)
{
    const struct search_options *options = run->options;
    size_t per_ef = run->queries.row_count * options->k;
    int32_t *ids = calloc(per_ef * options->efs.count, sizeof(*ids));
    run->latencies = calloc(run->queries.row_count, sizeof(double));
    bool is_done =
        ids != NULL && run->latencies != NULL && search_build(run) &&
        (options->is_asked ? run_asked(run, ids) : run_search(run, ids));
    free(ids);
    free(run->latencies);
    return is_done;
}

int
search_command(int argc, char **argv)
{
    struct search_options options = {
        .metric = METRIC_COSINE,
        .has_codes = true,
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
    struct search_run run = { .options = &options, .threads = options.threads };
    bool is_done = load(&run) && run_all(&run);
    if (atomic_load(&run.is_failed))
        fputs("azimuth-bench: out of memory or threads\n", stderr);
    hnsw_free(run.hnsw);
    codes_free(run.codes);
    slab_release(&run.vectors);
    free(run.base.values);
    free(run.queries.values);
    return is_done ? EXIT_SUCCESS : EXIT_FAILURE;
}
