/* SPDX-License-Identifier: Apache-2.0
 * Covers: recall against the exact scan for each metric, order of hits,
 * filters and deleted points, visit_max, the stopper, odd k and ef, an empty
 * graph, links per node at both ends. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "engine/index/hnsw.h"
#include "tests/fixture/suite.h"
#include "tests/unit/engine/index/cloud.h"

#define COUNT   4000u
#define QUERIES 100u
#define K       10u

static struct slab slab;
static struct hnsw *hnsw;

static void
make_graph(enum metric metric, uint32_t m, uint32_t count)
{
    struct hnsw_params params = { .dim = CLOUD_DIM,
                                  .metric = metric,
                                  .m = m,
                                  .ef_construct = 100,
                                  .seed = 1 };
    slab_init_f32(&slab, CLOUD_DIM);
    ck_assert_int_eq(slab_reserve(&slab, COUNT, NULL), ENGINE_OK);
    cloud_fill(&slab, 0, COUNT);
    ck_assert_int_eq(hnsw_create(&params,
                                 &(struct hnsw_rows){ .vectors = &slab }, &hnsw,
                                 NULL),
                     ENGINE_OK);
    for (uint32_t slot = 0; slot < count; slot++)
        ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
}

static void
drop_graph(void)
{
    hnsw_free(hnsw);
    slab_release(&slab);
}

/* Share of the K exact hits that the graph finds; ties count. */
static double
recall(enum metric metric, uint32_t ef, const struct slot_filter *filter)
{
    uint32_t good = 0, all = 0;
    for (uint32_t i = 0; i < QUERIES; i++) {
        float query[CLOUD_DIM];
        struct hit exact[K], hits[K];
        struct hnsw_found found;
        uint32_t count = 0;
        struct plain_scan scan = { .vectors = &slab,
                                   .dim = CLOUD_DIM,
                                   .metric = metric,
                                   .slot_end = COUNT,
                                   .filter = filter };
        struct hnsw_search search = { .k = K, .ef = ef, .filter = filter };
        cloud_row(1000000 + i * 3, query);
        ck_assert_int_eq(plain_search(&scan, query, K, exact, &count, NULL),
                         ENGINE_OK);
        ck_assert_int_eq(hnsw_search(hnsw, query, &search, hits, &found, NULL),
                         ENGINE_OK);
        ck_assert_uint_le(found.count, count);
        for (uint32_t j = 0; j < found.count; j++) {
            ck_assert(slot_filter_passes(filter, hits[j].slot));
            ck_assert(j == 0 || hits[j - 1].distance <= hits[j].distance);
            ck_assert(isfinite(hits[j].distance));
            good += hits[j].distance <= exact[count - 1].distance + 1e-5f;
        }
        all += count;
    }
    return (double)good / (double)all;
}

START_TEST(hnsw_search_finds_what_the_exact_scan_finds)
{
    make_graph((enum metric)_i, 16, COUNT);
    double got = recall((enum metric)_i, 128, NULL);
    ck_assert_msg(got >= 0.98, "metric %d: recall %.4f", _i, got);
    drop_graph();
}
END_TEST

START_TEST(hnsw_search_works_at_both_ends_of_m)
{
    const uint32_t ms[] = { HNSW_M_MIN, 33, HNSW_M_MAX };
    const double floors[] = { 0.6, 0.98, 0.98 };
    make_graph(METRIC_EUCLID, ms[_i], COUNT);
    double got = recall(METRIC_EUCLID, 200, NULL);
    ck_assert_msg(got >= floors[_i], "m %u: recall %.4f", ms[_i], got);
    drop_graph();
}
END_TEST

static bool
is_tenth(void *ctx, uint32_t slot)
{
    (void)ctx;
    return slot % 10 == 4;
}

START_TEST(hnsw_search_returns_only_what_passes)
{
    struct slotset deleted;
    make_graph(METRIC_COSINE, 16, COUNT);
    slotset_init(&deleted);
    ck_assert_int_eq(slotset_reserve(&deleted, COUNT, NULL), ENGINE_OK);
    for (uint32_t slot = 0; slot < COUNT; slot += 2)
        slotset_add(&deleted, slot);
    struct slot_filter filter = { .deleted = &deleted };
    ck_assert(recall(METRIC_COSINE, 128, &filter) >= 0.98);
    filter.deleted = NULL;
    filter.accept = is_tenth;
    ck_assert(recall(METRIC_COSINE, 128, &filter) >= 0.98);
    slotset_release(&deleted);
    drop_graph();
}
END_TEST

static bool
is_none(void *ctx, uint32_t slot)
{
    (void)ctx;
    (void)slot;
    return false;
}

START_TEST(hnsw_search_gives_up_at_visit_max)
{
    struct hit hits[K];
    struct hnsw_found found;
    struct slot_filter filter = { .accept = is_none };
    struct hnsw_search search = {
        .k = K, .ef = 50, .visit_max = 300, .filter = &filter
    };
    make_graph(METRIC_COSINE, 16, COUNT);
    ck_assert_int_eq(
        hnsw_search(hnsw, slab_f32(&slab, 1), &search, hits, &found, NULL),
        ENGINE_OK);
    ck_assert(found.is_cut);
    ck_assert_uint_eq(found.count, 0);
    ck_assert_uint_le(found.visit_count, 300 + 32);
    search.visit_max = 0;
    ck_assert_int_eq(
        hnsw_search(hnsw, slab_f32(&slab, 1), &search, hits, &found, NULL),
        ENGINE_OK);
    ck_assert(!found.is_cut);
    ck_assert_uint_eq(found.count, 0);
    drop_graph();
}
END_TEST

static bool
is_due(void *ctx)
{
    (void)ctx;
    return true;
}

START_TEST(hnsw_search_refuses_and_stops)
{
    struct hit hits[K];
    struct hnsw_found found = { .count = 77 };
    struct error error = { .code = ENGINE_OK };
    struct hnsw_search search = { .k = 0, .ef = 50 };
    make_graph(METRIC_COSINE, 16, 0);
    const float *query = slab_f32(&slab, 1);
    ck_assert_int_eq(hnsw_search(hnsw, query, &search, hits, &found, &error),
                     ENGINE_EINPUT);
    search.k = HNSW_K_MAX + 1;
    ck_assert_int_eq(hnsw_search(hnsw, query, &search, hits, &found, &error),
                     ENGINE_EINPUT);
    ck_assert_uint_eq(found.count, 77);
    search.k = K;
    ck_assert_int_eq(hnsw_search(hnsw, query, &search, hits, &found, NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(found.count, 0);
    for (uint32_t slot = 0; slot < 2000; slot++)
        ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
    search.ef = HNSW_EF_MAX * 2;
    search.stopper.is_due = is_due;
    ck_assert_int_eq(hnsw_search(hnsw, query, &search, hits, &found, &error),
                     ENGINE_ETIMEOUT);
    drop_graph();
}
END_TEST

START_TEST(hnsw_search_returns_all_when_k_is_large)
{
    static struct hit hits[COUNT];
    struct hnsw_found found;
    struct hnsw_search search = { .k = COUNT, .ef = 1 };
    make_graph(METRIC_EUCLID, 16, COUNT);
    ck_assert_int_eq(
        hnsw_search(hnsw, slab_f32(&slab, 7), &search, hits, &found, NULL),
        ENGINE_OK);
    /* Nodes that nothing points to may be missing; they are rare. */
    ck_assert_uint_ge(found.count, COUNT - COUNT / 200);
    ck_assert(hits[0].distance <= 0.0f);
    drop_graph();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/hnsw_search");
    TCase *tcase = tcase_create("hnsw_search");
    tcase_add_loop_test(tcase, hnsw_search_finds_what_the_exact_scan_finds, 0,
                        METRIC_COUNT);
    tcase_add_loop_test(tcase, hnsw_search_works_at_both_ends_of_m, 0, 3);
    tcase_add_test(tcase, hnsw_search_returns_only_what_passes);
    tcase_add_test(tcase, hnsw_search_gives_up_at_visit_max);
    tcase_add_test(tcase, hnsw_search_refuses_and_stops);
    tcase_add_test(tcase, hnsw_search_returns_all_when_k_is_large);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
