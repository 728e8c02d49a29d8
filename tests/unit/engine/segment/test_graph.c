/* SPDX-License-Identifier: Apache-2.0
 * Covers: walks find what scans find, the waiting tail, indexed_only, walks
 * under filters, dead points swept out and their slots used again, a graph
 * with another m, checkpoints taken and loaded. */
#include "engine/collection/body.h"
#include "engine/segment/body.h"
#include "tests/fixture/points.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fixture/suite.h"

#define DIM   8
#define COUNT 4000
#define K     10

static struct points points;
static uint32_t seed = 5;

static float
random_float(void)
{
    seed = seed * 1664525u + 1013904223u;
    return (float)(seed >> 8) / (float)(1u << 24);
}

static void
fill(uint64_t first, uint64_t count)
{
    static struct point batch[COUNT];
    static struct named_vector vectors[COUNT];
    static float values[COUNT][DIM];
    static char payloads[COUNT][32];
    for (uint64_t i = 0; i < count; i++) {
        for (size_t k = 0; k < DIM; k++)
            values[i][k] = random_float();
        snprintf(payloads[i], sizeof(payloads[i]), "{\"n\":%d}",
                 (int)((first + i) % 100));
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
    points_create(&points,
                  "{\"vectors\":{\"size\":8,\"distance\":\"Euclid\"},"
                  "\"hnsw_config\":{\"m\":12,\"ef_construct\":64,"
                  "\"full_scan_threshold\":10},"
                  "\"optimizers_config\":{\"indexing_threshold\":20}}");
    fill(0, COUNT);
}

static void
teardown(void)
{
    points_destroy(&points);
}

static struct vectors *
vectors(void)
{
    return points.collection->segment->vectors[0];
}

static struct records
ask(const float *query, const struct filter *filter, bool is_exact)
{
    struct search_command command = { .vector = query,
                                      .dim = DIM,
                                      .limit = K,
                                      .filter = filter,
                                      .params = { .hnsw_ef = 40,
                                                  .is_exact = is_exact } };
    struct records records;
    enum engine_code code = collection_search(
        points.collection, &command, &points.arena, &records, &points.error);
    ck_assert_msg(code == ENGINE_OK, "%s", points.error.text);
    return records;
}

/* Of 50 queries, how many of the exact hits the default search found. */
static size_t
found_of_500(const struct filter *filter)
{
    size_t found = 0;
    for (size_t i = 0; i < 50; i++) {
        float query[DIM];
        for (size_t k = 0; k < DIM; k++)
            query[k] = random_float();
        struct records exact = ask(query, filter, true);
        struct records walked = ask(query, filter, false);
        ck_assert_uint_eq(exact.count, K);
        ck_assert_uint_eq(walked.count, K);
        for (size_t k = 0; k < K; k++)
            if (walked.items[k].score <= exact.items[K - 1].score)
                found++;
        points_forget(&points);
    }
    return found;
}

START_TEST(walk_finds_what_a_scan_finds)
{
    struct point_filter filter;
    ck_assert_ptr_nonnull(vectors()->graph);
    ck_assert_uint_ge(found_of_500(NULL), 490);
    points_link(&points);
    ck_assert_uint_eq(hnsw_linked_count(vectors()->graph), COUNT);
    ck_assert_uint_ge(found_of_500(NULL), 490);
    ck_assert_uint_ge(found_of_500(points_at_least(&filter, "n", 50)), 490);
    ck_assert_uint_ge(found_of_500(points_at_least(&filter, "n", 98)), 500);
}
END_TEST

START_TEST(new_point_is_found_before_it_is_linked)
{
    float far[DIM] = { 50, 50, 50, 50, 50, 50, 50, 50 };
    points_link(&points);
    ck_assert_int_eq(points_upsert(&points, 99999, "", far, DIM, NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(queue_count(&vectors()->queue), 1);
    ck_assert_uint_eq(ask(far, NULL, false).items[0].id.number, 99999);
    struct search_command command = { .vector = far,
                                      .dim = DIM,
                                      .limit = 1,
                                      .params = { .hnsw_ef = 10,
                                                  .is_indexed_only = true } };
    struct records records;
    ck_assert_int_eq(collection_search(points.collection, &command,
                                       &points.arena, &records, NULL),
                     ENGINE_OK);
    ck_assert_uint_ne(records.items[0].id.number, 99999);
    points_link(&points);
    ck_assert_uint_eq(ask(far, NULL, false).items[0].id.number, 99999);
    uint64_t number = 99999;
    ck_assert_int_eq(points_delete(&points, &number, 1), ENGINE_OK);
    ck_assert_uint_ne(ask(far, NULL, false).items[0].id.number, 99999);
}
END_TEST

static uint32_t
slot_of(const struct point_id *id)
{
    struct segment_reader reader;
    segment_read_begin(points.collection->segment, &reader);
    uint32_t slot = segment_find(&reader, id);
    segment_read_end(&reader);
    return slot;
}

START_TEST(payload_change_leaves_the_graph_alone)
{
    points_link(&points);
    uint64_t links = atomic_load(&vectors()->links);
    struct point_id id = points_number(3);
    struct update update = points_on_ids(UPDATE_SET_PAYLOAD, &id, 1);
    update.payload = span_of("{\"n\":7}");
    uint32_t slot = slot_of(&id);
    ck_assert_int_eq(points_update(&points, &update, false), ENGINE_OK);
    const struct record *record = points_get(&points, 3);
    ck_assert_int_eq(points_upsert(&points, 3, "", record->vectors[0].values,
                                   DIM, "{\"n\":8}"),
                     ENGINE_OK);
    ck_assert_uint_eq(slot_of(&id), slot);
    points_link(&points);
    ck_assert_uint_eq(atomic_load(&vectors()->links), links);
    ck_assert_int_eq(atomic_load(&vectors()->dead_count), 0);
}
END_TEST

START_TEST(slots_of_the_dead_are_used_again)
{
    points_link(&points);
    for (int round = 0; round < 6; round++) {
        fill(0, COUNT);
        points_link(&points);
    }
    struct segment *segment = points.collection->segment;
    ck_assert_uint_le(segment->slots_count, 2 * COUNT + COUNT / 10);
    ck_assert_uint_eq(points_count(&points, NULL), COUNT);
    ck_assert_uint_ge(found_of_500(NULL), 485);
    points_reopen(&points);
    ck_assert_str_eq(points.said, "");
    ck_assert_uint_eq(points_count(&points, NULL), COUNT);
    ck_assert_uint_ge(found_of_500(NULL), 485);
    /* Killed in the middle: the checkpoint may be old. */
    fill(0, COUNT);
    points_drop(&points);
    points_open(&points);
    ck_assert_uint_ge(found_of_500(NULL), 485);
    points_link(&points);
    ck_assert_uint_ge(found_of_500(NULL), 485);
}
END_TEST

START_TEST(all_points_replaced_three_times_take_no_more_room)
{
    points_link(&points);
    size_t before = found_of_500(NULL);
    size_t memory = hnsw_memory(vectors()->graph).used_size;
    for (uint64_t i = 0; i < 3 * COUNT; i += 50) {
        fill(i % COUNT, 50);
        points_link(&points);
    }
    struct segment *segment = points.collection->segment;
    ck_assert_uint_eq(points_count(&points, NULL), COUNT);
    ck_assert_uint_le(segment->slots_count, COUNT + COUNT / 10);
    ck_assert_uint_le(hnsw_memory(vectors()->graph).used_size,
                      memory + memory / 10 + 65536);
    ck_assert_uint_ge(found_of_500(NULL) + 5, before);
}
END_TEST

START_TEST(checkpoint_older_than_reused_slots_is_mended)
{
    points_link(&points);
    ck_assert_int_eq(segment_checkpoint(points.collection->segment, NULL),
                     ENGINE_OK);
    for (uint64_t i = 0; i < COUNT; i += 50) {
        fill(i, 50);
        points_link(&points);
    }
    points_drop(&points);
    points_open(&points);
    ck_assert_str_eq(points.said, "");
    ck_assert(hnsw_is_sweeping(vectors()->graph));
    ck_assert_uint_ge(found_of_500(NULL), 490);
    points_link(&points);
    ck_assert(!hnsw_is_sweeping(vectors()->graph));
    ck_assert_uint_eq(queue_count(&vectors()->queue), 0);
    ck_assert_uint_ge(found_of_500(NULL), 485);
    ck_assert_uint_le(points.collection->segment->slots_count,
                      COUNT + COUNT / 10);
}
END_TEST

/* The only point that waits is in other hands: nobody is to call again at
 * once, as long as nothing can be done. */
START_TEST(what_cannot_be_linked_now_is_no_work_for_now)
{
    uint32_t slot;
    uint64_t ticket;
    points_link(&points);
    fill(COUNT, 1);
    struct segment *segment = points.collection->segment;
    ck_assert(queue_take(&vectors()->queue, 9, &slot, &ticket));
    enum segment_rest rest = SEGMENT_REST_MORE;
    ck_assert_int_eq(segment_link(segment, COLLECTION_WORK_POINTS, &rest, NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(segment_link_count(segment), 1);
    ck_assert_int_eq(rest, SEGMENT_REST_LATER);
    ck_assert_uint_gt(collection_work(points.collection), 0);
    queue_retry(&vectors()->queue, ticket);
    points_link(&points);
    ck_assert_uint_eq(segment_link_count(segment), 0);
}
END_TEST

static void
configure(uint32_t m, uint32_t ef_construct)
{
    struct segment_vector_options options = vectors()->options;
    options.m = m;
    options.ef_construct = ef_construct;
    segment_configure(points.collection->segment, &options, 1);
}

static bool
is_renewing(void)
{
    struct segment_state state;
    segment_state(points.collection->segment, &state);
    return state.is_renewing;
}

START_TEST(another_m_builds_another_graph)
{
    points_link(&points);
    struct hnsw *graph = vectors()->graph;
    configure(12, 100);
    points_link(&points);
    ck_assert_ptr_eq(vectors()->graph, graph);
    ck_assert_uint_eq(hnsw_params_of(graph).ef_construct, 100);
    ck_assert_uint_eq(segment_link_count(points.collection->segment), 0);
    configure(20, 100);
    /* Work from the first moment on, so that nobody takes it for done. */
    ck_assert_uint_eq(segment_link_count(points.collection->segment), 1);
    ck_assert(is_renewing());
    fill(0, 1000);
    ck_assert_uint_ge(found_of_500(NULL), 490);
    points_link(&points);
    ck_assert_uint_eq(hnsw_params_of(vectors()->graph).m, 20);
    ck_assert_ptr_null(vectors()->next_graph);
    ck_assert(!is_renewing());
    ck_assert_uint_eq(queue_count(&vectors()->queue), 0);
    ck_assert_uint_eq(hnsw_linked_count(vectors()->graph), COUNT);
    ck_assert_uint_ge(found_of_500(NULL), 490);
    fill(0, COUNT);
    points_link(&points);
    ck_assert_uint_ge(found_of_500(NULL), 485);
}
END_TEST

/* Points that died while it was built are in no graph then. */
START_TEST(another_graph_lets_go_of_the_dead)
{
    points_link(&points);
    configure(20, 100);
    fill(0, 1000);
    points_link(&points);
    fill(COUNT, 1000);
    ck_assert_uint_eq(hnsw_params_of(vectors()->graph).m, 20);
    ck_assert_uint_eq(points.collection->segment->slots_count, COUNT + 1000);
}
END_TEST

START_TEST(m_of_zero_takes_the_graph_away)
{
    points_link(&points);
    fill(0, 1000);
    configure(0, 100);
    ck_assert_ptr_null(vectors()->graph);
    ck_assert_uint_eq(found_of_500(NULL), 500);
    points_link(&points);
    fill(0, 1000);
    ck_assert_uint_le(points.collection->segment->slots_count, COUNT + 1000);
    ck_assert_uint_eq(found_of_500(NULL), 500);
    configure(12, 64);
    points_link(&points);
    ck_assert_ptr_nonnull(vectors()->graph);
    ck_assert_uint_eq(hnsw_linked_count(vectors()->graph), COUNT);
    ck_assert_uint_ge(found_of_500(NULL), 490);
}
END_TEST

START_TEST(checkpoint_brings_the_graph_back)
{
    points_link(&points);
    points_reopen(&points);
    ck_assert_str_eq(points.said, "");
    ck_assert_uint_eq(queue_count(&vectors()->queue), 0);
    fill(COUNT, 100);
    points_drop(&points);
    points_open(&points);
    ck_assert_uint_eq(queue_count(&vectors()->queue), 100);
    ck_assert_uint_ge(found_of_500(NULL), 490);
}
END_TEST

START_TEST(graph_without_links_asked_for_is_not_built)
{
    points_destroy(&points);
    points_create(&points, "{\"vectors\":{\"size\":8,\"distance\":\"Euclid\"},"
                           "\"hnsw_config\":{\"m\":0},"
                           "\"optimizers_config\":{\"indexing_threshold\":1}}");
    fill(0, COUNT);
    ck_assert_ptr_null(vectors()->graph);
    ck_assert_uint_eq(found_of_500(NULL), 500);
    fill(0, COUNT);
    fill(0, COUNT);
    ck_assert_uint_le(points.collection->segment->slots_count, 2 * COUNT);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("graph");
    TCase *tcase = tcase_create("graph");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, walk_finds_what_a_scan_finds);
    tcase_add_test(tcase, new_point_is_found_before_it_is_linked);
    tcase_add_test(tcase, payload_change_leaves_the_graph_alone);
    tcase_add_test(tcase, slots_of_the_dead_are_used_again);
    tcase_add_test(tcase, all_points_replaced_three_times_take_no_more_room);
    tcase_add_test(tcase, checkpoint_older_than_reused_slots_is_mended);
    tcase_add_test(tcase, what_cannot_be_linked_now_is_no_work_for_now);
    tcase_add_test(tcase, another_m_builds_another_graph);
    tcase_add_test(tcase, another_graph_lets_go_of_the_dead);
    tcase_add_test(tcase, m_of_zero_takes_the_graph_away);
    tcase_add_test(tcase, checkpoint_brings_the_graph_back);
    tcase_add_test(tcase, graph_without_links_asked_for_is_not_built);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
