/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_ENGINE_INDEX_CLOUD_GRAPH_H
#define TESTS_UNIT_ENGINE_INDEX_CLOUD_GRAPH_H

#include <check.h>

#include "engine/index/hnsw.h"
#include "tests/unit/engine/index/cloud.h"

/* What tests of a graph over the cloud do with it beside other threads. Row
 * numbers of queries are beyond those of points. */
#define CLOUD_K 10u

/* `i` is the query's number. The caller is inside the epoch when slots are
 * used again. */
static inline void
cloud_search(struct hnsw *hnsw, uint32_t i, const struct slot_filter *filter,
             struct hit ret_hits[CLOUD_K], uint32_t *ret_count)
{
    float query[CLOUD_DIM];
    struct hnsw_search search = { .k = CLOUD_K, .ef = 64, .filter = filter };
    struct hnsw_found found;
    cloud_row(1000000 + i, query);
    ck_assert_int_eq(hnsw_search(hnsw, query, &search, ret_hits, &found, NULL),
                     ENGINE_OK);
    *ret_count = found.count;
}

static inline enum engine_code
cloud_swallow(void *ctx, const void *data, size_t size, struct error *reterr)
{
    (void)ctx;
    (void)data;
    (void)size;
    (void)reterr;
    return ENGINE_OK;
}

/* Writes a checkpoint that nobody keeps. */
static inline void
cloud_checkpoint(struct hnsw *hnsw)
{
    struct hnsw_writer writer = { cloud_swallow, NULL };
    ck_assert_int_eq(hnsw_checkpoint_write(hnsw, 0, &writer, NULL), ENGINE_OK);
}

/* Of the CLOUD_K nearest that `scan` finds, the share that a search does. */
static inline double
cloud_recall(struct hnsw *hnsw, const struct plain_scan *scan, uint32_t ef)
{
    uint32_t good = 0, all = 0;
    for (uint32_t i = 0; i < 100; i++) {
        float query[CLOUD_DIM];
        struct hit exact[CLOUD_K], hits[CLOUD_K];
        struct hnsw_found found;
        uint32_t count;
        struct hnsw_search search = { .k = CLOUD_K,
                                      .ef = ef,
                                      .filter = scan->filter };
        cloud_row(2000000 + i, query);
        ck_assert_int_eq(
            plain_search(scan, query, CLOUD_K, exact, &count, NULL), ENGINE_OK);
        ck_assert_int_eq(hnsw_search(hnsw, query, &search, hits, &found, NULL),
                         ENGINE_OK);
        for (uint32_t j = 0; j < found.count; j++)
            good += hits[j].distance <= exact[count - 1].distance + 1e-5f;
        all += count;
    }
    return (double)good / (double)all;
}

#endif /* TESTS_UNIT_ENGINE_INDEX_CLOUD_GRAPH_H */
