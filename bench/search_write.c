/* SPDX-License-Identifier: Apache-2.0
 * What azimuth-bench search found, as JSON and as an array of ids. */
#include "bench/search_run.h"

#include <errno.h>
#include <string.h>

#include "engine/kernel/kernel.h"

static const char *const search_figure_names[SEARCH_FIGURE_COUNT] = {
    "qps", "cpu_qps", "p50_us", "p99_us", "visits", "hops", "rescored", "bytes",
};

void
search_print_build(FILE *file, const struct search_run *run)
{
    const struct search_options *options = run->options;
    double bytes = (double)slab_memory(&run->vectors).used_size +
                   (double)hnsw_memory(run->hnsw).used_size;
    if (run->codes != NULL)
        bytes += (double)codes_memory(run->codes).used_size;
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

void
search_print_figures(const struct search_figures *figures)
{
    for (size_t column = 0; column < SEARCH_FIGURE_COUNT; column++)
        printf("%s\"%s\": %.1f", column > 0 ? ", " : "{",
               search_figure_names[column], figures->values[column]);
    puts("}");
    fflush(stdout);
}

bool
search_write_figures(const struct search_run *run,
                     const struct search_figures *figures)
{
    const struct search_options *options = run->options;
    FILE *file = options->out == NULL ? stdout : fopen(options->out, "w");
    if (file == NULL) {
        fprintf(stderr, "azimuth-bench: %s: %s\n", options->out,
                strerror(errno));
        return false;
    }
    search_print_build(file, run);
    fputs(",\n \"ef\": [", file);
    for (uint32_t i = 0; i < options->efs.count; i++)
        fprintf(file, "%s%u", i > 0 ? ", " : "", options->efs.values[i]);
    fputs("]", file);
    for (size_t column = 0; column < SEARCH_FIGURE_COUNT; column++) {
        fprintf(file, ",\n \"%s\": [", search_figure_names[column]);
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

bool
search_write_ids(const struct search_run *run, const int32_t *ids,
                 size_t ef_count)
{
    const struct search_options *options = run->options;
    size_t shape[3] = { ef_count, run->queries.row_count, options->k };
    return options->ids == NULL || npy_write_i32(options->ids, ids, shape);
}
