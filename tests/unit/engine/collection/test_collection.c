/* SPDX-License-Identifier: Apache-2.0
 * Covers: what updates accept and refuse, missing ids, searches by vector and
 * by point, scores of each metric, thresholds, pages, configuration, and what
 * is left after a kill, a damaged file, a full disk. */
#include "engine/collection/body.h"
#include "engine/segment/segment.h"
#include "tests/fixture/points.h"

#include <check.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fixture/suite.h"

static struct points points;

static void
create(const char *distance)
{
    char config[160];
    snprintf(config, sizeof(config),
             "{\"vectors\":{\"size\":4,\"distance\":\"%s\"}}", distance);
    points_create(&points, config);
}

static void
setup(void)
{
    create("Dot");
}

static void
teardown(void)
{
    points_destroy(&points);
}

static void
put(uint64_t number, float first, const char *payload)
{
    float values[4] = { first, 0, 0, 1 };
    ck_assert_int_eq(points_upsert(&points, number, "", values, 4, payload),
                     ENGINE_OK);
}

static struct records
search(const struct search_command *command)
{
    struct records records = { 0 };
    enum engine_code code = collection_search(
        points.collection, command, &points.arena, &records, &points.error);
    ck_assert_msg(code == ENGINE_OK, "%s", points.error.text);
    return records;
}

static const float query[4] = { 1, 0, 0, 0 };

/* ---- updates ---- */

START_TEST(update_numbers_operations_from_zero)
{
    float values[4] = { 1, 2, 3, 4 };
    struct named_vector vector = { .values = values, .dim = 4 };
    struct point point = { .id = points_number(1),
                           .vectors = &vector,
                           .vectors_count = 1 };
    struct update update = { .kind = UPDATE_UPSERT,
                             .points = &point,
                             .points_count = 1 };
    struct update_options options = { .wait = true };
    struct update_result result;
    for (uint64_t i = 0; i < 3; i++) {
        ck_assert_int_eq(collection_update(points.collection, &update, &options,
                                           &result, NULL),
                         ENGINE_OK);
        ck_assert_uint_eq(result.operation_id, i);
        ck_assert_int_eq(result.status, UPDATE_COMPLETED);
    }
    ck_assert_uint_eq(points_get(&points, 1)->version, 2);
    points_reopen(&points);
    options.wait = false;
    ck_assert_int_eq(
        collection_update(points.collection, &update, &options, &result, NULL),
        ENGINE_OK);
    ck_assert_uint_eq(result.operation_id, 3);
    ck_assert_int_eq(result.status, UPDATE_ACKNOWLEDGED);
}
END_TEST

START_TEST(upsert_refuses_wrong_vectors_and_keeps_all_as_it_was)
{
    float good[4] = { 1, 2, 3, 4 }, bad[4] = { 1, NAN, 3, 4 };
    put(1, 1, NULL);
    ck_assert_int_eq(points_upsert(&points, 2, "", good, 3, NULL),
                     ENGINE_EINPUT);
    ck_assert_str_eq(points.error.text,
                     "Vector dimension error: expected dim: 4, got 3");
    ck_assert_int_eq(points_upsert(&points, 2, "", bad, 4, NULL),
                     ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(points.error.text, "not finite"));
    bad[1] = INFINITY;
    ck_assert_int_eq(points_upsert(&points, 2, "", bad, 4, NULL),
                     ENGINE_EINPUT);
    ck_assert_int_eq(points_upsert(&points, 2, "other", good, 4, NULL),
                     ENGINE_EINPUT);
    ck_assert_str_eq(points.error.text,
                     "Not existing vector name error: other");
    ck_assert_uint_eq(points_count(&points, NULL), 1);
    ck_assert_ptr_null(points_get(&points, 2));
}
END_TEST

START_TEST(upsert_of_one_id_twice_keeps_the_last)
{
    float values[2][4] = { { 1, 0, 0, 0 }, { 2, 0, 0, 0 } };
    struct named_vector vectors[2] = { { .values = values[0], .dim = 4 },
                                       { .values = values[1], .dim = 4 } };
    struct point batch[2] = {
        { points_number(5), &vectors[0], 1, span_of("{\"a\":1}") },
        { points_number(5), &vectors[1], 1, { NULL, 0 } }
    };
    struct update update = { .kind = UPDATE_UPSERT,
                             .points = batch,
                             .points_count = 2 };
    ck_assert_int_eq(points_update(&points, &update, true), ENGINE_OK);
    const struct record *record = points_get(&points, 5);
    ck_assert_uint_eq(points_count(&points, NULL), 1);
    ck_assert(span_equal_text(record->payload, "{}"));
    ck_assert_mem_eq(record->vectors[0].values, values[1], sizeof(values[1]));
}
END_TEST

START_TEST(payload_of_a_missing_id_is_404_after_the_others)
{
    put(1, 1, NULL);
    struct point_id ids[2] = { points_number(9), points_number(1) };
    struct update update = points_on_ids(UPDATE_SET_PAYLOAD, ids, 2);
    update.payload = span_of("{\"a\":1}");
    ck_assert_int_eq(points_update(&points, &update, true), ENGINE_ENOTFOUND);
    ck_assert_str_eq(points.error.text, "No point with id 9 found");
    ck_assert(span_equal_text(points_get(&points, 1)->payload, "{\"a\":1}"));
    /* Without waiting nobody learns of it; deleting it is no error. */
    ck_assert_int_eq(points_update(&points, &update, false), ENGINE_OK);
    uint64_t number = 9;
    ck_assert_int_eq(points_delete(&points, &number, 1), ENGINE_OK);
}
END_TEST

START_TEST(update_vectors_of_a_missing_point_is_404)
{
    float values[4] = { 1, 2, 3, 4 };
    struct named_vector vector = { .values = values, .dim = 4 };
    struct point point = { .id = points_number(1),
                           .vectors = &vector,
                           .vectors_count = 1 };
    struct update update = { .kind = UPDATE_VECTORS,
                             .points = &point,
                             .points_count = 1 };
    ck_assert_int_eq(points_update(&points, &update, true), ENGINE_ENOTFOUND);
    ck_assert_uint_eq(points_count(&points, NULL), 0);
}
END_TEST

START_TEST(payload_past_the_limit_is_refused)
{
    size_t size = COMMAND_PAYLOAD_SIZE_MAX + 1;
    char *text = malloc(size + 1);
    ck_assert_ptr_nonnull(text);
    memset(text, 'x', size);
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + size - 2, "\"}", 2);
    text[size] = '\0';
    float values[4] = { 1, 2, 3, 4 };
    ck_assert_int_eq(points_upsert(&points, 1, "", values, 4, text),
                     ENGINE_EINPUT);
    free(text);
}
END_TEST

START_TEST(payload_indexes_past_the_limit_are_refused)
{
    char key[16];
    struct point_path path;
    struct update update = { .kind = UPDATE_CREATE_INDEX,
                             .schema = PAYLOAD_SCHEMA_INTEGER };
    for (int i = 0; i <= SEGMENT_INDEXES_MAX; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        update.key = points_path(&path, key);
        ck_assert_int_eq(points_update(&points, &update, false),
                         i < SEGMENT_INDEXES_MAX ? ENGINE_OK : ENGINE_EINPUT);
    }
    ck_assert_ptr_nonnull(strstr(points.error.text, "256"));
    update.key = points_path(&path, "k7");
    update.schema = PAYLOAD_SCHEMA_KEYWORD;
    ck_assert_int_eq(points_update(&points, &update, false), ENGINE_OK);
}
END_TEST

START_TEST(collection_without_vectors_keeps_payloads)
{
    points_destroy(&points);
    points_create(&points, "{\"vectors\":{}}");
    ck_assert_int_eq(points_upsert(&points, 1, "", NULL, 0, "{\"a\":1}"),
                     ENGINE_OK);
    points_reopen(&points);
    ck_assert(span_equal_text(points_get(&points, 1)->payload, "{\"a\":1}"));
    float values[4] = { 0 };
    ck_assert_int_eq(points_upsert(&points, 1, "", values, 4, NULL),
                     ENGINE_EINPUT);
    ck_assert_str_eq(points.error.text, "Not existing vector name error: ");
}
END_TEST

START_TEST(widest_vectors_are_kept)
{
    points_destroy(&points);
    points_create(&points,
                  "{\"vectors\":{\"size\":65536,\"distance\":\"Dot\"}}");
    float *values = calloc(COMMAND_DIM_MAX, sizeof(*values));
    ck_assert_ptr_nonnull(values);
    values[COMMAND_DIM_MAX - 1] = 3;
    for (uint64_t i = 0; i < 20; i++)
        ck_assert_int_eq(
            points_upsert(&points, i, "", values, COMMAND_DIM_MAX, NULL),
            ENGINE_OK);
    points_reopen(&points);
    const float *back = points_get(&points, 19)->vectors[0].values;
    ck_assert_mem_eq(back, values, COMMAND_DIM_MAX * sizeof(*values));
    free(values);
}
END_TEST

/* ---- searches ---- */

struct metric_case {
    const char *distance;
    float vector[4];
    float score; /* against (1, 0, 0, 0) */
    bool is_ascending;
};

static const struct metric_case metrics[] = {
    { "Dot", { 3, 4, 0, 0 }, 3.0f, false },
    { "Cosine", { 3, 4, 0, 0 }, 0.6f, false },
    { "Euclid", { 4, 4, 0, 0 }, 5.0f, true },
    { "Manhattan", { 3, 4, 0, 0 }, 6.0f, true },
};

START_TEST(search_scores_as_its_metric_says)
{
    const struct metric_case *each = &metrics[_i];
    create(each->distance);
    ck_assert_int_eq(points_upsert(&points, 1, "", each->vector, 4, NULL),
                     ENGINE_OK);
    struct search_command command = { .vector = query, .dim = 4, .limit = 3 };
    struct records records = search(&command);
    ck_assert_uint_eq(records.count, 1);
    float off = records.items[0].score - each->score;
    ck_assert(off < 1e-6f && off > -1e-6f);
    /* The threshold is strict. */
    command.has_score_threshold = true;
    command.score_threshold = records.items[0].score;
    ck_assert_uint_eq(search(&command).count, 0);
    command.score_threshold += each->is_ascending ? 0.1f : -0.1f;
    ck_assert_uint_eq(search(&command).count, 1);
}
END_TEST

START_TEST(cosine_vectors_come_back_normalised)
{
    float values[4] = { 1, 2, 2, 0 }, zero[4] = { 0 };
    create("Cosine");
    ck_assert_int_eq(points_upsert(&points, 1, "", values, 4, NULL), ENGINE_OK);
    ck_assert_int_eq(points_upsert(&points, 2, "", zero, 4, NULL), ENGINE_OK);
    const float *back = points_get(&points, 1)->vectors[0].values;
    ck_assert(fabsf(back[0] - 1.0f / 3) < 1e-6f);
    ck_assert(fabsf(back[1] - 2.0f / 3) < 1e-6f);
    back = points_get(&points, 2)->vectors[0].values;
    ck_assert_mem_eq(back, zero, sizeof(zero));
}
END_TEST

START_TEST(search_by_id_leaves_that_point_out)
{
    for (uint64_t i = 0; i < 5; i++)
        put(i, (float)i, NULL);
    struct point_id id = points_number(4);
    struct search_command command = { .by_id = &id, .limit = 10 };
    struct records records = search(&command);
    ck_assert_uint_eq(records.count, 4);
    ck_assert_uint_eq(records.items[0].id.number, 3);
    id.number = 77;
    ck_assert_int_eq(collection_search(points.collection, &command,
                                       &points.arena, &records, &points.error),
                     ENGINE_ENOTFOUND);
    ck_assert_str_eq(points.error.text, "No point with id 77 found");
}
END_TEST

START_TEST(search_skips_its_offset)
{
    for (uint64_t i = 0; i < 10; i++)
        put(i, (float)i, NULL);
    struct search_command command = {
        .vector = query, .dim = 4, .limit = 3, .offset = 8
    };
    struct records records = search(&command);
    ck_assert_uint_eq(records.count, 2);
    ck_assert_uint_eq(records.items[0].id.number, 1);
    command.offset = 20;
    ck_assert_uint_eq(search(&command).count, 0);
}
END_TEST

START_TEST(search_without_a_query_goes_by_id)
{
    put(7, 1, NULL);
    put(3, 2, NULL);
    struct search_command command = { .limit = 5 };
    struct records records = search(&command);
    ck_assert_uint_eq(records.count, 2);
    ck_assert_uint_eq(records.items[0].id.number, 3);
    ck_assert(records.items[0].score == 1.0f);
    ck_assert_uint_eq(records.items[0].version, 0);
}
END_TEST

START_TEST(search_refuses_wrong_queries)
{
    struct records records;
    struct search_command command = { .vector = query, .dim = 3, .limit = 5 };
    ck_assert_int_eq(collection_search(points.collection, &command,
                                       &points.arena, &records, &points.error),
                     ENGINE_EINPUT);
    ck_assert_str_eq(points.error.text,
                     "Vector dimension error: expected dim: 4, got 3");
    command.dim = 4;
    command.using = span_of("nope");
    ck_assert_int_eq(collection_search(points.collection, &command,
                                       &points.arena, &records, &points.error),
                     ENGINE_EINPUT);
    ck_assert_str_eq(points.error.text, "Not existing vector name error: nope");
    command.using = span_of("");
    command.limit = COMMAND_LIMIT_MAX;
    command.offset = 1;
    ck_assert_int_eq(collection_search(points.collection, &command,
                                       &points.arena, &records, &points.error),
                     ENGINE_EINPUT);
}
END_TEST

START_TEST(search_past_its_deadline_says_so)
{
    struct records records;
    struct search_command command = {
        .vector = query, .dim = 4, .limit = 5, .deadline_ms = 1
    };
    put(1, 1, NULL);
    ck_assert_int_eq(collection_search(points.collection, &command,
                                       &points.arena, &records, &points.error),
                     ENGINE_ETIMEOUT);
}
END_TEST

START_TEST(scroll_keeps_its_place_while_points_change)
{
    for (uint64_t i = 0; i < 30; i++)
        put(i * 2, 1, NULL);
    struct scroll_command command = { .limit = 10 };
    struct records page;
    ck_assert_int_eq(collection_scroll(points.collection, &command,
                                       &points.arena, &page, NULL),
                     ENGINE_OK);
    ck_assert(page.has_next);
    ck_assert_uint_eq(page.next_id.number, 20);
    /* The next page's first point goes, another comes before it, and one
     * gets a new vector. */
    uint64_t gone = 20;
    ck_assert_int_eq(points_delete(&points, &gone, 1), ENGINE_OK);
    put(1, 1, NULL);
    put(22, 5, NULL);
    struct point_id next = page.next_id;
    command.offset = &next;
    ck_assert_int_eq(collection_scroll(points.collection, &command,
                                       &points.arena, &page, NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(page.count, 10);
    ck_assert_uint_eq(page.items[0].id.number, 22);
    ck_assert_uint_eq(page.items[9].id.number, 40);
}
END_TEST

START_TEST(flush_interval_of_ages_is_no_short_one)
{
    teardown();
    points_create(&points, "{\"vectors\":{\"size\":4,\"distance\":\"Dot\"},"
                           "\"optimizers_config\":{\"flush_interval_sec\":"
                           "2305843009213693952}}"); /* 2^61 */
    ck_assert_uint_eq(points.collection->flush_interval_ms, UINT64_MAX);
}
END_TEST

START_TEST(payload_index_survives_and_is_told)
{
    struct point_path path;
    struct point_filter filter;
    put(1, 1, "{\"c\":\"red\"}");
    struct update update = { .kind = UPDATE_CREATE_INDEX,
                             .key = points_path(&path, "c"),
                             .schema = PAYLOAD_SCHEMA_KEYWORD,
                             .schema_json = span_of("{\"type\":\"keyword\"}") };
    ck_assert_int_eq(points_update(&points, &update, true), ENGINE_OK);
    put(2, 2, "{\"c\":[\"red\",\"blue\"]}");
    points_reopen(&points);
    struct collection_info info;
    ck_assert_int_eq(
        collection_info(points.collection, &points.arena, &info, NULL),
        ENGINE_OK);
    ck_assert_uint_eq(info.indexes_count, 1);
    ck_assert(span_equal_text(info.indexes[0].field, "c"));
    ck_assert(
        span_equal_text(info.indexes[0].schema_json, "{\"type\":\"keyword\"}"));
    ck_assert_uint_eq(info.indexes[0].points, 2);
    ck_assert_uint_eq(info.points_count, 2);
    ck_assert_uint_eq(points_count(&points, points_match(&filter, "c", "red")),
                      2);
    update.kind = UPDATE_DELETE_INDEX;
    ck_assert_int_eq(points_update(&points, &update, true), ENGINE_OK);
    ck_assert_int_eq(points_update(&points, &update, true), ENGINE_OK);
    ck_assert_uint_eq(points_count(&points, points_match(&filter, "c", "blue")),
                      1);
}
END_TEST

/* ---- faults ---- */

/* The store keeps threads for the life of a process, so a process that forks
 * must not have opened one: each step has a process of its own. */
static struct points *shared;
static int ends[2];

static pid_t
start(void (*step)(uint64_t last), uint64_t last)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        step(last);
        _exit(0);
    }
    return child;
}

static void
run(void (*step)(uint64_t last), uint64_t last)
{
    int status;
    pid_t child = start(step, last);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

static void
step_create(uint64_t last)
{
    (void)last;
    create("Dot");
    points_close(&points);
    *shared = points;
}

static void
open_shared(void)
{
    memset(&points, 0, sizeof(points));
    memcpy(points.folder, shared->folder, sizeof(points.folder));
    memcpy(points.path, shared->path, sizeof(points.path));
    arena_init(&points.arena, (size_t)1 << 30);
    points_open(&points);
}

static void
step_write_until_killed(uint64_t last)
{
    open_shared();
    for (uint64_t i = last;; i++) {
        char payload[32];
        float values[4] = { (float)i, 0, 0, 1 };
        snprintf(payload, sizeof(payload), "{\"n\":%d}", (int)i);
        if (points_upsert(&points, i, "", values, 4, payload) != ENGINE_OK ||
            write(ends[1], &i, sizeof(i)) != sizeof(i))
            _exit(1);
    }
}

static void
step_verify(uint64_t last)
{
    open_shared();
    ck_assert_uint_ge(points_count(&points, NULL), last + 1);
    for (uint64_t i = 0; i <= last; i++) {
        const struct record *record = points_get(&points, i);
        ck_assert_ptr_nonnull(record);
        ck_assert(record->vectors[0].values[0] == (float)i);
        char payload[32];
        snprintf(payload, sizeof(payload), "{\"n\":%d}", (int)i);
        ck_assert(span_equal_text(record->payload, payload));
    }
    points_close(&points);
}

static void
step_destroy(uint64_t last)
{
    (void)last;
    open_shared();
    points_destroy(&points);
}

START_TEST(killed_process_loses_nothing_acknowledged)
{
    uint64_t last = 0, number, acknowledged = 0;
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    run(step_create, 0);
    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(pipe(ends), 0);
        pid_t child = start(step_write_until_killed, last);
        close(ends[1]);
        uint64_t enough = acknowledged + 200;
        while (acknowledged < enough &&
               read(ends[0], &number, sizeof(number)) == sizeof(number)) {
            last = number;
            acknowledged++;
        }
        ck_assert_uint_eq(acknowledged, enough);
        ck_assert_int_eq(kill(child, SIGKILL), 0);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        while (read(ends[0], &number, sizeof(number)) == sizeof(number))
            last = number;
        close(ends[0]);
        run(step_verify, last);
    }
    run(step_destroy, 0);
}
END_TEST

static void
damage(const char *name, long at)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", points.path, name);
    FILE *file = fopen(path, "r+b");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, at, SEEK_SET), 0);
    ck_assert_int_eq(fputc('#', file), '#');
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(damaged_graph_is_built_again_and_reported)
{
    points_destroy(&points);
    points_create(&points, "{\"vectors\":{\"size\":4,\"distance\":\"Dot\"},"
                           "\"optimizers_config\":{\"indexing_threshold\":1}}");
    for (uint64_t i = 0; i < 300; i++)
        put(i, (float)i, NULL);
    points_link(&points);
    points_close(&points);
    damage("shard-0/graph-0", 100);
    points_open(&points);
    ck_assert_ptr_nonnull(strstr(points.said, "no usable checkpoint"));
    struct search_command command = { .vector = query, .dim = 4, .limit = 1 };
    ck_assert_uint_eq(search(&command).items[0].id.number, 299);
    struct collection_info info;
    ck_assert_int_eq(
        collection_info(points.collection, &points.arena, &info, NULL),
        ENGINE_OK);
    ck_assert_int_eq(info.status, COLLECTION_YELLOW);
    points_link(&points);
    ck_assert_int_eq(
        collection_info(points.collection, &points.arena, &info, NULL),
        ENGINE_OK);
    ck_assert_int_eq(info.status, COLLECTION_GREEN);
    ck_assert_uint_eq(info.indexed_vectors_count, 300);
}
END_TEST

START_TEST(damaged_configuration_is_named)
{
    points_close(&points);
    damage("collection.json", 0);
    struct collection_options options = { .path = points.path };
    ck_assert_int_eq(
        collection_open(&options, &points.collection, &points.error),
        ENGINE_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(points.error.text, "collection.json"));
}
END_TEST

START_TEST(newer_configuration_is_refused_by_name)
{
    char path[256];
    points_close(&points);
    snprintf(path, sizeof(path), "%s/collection.json", points.path);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs("{\"format\":2,\"name\":\"it\",\"config\":{\"vectors\":{}}}", file);
    ck_assert_int_eq(fclose(file), 0);
    struct collection_options options = { .path = points.path };
    ck_assert_int_eq(
        collection_open(&options, &points.collection, &points.error),
        ENGINE_EVERSION);
    ck_assert_ptr_nonnull(strstr(points.error.text, "collection.json"));
    ck_assert_ptr_nonnull(strstr(points.error.text, "newer version"));
}
END_TEST

START_TEST(interrupted_create_is_told_and_removed)
{
    char path[256];
    points_close(&points);
    snprintf(path, sizeof(path), "%s/collection.json", points.path);
    ck_assert_int_eq(unlink(path), 0);
    struct collection_options options = { .path = points.path };
    ck_assert_int_eq(
        collection_open(&options, &points.collection, &points.error),
        ENGINE_ENOTFOUND);
    ck_assert_int_eq(collection_destroy(points.path, NULL), ENGINE_OK);
    struct stat status;
    ck_assert_int_ne(stat(points.path, &status), 0);
}
END_TEST

/* Their payloads leave the store before it is closed: AddressSanitizer saw
 * it used afterwards. */
START_TEST(closing_buries_what_was_deleted_last)
{
    uint64_t numbers[2] = { 1, 2 };
    for (uint64_t number = 1; number <= 3; number++)
        put(number, 1, "{\"a\":1}");
    ck_assert_int_eq(points_delete(&points, numbers, 1), ENGINE_OK);
    points_reopen(&points);
    ck_assert_uint_eq(points_count(&points, NULL), 2);
    ck_assert_int_eq(points_delete(&points, numbers, 2), ENGINE_OK);
    points_drop(&points);
    points_open(&points);
    ck_assert_uint_eq(points_count(&points, NULL), 1);
    ck_assert_ptr_nonnull(points_get(&points, 3));
}
END_TEST

/* The file size limit stands in for a full disk. */
START_TEST(full_disk_refuses_writes_and_keeps_serving)
{
    static char payload[200000];
    struct rlimit old, tight;
    memset(payload, 'x', sizeof(payload) - 1);
    memcpy(payload, "{\"a\":\"", 6);
    memcpy(payload + sizeof(payload) - 3, "\"}", 2);
    put(1, 1, "{\"a\":1}");
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = old;
    tight.rlim_cur = 300000;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
    float values[4] = { 2, 0, 0, 1 };
    enum engine_code code = ENGINE_OK;
    uint64_t number = 2;
    for (; code == ENGINE_OK && number < 50; number++)
        code = points_upsert(&points, number, "", values, 4, payload);
    ck_assert_int_eq(code, ENGINE_ENOSPACE);
    ck_assert_uint_eq(points_count(&points, NULL), number - 2);
    ck_assert_ptr_nonnull(points_get(&points, 1));
    ck_assert_ptr_null(points_get(&points, number - 1));
    ck_assert_int_eq(points_upsert(&points, 60, "", values, 4, payload),
                     ENGINE_ENOSPACE);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    ck_assert_int_eq(points_upsert(&points, 60, "", values, 4, payload),
                     ENGINE_OK);
    points_drop(&points);
    points_open(&points);
    ck_assert_uint_eq(points_count(&points, NULL), number - 1);
    ck_assert_ptr_nonnull(points_get(&points, 60));
    ck_assert(span_equal_text(points_get(&points, 1)->payload, "{\"a\":1}"));
}
END_TEST

static TCase *
case_of(const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, setup, teardown);
    return tcase;
}

static TCase *
updates(void)
{
    TCase *tcase = case_of("updates");
    tcase_add_test(tcase, update_numbers_operations_from_zero);
    tcase_add_test(tcase, upsert_refuses_wrong_vectors_and_keeps_all_as_it_was);
    tcase_add_test(tcase, upsert_of_one_id_twice_keeps_the_last);
    tcase_add_test(tcase, payload_of_a_missing_id_is_404_after_the_others);
    tcase_add_test(tcase, update_vectors_of_a_missing_point_is_404);
    tcase_add_test(tcase, payload_past_the_limit_is_refused);
    tcase_add_test(tcase, payload_indexes_past_the_limit_are_refused);
    tcase_add_test(tcase, collection_without_vectors_keeps_payloads);
    tcase_add_test(tcase, widest_vectors_are_kept);
    return tcase;
}

static TCase *
searches(void)
{
    TCase *tcase = case_of("searches");
    tcase_add_test(tcase, search_by_id_leaves_that_point_out);
    tcase_add_test(tcase, search_skips_its_offset);
    tcase_add_test(tcase, search_without_a_query_goes_by_id);
    tcase_add_test(tcase, search_refuses_wrong_queries);
    tcase_add_test(tcase, search_past_its_deadline_says_so);
    tcase_add_test(tcase, scroll_keeps_its_place_while_points_change);
    tcase_add_test(tcase, flush_interval_of_ages_is_no_short_one);
    tcase_add_test(tcase, payload_index_survives_and_is_told);
    return tcase;
}

static TCase *
by_metric(void)
{
    TCase *tcase = tcase_create("metrics");
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_loop_test(tcase, search_scores_as_its_metric_says, 0,
                        sizeof(metrics) / sizeof(metrics[0]));
    tcase_add_test(tcase, cosine_vectors_come_back_normalised);
    return tcase;
}

static TCase *
faults(void)
{
    TCase *tcase = case_of("faults");
    tcase_add_test(tcase, damaged_graph_is_built_again_and_reported);
    tcase_add_test(tcase, damaged_configuration_is_named);
    tcase_add_test(tcase, newer_configuration_is_refused_by_name);
    tcase_add_test(tcase, interrupted_create_is_told_and_removed);
    tcase_add_test(tcase, closing_buries_what_was_deleted_last);
    tcase_add_test(tcase, full_disk_refuses_writes_and_keeps_serving);
    return tcase;
}

static TCase *
kills(void)
{
    TCase *tcase = tcase_create("kills");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, killed_process_loses_nothing_acknowledged);
    return tcase;
}

int
main(void)
{
    Suite *suite = suite_create("collection");
    suite_add_tcase(suite, updates());
    suite_add_tcase(suite, searches());
    suite_add_tcase(suite, by_metric());
    suite_add_tcase(suite, faults());
    suite_add_tcase(suite, kills());
    return suite_run(suite);
}
