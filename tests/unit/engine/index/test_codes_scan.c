/* SPDX-License-Identifier: Apache-2.0
 * Covers: a scan on codes gives the hits and distances of the exact scan under
 * every metric, with vectors in memory and fetched, with filters, with and
 * without a distance that is enough; lengths that codes cannot tell; a fetch
 * that fails; a stopper. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/index/codes_scan.h"
#include "tests/fixture/suite.h"
#include "tests/unit/engine/index/cloud.h"

#define DIM     200u
#define COUNT   5000u
#define QUERIES 40u
#define K       10u

static struct slab slab;
static struct codes *codes;
static uint32_t slots[COUNT];
static uint32_t asked_count;
static bool is_broken;

static void
make_row(uint32_t row, enum metric metric, float *ret_vector)
{
    uint64_t centre = row % 30;
    for (uint32_t i = 0; i < DIM; i++)
        ret_vector[i] = cloud_float(centre * 1000 + i) +
                        0.7f * cloud_float((uint64_t)row * 7919 + i + 900000);
    kernel_normalise(ret_vector, DIM);
    if (metric == METRIC_COSINE)
        return;
    float length = 0.5f + (float)(row % 17);
    for (uint32_t i = 0; i < DIM; i++)
        ret_vector[i] *= length;
}

static enum engine_code
fetch(void *ctx, const uint32_t *wanted, uint32_t count, void *ret_rows,
      struct error *reterr)
{
    ck_assert_ptr_eq(ctx, &slab);
    for (uint32_t i = 0; i < count; i++)
        memcpy((float *)ret_rows + (size_t)i * DIM, slab_f32(&slab, wanted[i]),
               DIM * sizeof(float));
    return is_broken ? error_set(reterr, ENGINE_EINTERNAL, "disk is gone")
                     : ENGINE_OK;
}

static struct hnsw_rows
make_rows(enum metric metric, enum code_kind kind, bool is_fetched)
{
    struct codes_params params = { DIM, metric, kind, NULL };
    struct codes_query room;
    float vector[DIM];
    slab_init_f32(&slab, DIM);
    ck_assert_int_eq(slab_reserve(&slab, COUNT, NULL), ENGINE_OK);
    ck_assert_int_eq(codes_create(&params, &codes, NULL), ENGINE_OK);
    ck_assert_int_eq(codes_reserve(codes, COUNT, NULL), ENGINE_OK);
    ck_assert_int_eq(codes_query_init(&room, codes, NULL), ENGINE_OK);
    for (uint32_t slot = 0; slot < COUNT; slot++) {
        make_row(slot, metric, vector);
        slab_put_f32(&slab, slot, vector, DIM);
        codes_put(codes, slot, vector, &room);
        slots[slot] = slot;
    }
    codes_query_release(&room);
    is_broken = false;
    if (is_fetched)
        return (struct hnsw_rows){ .codes = codes,
                                   .fetch = fetch,
                                   .fetch_ctx = &slab };
    return (struct hnsw_rows){ .vectors = &slab, .codes = codes };
}

static void
drop_rows(void)
{
    codes_free(codes);
    slab_release(&slab);
}

static bool
accept_third(void *ctx, uint32_t slot)
{
    (void)ctx;
    asked_count++;
    return slot % 3 == 0;
}

/* Hits that differ from the exact scan's. */
static uint32_t
misses(enum metric metric, const struct codes_scan *scan)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < QUERIES; i++) {
        float query[DIM];
        struct hit exact[K], hits[K];
        uint32_t exact_count = 0, found = 0;
        struct plain_scan plain = { .vectors = &slab,
                                    .dim = DIM,
                                    .metric = metric,
                                    .slots = scan->slots,
                                    .slot_count = scan->slot_count,
                                    .filter = scan->filter };
        make_row(1000000 + i * 7, metric, query);
        ck_assert_int_eq(
            plain_search(&plain, query, K, exact, &exact_count, NULL),
            ENGINE_OK);
        struct codes_scan bounded = *scan;
        if (i % 2 == 1)
            bounded.distance_max = exact[exact_count - 1].distance;
        ck_assert_int_eq(codes_search(&bounded, query, K, hits, &found, NULL),
                         ENGINE_OK);
        count += exact_count - (found < exact_count ? found : exact_count);
        for (uint32_t j = 0; j < found && j < exact_count; j++)
            count += hits[j].slot != exact[j].slot ||
                     fabsf(hits[j].distance - exact[j].distance) > 0.0f;
    }
    return count;
}

START_TEST(codes_search_gives_what_the_exact_scan_gives)
{
    const enum metric metrics[] = { METRIC_COSINE, METRIC_EUCLID, METRIC_DOT };
    enum metric metric = metrics[_i % 3];
    struct hnsw_rows rows =
        make_rows(metric, _i < 6 ? CODE_4 : CODE_8, _i % 2 == 0);
    struct codes_scan scan = { .rows = &rows,
                               .slots = slots,
                               .slot_count = COUNT,
                               .distance_max = INFINITY };
    /* One may be further off than four deviations. */
    ck_assert_uint_le(misses(metric, &scan), 1);
    scan.slot_count = 7;
    ck_assert_uint_eq(misses(metric, &scan), 0);
    drop_rows();
}
END_TEST

START_TEST(codes_search_filters_and_asks_only_about_near_rows)
{
    struct hnsw_rows rows = make_rows(METRIC_COSINE, CODE_4, false);
    uint64_t words[COUNT / 64 + 1];
    memset(words, 0x55, sizeof(words)); /* even slots */
    struct slot_filter filter = { .allowed = words,
                                  .allowed_count = COUNT - 8,
                                  .accept = accept_third };
    struct codes_scan scan = { .rows = &rows,
                               .slots = slots,
                               .slot_count = COUNT,
                               .filter = &filter,
                               .distance_max = INFINITY };
    struct hit hits[K];
    uint32_t count = 0;
    ck_assert_uint_le(misses(METRIC_COSINE, &scan), 1);
    asked_count = 0;
    ck_assert_int_eq(
        codes_search(&scan, slab_f32(&slab, 6), K, hits, &count, NULL),
        ENGINE_OK);
    ck_assert_uint_eq(hits[0].slot, 6);
    ck_assert_uint_lt(asked_count, COUNT / 4);
    drop_rows();
}
END_TEST

START_TEST(codes_search_bears_lengths_beyond_floats)
{
    struct hnsw_rows rows = make_rows(METRIC_EUCLID, CODE_4, false);
    struct codes_query room;
    float vector[DIM];
    ck_assert_int_eq(codes_query_init(&room, codes, NULL), ENGINE_OK);
    for (uint32_t i = 0; i < DIM; i++)
        vector[i] = 1e37f;
    for (uint32_t slot = 0; slot < 20; slot++) {
        if (slot == 10)
            memset(vector, 0, sizeof(vector));
        slab_put_f32(&slab, slot, vector, DIM);
        codes_put(codes, slot, vector, &room);
    }
    struct codes_scan scan = { .rows = &rows,
                               .slots = slots,
                               .slot_count = COUNT,
                               .distance_max = INFINITY };
    ck_assert_uint_eq(misses(METRIC_EUCLID, &scan), 0);
    codes_query_release(&room);
    drop_rows();
}
END_TEST

static bool
is_due_always(void *ctx)
{
    (void)ctx;
    return true;
}

START_TEST(codes_search_ends_with_its_fetch_and_its_stopper)
{
    struct hnsw_rows rows = make_rows(METRIC_COSINE, CODE_4, true);
    struct codes_scan scan = { .rows = &rows,
                               .slots = slots,
                               .slot_count = COUNT,
                               .distance_max = INFINITY };
    struct hit hits[K];
    uint32_t count = 0;
    struct error error = { 0 };
    is_broken = true;
    ck_assert_int_eq(
        codes_search(&scan, slab_f32(&slab, 1), K, hits, &count, &error),
        ENGINE_EINTERNAL);
    ck_assert_str_eq(error.text, "disk is gone");
    scan.stopper.is_due = is_due_always;
    ck_assert_int_eq(
        codes_search(&scan, slab_f32(&slab, 1), K, hits, &count, &error),
        ENGINE_ETIMEOUT);
    drop_rows();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("codes_scan");
    TCase *tcase = tcase_create("scan");
    tcase_add_loop_test(tcase, codes_search_gives_what_the_exact_scan_gives, 0,
                        12);
    tcase_add_test(tcase, codes_search_filters_and_asks_only_about_near_rows);
    tcase_add_test(tcase, codes_search_bears_lengths_beyond_floats);
    tcase_add_test(tcase, codes_search_ends_with_its_fetch_and_its_stopper);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
