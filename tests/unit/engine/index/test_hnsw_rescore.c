/* SPDX-License-Identifier: Apache-2.0
 * Covers: a graph on codes finds what the exact scan finds and gives its
 * distances, with vectors in memory and fetched; estimates on demand, codes
 * ignored, depth asked for; a failing fetch. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/index/hnsw.h"
#include "tests/fixture/suite.h"
#include "tests/unit/engine/index/cloud.h"

#define DIM     200u
#define COUNT   3000u
#define QUERIES 60u
#define K       10u

static struct slab slab;
static struct codes *codes;
static struct hnsw *hnsw;
static bool is_broken;
static bool is_of_unit_length;

static void
make_row(uint32_t row, float *ret_vector)
{
    uint64_t centre = row % 30;
    for (uint32_t i = 0; i < DIM; i++)
        ret_vector[i] = cloud_float(centre * 1000 + i) +
                        0.7f * cloud_float((uint64_t)row * 7919 + i + 900000);
    kernel_normalise(ret_vector, DIM);
    if (is_of_unit_length)
        return;
    float length = 1.0f + 0.3f * cloud_float((uint64_t)row + 500000);
    for (uint32_t i = 0; i < DIM; i++)
        ret_vector[i] *= length;
}

static enum engine_code
fetch(void *ctx, const uint32_t *slots, uint32_t count, void *ret_rows,
      struct error *reterr)
{
    ck_assert_ptr_eq(ctx, &slab);
    for (uint32_t i = 0; i < count; i++)
        memcpy((float *)ret_rows + i * DIM, slab_f32(&slab, slots[i]),
               DIM * sizeof(float));
    return is_broken ? error_set(reterr, ENGINE_EINTERNAL, "disk is gone")
                     : ENGINE_OK;
}

static void
make_graph(enum metric metric, enum code_kind kind, bool is_fetched)
{
    struct codes_params coding = { DIM, metric, kind, NULL };
    struct hnsw_params params = {
        .dim = DIM, .metric = metric, .m = 16, .ef_construct = 100, .seed = 1
    };
    struct codes_query query;
    float vector[DIM];
    is_of_unit_length = metric == METRIC_COSINE;
    slab_init_f32(&slab, DIM);
    ck_assert_int_eq(slab_reserve(&slab, COUNT, NULL), ENGINE_OK);
    ck_assert_int_eq(codes_create(&coding, &codes, NULL), ENGINE_OK);
    ck_assert_int_eq(codes_reserve(codes, COUNT, NULL), ENGINE_OK);
    ck_assert_int_eq(codes_query_init(&query, codes, NULL), ENGINE_OK);
    struct hnsw_rows rows = { .codes = codes };
    if (is_fetched) {
        rows.fetch = fetch;
        rows.fetch_ctx = &slab;
    } else {
        rows.vectors = &slab;
    }
    ck_assert_int_eq(hnsw_create(&params, &rows, &hnsw, NULL), ENGINE_OK);
    for (uint32_t slot = 0; slot < COUNT; slot++) {
        make_row(slot, vector);
        slab_put_f32(&slab, slot, vector, DIM);
        codes_put(codes, slot, vector, &query);
        ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
    }
    codes_query_release(&query);
}

static void
drop_graph(void)
{
    hnsw_free(hnsw);
    codes_free(codes);
    slab_release(&slab);
}

/* Share of the exact hits found; their distances are held to `tolerance`. */
static double
recall(enum metric metric, const struct hnsw_search *search, float tolerance)
{
    uint32_t good = 0;
    for (uint32_t i = 0; i < QUERIES; i++) {
        float query[DIM];
        struct hit exact[K], hits[K];
        struct hnsw_found found;
        uint32_t count = 0;
        struct plain_scan scan = {
            .vectors = &slab, .dim = DIM, .metric = metric, .slot_end = COUNT
        };
        make_row(1000000 + i * 7, query);
        ck_assert_int_eq(plain_search(&scan, query, K, exact, &count, NULL),
                         ENGINE_OK);
        ck_assert_int_eq(hnsw_search(hnsw, query, search, hits, &found, NULL),
                         ENGINE_OK);
        ck_assert_uint_eq(found.count, K);
        for (uint32_t j = 0; j < K; j++) {
            float distance = kernel_get()->metrics[DATATYPE_F32]->pair[metric](
                query, slab_f32(&slab, hits[j].slot), DIM);
            ck_assert(j == 0 || hits[j - 1].distance <= hits[j].distance);
            ck_assert(fabsf(hits[j].distance - distance) <= tolerance);
            good += distance <= exact[K - 1].distance + 1e-5f;
        }
    }
    return (double)good / (QUERIES * K);
}

START_TEST(hnsw_rescore_gives_what_the_exact_scan_gives)
{
    const enum metric metrics[] = { METRIC_COSINE, METRIC_EUCLID, METRIC_DOT };
    enum metric metric = metrics[_i % 3];
    struct hnsw_search search = { .k = K, .ef = 128 };
    make_graph(metric, _i < 6 ? CODE_4 : CODE_8, _i % 2 == 0);
    double got = recall(metric, &search, 0.0f);
    ck_assert_msg(got >= 0.98, "case %d: recall %.4f", _i, got);
    drop_graph();
}
END_TEST

START_TEST(hnsw_rescore_leaves_out_what_is_too_far)
{
    const enum metric metrics[] = { METRIC_COSINE, METRIC_EUCLID, METRIC_DOT };
    struct hnsw_search search = { .k = K, .ef = 256 };
    uint32_t sum = 0;
    make_graph(metrics[_i], CODE_4, false);
    for (uint32_t i = 0; i < QUERIES; i++) {
        float query[DIM];
        struct hit hits[K];
        struct hnsw_found found;
        make_row(1000000 + i * 7, query);
        ck_assert_int_eq(hnsw_search(hnsw, query, &search, hits, &found, NULL),
                         ENGINE_OK);
        sum += found.rescore_count;
    }
    ck_assert_uint_ge(sum, QUERIES * K);
    ck_assert_uint_le(sum, QUERIES * 128);
    drop_graph();
}
END_TEST

START_TEST(hnsw_rescore_is_as_deep_as_asked)
{
    struct hit hits[K];
    struct hnsw_found found;
    struct hnsw_search search = { .k = K, .ef = 128, .rescore_count = 77 };
    make_graph(METRIC_COSINE, CODE_4, false);
    const float *query = slab_f32(&slab, 5);
    ck_assert_int_eq(hnsw_search(hnsw, query, &search, hits, &found, NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(found.rescore_count, 77);
    search.rescore_count = 500; /* raises ef */
    ck_assert_int_eq(hnsw_search(hnsw, query, &search, hits, &found, NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(found.rescore_count, 500);
    search.rescore_count = 0;
    ck_assert_int_eq(hnsw_search(hnsw, query, &search, hits, &found, NULL),
                     ENGINE_OK);
    ck_assert_uint_ge(found.rescore_count, K);
    ck_assert_uint_le(found.rescore_count, 128);
    drop_graph();
}
END_TEST

START_TEST(hnsw_search_keeps_estimates_or_ignores_codes)
{
    struct hnsw_search search = { .k = K,
                                  .ef = 128,
                                  .scoring = HNSW_KEEP_ESTIMATE };
    make_graph(METRIC_COSINE, CODE_4, _i == 0);
    ck_assert(recall(METRIC_COSINE, &search, 0.05f) >= 0.6);
    search.scoring = HNSW_IGNORE_CODES;
    ck_assert(recall(METRIC_COSINE, &search, 0.0f) >= 0.98);
    drop_graph();
}
END_TEST

START_TEST(hnsw_search_passes_on_that_fetch_failed)
{
    struct hit hits[K];
    struct hnsw_found found;
    struct error error = { .code = ENGINE_OK };
    struct hnsw_search search = { .k = K, .ef = 64 };
    make_graph(METRIC_COSINE, CODE_4, true);
    is_broken = true;
    ck_assert_int_eq(
        hnsw_search(hnsw, slab_f32(&slab, 5), &search, hits, &found, &error),
        ENGINE_EINTERNAL);
    ck_assert_str_eq(error.text, "disk is gone");
    is_broken = false;
    drop_graph();
}
END_TEST

START_TEST(hnsw_on_codes_survives_zero_vectors)
{
    struct hit hits[K];
    struct hnsw_found found;
    struct codes_query query;
    struct hnsw_search search = { .k = K, .ef = 64 };
    float zero[DIM] = { 0 };
    make_graph(METRIC_COSINE, CODE_4, false);
    ck_assert_int_eq(codes_query_init(&query, codes, NULL), ENGINE_OK);
    ck_assert_int_eq(slab_reserve(&slab, COUNT + 100, NULL), ENGINE_OK);
    ck_assert_int_eq(codes_reserve(codes, COUNT + 100, NULL), ENGINE_OK);
    for (uint32_t slot = COUNT; slot < COUNT + 100; slot++) {
        codes_put(codes, slot, zero, &query);
        ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
    }
    ck_assert_int_eq(hnsw_search(hnsw, zero, &search, hits, &found, NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(found.count, K);
    for (uint32_t i = 0; i < K; i++)
        ck_assert(hits[i].distance == 0.0f);
    codes_query_release(&query);
    drop_graph();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/hnsw_rescore");
    TCase *tcase = tcase_create("hnsw_rescore");
    tcase_add_loop_test(tcase, hnsw_rescore_gives_what_the_exact_scan_gives, 0,
                        12);
    tcase_add_loop_test(tcase, hnsw_rescore_leaves_out_what_is_too_far, 0, 3);
    tcase_add_test(tcase, hnsw_rescore_is_as_deep_as_asked);
    tcase_add_loop_test(tcase, hnsw_search_keeps_estimates_or_ignores_codes, 0,
                        2);
    tcase_add_test(tcase, hnsw_search_passes_on_that_fetch_failed);
    tcase_add_test(tcase, hnsw_on_codes_survives_zero_vectors);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
