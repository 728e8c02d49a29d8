/* SPDX-License-Identifier: Apache-2.0
 * Writers, readers, linking and checkpoints on one collection at once. Each
 * point's payload says what its vector is, so that a reader sees a half
 * applied update. Meant for ThreadSanitizer, too. */
#include "engine/collection/body.h"
#include "tests/fixture/points.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIM         8
#define WRITERS     2
#define READERS     2
#define WORKERS     2
#define IDS         400 /* of each writer */
#define ROUNDS      120
#define BATCH       20
#define INDEXED_KEY "m"

static struct points points;
static _Atomic bool is_over;
static _Atomic int faults;

struct writer {
    uint64_t first;
    uint32_t seed;
    int value[IDS]; /* -1: not there */
};

static uint32_t
random_below(uint32_t *seed, uint32_t bound)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % bound;
}

static void
vector_of(int value, float vector[DIM])
{
    uint32_t seed = (uint32_t)value * 2654435761u + 1;
    vector[0] = (float)value;
    for (size_t i = 1; i < DIM; i++)
        vector[i] = (float)random_below(&seed, 1000);
}

static void
check_fault(bool is_ok)
{
    if (!is_ok)
        atomic_fetch_add(&faults, 1);
}

static void
change(const struct update *update)
{
    struct update_options options = { .wait = false };
    struct update_result result;
    struct error error;
    check_fault(collection_update(points.collection, update, &options, &result,
                                  &error) == ENGINE_OK);
}

static void
upsert_some(struct writer *writer)
{
    struct point batch[BATCH];
    struct named_vector vectors[BATCH];
    float values[BATCH][DIM];
    char payloads[BATCH][64];
    for (size_t i = 0; i < BATCH; i++) {
        uint32_t index = random_below(&writer->seed, IDS);
        int value = (int)random_below(&writer->seed, 100000);
        writer->value[index] = value;
        vector_of(value, values[i]);
        snprintf(payloads[i], sizeof(payloads[i]), "{\"v\":%d,\"m\":\"%d\"}",
                 value, value % 3);
        vectors[i] = (struct named_vector){ .values = values[i], .dim = DIM };
        batch[i] = (struct point){ .id = points_number(writer->first + index),
                                   .vectors = &vectors[i],
                                   .vectors_count = 1,
                                   .payload = span_of(payloads[i]) };
    }
    struct update update = { .kind = UPDATE_UPSERT,
                             .points = batch,
                             .points_count = BATCH };
    change(&update);
}

static void
delete_some(struct writer *writer)
{
    struct point_id ids[BATCH / 2];
    for (size_t i = 0; i < BATCH / 2; i++) {
        uint32_t index = random_below(&writer->seed, IDS);
        writer->value[index] = -1;
        ids[i] = points_number(writer->first + index);
    }
    struct update update = points_on_ids(UPDATE_DELETE, ids, BATCH / 2);
    change(&update);
}

static void
index_some(struct writer *writer, int round)
{
    struct point_path path;
    struct update update = { .kind = round % 2 == 0 ? UPDATE_CREATE_INDEX
                                                    : UPDATE_DELETE_INDEX,
                             .key = points_path(&path, INDEXED_KEY),
                             .schema = PAYLOAD_SCHEMA_KEYWORD };
    (void)writer;
    change(&update);
}

static void *
run_writer(void *ctx)
{
    struct writer *writer = ctx;
    for (int round = 0; round < ROUNDS; round++) {
        upsert_some(writer);
        if (round % 3 == 0)
            delete_some(writer);
        if (round % 40 == 20)
            index_some(writer, round / 40);
    }
    return NULL;
}

static bool
is_whole(const struct record *record)
{
    yyjson_doc *doc = NULL;
    if (json_parse(record->payload, &doc, NULL) != ENGINE_OK)
        return false;
    int value = yyjson_get_int(yyjson_obj_get(yyjson_doc_get_root(doc), "v"));
    yyjson_doc_free(doc);
    float expected[DIM];
    vector_of(value, expected);
    return record->vectors_count == 1 &&
           memcmp(record->vectors[0].values, expected, sizeof(expected)) == 0;
}

static const struct output_selection everything = {
    .payload = { .selection = SELECT_ALL },
    .vectors = { .selection = SELECT_ALL }
};

static void
read_once(uint32_t *seed, struct arena *arena)
{
    struct point_filter filter;
    struct records records = { 0 };
    struct error error;
    enum engine_code code;
    float query[DIM];
    vector_of((int)random_below(seed, 100000), query);
    if (random_below(seed, 4) == 0) {
        struct scroll_command scroll = { .limit = 50, .output = everything };
        code = collection_scroll(points.collection, &scroll, arena, &records,
                                 &error);
    } else {
        struct search_command search = {
            .vector = query, .dim = DIM, .limit = 10, .output = everything
        };
        if (random_below(seed, 2) == 0)
            search.filter = points_match(&filter, INDEXED_KEY, "1");
        search.params.hnsw_ef = 10;
        search.params.is_exact = random_below(seed, 4) == 0;
        code = collection_search(points.collection, &search, arena, &records,
                                 &error);
    }
    check_fault(code == ENGINE_OK);
    for (size_t i = 0; code == ENGINE_OK && i < records.count; i++)
        check_fault(is_whole(&records.items[i]));
}

static void *
run_reader(void *ctx)
{
    uint32_t seed = *(const uint32_t *)ctx;
    struct arena arena;
    arena_init(&arena, (size_t)64 << 20);
    while (!atomic_load(&is_over)) {
        read_once(&seed, &arena);
        arena_release(&arena);
        struct collection_info info;
        struct error error;
        check_fault(collection_info(points.collection, &arena, &info, &error) ==
                    ENGINE_OK);
        arena_release(&arena);
    }
    return NULL;
}

static void *
run_worker(void *ctx)
{
    (void)ctx;
    while (!atomic_load(&is_over))
        (void)collection_work(points.collection);
    return NULL;
}

static void
run_all(struct writer writers[WRITERS])
{
    pthread_t threads[WRITERS + READERS + WORKERS];
    uint32_t seeds[READERS] = { 11, 12 };
    size_t count = 0;
    atomic_store(&is_over, false);
    for (size_t i = 0; i < WRITERS; i++)
        pthread_create(&threads[count++], NULL, run_writer, &writers[i]);
    for (size_t i = 0; i < READERS; i++)
        pthread_create(&threads[count++], NULL, run_reader, &seeds[i]);
    for (size_t i = 0; i < WORKERS; i++)
        pthread_create(&threads[count++], NULL, run_worker, NULL);
    for (size_t i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&is_over, true);
    for (size_t i = WRITERS; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void
assert_content(const struct writer writers[WRITERS])
{
    for (size_t w = 0; w < WRITERS; w++)
        for (size_t i = 0; i < IDS; i++) {
            const struct record *record =
                points_get(&points, writers[w].first + i);
            ck_assert_int_eq(record != NULL, writers[w].value[i] >= 0);
            ck_assert(record == NULL || is_whole(record));
            points_forget(&points);
        }
}

static void *
upsert_one(void *ctx)
{
    const float vector[DIM] = { 1.0f };
    (void)ctx;
    if (points_upsert(&points, 1, "", vector, DIM, NULL) != ENGINE_OK)
        atomic_fetch_add(&faults, 1);
    return NULL;
}

/* A change that waits for a slow search keeps further readers out. */
START_TEST(collection_is_busy_while_a_change_waits_for_a_reader)
{
    pthread_t writer;
    points_create(&points, "{\"vectors\":{\"size\":8,\"distance\":\"Dot\"}}");
    ck_assert(!collection_is_busy(points.collection));
    struct segment_reader reader;
    segment_read_begin(points.collection->segment, &reader);
    ck_assert(!collection_is_busy(points.collection));
    ck_assert_int_eq(pthread_create(&writer, NULL, upsert_one, NULL), 0);
    while (!collection_is_busy(points.collection))
        sched_yield();
    segment_read_end(&reader);
    pthread_join(writer, NULL);
    ck_assert(!collection_is_busy(points.collection));
    ck_assert_int_eq(faults, 0);
    points_destroy(&points);
}
END_TEST

START_TEST(collection_serves_readers_and_writers_at_once)
{
    static struct writer writers[WRITERS];
    points_create(&points, "{\"vectors\":{\"size\":8,\"distance\":\"Euclid\"},"
                           "\"hnsw_config\":{\"m\":6,\"ef_construct\":24},"
                           "\"optimizers_config\":{\"indexing_threshold\":4}}");
    for (size_t i = 0; i < WRITERS; i++) {
        writers[i].first = i * IDS;
        writers[i].seed = (uint32_t)i + 1;
        memset(writers[i].value, -1, sizeof(writers[i].value));
    }
    run_all(writers);
    ck_assert_int_eq(atomic_load(&faults), 0);
    points_link(&points);
    assert_content(writers);
    points_drop(&points);
    points_open(&points);
    assert_content(writers);
    points_destroy(&points);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("threads");
    TCase *tcase = tcase_create("threads");
    tcase_set_timeout(tcase, 600);
    tcase_add_test(tcase, collection_is_busy_while_a_change_waits_for_a_reader);
    tcase_add_test(tcase, collection_serves_readers_and_writers_at_once);
    suite_add_tcase(suite, tcase);
    SRunner *sr = srunner_create(suite);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
