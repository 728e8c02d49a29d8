/* SPDX-License-Identifier: Apache-2.0
 * Covers: after many deletes slots end near the number of points, whatever the
 * points consist of; every point stays as it was, versions included, at each
 * step, across closing and killing; inserts and updates meanwhile; nothing
 * happens without need. */
#include "engine/collection/body.h"
#include "engine/segment/body.h"
#include "engine/segment/index_build.h"
#include "engine/segment/memory.h"
#include "tests/fixture/points.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 7000u
#define DIM   32
#define K     10
#define BATCH 1000u
/* More slots of DIM dimensions than take a MiB. */
#define SPARE 4096u

static struct points points;
static uint32_t seed;
#define WIDE_DIM   1024u
#define WIDE_COUNT 1500u

/* By id; 0: not there. The vector and payload follow from it. */
static uint32_t model[2 * COUNT];

static const char plain[] =
    "{\"vectors\":{\"size\":32,\"distance\":\"Euclid\"},"
    "\"hnsw_config\":{\"m\":0}}";
static const char in_memory[] =
    "{\"vectors\":{\"size\":32,\"distance\":\"Dot\"},\"on_disk_payload\":false,"
    "\"hnsw_config\":{\"m\":8,\"ef_construct\":24,\"full_scan_threshold\":10},"
    "\"optimizers_config\":{\"indexing_threshold\":20}}";
static const char on_disk[] =
    "{\"vectors\":{\"size\":32,\"distance\":\"Cosine\",\"on_disk\":true},"
    "\"hnsw_config\":{\"m\":8,\"ef_construct\":24,\"full_scan_threshold\":10},"
    "\"optimizers_config\":{\"indexing_threshold\":20}}";
static const char *const configs[] = { plain, in_memory, on_disk };

static uint32_t
random_below(uint32_t bound)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % bound;
}

static void
vector_of(uint32_t value, float *ret_vector)
{
    uint32_t state = value * 2654435761u + 1;
    for (size_t i = 0; i < DIM; i++) {
        state = state * 1664525u + 1013904223u;
        ret_vector[i] = (float)(state >> 8) / (float)(1u << 24) - 0.5f;
        /* As real data: it does not fill all dimensions. */
        if (i >= 8)
            ret_vector[i] *= 0.05f;
    }
}

static void
text_of(uint32_t value, char text[32])
{
    snprintf(text, 32, "{\"n\":%u}", value % 100);
}

/* Puts new values at `count` <= BATCH ids from `first` on. */
static void
put(uint64_t first, uint32_t count)
{
    static struct point batch[BATCH];
    static struct named_vector vectors[BATCH];
    static float values[BATCH][DIM];
    static char payloads[BATCH][32];
    for (uint32_t i = 0; i < count; i++) {
        uint32_t value = model[first + i] = 1 + random_below(1u << 23);
        vector_of(value, values[i]);
        text_of(value, payloads[i]);
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

/* Deletes all of `first`..`end`-1 but one in `share`. */
static void
thin_out(uint64_t first, uint64_t end, uint32_t share)
{
    static uint64_t numbers[2 * COUNT];
    size_t count = 0;
    for (uint64_t id = first; id < end; id++) {
        if (model[id] == 0 || id % share == 1)
            continue;
        model[id] = 0;
        numbers[count++] = id;
    }
    ck_assert_int_eq(points_delete(&points, numbers, count), ENGINE_OK);
}

static struct segment *
segment(void)
{
    return points.collection->segment;
}

/* One piece of background work; false when nothing is left. */
static bool
work(void)
{
    enum segment_rest rest;
    struct error error;
    enum engine_code code = segment_link(segment(), 64, &rest, &error);
    ck_assert_msg(code == ENGINE_OK, "%s", error.text);
    return rest != SEGMENT_REST_NONE;
}

static void
settle(void)
{
    while (work())
        ;
}

static void
begin(const char *config)
{
    seed = 7;
    memset(model, 0, sizeof(model));
    points_create(&points, config);
    struct point_path path;
    struct update index = { .kind = UPDATE_CREATE_INDEX,
                            .key = points_path(&path, "n"),
                            .schema = PAYLOAD_SCHEMA_INTEGER };
    ck_assert_int_eq(points_update(&points, &index, true), ENGINE_OK);
    for (uint32_t i = 0; i < COUNT; i += BATCH)
        put(i, BATCH);
    settle();
}

static void
check_record(const struct record *record)
{
    float expected[DIM];
    char text[32];
    uint32_t value = model[record->id.number];
    ck_assert_uint_ne(value, 0);
    vector_of(value, expected);
    text_of(value, text);
    ck_assert(span_equal_text(record->payload, text));
    ck_assert_uint_eq(record->vectors_count, 1);
    /* Cosine has brought them to unit length. */
    float scale = expected[0] / record->vectors[0].values[0];
    for (size_t i = 0; i < DIM; i++)
        ck_assert(fabsf(scale * record->vectors[0].values[i] - expected[i]) <
                  1e-4f);
}

/* All points, each once and in order. */
static uint32_t
check_pages(void)
{
    struct scroll_command command = {
        .limit = 3 * COUNT,
        .output = { .payload = { .selection = SELECT_ALL },
                    .vectors = { .selection = SELECT_ALL } }
    };
    struct records records;
    ck_assert_int_eq(collection_scroll(points.collection, &command,
                                       &points.arena, &records, NULL),
                     ENGINE_OK);
    uint32_t at = 0;
    for (uint64_t id = 0; id < 2 * COUNT; id++) {
        if (model[id] == 0)
            continue;
        ck_assert_uint_lt(at, records.count);
        ck_assert_uint_eq(records.items[at].id.number, id);
        check_record(&records.items[at++]);
    }
    ck_assert_uint_eq(at, records.count);
    points_forget(&points);
    return at;
}

static void
check_filter(void)
{
    struct point_filter filter;
    uint64_t expected = 0;
    for (uint64_t id = 0; id < 2 * COUNT; id++)
        expected += model[id] != 0 && model[id] % 100 >= 70;
    ck_assert_uint_eq(points_count(&points, points_at_least(&filter, "n", 70)),
                      expected);
}

static struct records
ask(const float *query, bool is_exact)
{
    struct search_command command = { .vector = query,
                                      .dim = DIM,
                                      .limit = K,
                                      .params = { .hnsw_ef = 64,
                                                  .is_exact = is_exact } };
    struct records records;
    enum engine_code code = collection_search(
        points.collection, &command, &points.arena, &records, &points.error);
    ck_assert_msg(code == ENGINE_OK, "%s", points.error.text);
    return records;
}

static void
check_search(void)
{
    size_t found = 0;
    for (uint32_t i = 0; i < 30; i++) {
        float query[DIM];
        vector_of(i + 77, query);
        struct records exact = ask(query, true);
        struct records walked = ask(query, false);
        ck_assert_uint_eq(exact.count, K);
        for (size_t k = 0; k < walked.count; k++) {
            ck_assert_uint_ne(model[walked.items[k].id.number], 0);
            for (size_t j = 0; j < K; j++)
                found += walked.items[k].id.number == exact.items[j].id.number;
            for (size_t j = 0; j < k; j++)
                ck_assert_uint_ne(walked.items[k].id.number,
                                  walked.items[j].id.number);
        }
        points_forget(&points);
    }
    ck_assert_uint_ge(found, 30 * K * 95 / 100);
}

static void
check_all(void)
{
    uint32_t count = check_pages();
    ck_assert_uint_eq(points_count(&points, NULL), count);
    check_filter();
    check_search();
}

/* The slots, and what belongs to them, end near the points. */
static void
check_small(void)
{
    uint64_t count = points_count(&points, NULL);
    ck_assert_uint_le(segment()->slots_count, count + count / 8 + SPARE / 4);
    ck_assert_uint_eq(segment()->compact_end, COMPACT_NONE);
    ck_assert_uint_eq(segment_view_now(segment())->slots_count,
                      segment()->slots_count);
    struct vectors *vectors = segment()->vectors[0];
    ck_assert_uint_eq(atomic_load(&vectors->end_slot), segment()->slots_count);
    for (size_t i = 0; i < segment()->free_count; i++)
        ck_assert_uint_lt(segment()->free_slots[i], segment()->slots_count);
    ck_assert_uint_eq(slotset_count(&segment()->free_set),
                      segment()->free_count);
}

static void
check_not_sparse(void)
{
    uint64_t count = points_count(&points, NULL);
    ck_assert_uint_le(segment()->slots_count, count + count / 2 + SPARE);
}

static uint64_t
memory_of(void)
{
    struct segment_memory memory;
    ck_assert_int_eq(segment_memory(segment(), &points.arena, &memory, NULL),
                     ENGINE_OK);
    uint64_t size = memory.vectors[0].storage.ram_size +
                    memory.vectors[0].codes.ram_size +
                    memory.vectors[0].graph.ram_size + memory.ids.ram_size;
    points_forget(&points);
    return size;
}

START_TEST(collection_that_shrank_takes_less_room)
{
    begin(configs[_i]);
    uint64_t before = memory_of();
    uint32_t slots = segment()->slots_count;
    uint64_t next = segment()->next_sequence;
    thin_out(0, COUNT, 10);
    ck_assert_uint_eq(segment()->slots_count, slots);
    uint64_t version = points_get(&points, COUNT - 9)->version;
    settle();
    check_small();
    check_all();
    ck_assert_uint_lt(memory_of(), before / 2);
    /* It was nobody's update. */
    ck_assert_uint_eq(points_get(&points, COUNT - 9)->version, version);
    ck_assert_uint_eq(segment()->next_sequence, next + 1);
    points_reopen(&points);
    ck_assert_str_eq(points.said, "");
    check_small();
    check_all();
    ck_assert_uint_eq(points_get(&points, COUNT - 9)->version, version);
    /* It grows again, and shrinks again. */
    for (uint32_t i = 0; i < COUNT; i += BATCH)
        put(i, BATCH);
    settle();
    check_all();
    thin_out(0, COUNT, 20);
    settle();
    check_small();
    check_all();
    points_destroy(&points);
}
END_TEST

START_TEST(each_step_may_be_the_last)
{
    begin(configs[_i]);
    thin_out(0, COUNT, 6);
    for (uint32_t round = 1; round < 16; round++) {
        for (uint32_t i = 0; i < round * 2 && work(); i++)
            ;
        check_all();
        if (round % 3 == 0)
            ck_assert_int_eq(segment_checkpoint(segment(), NULL), ENGINE_OK);
        if (round % 4 == 0)
            points_reopen(&points);
        else
            points_drop(&points);
        if (points.collection == NULL)
            points_open(&points);
        check_all();
    }
    settle();
    check_not_sparse();
    check_all();
    points_destroy(&points);
}
END_TEST

START_TEST(changes_meanwhile_are_kept)
{
    begin(configs[_i]);
    thin_out(0, COUNT, 10);
    for (uint32_t round = 0; round < 60; round++) {
        for (uint32_t i = 0; i < 5 && work(); i++)
            ;
        put(random_below(2 * COUNT - 20), 20);
        uint64_t first = random_below(2 * COUNT - 60);
        thin_out(first, first + 60, 3);
        if (round % 12 == 0)
            check_all();
    }
    settle();
    check_all();
    check_not_sparse();
    points_destroy(&points);
}
END_TEST

START_TEST(points_that_come_back_end_a_run)
{
    begin(configs[_i]);
    thin_out(0, COUNT, 10);
    while (!atomic_load(&segment()->is_compacting))
        ck_assert(work());
    for (uint32_t i = 0; i < COUNT; i += BATCH)
        put(COUNT + i, BATCH);
    settle();
    ck_assert(!atomic_load(&segment()->is_compacting));
    check_not_sparse();
    check_all();
    points_destroy(&points);
}
END_TEST

START_TEST(updates_alone_move_nothing)
{
    begin(in_memory);
    uint64_t links = atomic_load(&segment()->vectors[0]->links);
    thin_out(0, COUNT / 5, 10);
    settle();
    struct point_id last = points_number(COUNT - 1);
    struct segment_reader reader;
    segment_read_begin(segment(), &reader);
    ck_assert_uint_eq(segment_find(&reader, &last), COUNT - 1);
    segment_read_end(&reader);
    ck_assert_uint_eq(segment()->slots_count, COUNT);
    ck_assert_uint_le(atomic_load(&segment()->vectors[0]->links), links + 1);
    points_destroy(&points);
}
END_TEST

START_TEST(last_points_go_and_come)
{
    begin(configs[_i]);
    for (int round = 0; round < 2; round++) {
        thin_out(0, COUNT, 1000000);
        ck_assert_uint_le(points_count(&points, NULL), 1);
        settle();
        ck_assert_uint_le(segment()->slots_count, 1025);
        put(0, BATCH);
        settle();
        check_all();
        for (uint32_t i = 0; i < COUNT; i += BATCH)
            put(i, BATCH);
        settle();
        check_all();
    }
    points_destroy(&points);
}
END_TEST

/* `count` points of a wide vector, whose first value is their number. */
static void
put_wide(uint32_t count)
{
    static float values[WIDE_DIM];
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < WIDE_DIM; k++)
            values[k] = (float)((i * 7 + k * 3) % 11);
        values[0] = (float)i;
        ck_assert_int_eq(points_upsert(&points, i, "", values, WIDE_DIM, NULL),
                         ENGINE_OK);
    }
    settle();
}

/* Leaves the first `kept` of `count`. */
static void
keep_wide(uint32_t count, uint32_t kept)
{
    static uint64_t numbers[WIDE_COUNT];
    for (uint32_t i = kept; i < count; i++)
        numbers[i - kept] = i;
    ck_assert_int_eq(points_delete(&points, numbers, count - kept), ENGINE_OK);
    settle();
}

START_TEST(few_big_points_give_room_back_too)
{
    points_create(&points, "{\"vectors\":{\"size\":1024,\"distance\":"
                           "\"Euclid\"}}");
    put_wide(WIDE_COUNT);
    uint64_t before = memory_of();
    keep_wide(WIDE_COUNT, WIDE_COUNT * 3 / 10);
    ck_assert_uint_le(segment()->slots_count, WIDE_COUNT / 2);
    ck_assert_uint_lt(memory_of(), before * 2 / 3);
    for (uint32_t i = 0; i < WIDE_COUNT; i++) {
        const struct record *record = points_get(&points, i);
        ck_assert_int_eq(record != NULL, i < WIDE_COUNT * 3 / 10);
        if (record != NULL)
            ck_assert(record->vectors[0].values[0] == (float)i);
        points_forget(&points);
    }
    points_destroy(&points);
}
END_TEST

START_TEST(what_takes_little_room_stays)
{
    points_create(&points, "{\"vectors\":{\"size\":1024,\"distance\":"
                           "\"Euclid\"}}");
    put_wide(200);
    keep_wide(200, 0);
    ck_assert_uint_eq(segment()->slots_count, 200);
    points_destroy(&points);
}
END_TEST

START_TEST(run_waits_for_an_index_that_is_made)
{
    begin(plain);
    struct index_build build = { 0 };
    segment()->build = &build;
    build.is_broken = true;
    pthread_mutex_init(&build.lock, NULL);
    thin_out(0, COUNT, 10);
    settle();
    ck_assert_uint_eq(segment()->slots_count, COUNT);
    segment()->build = NULL;
    pthread_mutex_destroy(&build.lock);
    settle();
    check_small();
    check_all();
    points_destroy(&points);
}
END_TEST

int
main(void)
{
    int configs_count = (int)(sizeof(configs) / sizeof(configs[0]));
    Suite *suite = suite_create("compact");
    TCase *tcase = tcase_create("compact");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, collection_that_shrank_takes_less_room, 0,
                        configs_count);
    tcase_add_loop_test(tcase, each_step_may_be_the_last, 0, configs_count);
    tcase_add_loop_test(tcase, changes_meanwhile_are_kept, 0, 2);
    tcase_add_loop_test(tcase, points_that_come_back_end_a_run, 0, 2);
    tcase_add_loop_test(tcase, last_points_go_and_come, 0, configs_count);
    tcase_add_test(tcase, updates_alone_move_nothing);
    tcase_add_test(tcase, few_big_points_give_room_back_too);
    tcase_add_test(tcase, what_takes_little_room_stays);
    tcase_add_test(tcase, run_waits_for_an_index_that_is_made);
    suite_add_tcase(suite, tcase);
    SRunner *sr = srunner_create(suite);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
