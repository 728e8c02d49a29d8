/* SPDX-License-Identifier: Apache-2.0
 * Covers: searches with filters that few, many and all points pass find what
 * an exact scan finds, each in its way, also where what passes is far from the
 * query; one that all pass is none; what the cache keeps is never out of date;
 * tested payloads are remembered, and what a search costs is known then. */
#include "engine/collection/body.h"
#include "engine/segment/body.h"
#include "engine/segment/search.h"
#include "tests/fixture/points.h"
#include "tests/fixture/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DIM   64
#define COUNT 6000u
#define K     10
#define PART  500u

static struct points points;
static uint32_t seed = 5;

static float
next_float(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(int32_t)seed / 2147483648.0f;
}

static void
put(uint32_t first, uint32_t count)
{
    static struct point batch[PART];
    static struct named_vector vectors[PART];
    static float values[PART][DIM];
    static char payloads[PART][96];
    for (uint32_t i = 0; i < count; i++) {
        for (size_t k = 0; k < DIM; k++)
            values[i][k] = next_float();
        snprintf(payloads[i], sizeof(payloads[i]),
                 "{\"n\":%u,\"bare\":%u,\"x\":%d}", first + i, first + i,
                 (int)(values[i][0] * 1000.0f));
        vectors[i] = (struct named_vector){ .values = values[i], .dim = DIM };
        batch[i] = (struct point){ .id = points_number(first + i),
                                   .vectors = &vectors[i],
                                   .vectors_count = 1,
                                   .payload = span_of(payloads[i]) };
    }
    struct update update = { .kind = UPDATE_UPSERT,
                             .points = batch,
                             .points_count = count };
    ck_assert_int_eq(points_update(&points, &update, false), ENGINE_OK);
}

static void
setup(void)
{
    struct point_path path;
    points_create(&points,
                  "{\"vectors\":{\"size\":64,\"distance\":\"Cosine\"},"
                  "\"hnsw_config\":{\"full_scan_threshold\":10},"
                  "\"optimizers_config\":{\"indexing_threshold\":20}}");
    static const char *const keys[] = { "n", "x" };
    for (size_t i = 0; i < 2; i++) {
        struct update index = { .kind = UPDATE_CREATE_INDEX,
                                .key = points_path(&path, keys[i]),
                                .schema = PAYLOAD_SCHEMA_INTEGER };
        ck_assert_int_eq(points_update(&points, &index, true), ENGINE_OK);
    }
    for (uint32_t first = 0; first < COUNT; first += PART)
        put(first, PART);
    points_link(&points);
}

static void
teardown(void)
{
    points_destroy(&points);
}

static uint32_t ef;          /* of searches; 0: default */
static uint64_t deadline_ms; /* 0: none */

static enum engine_code
try_ask(const struct filter *filter, const float *query, bool is_exact,
        struct point_id ids[K], size_t *ret_count,
        struct segment_report *ret_report)
{
    struct segment *segment = points.collection->segment;
    struct segment_reader reader;
    const struct hit *hits = NULL;
    struct segment_search search = {
        .query = { .kind = VECTOR_DENSE, .values = query, .dim = DIM },
        .k = K,
        .ef = ef,
        .filter = filter,
        .is_exact = is_exact,
        .deadline_ms = deadline_ms,
        .report = ret_report
    };
    *ret_count = 0;
    segment_read_begin(segment, &reader);
    enum engine_code code = segment_search(&reader, &search, &points.arena,
                                           &hits, ret_count, &points.error);
    for (size_t i = 0; i < *ret_count; i++)
        ids[i] = segment_id(&reader, hits[i].slot);
    segment_read_end(&reader);
    points_forget(&points);
    return code;
}

static struct segment_report
ask(const struct filter *filter, const float *query, bool is_exact,
    struct point_id ids[K], size_t *ret_count)
{
    struct segment_report report;
    ck_assert_int_eq(try_ask(filter, query, is_exact, ids, ret_count, &report),
                     ENGINE_OK);
    return report;
}

/* `first`: how far queries lie to one side, in the first component. */
static double
recall_from(float first, const struct filter *filter,
            struct segment_report *ret_report)
{
    size_t good = 0, all = 0;
    for (int i = 0; i < 20; i++) {
        float query[DIM];
        struct point_id exact[K], found[K];
        size_t exact_count, count;
        for (size_t k = 0; k < DIM; k++)
            query[k] = next_float();
        query[0] += first;
        (void)kernel_normalise(query, DIM);
        (void)ask(filter, query, true, exact, &exact_count);
        *ret_report = ask(filter, query, false, found, &count);
        ck_assert_uint_eq(count, exact_count);
        for (size_t a = 0; a < count; a++)
            for (size_t b = 0; b < count; b++)
                good += point_id_compare(&exact[a], &found[b]) == 0;
        all += count;
    }
    return (double)good / (double)all;
}

static double
recall(const struct filter *filter, struct segment_report *ret_report)
{
    return recall_from(0.0f, filter, ret_report);
}

static const struct {
    double bound;
    const char *key;
} cases[] = { { COUNT - 5, "n" },
              { COUNT - 60, "n" },
              { COUNT - 600, "n" },
              { COUNT / 2, "n" },
              { 0, "n" },
              { COUNT - 5, "bare" },
              { COUNT - 60, "bare" },
              { COUNT - 600, "bare" },
              { COUNT / 2, "bare" } };

START_TEST(filtered_searches_find_what_a_scan_finds)
{
    struct point_filter filter;
    struct segment_report report;
    const struct filter *wanted =
        points_at_least(&filter, cases[_i].key, cases[_i].bound);
    /* Normal vectors are the hardest. */
    ck_assert_double_ge(recall(wanted, &report), 0.9);
    ck_assert_uint_eq(report.estimate.max_count,
                      COUNT - (uint32_t)cases[_i].bound);
    ck_assert(report.is_cached);
}
END_TEST

/* Of the list of a plain walk the nearest are tested, until enough pass. */
START_TEST(half_of_all_without_index_costs_few_tests)
{
    struct point_filter filter;
    const struct filter *half = points_at_least(&filter, "bare", COUNT / 2);
    size_t good = 0, all = 0;
    for (int i = 0; i < 20; i++) {
        float query[DIM];
        struct point_id found[K], exact[K];
        size_t count, exact_count;
        for (size_t k = 0; k < DIM; k++)
            query[k] = next_float();
        (void)kernel_normalise(query, DIM);
        struct segment_report report = ask(half, query, false, found, &count);
        ck_assert_uint_eq(count, K);
        ck_assert(!report.is_cached);
        ck_assert_int_eq(report.plan, SEGMENT_PLAN_WALK_LIST);
        ck_assert_uint_lt(report.tested, 200);
        (void)ask(half, query, true, exact, &exact_count);
        for (size_t a = 0; a < count; a++)
            for (size_t b = 0; b < exact_count; b++)
                good += point_id_compare(&exact[b], &found[a]) == 0;
        all += exact_count;
        /* Another version: what the exact one tested is not known any more. */
        put(0, 1);
        points_link(&points);
    }
    ck_assert_double_ge((double)good / (double)all, 0.9);
}
END_TEST

/* When as much was spent on some payloads, all are tested, once. */
START_TEST(a_filter_that_comes_again_is_remembered)
{
    struct point_filter filter;
    const struct filter *half = points_at_least(&filter, "bare", COUNT / 2);
    uint64_t tested = 0;
    struct segment_report report = { .is_cached = false };
    for (int i = 0; i < 1000 && !report.is_cached; i++) {
        float query[DIM] = { 0 };
        struct point_id found[K];
        size_t count;
        query[i % DIM] = 1.0f;
        report = ask(half, query, false, found, &count);
        ck_assert_uint_eq(count, K);
        tested += report.tested;
    }
    ck_assert(report.is_cached);
    ck_assert_uint_lt(tested, 2 * COUNT);
}
END_TEST

START_TEST(filter_that_all_pass_is_none)
{
    static const float query[DIM] = { 1 };
    struct point_filter filter;
    struct point_id ids[K], others[K];
    size_t count, others_count;
    const struct filter *all = points_at_least(&filter, "n", 0);
    struct segment_report free = ask(NULL, query, false, ids, &count);
    for (int i = 0; i < 2; i++) {
        struct segment_report report =
            ask(all, query, false, others, &others_count);
        ck_assert_int_eq(report.plan, SEGMENT_PLAN_WALK);
        ck_assert_uint_eq(report.scored, free.scored);
        ck_assert_uint_eq(others_count, count);
        for (size_t k = 0; k < count; k++)
            ck_assert_int_eq(point_id_compare(&ids[k], &others[k]), 0);
    }
    put(COUNT, 1);
    const struct filter *most = points_at_least(&filter, "n", 1);
    ck_assert_int_ne(ask(most, query, false, ids, &count).plan,
                     SEGMENT_PLAN_WALK);
}
END_TEST

/* A short list without a filter would have nearly nothing of what passes. */
START_TEST(what_passes_far_from_the_query_is_found)
{
    struct point_filter filter;
    struct segment_report report;
    const struct filter *right = points_at_least(&filter, "x", 200);
    ef = 24;
    double far = recall_from(-6.0f, right, &report);
    ef = 0;
    ck_assert(report.plan != SEGMENT_PLAN_WALK_LIST ||
              report.is_finished_by_scan);
    ck_assert_double_ge(far, 0.9);
}
END_TEST

/* Numbers of points from 5990 on that are found. */
static size_t
count_last(void)
{
    static const float query[DIM] = { 1 };
    struct point_filter filter;
    struct point_id ids[K];
    size_t count;
    (void)ask(points_at_least(&filter, "n", COUNT - 4), query, false, ids,
              &count);
    return count;
}

START_TEST(cache_follows_changes)
{
    ck_assert_uint_eq(count_last(), 4);
    ck_assert_uint_eq(count_last(), 4);
    put(COUNT, 1);
    ck_assert_uint_eq(count_last(), 5);
    uint64_t gone = COUNT - 1;
    ck_assert_int_eq(points_delete(&points, &gone, 1), ENGINE_OK);
    ck_assert_uint_eq(count_last(), 4);
    struct point_id id = points_number(COUNT);
    struct update update = points_on_ids(UPDATE_SET_PAYLOAD, &id, 1);
    update.payload = span_of("{\"n\":-1}");
    ck_assert_int_eq(points_update(&points, &update, false), ENGINE_OK);
    ck_assert_uint_eq(count_last(), 3);
    struct point_path path;
    struct update drop = { .kind = UPDATE_DELETE_INDEX,
                           .key = points_path(&path, "n") };
    ck_assert_int_eq(points_update(&points, &drop, false), ENGINE_OK);
    ck_assert_uint_eq(count_last(), 3);
    points_reopen(&points);
    ck_assert_uint_eq(count_last(), 3);
}
END_TEST

static uint64_t
now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* As long as testing all payloads takes, at best; they are none the wiser. */
static uint64_t
ns_of_all(const struct filter *filter)
{
    static const float query[DIM] = { 1 };
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 5; i++) {
        struct point_id ids[K];
        size_t count;
        put(0, 1);
        uint64_t begin = now_ns();
        (void)ask(filter, query, true, ids, &count);
        uint64_t took = now_ns() - begin;
        least = took < least ? took : least;
    }
    put(0, 1);
    points_link(&points);
    return least;
}

/* A caller who has no time for all payloads gets the answer of a walk, as often
 * as he asks. */
START_TEST(nobody_waits_past_the_deadline_for_later_searches)
{
    struct point_filter filter;
    const struct filter *half = points_at_least(&filter, "bare", COUNT / 2);
    uint64_t all_ms = ns_of_all(half) / 1000000 + 1;
    size_t answered = 0;
    for (int i = 0; i < 400; i++) {
        float query[DIM] = { 0 };
        struct point_id found[K];
        struct segment_report report;
        size_t count;
        query[i % DIM] = 1.0f;
        deadline_ms = now_ns() / 1000000 + all_ms;
        enum engine_code code =
            try_ask(half, query, false, found, &count, &report);
        deadline_ms = 0;
        if (code == ENGINE_ETIMEOUT)
            continue; /* the machine was busy */
        ck_assert_int_eq(code, ENGINE_OK);
        ck_assert(!report.is_cached);
        ck_assert_int_eq(report.plan, SEGMENT_PLAN_WALK_LIST);
        answered++;
    }
    ck_assert_uint_gt(answered, 0);
}
END_TEST

/* So few match that all payloads are tested, but only once. */
START_TEST(tested_payloads_are_remembered)
{
    static const float query[DIM] = { 1 };
    struct point_filter filter;
    struct point_id ids[K];
    size_t count;
    const struct filter *last = points_at_least(&filter, "bare", COUNT - 2);
    struct segment_report first = ask(last, query, false, ids, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_ge(first.tested, COUNT);
    struct segment_report second = ask(last, query, false, ids, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert(second.is_cached);
    ck_assert_uint_eq(second.tested, 0);
    ck_assert_uint_eq(points_count(&points, last), 2);
}
END_TEST

static uint64_t
cost_of(const struct filter *filter)
{
    static const float query[DIM] = { 1 };
    struct segment *segment = points.collection->segment;
    struct segment_reader reader;
    struct segment_search search = {
        .query = { .kind = VECTOR_DENSE, .values = query, .dim = DIM },
        .k = K,
        .ef = ef,
        .filter = filter,
    };
    segment_read_begin(segment, &reader);
    uint64_t cost_ns = segment_search_cost_ns(&reader, &search);
    segment_read_end(&reader);
    return cost_ns;
}

/* Who decides where a search runs need not fear tests that were made. */
START_TEST(cost_with_a_filter_is_known_after_the_first_search)
{
    static const float query[DIM] = { 1 };
    static const struct {
        double bound;
        const char *key;
    } known[] = { { COUNT - 2, "bare" }, { COUNT / 2, "n" }, { 0, "n" } };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct point_filter filter;
        struct point_id ids[K];
        size_t count;
        const struct filter *last =
            points_at_least(&filter, known[i].key, known[i].bound);
        /* It may come to all payloads, however short the walk. */
        ef = 16;
        uint64_t before = cost_of(last);
        ck_assert_uint_gt(before, (uint64_t)COUNT * 200);
        ef = 0;
        (void)ask(last, query, false, ids, &count);
        struct segment_report second = ask(last, query, false, ids, &count);
        ck_assert_uint_lt(cost_of(last), before);
        ck_assert_uint_eq(cost_of(last), (uint64_t)second.expected_ns);
        put(COUNT + (uint32_t)i, 1);
        ck_assert_uint_gt(cost_of(last), (uint64_t)second.expected_ns);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("search_plan");
    TCase *tcase = tcase_create("search_plan");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, filtered_searches_find_what_a_scan_finds, 0,
                        sizeof(cases) / sizeof(cases[0]));
    tcase_add_test(tcase, half_of_all_without_index_costs_few_tests);
    tcase_add_test(tcase, a_filter_that_comes_again_is_remembered);
    tcase_add_test(tcase, filter_that_all_pass_is_none);
    tcase_add_test(tcase, what_passes_far_from_the_query_is_found);
    tcase_add_test(tcase, cache_follows_changes);
    tcase_add_test(tcase, nobody_waits_past_the_deadline_for_later_searches);
    tcase_add_test(tcase, tested_payloads_are_remembered);
    tcase_add_test(tcase, cost_with_a_filter_is_known_after_the_first_search);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
