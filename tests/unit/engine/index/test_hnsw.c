/* SPDX-License-Identifier: Apache-2.0
 * Covers: parameters, levels, counts and memory of a graph. */
#include "engine/index/hnsw.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine/index/hnsw_graph.h"
#include "tests/fixture/suite.h"
#include "tests/unit/engine/index/cloud.h"

static const struct hnsw_params params = { .dim = CLOUD_DIM,
                                           .metric = METRIC_COSINE,
                                           .m = 16,
                                           .ef_construct = 64,
                                           .seed = 1 };

START_TEST(hnsw_refuses_parameters_out_of_range)
{
    struct slab slab;
    struct hnsw *hnsw = NULL;
    struct error error = { .code = ENGINE_OK };
    const uint32_t bad[][2] = {
        { 1, 10 }, { HNSW_M_MAX + 1, 10 }, { 16, 0 }, { 16, HNSW_EF_MAX + 1 }
    };
    slab_init_f32(&slab, CLOUD_DIM);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct hnsw_params wrong = params;
        wrong.m = bad[i][0];
        wrong.ef_construct = bad[i][1];
        ck_assert_int_eq(hnsw_create(&wrong,
                                     &(struct hnsw_rows){ .vectors = &slab },
                                     &hnsw, &error),
                         ENGINE_EINPUT);
        ck_assert_ptr_null(hnsw);
        ck_assert_uint_gt(strlen(error.text), 0);
    }
    hnsw_free(NULL);
}
END_TEST

START_TEST(hnsw_levels_thin_out_by_m)
{
    struct slab slab;
    struct hnsw *hnsw;
    uint32_t counts[HNSW_LEVEL_MAX + 1] = { 0 };
    slab_init_f32(&slab, CLOUD_DIM);
    ck_assert_int_eq(hnsw_create(&params,
                                 &(struct hnsw_rows){ .vectors = &slab }, &hnsw,
                                 NULL),
                     ENGINE_OK);
    for (uint32_t slot = 0; slot < 100000; slot++)
        counts[hnsw_level_of(hnsw, slot)]++;
    ck_assert_uint_ge(counts[1], 100000 / 16 * 8 / 10);
    ck_assert_uint_le(counts[1], 100000 / 16 * 12 / 10);
    ck_assert_uint_lt(counts[2], counts[1]);
    hnsw_free(hnsw);
}
END_TEST

START_TEST(hnsw_counts_what_it_holds)
{
    struct slab slab;
    struct hnsw *hnsw;
    slab_init_f32(&slab, CLOUD_DIM);
    ck_assert_int_eq(slab_reserve(&slab, 1000, NULL), ENGINE_OK);
    cloud_fill(&slab, 0, 1000);
    ck_assert_int_eq(hnsw_create(&params,
                                 &(struct hnsw_rows){ .vectors = &slab }, &hnsw,
                                 NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(hnsw_linked_count(hnsw), 0);
    ck_assert(!hnsw_is_linked(hnsw, 999));
    for (uint32_t slot = 999; slot > 500; slot -= 2) /* downwards, gaps */
        ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
    ck_assert_uint_eq(hnsw_linked_count(hnsw), 250);
    ck_assert(hnsw_is_linked(hnsw, 999));
    ck_assert(!hnsw_is_linked(hnsw, 998));
    ck_assert(!hnsw_is_linked(hnsw, SLOT_NONE));
    ck_assert_int_eq(hnsw_insert(hnsw, 999, NULL), ENGINE_OK);
    ck_assert_uint_eq(hnsw_linked_count(hnsw), 250);
    struct memory_report report = hnsw_memory(hnsw);
    ck_assert_uint_ge(report.used_size, 250 * 128);
    ck_assert_uint_le(report.used_size, report.reserved_size);
    hnsw_free(hnsw);
    slab_release(&slab);
}
END_TEST

START_TEST(hnsw_keys_sort_as_distances_do)
{
    const float values[] = { -INFINITY, -3.0f, -1e-30f, 0.0f,
                             1e-30f,    2.0f,  1e30f,   INFINITY };
    for (size_t i = 0; i + 1 < sizeof(values) / sizeof(values[0]); i++) {
        uint64_t key = key_make(values[i], 5);
        ck_assert(key < key_make(values[i + 1], 0));
        ck_assert(key < key_make(values[i], 6));
        ck_assert_uint_eq(key_slot(key), 5);
        float back = key_distance(key);
        ck_assert_mem_eq(&back, &values[i], sizeof(back));
    }
    ck_assert(key_make(NAN, 1) == key_make(INFINITY, 1));
    ck_assert(key_make(-0.0f, 1) == key_make(0.0f, 1));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/hnsw");
    TCase *tcase = tcase_create("hnsw");
    tcase_add_test(tcase, hnsw_refuses_parameters_out_of_range);
    tcase_add_test(tcase, hnsw_levels_thin_out_by_m);
    tcase_add_test(tcase, hnsw_counts_what_it_holds);
    tcase_add_test(tcase, hnsw_keys_sort_as_distances_do);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
