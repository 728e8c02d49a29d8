/* SPDX-License-Identifier: Apache-2.0
 * Building the graph that azimuth-bench search walks. */
#include "bench/search_run.h"

#include <pthread.h>
#include <stdlib.h>

#include "bench/timing.h"
#include "engine/kernel/kernel.h"

void
search_run_threads(struct search_run *run, void *(*work)(void *))
{
    pthread_t threads[SEARCH_THREADS_MAX];
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
insert_one(struct search_run *run, uint32_t slot, struct codes_query *query)
{
    if (run->codes != NULL)
        codes_put(run->codes, slot, slab_f32(&run->vectors, slot), query);
    return hnsw_insert(run->hnsw, slot, NULL) == ENGINE_OK;
}

static void *
build_work(void *ctx)
{
    struct search_run *run = ctx;
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

static enum engine_code
make_codes(struct search_run *run, struct error *reterr)
{
    const struct search_options *options = run->options;
    struct codes_params params = { .dim = (uint32_t)run->base.dim,
                                   .metric = options->metric };
    if (options->is_exact || !options->has_codes ||
        !codes_choose_for(&params, &options->code, &params.kind))
        return ENGINE_OK;
    enum engine_code code = codes_create(&params, &run->codes, reterr);
    if (code == ENGINE_OK)
        code = codes_reserve(run->codes, (uint32_t)run->base.row_count, reterr);
    return code;
}

bool
search_build(struct search_run *run)
{
    const struct search_options *options = run->options;
    struct error error = { .code = ENGINE_OK };
    struct hnsw_params params = {
        .dim = (uint32_t)run->base.dim,
        .metric = options->metric,
        .m = options->m,
        .ef_construct = options->ef_construct,
        .seed = 1,
    };
    double begin = timing_now_s(), cpu_begin = timing_cpu_s();
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
        search_run_threads(run, build_work);
    run->build_s = timing_now_s() - begin;
    run->build_cpu_s = timing_cpu_s() - cpu_begin;
    return !atomic_load(&run->is_failed);
}
