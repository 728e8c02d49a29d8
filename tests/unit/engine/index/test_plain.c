/* SPDX-License-Identifier: Apache-2.0
 * Covers: the scan against sorting everything, ties, filters, id lists, large
 * k, NaN rows, the stopper. */
#include "engine/index/plain.h"

#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "engine/index/crew.h"
#include "tests/fixture/suite.h"

#define DIM   13
#define COUNT 3000u

static struct slab slab;

static void
setup(void)
{
    uint64_t seed = 3;
    slab_init_f32(&slab, DIM);
    ck_assert_int_eq(slab_reserve(&slab, COUNT, NULL), ENGINE_OK);
    for (uint32_t slot = 0; slot < COUNT; slot++) {
        float row[DIM];
        for (size_t i = 0; i < DIM; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1;
            row[i] = (float)(seed >> 62); /* few values: many ties */
        }
        slab_put_f32(&slab, slot, row, DIM);
    }
}

static void
teardown(void)
{
    slab_release(&slab);
}

static int
compare_hits(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    if (x->distance < y->distance || x->distance > y->distance)
        return x->distance < y->distance ? -1 : 1;
    return (x->slot > y->slot) - (x->slot < y->slot);
}

static uint32_t
brute(const struct plain_scan *scan, const float *query, struct hit *hits)
{
    uint32_t count = 0;
    for (uint32_t slot = scan->slot_begin; slot < scan->slot_end; slot++) {
        if (!slot_filter_passes(scan->filter, slot))
            continue;
        float distance =
            kernel_get()->metrics[DATATYPE_F32]->pair[scan->metric](
                query, slab_f32(&slab, slot), DIM);
        hits[count++] = (struct hit){ slot, distance };
    }
    qsort(hits, count, sizeof(*hits), compare_hits);
    return count;
}

static void
check_same(const struct plain_scan *scan, const float *query, uint32_t k)
{
    static struct hit expected[COUNT], got[COUNT + 1000];
    uint32_t all = brute(scan, query, expected);
    uint32_t count = 0;
    ck_assert_int_eq(plain_search(scan, query, k, got, &count, NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(count, all < k ? all : k);
    for (uint32_t i = 0; i < count; i++) {
        ck_assert_uint_eq(got[i].slot, expected[i].slot);
        ck_assert_mem_eq(&got[i].distance, &expected[i].distance,
                         sizeof(float));
    }
}

static bool
is_odd(void *ctx, uint32_t slot)
{
    ++*(uint32_t *)ctx;
    return slot % 2 == 1;
}

START_TEST(plain_equals_sorting_everything)
{
    struct plain_scan scan = { .vectors = &slab, .dim = DIM };
    const uint32_t ks[] = { 1, 2, 10, 100, 2999, 3000, 3500 };
    for (int m = 0; m < METRIC_COUNT; m++)
        for (size_t i = 0; i < sizeof(ks) / sizeof(ks[0]); i++) {
            scan.metric = (enum metric)m;
            scan.slot_begin = i % 2 == 0 ? 0 : 17;
            scan.slot_end = COUNT;
            check_same(&scan, slab_f32(&slab, (uint32_t)i * 31), ks[i]);
        }
}
END_TEST

START_TEST(plain_returns_only_what_passes)
{
    struct slotset deleted;
    static uint64_t allowed[32];
    uint32_t asked = 0;
    slotset_init(&deleted);
    ck_assert_int_eq(slotset_reserve(&deleted, COUNT, NULL), ENGINE_OK);
    for (uint32_t slot = 0; slot < COUNT; slot += 5)
        slotset_add(&deleted, slot);
    for (uint32_t i = 0; i < 32; i++)
        allowed[i] = UINT64_C(0xffffffff00000000);
    struct slot_filter filter = { .deleted = &deleted };
    struct plain_scan scan = { .vectors = &slab,
                               .dim = DIM,
                               .metric = METRIC_EUCLID,
                               .slot_end = COUNT,
                               .filter = &filter };
    check_same(&scan, slab_f32(&slab, 5), 50);
    filter.allowed = allowed;
    filter.allowed_count = 2048;
    check_same(&scan, slab_f32(&slab, 5), 50);
    filter.accept = is_odd;
    filter.accept_ctx = &asked;
    check_same(&scan, slab_f32(&slab, 5), 3000);
    ck_assert_uint_gt(asked, 0);
    slotset_release(&deleted);
}
END_TEST

/* Ranges and bitsets that begin and end inside a word of 64 slots. */
START_TEST(plain_minds_ragged_ends)
{
    static const uint32_t ends[] = { 0, 1, 63, 64, 65, 127, 128, 129, 1000 };
    const size_t ends_count = sizeof(ends) / sizeof(ends[0]);
    static uint64_t allowed[COUNT / 64 + 1];
    struct slotset deleted;
    slotset_init(&deleted);
    ck_assert_int_eq(slotset_reserve(&deleted, 100, NULL), ENGINE_OK);
    slotset_add(&deleted, 64);
    slotset_add(&deleted, 99);
    struct slotview *view = slotview_next(NULL, 900); /* others: no members */
    ck_assert_ptr_nonnull(view);
    for (uint32_t slot = 0; slot < 900; slot++)
        ck_assert(slotview_put(view, NULL, slot, slot % 7 != 0));
    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
        allowed[i] = UINT64_MAX;
    struct slot_filter filter = { .allowed = allowed };
    struct plain_scan scan = {
        .vectors = &slab, .dim = DIM, .metric = METRIC_EUCLID, .filter = &filter
    };
    for (int with = 0; with < 4; with++) {
        filter.deleted = with % 2 == 1 ? &deleted : NULL;
        filter.view = with / 2 == 1 ? view : NULL;
        for (size_t b = 0; b < ends_count; b++)
            for (size_t e = b; e < ends_count; e++)
                for (size_t a = 0; a < ends_count; a++) {
                    scan.slot_begin = ends[b];
                    scan.slot_end = ends[e];
                    filter.allowed_count = ends[a];
                    check_same(&scan, slab_f32(&slab, 3), 1000);
                }
    }
    slotview_discard(view, NULL);
    slotset_release(&deleted);
}
END_TEST

#define BIG_DIM   512u
#define BIG_COUNT 9000u /* more than eight parts */

static void *
thread_main(void *arg)
{
    void **call = arg;
    union {
        void *in;
        void (*out)(void *);
    } run = { .in = call[0] };
    run.out(call[1]);
    free(call);
    return NULL;
}

/* A thread for everybody who asks, three at most. */
struct lender {
    pthread_t threads[3];
    unsigned count;
};

static bool
lend(void *ctx, void (*run)(void *arg), void *arg)
{
    struct lender *lender = ctx;
    void **call = malloc(2 * sizeof(*call));
    union {
        void (*in)(void *);
        void *out;
    } text = { .in = run };
    if (lender->count == 3 || call == NULL) {
        free(call);
        return false;
    }
    call[0] = text.out;
    call[1] = arg;
    ck_assert_int_eq(pthread_create(&lender->threads[lender->count++], NULL,
                                    thread_main, call),
                     0);
    return true;
}

/* With helpers or without: the same hits to the bit, many ties among them. */
START_TEST(plain_shares_big_scans)
{
    struct slab big;
    slab_init_f32(&big, BIG_DIM);
    ck_assert_int_eq(slab_reserve(&big, BIG_COUNT, NULL), ENGINE_OK);
    for (uint32_t slot = 0; slot < BIG_COUNT; slot++) {
        float row[BIG_DIM] = { (float)(slot * 7919u % 512u) };
        slab_put_f32(&big, slot, row, BIG_DIM);
    }
    static struct hit alone[BIG_COUNT], shared[BIG_COUNT];
    static uint32_t slots[BIG_COUNT];
    for (uint32_t i = 0; i < BIG_COUNT; i++)
        slots[i] = BIG_COUNT - 1 - i;
    for (uint32_t turn = 0; turn < 4; turn++) {
        struct plain_scan scan = { .vectors = &big,
                                   .dim = BIG_DIM,
                                   .metric = METRIC_EUCLID,
                                   .slots = turn % 2 == 0 ? NULL : slots,
                                   .slot_count = BIG_COUNT,
                                   .slot_begin = 77,
                                   .slot_end = BIG_COUNT - 5 };
        uint32_t k = turn < 2 ? 10 : 3000, counts[2];
        struct lender lender = { .count = 0 };
        ck_assert_int_eq(
            plain_search(&scan, slab_f32(&big, 5), k, alone, &counts[0], NULL),
            ENGINE_OK);
        crew_set(lend, &lender);
        ck_assert_int_eq(
            plain_search(&scan, slab_f32(&big, 5), k, shared, &counts[1], NULL),
            ENGINE_OK);
        crew_set(NULL, NULL);
        for (unsigned i = 0; i < lender.count; i++)
            pthread_join(lender.threads[i], NULL);
        ck_assert_uint_eq(lender.count, 3);
        ck_assert_uint_eq(counts[0], k);
        ck_assert_uint_eq(counts[1], k);
        ck_assert_mem_eq(alone, shared, k * sizeof(*alone));
    }
    slab_release(&big);
}
END_TEST

START_TEST(plain_scans_a_list)
{
    const uint32_t slots[] = { 2000, 3, 77, 1500 };
    struct plain_scan scan = { .vectors = &slab,
                               .dim = DIM,
                               .metric = METRIC_EUCLID,
                               .slots = slots,
                               .slot_count = 4 };
    struct hit hits[10];
    uint32_t count = 0;
    ck_assert_int_eq(
        plain_search(&scan, slab_f32(&slab, 77), 10, hits, &count, NULL),
        ENGINE_OK);
    ck_assert_uint_eq(count, 4);
    ck_assert_uint_eq(hits[0].slot, 77);
    scan.slot_count = 0;
    ck_assert_int_eq(
        plain_search(&scan, slab_f32(&slab, 77), 10, hits, &count, NULL),
        ENGINE_OK);
    ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(plain_puts_nan_last)
{
    float row[DIM] = { NAN };
    static struct hit hits[COUNT];
    uint32_t count = 0;
    struct plain_scan scan = {
        .vectors = &slab, .dim = DIM, .metric = METRIC_EUCLID, .slot_end = COUNT
    };
    slab_put_f32(&slab, 9, row, DIM);
    ck_assert_int_eq(
        plain_search(&scan, slab_f32(&slab, 0), COUNT, hits, &count, NULL),
        ENGINE_OK);
    ck_assert_uint_eq(hits[COUNT - 1].slot, 9);
    ck_assert(isinf(hits[COUNT - 1].distance));
}
END_TEST

static bool
is_due(void *ctx)
{
    return ++*(uint32_t *)ctx > 2;
}

START_TEST(plain_stops_when_told)
{
    uint32_t asked = 0;
    struct hit hits[10];
    uint32_t count = 0;
    struct error error = { .code = ENGINE_OK };
    struct plain_scan scan = { .vectors = &slab,
                               .dim = DIM,
                               .metric = METRIC_EUCLID,
                               .slot_end = COUNT,
                               .stopper = { is_due, &asked } };
    ck_assert_int_eq(
        plain_search(&scan, slab_f32(&slab, 0), 10, hits, &count, &error),
        ENGINE_ETIMEOUT);
    ck_assert_int_eq(error.code, ENGINE_ETIMEOUT);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/plain");
    TCase *tcase = tcase_create("plain");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, plain_equals_sorting_everything);
    tcase_add_test(tcase, plain_returns_only_what_passes);
    tcase_add_test(tcase, plain_minds_ragged_ends);
    tcase_add_test(tcase, plain_shares_big_scans);
    tcase_add_test(tcase, plain_scans_a_list);
    tcase_add_test(tcase, plain_puts_nan_last);
    tcase_add_test(tcase, plain_stops_when_told);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
