/* SPDX-License-Identifier: Apache-2.0
 * Covers: trees of stages: fusion by ranks and by distributions, points asked
 * again, filters of upper stages, examples left out, examples of each strategy,
 * points in order, random points, mmr, and what a query cannot be. */
#include "engine/collection/query.h"
#include "tests/fixture/points.h"

#include <check.h>
#include <math.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define POINTS 20

static struct points points;
static struct point_id ids[POINTS + 1];

/* Point n is at (n, 1), and its payload is {"n": n}. */
static void
setup(void)
{
    points_create(&points, "{\"vectors\":{\"size\":2,\"distance\":\"Dot\"}}");
    for (uint64_t n = 1; n <= POINTS; n++) {
        char payload[32];
        float values[] = { (float)n, 1.0f };
        ids[n] = points_number(n);
        snprintf(payload, sizeof(payload), "{\"n\":%d}", (int)n);
        ck_assert_int_eq(points_upsert(&points, n, "", values, 2, payload),
                         ENGINE_OK);
    }
}

static void
teardown(void)
{
    points_destroy(&points);
}

static struct search_command
nearest(const float *vector, size_t limit)
{
    return (
        struct search_command){ .vector = vector, .dim = 2, .limit = limit };
}

static struct records
run(const struct search_command *command)
{
    struct records records = { 0 };
    enum engine_code code = collection_search(
        points.collection, command, &points.arena, &records, &points.error);
    ck_assert_msg(code == ENGINE_OK, "%s", points.error.text);
    return records;
}

static void
expect_ids(const struct records *records, const uint64_t *numbers, size_t count)
{
    ck_assert_uint_eq(records->count, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(records->items[i].id.number, numbers[i]);
}
#define EXPECT(records, ...)                                                   \
    expect_ids(records, (uint64_t[]){ __VA_ARGS__ },                           \
               sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static const float far[] = { 1.0f, 0.0f };
static const float near[] = { -1.0f, 0.0f };

START_TEST(ranks_are_added)
{
    float weights[] = { 1.0f, 3.0f };
    struct query query = { .kind = QUERY_RRF, .rank_constant = 2 };
    struct search_command prefetches[] = { nearest(far, 3), nearest(near, 2) };
    struct search_command command = { .query = &query,
                                      .prefetches = prefetches,
                                      .prefetches_count = 2,
                                      .limit = 4 };
    struct records records = run(&command);
    EXPECT(&records, 1, 20, 2, 19); /* equal scores by id */
    ck_assert_double_eq_tol((double)records.items[0].score, 0.5, 1e-6);
    ck_assert_double_eq_tol((double)records.items[2].score, 1.0 / 3.0, 1e-6);
    query.weights = weights;
    query.weights_count = 2;
    records = run(&command);
    EXPECT(&records, 1, 2, 20, 19);
    ck_assert_double_eq_tol((double)records.items[0].score, 0.75, 1e-6);
    query.weights_count = 1;
    ck_assert_int_eq(collection_search(points.collection, &command,
                                       &points.arena, &records, &points.error),
                     ENGINE_EINPUT);
}
END_TEST

START_TEST(distributions_are_added)
{
    struct query query = { .kind = QUERY_DBSF };
    struct search_command prefetches[] = { nearest(far, 3), nearest(far, 1) };
    struct search_command command = { .query = &query,
                                      .prefetches = prefetches,
                                      .prefetches_count = 2,
                                      .limit = 5 };
    struct records records = run(&command);
    EXPECT(&records, 20, 19, 18);
    /* One deviation of three above the mean, and one half. */
    ck_assert_double_eq_tol((double)records.items[0].score, 4.0 / 6.0 + 0.5,
                            1e-5);
    ck_assert_double_eq_tol((double)records.items[1].score, 0.5, 1e-5);
    command.has_score_threshold = true;
    command.score_threshold = 0.5f;
    records = run(&command);
    EXPECT(&records, 20, 19);
}
END_TEST

START_TEST(a_stage_asks_only_for_what_was_fetched)
{
    struct point_filter least;
    struct search_command prefetch = nearest(far, 5);
    struct search_command command = nearest(near, 3);
    command.prefetches = &prefetch;
    command.prefetches_count = 1;
    struct records records = run(&command);
    EXPECT(&records, 16, 17, 18);
    command.offset = 1;
    records = run(&command);
    EXPECT(&records, 17, 18, 19);
    /* The filter holds for the leaf. */
    command.filter = points_at_least(&least, "n", 19);
    command.offset = 0;
    records = run(&command);
    EXPECT(&records, 19, 20);
}
END_TEST

START_TEST(examples_are_left_out_everywhere)
{
    struct query query = { .kind = QUERY_RRF, .rank_constant = 2 };
    struct search_command prefetches[] = { nearest(far, 3),
                                           { .by_id = &ids[20], .limit = 2 } };
    struct search_command command = { .query = &query,
                                      .prefetches = prefetches,
                                      .prefetches_count = 2,
                                      .limit = 5 };
    struct records records = run(&command);
    EXPECT(&records, 19, 18, 17);
    /* What is brought from elsewhere is not asked here, and left out, too. */
    command = nearest(near, 2);
    command.by_id = &ids[1];
    records = run(&command);
    EXPECT(&records, 2, 3);
}
END_TEST

static struct query_example
of_vector(const float *vector)
{
    return (struct query_example){
        .has_vector = true,
        .vector = { .kind = VECTOR_DENSE, .values = vector, .dim = 2 }
    };
}

START_TEST(recommending_knows_three_ways)
{
    struct query_example positives[] = { { .by_id = &ids[10] } };
    struct query_example negatives[] = { of_vector(far) };
    struct query query = { .kind = QUERY_AVERAGE,
                           .positives = positives,
                           .positives_count = 1 };
    struct search_command command = { .query = &query, .limit = 2 };
    struct records records = run(&command);
    EXPECT(&records, 20, 19);
    ck_assert_double_eq_tol((double)records.items[0].score, 201.0, 1e-3);
    query.negatives = negatives;
    query.negatives_count = 1;
    query.kind = QUERY_SUM_SCORES;
    records = run(&command);
    EXPECT(&records, 20, 19);
    ck_assert_double_eq_tol((double)records.items[0].score, 181.0, 1e-3);
    query.kind = QUERY_BEST_SCORE;
    query.positives_count = 0;
    records = run(&command);
    EXPECT(&records, 1, 2); /* the least like the negative one */
    ck_assert_double_eq_tol((double)records.items[0].score, -0.75, 1e-5);
}
END_TEST

START_TEST(discovery_goes_by_pairs_first)
{
    struct query_example positives[] = { of_vector(far) };
    struct query_example negatives[] = { of_vector(near) };
    struct query query = { .kind = QUERY_DISCOVER,
                           .target = of_vector(near),
                           .positives = positives,
                           .positives_count = 1,
                           .negatives = negatives,
                           .negatives_count = 1 };
    struct search_command command = { .query = &query, .limit = 2 };
    struct records records = run(&command);
    EXPECT(&records, 1, 2);
    ck_assert_double_eq_tol((double)records.items[0].score, 1.25, 1e-5);
    query.kind = QUERY_CONTEXT;
    records = run(&command);
    ck_assert_uint_eq(records.count, 2);
    ck_assert_double_eq_tol((double)records.items[0].score, 0.0, 1e-5);
}
END_TEST

START_TEST(diverse_points_are_unlike)
{
    struct query query = { .kind = QUERY_MMR,
                           .target = of_vector(far),
                           .diversity = 0.0f,
                           .candidates = 5 };
    struct search_command command = { .query = &query, .limit = 3 };
    struct records records = run(&command);
    EXPECT(&records, 20, 19, 18);
    query.diversity = 0.9f;
    records = run(&command);
    EXPECT(&records, 20, 16, 17);
    ck_assert_double_eq_tol((double)records.items[1].score, 16.0, 1e-5);
}
END_TEST

START_TEST(random_points_come_once)
{
    struct point_filter least;
    struct query query = { .kind = QUERY_SAMPLE };
    struct search_command command = { .query = &query,
                                      .limit = POINTS,
                                      .filter =
                                          points_at_least(&least, "n", 11) };
    struct records records = run(&command);
    uint64_t sum = 0;
    ck_assert_uint_eq(records.count, 10);
    for (size_t i = 0; i < 10; i++)
        sum += records.items[i].id.number;
    ck_assert_uint_eq(sum, 155);
    ck_assert_uint_eq(records.items[0].version, 0);
}
END_TEST

START_TEST(order_needs_an_index)
{
    struct point_path path;
    struct query query = { .kind = QUERY_ORDER_BY,
                           .order = { .key = *points_path(&path, "n") } };
    struct search_command command = { .query = &query, .limit = 3 };
    struct records records = { 0 };
    ck_assert_int_eq(collection_search(points.collection, &command,
                                       &points.arena, &records, &points.error),
                     ENGINE_EINPUT);
    struct update update = { .kind = UPDATE_CREATE_INDEX,
                             .key = &query.order.key,
                             .schema = PAYLOAD_SCHEMA_INTEGER };
    ck_assert_int_eq(points_update(&points, &update, true), ENGINE_OK);
    query.order.is_descending = true;
    query.order.has_start = true;
    query.order.start = (struct number_value){ true, 7, 7.0 };
    records = run(&command);
    EXPECT(&records, 7, 6, 5);
    ck_assert(records.items[0].has_order);
    ck_assert_int_eq(records.items[0].order.integer, 7);
}
END_TEST

START_TEST(what_is_missing_is_named)
{
    struct point_id missing = points_number(99);
    struct query_example positives[] = { { .by_id = &missing } };
    struct query query = { .kind = QUERY_BEST_SCORE,
                           .positives = positives,
                           .positives_count = 1 };
    struct search_command command = { .query = &query, .limit = 3 };
    struct records records = { 0 };
    ck_assert_int_eq(collection_search(points.collection, &command,
                                       &points.arena, &records, &points.error),
                     ENGINE_ENOTFOUND);
    ck_assert_str_eq(points.error.text, "No point with id 99 found");
    query.kind = QUERY_RRF;
    ck_assert_int_eq(collection_search(points.collection, &command,
                                       &points.arena, &records, &points.error),
                     ENGINE_EINPUT);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("query");
    TCase *tcase = tcase_create("query");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, ranks_are_added);
    tcase_add_test(tcase, distributions_are_added);
    tcase_add_test(tcase, a_stage_asks_only_for_what_was_fetched);
    tcase_add_test(tcase, examples_are_left_out_everywhere);
    tcase_add_test(tcase, recommending_knows_three_ways);
    tcase_add_test(tcase, discovery_goes_by_pairs_first);
    tcase_add_test(tcase, diverse_points_are_unlike);
    tcase_add_test(tcase, random_points_come_once);
    tcase_add_test(tcase, order_needs_an_index);
    tcase_add_test(tcase, what_is_missing_is_named);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
