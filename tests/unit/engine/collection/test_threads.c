/* SPDX-License-Identifier: Apache-2.0
 * Writers, readers, linking and checkpoints on one collection at once. Each
 * point's payload says what its vector is, so that a reader sees a half
 * applied update. Meant for ThreadSanitizer, too. */
#include "engine/collection/body.h"
#include "engine/segment/body.h"
#include "engine/segment/memory.h"
#include "tests/fixture/points.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

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
static _Atomic int fault_line; /* of the first */

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
note_fault(int line)
{
    if (atomic_fetch_add(&faults, 1) == 0)
        atomic_store(&fault_line, line);
}

#define check_fault(is_ok) ((is_ok) ? (void)0 : note_fault(__LINE__))

static void
assert_no_fault(void)
{
    int count = atomic_load(&faults);
    ck_assert_msg(count == 0, "%d faults, the first at line %d", count,
                  atomic_load(&fault_line));
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

/* ---- readers go by a moment ---- */

static void
upsert_one(uint64_t number, int value)
{
    float vector[DIM];
    char payload[64];
    vector_of(value, vector);
    snprintf(payload, sizeof(payload), "{\"v\":%d,\"m\":\"1\"}", value);
    check_fault(points_upsert(&points, number, "", vector, DIM, payload) ==
                ENGINE_OK);
}

START_TEST(change_waits_for_no_reader_and_leaves_it_what_it_saw)
{
    struct segment_reader reader;
    const struct point_id id = points_number(1);
    points_create(&points,
                  _i == 0 ? "{\"vectors\":{\"size\":8,\"distance\":\"Dot\"},"
                            "\"on_disk_payload\":true}"
                          : "{\"vectors\":{\"size\":8,\"distance\":\"Dot\"},"
                            "\"on_disk_payload\":false}");
    upsert_one(1, 10);
    segment_read_begin(points.collection->segment, &reader);
    uint32_t slot = segment_find(&reader, &id);
    /* Moves it, removes it, and would use its slot again. */
    upsert_one(1, 11);
    uint64_t number = 1;
    ck_assert_int_eq(points_delete(&points, &number, 1), ENGINE_OK);
    for (int i = 0; i < 100; i++)
        upsert_one(100 + (uint64_t)i, 100 + i);
    ck_assert_uint_eq(segment_points_count(&reader), 1);
    ck_assert_uint_eq(segment_id(&reader, slot).number, 1);
    struct arena arena;
    struct span payload;
    arena_init(&arena, 4096);
    ck_assert_int_eq(
        segment_payloads(&reader, &slot, 1, &arena, &payload, NULL), ENGINE_OK);
    ck_assert(span_equal_text(payload, "{\"v\":10,\"m\":\"1\"}"));
    const void *row = NULL;
    ck_assert_int_eq(segment_vectors(&reader, 0, &slot, 1, &arena, &row, NULL),
                     ENGINE_OK);
    ck_assert(row != NULL && *(const float *)row == 10.0f);
    arena_release(&arena);
    ck_assert_uint_eq(segment_find(&reader, &id), SEGMENT_NO_SLOT);
    segment_read_end(&reader);
    /* No graph: both slots are used again once the reader has left. */
    upsert_one(7, 7);
    ck_assert_uint_le(points.collection->segment->slots_count, 103);
    ck_assert_uint_eq(points_count(&points, NULL), 101);
    assert_no_fault();
    points_destroy(&points);
}
END_TEST

/* A vector of each kind, and where its rows are. */
static const char *const kinds[] = {
    "{\"vectors\":{\"v\":{\"size\":32,\"distance\":\"Dot\"}}}",
    "{\"vectors\":{\"v\":{\"size\":32,\"distance\":\"Dot\","
    "\"datatype\":\"float16\"}}}",
    "{\"vectors\":{\"v\":{\"size\":32,\"distance\":\"Dot\","
    "\"on_disk\":true}}}",
    "{\"vectors\":{\"v\":{\"size\":16,\"distance\":\"Dot\","
    "\"multivector_config\":{\"comparator\":\"max_sim\"}}}}",
    "{\"vectors\":{},\"sparse_vectors\":{\"v\":{}}}",
};
static const enum vector_kind kind_of[] = { VECTOR_DENSE, VECTOR_DENSE,
                                            VECTOR_DENSE, VECTOR_MULTI,
                                            VECTOR_SPARSE };
#define KINDS 5

static void
put_vector(int kind, uint64_t number, float value)
{
    float values[32];
    uint32_t indices[32];
    for (uint32_t i = 0; i < 32; i++) {
        values[i] = value;
        indices[i] = i;
    }
    struct named_vector vector = { .name = span_of("v"),
                                   .values = values,
                                   .dim =
                                       kind_of[kind] == VECTOR_MULTI ? 16 : 32,
                                   .kind = kind_of[kind],
                                   .indices = indices,
                                   .rows = 2 };
    struct point point = { .id = points_number(number),
                           .vectors = &vector,
                           .vectors_count = 1 };
    struct update update = { .kind = UPDATE_UPSERT,
                             .points = &point,
                             .points_count = 1 };
    change(&update);
}

/* 0: the point lacks it. */
static float
value_of(const struct segment_reader *reader, int kind, uint32_t slot)
{
    struct arena arena;
    const void *row = NULL;
    arena_init(&arena, 1 << 20);
    ck_assert_int_eq(segment_vectors(reader, 0, &slot, 1, &arena, &row, NULL),
                     ENGINE_OK);
    float value =
        row == NULL ? 0.0f : vector_row_value(kind_of[kind], 32, row).values[0];
    arena_release(&arena);
    return value;
}

/* It was listed by a scroll, or found by its id, and is then copied out. */
START_TEST(point_that_came_after_a_reader_and_went_has_its_vector)
{
    const struct span name = span_of("v");
    const uint64_t gone = 1;
    struct segment_reader reader;
    points_create(&points, kinds[_i]);
    segment_read_begin(points.collection->segment, &reader);
    uint32_t slots[3];
    for (uint64_t i = 0; i < 3; i++) {
        const struct point_id id = points_number(i);
        put_vector(_i, i, 10);
        slots[i] = segment_find(&reader, &id);
        ck_assert(value_of(&reader, _i, slots[i]) == 10);
    }
    put_vector(_i, 0, 11);
    ck_assert_int_eq(points_delete(&points, &gone, 1), ENGINE_OK);
    const struct point_id id = points_number(2);
    struct update update = points_on_ids(UPDATE_DELETE_VECTORS, &id, 1);
    update.names = &name;
    update.names_count = 1;
    change(&update);
    for (uint64_t i = 3; i < 40; i++)
        put_vector(_i, i, 12);
    ck_assert(value_of(&reader, _i, slots[0]) == 10);
    ck_assert(value_of(&reader, _i, slots[1]) == 10);
    /* As it was or as it is: it may have got another slot. */
    float value = value_of(&reader, _i, slots[2]);
    ck_assert(value == 10 || value == 0);
    segment_read_end(&reader);
    assert_no_fault();
    points_destroy(&points);
}
END_TEST

/* A search of several parts goes by a newer view in each. */
START_TEST(point_that_died_since_the_start_has_no_other_vector)
{
    const float values[DIM] = { 1 };
    const uint64_t number = 1;
    const struct point_id id = points_number(number);
    struct segment_reader reader;
    points_create(&points,
                  "{\"vectors\":{\"v\":{\"size\":8,\"distance\":\"Dot\"},"
                  "\"w\":{\"size\":8,\"distance\":\"Dot\"}}}");
    ck_assert_int_eq(points_upsert(&points, number, "w", values, DIM, NULL),
                     ENGINE_OK);
    points_reopen(&points);
    segment_read_begin(points.collection->segment, &reader);
    uint32_t slot = segment_find(&reader, &id);
    size_t lacking = segment_vector_number(&reader, span_of("v"));
    size_t other = segment_vector_number(&reader, span_of("w"));
    ck_assert_int_eq(points_delete(&points, &number, 1), ENGINE_OK);
    reader.view = segment_view_now(points.collection->segment);
    ck_assert(!segment_has_vector(&reader, lacking, slot));
    ck_assert(segment_has_vector(&reader, other, slot));
    segment_read_end(&reader);
    points_destroy(&points);
}
END_TEST

#define MOVED 300 /* points that are always there and always moving */

/* There are points without "m", too. */
static _Atomic bool has_others;

static void *
run_mover(void *ctx)
{
    uint32_t seed = *(const uint32_t *)ctx;
    for (int round = 0; round < 4 * ROUNDS; round++) {
        struct point batch[BATCH];
        struct named_vector vectors[BATCH];
        float values[BATCH][DIM];
        uint32_t first = random_below(&seed, MOVED);
        for (size_t i = 0; i < BATCH; i++) {
            vector_of((int)random_below(&seed, 100000), values[i]);
            vectors[i] =
                (struct named_vector){ .values = values[i], .dim = DIM };
            batch[i] =
                (struct point){ .id = points_number((first + i * 7) % MOVED),
                                .vectors = &vectors[i],
                                .vectors_count = 1,
                                .payload = span_of("{\"m\":\"1\"}") };
        }
        struct update update = { .kind = UPDATE_UPSERT,
                                 .points = batch,
                                 .points_count = BATCH };
        change(&update);
    }
    atomic_store(&is_over, true);
    return NULL;
}

static void
check_all_once(const struct records *records)
{
    bool is_seen[MOVED] = { false };
    check_fault(records->count == MOVED);
    for (size_t i = 0; i < records->count; i++) {
        uint64_t number = records->items[i].id.number;
        check_fault(number < MOVED && !is_seen[number]);
        if (number < MOVED)
            is_seen[number] = true;
    }
}

static void *
run_watcher(void *ctx)
{
    uint32_t seed = *(const uint32_t *)ctx;
    struct arena arena;
    arena_init(&arena, (size_t)64 << 20);
    while (!atomic_load(&is_over)) {
        struct point_filter filter;
        struct records records = { 0 };
        float query[DIM];
        vector_of((int)random_below(&seed, 100000), query);
        struct search_command search = { .vector = query,
                                         .dim = DIM,
                                         .limit = MOVED + 1 };
        struct scroll_command scroll = { .limit = MOVED + 1 };
        uint32_t kind = random_below(&seed, 4);
        if (kind % 2 == 1 || atomic_load(&has_others))
            search.filter = scroll.filter = points_match(&filter, "m", "1");
        search.params.is_exact = random_below(&seed, 2) == 0;
        search.params.hnsw_ef = 4 * MOVED;
        struct error error;
        check_fault((kind < 2
                         ? collection_search(points.collection, &search, &arena,
                                             &records, &error)
                         : collection_scroll(points.collection, &scroll, &arena,
                                             &records, &error)) == ENGINE_OK);
        check_all_once(&records);
        arena_release(&arena);
    }
    return NULL;
}

/* An index comes and goes beside the moves. */
static void *
run_indexer(void *ctx)
{
    (void)ctx;
    for (int round = 0; !atomic_load(&is_over); round++)
        index_some(NULL, round);
    return NULL;
}

static void
run_moves(void)
{
    pthread_t threads[2 + READERS + WORKERS];
    uint32_t seeds[1 + READERS] = { 1, 2, 3 };
    size_t count = 0;
    atomic_store(&is_over, false);
    for (uint64_t i = 0; i < MOVED; i++)
        upsert_one(i, (int)i);
    pthread_create(&threads[count++], NULL, run_mover, &seeds[0]);
    pthread_create(&threads[count++], NULL, run_indexer, NULL);
    for (size_t i = 0; i < READERS; i++)
        pthread_create(&threads[count++], NULL, run_watcher, &seeds[1 + i]);
    for (size_t i = 0; i < WORKERS; i++)
        pthread_create(&threads[count++], NULL, run_worker, NULL);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    assert_no_fault();
}

START_TEST(moving_points_are_in_every_answer_once)
{
    points_create(&points, "{\"vectors\":{\"size\":8,\"distance\":\"Euclid\"},"
                           "\"hnsw_config\":{\"m\":6,\"ef_construct\":24},"
                           "\"optimizers_config\":{\"indexing_threshold\":4}}");
    run_moves();
    points_destroy(&points);
}
END_TEST

START_TEST(moving_points_are_in_every_answer_once_without_a_graph)
{
    points_create(&points,
                  "{\"vectors\":{\"size\":8,\"distance\":\"Euclid\"}}");
    run_moves();
    points_destroy(&points);
}
END_TEST

static void *
run_memory(void *ctx)
{
    struct arena arena;
    struct error error;
    struct segment_memory memory;
    (void)ctx;
    arena_init(&arena, (size_t)1 << 20);
    while (!atomic_load(&is_over)) {
        check_fault(collection_memory(points.collection, &arena, &memory,
                                      &error) == ENGINE_OK);
        arena_release(&arena);
    }
    return NULL;
}

/* Goal: memory is told while updates, each with more new points than the one
 * before, make room for theirs. */
START_TEST(memory_is_told_while_updates_make_room)
{
    enum { MOST = 1200, STEP = 100 };
    static struct point batch[MOST];
    static const float values[DIM] = { 1 };
    const struct named_vector vector = { .values = values, .dim = DIM };
    pthread_t thread;
    uint64_t next = 0;
    points_create(&points,
                  "{\"vectors\":{\"size\":8,\"distance\":\"Euclid\"}}");
    atomic_store(&is_over, false);
    pthread_create(&thread, NULL, run_memory, NULL);
    for (size_t count = STEP; count <= MOST; count += STEP) {
        for (size_t i = 0; i < count; i++)
            batch[i] = (struct point){ .id = points_number(next++),
                                       .vectors = &vector,
                                       .vectors_count = 1 };
        struct update update = { .kind = UPDATE_UPSERT,
                                 .points = batch,
                                 .points_count = count };
        change(&update);
    }
    atomic_store(&is_over, true);
    pthread_join(thread, NULL);
    assert_no_fault();
    points_destroy(&points);
}
END_TEST

/* ---- a collection that shrinks ---- */

#define OTHERS 6000u
#define TIDES  2

static uint32_t
slots_count(void)
{
    struct segment_reader reader;
    segment_read_begin(points.collection->segment, &reader);
    uint32_t count = reader.view->slots_count;
    segment_read_end(&reader);
    return count;
}

static void
upsert_others(void)
{
    static struct point batch[OTHERS];
    static struct named_vector vectors[OTHERS];
    static float values[OTHERS][DIM];
    for (uint32_t i = 0; i < OTHERS; i++) {
        vector_of((int)i, values[i]);
        vectors[i] = (struct named_vector){ .values = values[i], .dim = DIM };
        batch[i] = (struct point){ .id = points_number(MOVED + i),
                                   .vectors = &vectors[i],
                                   .vectors_count = 1 };
    }
    struct update update = { .kind = UPDATE_UPSERT,
                             .points = batch,
                             .points_count = OTHERS };
    change(&update);
}

static void
delete_others(void)
{
    static struct point_id ids[OTHERS];
    for (uint32_t i = 0; i < OTHERS; i++)
        ids[i] = points_number(MOVED + i);
    struct update update = points_on_ids(UPDATE_DELETE, ids, OTHERS);
    change(&update);
}

/* Others come, the points get slots behind them, the others go, until the
 * points have been brought down again. */
static void *
run_tide(void *ctx)
{
    uint32_t seed = *(const uint32_t *)ctx;
    for (int round = 0; round < TIDES; round++) {
        upsert_others();
        for (uint64_t i = 0; i < MOVED; i++)
            upsert_one(i, (int)random_below(&seed, 100000));
        check_fault(slots_count() > OTHERS);
        delete_others();
        while (slots_count() > OTHERS / 2)
            upsert_one(random_below(&seed, MOVED),
                       (int)random_below(&seed, 100000));
    }
    atomic_store(&is_over, true);
    return NULL;
}

START_TEST(points_moved_together_are_in_every_answer_once)
{
    pthread_t threads[1 + READERS + WORKERS];
    uint32_t seeds[1 + READERS] = { 1, 2, 3 };
    size_t count = 0;
    points_create(
        &points, _i == 0 ? "{\"vectors\":{\"size\":8,\"distance\":\"Euclid\"},"
                           "\"on_disk_payload\":false}"
                         : "{\"vectors\":{\"size\":8,\"distance\":\"Euclid\"},"
                           "\"hnsw_config\":{\"m\":6,\"ef_construct\":24},"
                           "\"optimizers_config\":{\"indexing_threshold\":4}}");
    atomic_store(&is_over, false);
    atomic_store(&has_others, true);
    index_some(NULL, 0);
    for (uint64_t i = 0; i < MOVED; i++)
        upsert_one(i, (int)i);
    pthread_create(&threads[count++], NULL, run_tide, &seeds[0]);
    for (size_t i = 0; i < READERS; i++)
        pthread_create(&threads[count++], NULL, run_watcher, &seeds[1 + i]);
    for (size_t i = 0; i < WORKERS; i++)
        pthread_create(&threads[count++], NULL, run_worker, NULL);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&has_others, false);
    assert_no_fault();
    ck_assert_uint_eq(points_count(&points, NULL), MOVED);
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
    assert_no_fault();
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
    tcase_add_loop_test(
        tcase, change_waits_for_no_reader_and_leaves_it_what_it_saw, 0, 2);
    tcase_add_loop_test(tcase,
                        point_that_came_after_a_reader_and_went_has_its_vector,
                        0, KINDS);
    tcase_add_test(tcase, point_that_died_since_the_start_has_no_other_vector);
    tcase_add_test(tcase, memory_is_told_while_updates_make_room);
    tcase_add_test(tcase, moving_points_are_in_every_answer_once);
    tcase_add_test(tcase,
                   moving_points_are_in_every_answer_once_without_a_graph);
    tcase_add_loop_test(tcase, points_moved_together_are_in_every_answer_once,
                        0, 2);
    tcase_add_test(tcase, collection_serves_readers_and_writers_at_once);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
