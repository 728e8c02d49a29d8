/* SPDX-License-Identifier: Apache-2.0
 * Covers: walks that cannot reach all that matches, or give up: what they lack
 * is found by a scan, with indexed_only among linked points. */
#include "engine/collection/body.h"
#include "engine/index/hnsw_graph.h"
#include "engine/segment/body.h"
#include "tests/fixture/points.h"
#include "tests/fixture/suite.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define DIM   8
#define COUNT 4000u
#define K     10

static struct points points;
static uint32_t seed = 5;

/* A sample of the planner sees these only: it believes that all match. */
static bool
is_sampled(uint32_t number)
{
    return number % 63 == 31;
}

static void
fill(uint32_t first, uint32_t count)
{
    static struct point batch[COUNT];
    static struct named_vector vectors[COUNT];
    static float values[COUNT][DIM];
    for (uint32_t i = 0; i < count; i++) {
        for (size_t k = 0; k < DIM; k++) {
            seed = seed * 1664525u + 1013904223u;
            values[i][k] = (float)(seed >> 8);
        }
        vectors[i] = (struct named_vector){ .values = values[i], .dim = DIM };
        batch[i] = (struct point){ .id = points_number(first + i),
                                   .vectors = &vectors[i],
                                   .vectors_count = 1,
                                   .payload = span_of(is_sampled(first + i)
                                                          ? "{\"n\":1}"
                                                          : "{\"n\":0}") };
    }
    struct update update = { .kind = UPDATE_UPSERT,
                             .points = batch,
                             .points_count = count };
    ck_assert_int_eq(points_update(&points, &update, false), ENGINE_OK);
}

static void
setup(void)
{
    points_create(&points,
                  "{\"vectors\":{\"size\":8,\"distance\":\"Euclid\"},"
                  "\"hnsw_config\":{\"m\":12,\"ef_construct\":64,"
                  "\"full_scan_threshold\":10},"
                  "\"optimizers_config\":{\"indexing_threshold\":20}}");
    fill(0, COUNT);
    points_link(&points);
}

static void
teardown(void)
{
    points_destroy(&points);
}

/* Takes all but `left` of the sampled points out of all lists. */
static void
put_out_of_reach(uint32_t left)
{
    const struct hnsw *graph = points.collection->segment->vectors[0]->graph;
    for (uint32_t slot = 0; slot < COUNT; slot++)
        for (uint32_t level = 0; level <= hnsw_node(graph, slot)->level;
             level++) {
            hnsw_link *links = hnsw_links(graph, slot, level);
            uint32_t kept[2 * HNSW_M_MAX];
            uint32_t links_max = hnsw_links_max(graph, level), count = 0;
            for (uint32_t i = 0; i < links_max; i++)
                if (links[i] != SLOT_NONE &&
                    (!is_sampled(links[i]) || links[i] / 63 < left))
                    kept[count++] = links[i];
            hnsw_links_write(links, links_max, kept, count);
        }
}

static struct records
ask(const struct filter *filter, bool is_exact, bool is_indexed_only)
{
    static const float query[DIM];
    struct search_command command = { .vector = query,
                                      .dim = DIM,
                                      .limit = K,
                                      .filter = filter,
                                      .params = { .hnsw_ef = 40,
                                                  .is_exact = is_exact,
                                                  .is_indexed_only =
                                                      is_indexed_only } };
    struct records records;
    enum engine_code code = collection_search(
        points.collection, &command, &points.arena, &records, &points.error);
    ck_assert_msg(code == ENGINE_OK, "%s", points.error.text);
    return records;
}

static void
assert_same(const struct records *a, const struct records *b)
{
    ck_assert_uint_eq(a->count, b->count);
    for (size_t i = 0; i < a->count; i++)
        ck_assert_uint_eq(a->items[i].id.number, b->items[i].id.number);
}

/* `_i` matching points are in reach: none, less than the limit, more. */
START_TEST(walk_that_reaches_little_is_finished)
{
    static const uint32_t lefts[] = { 0, 3, 20 };
    struct point_filter filter;
    put_out_of_reach(lefts[_i / 2]);
    const struct filter *matching = points_at_least(&filter, "n", 1);
    struct records exact = ask(matching, true, false);
    struct records walked = ask(matching, false, _i % 2 == 1);
    ck_assert_uint_eq(exact.count, K);
    assert_same(&walked, &exact);
}
END_TEST

START_TEST(indexed_only_is_finished_among_linked_points)
{
    struct point_filter filter;
    put_out_of_reach(3);
    const struct filter *matching = points_at_least(&filter, "n", 1);
    struct records before = ask(matching, true, false);
    const float query[DIM] = { 0 };
    ck_assert_int_eq(points_upsert(&points, COUNT, "", query, DIM, "{\"n\":1}"),
                     ENGINE_OK);
    ck_assert_uint_eq(ask(matching, false, false).items[0].id.number, COUNT);
    struct records walked = ask(matching, false, true);
    assert_same(&walked, &before);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("short_walk");
    TCase *tcase = tcase_create("short_walk");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, walk_that_reaches_little_is_finished, 0, 6);
    tcase_add_test(tcase, indexed_only_is_finished_among_linked_points);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
