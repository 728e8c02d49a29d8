/* SPDX-License-Identifier: Apache-2.0
 * Random updates against a model of a few lines: after each of them counts,
 * pages, payloads, vectors and exact searches agree, with and without payload
 * indexes, with a graph and without, across closing, killing and reopening. */
#include "tests/fixture/points.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define IDS   700
#define DIM_A 4
#define DIM_B 3
#define BATCH 40
#define K     10

static const char *const colours[] = { "red", "green", "blue" };

struct model_point {
    struct point_id id;
    bool is_there;
    bool has_a, has_b;
    float a[DIM_A];
    float b[DIM_B];
    int n;      /* payload "n"; -1: none */
    int colour; /* payload "c"; -1: none */
};

static struct model_point model[IDS]; /* in id order */
static struct points points;
static uint64_t seed;
static uint64_t operations;

static uint32_t
random_below(uint32_t bound)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % bound;
}

static float
random_float(void)
{
    return (float)random_below(2001) / 100.0f - 10.0f;
}

static void
setup(void)
{
    points_create(&points,
                  "{\"vectors\":{\"a\":{\"size\":4,\"distance\":\"Dot\"},"
                  "\"b\":{\"size\":3,\"distance\":\"Euclid\"}},"
                  "\"hnsw_config\":{\"m\":6,\"ef_construct\":32},"
                  "\"optimizers_config\":{\"indexing_threshold\":2}}");
    memset(model, 0, sizeof(model));
    for (size_t i = 0; i < IDS; i++) {
        model[i].id.is_uuid = i >= IDS / 2;
        if (model[i].id.is_uuid) {
            model[i].id.uuid[0] = (uint8_t)(i >> 8);
            model[i].id.uuid[1] = (uint8_t)i;
            model[i].id.uuid[15] = (uint8_t)(i * 7);
        } else {
            model[i].id.number = i * 3;
        }
    }
    operations = 0;
}

static void
teardown(void)
{
    points_destroy(&points);
}

static void
payload_text(const struct model_point *point, char text[64])
{
    if (point->n < 0 && point->colour < 0)
        strcpy(text, "{}");
    else if (point->colour < 0)
        snprintf(text, 64, "{\"n\":%d}", point->n);
    else if (point->n < 0)
        snprintf(text, 64, "{\"c\":\"%s\"}", colours[point->colour]);
    else
        snprintf(text, 64, "{\"n\":%d,\"c\":\"%s\"}", point->n,
                 colours[point->colour]);
}

static void
random_vectors(struct model_point *point)
{
    point->has_a = random_below(10) > 0;
    point->has_b = random_below(3) > 0;
    for (size_t i = 0; i < DIM_A; i++)
        point->a[i] = point->has_a ? random_float() : 0;
    for (size_t i = 0; i < DIM_B; i++)
        point->b[i] = point->has_b ? random_float() : 0;
}

static size_t
list_vectors(const struct model_point *point, struct named_vector vectors[2])
{
    size_t count = 0;
    if (point->has_a)
        vectors[count++] = (struct named_vector){ .name = span_of("a"),
                                                  .values = point->a,
                                                  .dim = DIM_A };
    if (point->has_b)
        vectors[count++] = (struct named_vector){ .name = span_of("b"),
                                                  .values = point->b,
                                                  .dim = DIM_B };
    return count;
}

static void
must_update(const struct update *update)
{
    struct update_options options = { .wait = random_below(20) == 0 };
    struct update_result result;
    enum engine_code code = collection_update(points.collection, update,
                                              &options, &result, &points.error);
    ck_assert_msg(code == ENGINE_OK, "%s", points.error.text);
    ck_assert_uint_eq(result.operation_id, operations++);
}

static void
do_upsert(void)
{
    static struct point batch[BATCH];
    static struct named_vector vectors[BATCH][2];
    static float values[BATCH][DIM_A + DIM_B];
    static char payloads[BATCH][64];
    size_t count = 1 + random_below(BATCH);
    for (size_t i = 0; i < count; i++) {
        struct model_point *point = &model[random_below(IDS)];
        bool is_payload_only = point->is_there && random_below(4) == 0;
        point->is_there = true;
        if (!is_payload_only)
            random_vectors(point);
        point->n = (int)random_below(50) - 1;
        point->colour = (int)random_below(4) - 1;
        payload_text(point, payloads[i]);
        batch[i] = (struct point){ .id = point->id,
                                   .vectors = vectors[i],
                                   .payload = span_of(payloads[i]) };
        batch[i].vectors_count = list_vectors(point, vectors[i]);
        for (size_t k = 0; k < batch[i].vectors_count; k++) {
            struct named_vector *vector = &vectors[i][k];
            float *copy = values[i] + (k == 0 ? 0 : DIM_A);
            memcpy(copy, vector->values, vector->dim * sizeof(*copy));
            vector->values = copy;
        }
    }
    struct update update = { .kind = UPDATE_UPSERT,
                             .points = batch,
                             .points_count = count };
    must_update(&update);
}

/* Up to `room` points of the model that are there, with repeats. */
static size_t
pick_ids(struct point_id *ids, size_t *indexes, size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < room; i++) {
        size_t index = random_below(IDS);
        if (!model[index].is_there)
            continue;
        indexes[count] = index;
        ids[count++] = model[index].id;
    }
    return count;
}

static void
forget(struct model_point *point)
{
    struct point_id id = point->id;
    memset(point, 0, sizeof(*point));
    point->id = id;
}

static void
do_delete(void)
{
    struct point_id ids[BATCH];
    size_t indexes[BATCH];
    size_t count = pick_ids(ids, indexes, 1 + random_below(BATCH - 1));
    for (size_t i = 0; i < count; i++)
        forget(&model[indexes[i]]);
    ids[count++] = points_number(999999);
    struct update update = points_on_ids(UPDATE_DELETE, ids, count);
    must_update(&update);
}

static void
do_delete_filtered(void)
{
    struct point_filter filter;
    int colour = (int)random_below(3);
    struct update update = { .kind = UPDATE_DELETE };
    update.selector.filter = points_match(&filter, "c", colours[colour]);
    for (size_t i = 0; i < IDS; i++)
        if (model[i].is_there && model[i].colour == colour)
            forget(&model[i]);
    must_update(&update);
}

static void
do_payload(void)
{
    struct point_id ids[BATCH];
    size_t indexes[BATCH];
    char text[64];
    struct point_path path;
    size_t count = pick_ids(ids, indexes, 1 + random_below(BATCH - 1));
    struct update update = points_on_ids(UPDATE_CLEAR_PAYLOAD, ids, count);
    int n = (int)random_below(50), how = (int)random_below(5);
    for (size_t i = 0; i < count; i++) {
        struct model_point *point = &model[indexes[i]];
        point->n = how == 0 || how == 4 ? n : how == 3 ? point->n : -1;
        if (how == 1 || how == 2)
            point->colour = how == 1 ? -1 : 2;
        if (how == 3)
            point->colour = -1;
    }
    if (how == 0 || how == 4) {
        update.kind = UPDATE_SET_PAYLOAD;
        snprintf(text, sizeof(text), "{\"n\":%d,\"gone\":null}", n);
        update.payload = span_of(text);
    } else if (how == 2) {
        update.kind = UPDATE_OVERWRITE_PAYLOAD;
        update.payload = span_of("{\"c\":\"blue\"}");
    } else if (how == 3) {
        update.kind = UPDATE_DELETE_PAYLOAD;
        update.paths = points_path(&path, "c");
        update.paths_count = 1;
    }
    must_update(&update);
}

static void
do_vectors(void)
{
    struct point_id ids[BATCH];
    size_t indexes[BATCH];
    size_t count = pick_ids(ids, indexes, 1 + random_below(BATCH - 1));
    struct span name = span_of("b");
    if (random_below(2) == 0) {
        for (size_t i = 0; i < count; i++)
            model[indexes[i]].has_b = false;
        struct update update = points_on_ids(UPDATE_DELETE_VECTORS, ids, count);
        update.names = &name;
        update.names_count = 1;
        must_update(&update);
        return;
    }
    struct point batch[BATCH];
    struct named_vector vectors[BATCH];
    float values[DIM_B] = { random_float(), random_float(), random_float() };
    for (size_t i = 0; i < count; i++) {
        struct model_point *point = &model[indexes[i]];
        vectors[i] = (struct named_vector){ .name = name,
                                            .values = values,
                                            .dim = DIM_B };
        batch[i] = (struct point){ .id = point->id,
                                   .vectors = &vectors[i],
                                   .vectors_count = 1 };
        memcpy(point->b, values, sizeof(point->b));
        point->has_b = true;
    }
    struct update update = { .kind = UPDATE_VECTORS,
                             .points = batch,
                             .points_count = count };
    must_update(&update);
}

static void
do_index(void)
{
    struct point_path path;
    bool is_colour = random_below(2) == 0;
    struct update update = { .kind = random_below(3) == 0
                                         ? UPDATE_DELETE_INDEX
                                         : UPDATE_CREATE_INDEX };
    update.key = points_path(&path, is_colour ? "c" : "n");
    update.schema = is_colour ? PAYLOAD_SCHEMA_KEYWORD : PAYLOAD_SCHEMA_INTEGER;
    must_update(&update);
}

/* ---- comparing ---- */

static void
assert_record(const struct record *record, const struct model_point *point)
{
    ck_assert_int_eq(point_id_compare(&record->id, &point->id), 0);
    yyjson_doc *doc = NULL;
    ck_assert_int_eq(json_parse(record->payload, &doc, NULL), ENGINE_OK);
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *n = yyjson_obj_get(root, "n");
    yyjson_val *c = yyjson_obj_get(root, "c");
    ck_assert_int_eq(n == NULL ? -1 : yyjson_get_int(n), point->n);
    ck_assert(point->colour < 0 ? c == NULL
                                : yyjson_equals_str(c, colours[point->colour]));
    yyjson_doc_free(doc);
    ck_assert_uint_eq(record->vectors_count,
                      (size_t)point->has_a + (size_t)point->has_b);
    for (size_t i = 0; i < record->vectors_count; i++) {
        const struct named_vector *vector = &record->vectors[i];
        bool is_a = span_equal_text(vector->name, "a");
        ck_assert(is_a ? point->has_a : point->has_b);
        ck_assert_mem_eq(vector->values, is_a ? point->a : point->b,
                         (is_a ? DIM_A : DIM_B) * sizeof(float));
    }
}

static void
check_pages(void)
{
    struct scroll_command command = {
        .limit = 1 + random_below(300),
        .output = { .payload = { .selection = SELECT_ALL },
                    .vectors = { .selection = SELECT_ALL } }
    };
    struct records page = { 0 };
    struct point_id next;
    size_t index = 0;
    do {
        enum engine_code code = collection_scroll(
            points.collection, &command, &points.arena, &page, &points.error);
        ck_assert_msg(code == ENGINE_OK, "%s", points.error.text);
        for (size_t i = 0; i < page.count; i++) {
            while (index < IDS && !model[index].is_there)
                index++;
            ck_assert_uint_lt(index, IDS);
            assert_record(&page.items[i], &model[index++]);
        }
        next = page.next_id;
        command.offset = &next;
    } while (page.has_next);
    while (index < IDS)
        ck_assert(!model[index++].is_there);
}

static bool
passes(const struct model_point *point, int colour, int bound)
{
    return point->is_there && (colour < 0 || point->colour == colour) &&
           (bound < 0 || point->n >= bound);
}

static int
compare_scores(const void *a, const void *b)
{
    const float *left = a, *right = b;
    return (*left < *right) - (*left > *right);
}

/* Scores of vector "a" against `query`, best first. */
static size_t
model_scores(const float *query, int colour, int bound, float *scores)
{
    size_t count = 0;
    for (size_t i = 0; i < IDS; i++) {
        if (!passes(&model[i], colour, bound) || !model[i].has_a)
            continue;
        float sum = 0;
        for (size_t k = 0; k < DIM_A; k++)
            sum += query[k] * model[i].a[k];
        scores[count++] = sum;
    }
    qsort(scores, count, sizeof(*scores), compare_scores);
    return count;
}

static void
check_search(const struct filter *filter, int colour, int bound)
{
    static float scores[IDS];
    float query[DIM_A] = { random_float(), random_float(), random_float(),
                           random_float() };
    size_t count = model_scores(query, colour, bound, scores);
    struct search_command command = { .using = span_of("a"),
                                      .vector = query,
                                      .dim = DIM_A,
                                      .filter = filter,
                                      .limit = K };
    command.params.is_exact = random_below(2) == 0;
    command.params.hnsw_ef = random_below(2) == 0 ? 0 : 12;
    struct records records = { 0 };
    enum engine_code code = collection_search(
        points.collection, &command, &points.arena, &records, &points.error);
    ck_assert_msg(code == ENGINE_OK, "%s", points.error.text);
    ck_assert_uint_eq(records.count, count < K ? count : K);
    for (size_t i = 0; i < records.count; i++) {
        float off = records.items[i].score - scores[i];
        ck_assert(off < 1e-3f);
        ck_assert(!command.params.is_exact || off > -1e-3f);
    }
}

static void
check_all(void)
{
    struct point_filter filter;
    uint64_t all = 0, coloured = 0, bounded = 0;
    int colour = (int)random_below(3), bound = (int)random_below(50);
    for (size_t i = 0; i < IDS; i++) {
        all += model[i].is_there;
        coloured += passes(&model[i], colour, -1);
        bounded += passes(&model[i], -1, bound);
    }
    ck_assert_uint_eq(points_count(&points, NULL), all);
    points_match(&filter, "c", colours[colour]);
    ck_assert_uint_eq(points_count(&points, &filter.filter), coloured);
    check_search(&filter.filter, colour, -1);
    points_at_least(&filter, "n", bound);
    ck_assert_uint_eq(points_count(&points, &filter.filter), bounded);
    check_search(&filter.filter, -1, bound);
    check_search(NULL, -1, -1);
    if (random_below(8) == 0)
        check_pages();
    points_forget(&points);
}

static void
do_something(void)
{
    uint32_t what = random_below(100);
    if (what < 45)
        do_upsert();
    else if (what < 60)
        do_payload();
    else if (what < 72)
        do_vectors();
    else if (what < 84)
        do_delete();
    else if (what < 85)
        do_delete_filtered();
    else if (what < 88)
        do_index();
    else if (what < 96)
        (void)collection_work(points.collection);
    else if (what < 97)
        points_link(&points);
    else if (what < 98)
        points_reopen(&points);
    else if (what < 99) {
        points_drop(&points);
        points_open(&points);
    }
}

START_TEST(collection_agrees_with_a_model)
{
    const char *more = getenv("AZIMUTH_MODEL_OPERATIONS");
    long rounds = more == NULL ? 700 : strtol(more, NULL, 10);
    seed = (uint64_t)_i * 7919 + 17;
    for (long i = 0; i < rounds; i++) {
        do_something();
        check_all();
    }
    check_pages();
    points_reopen(&points);
    check_pages();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("model");
    TCase *tcase = tcase_create("model");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 600);
    tcase_add_loop_test(tcase, collection_agrees_with_a_model, 0, 3);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
