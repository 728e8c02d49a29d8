/* SPDX-License-Identifier: Apache-2.0
 * Covers: which parts of a payload are told, which vectors. */
#include "engine/collection/output.h"
#include "engine/filter/path.h"
#include "tests/fixture/points.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct arena arena;

static void
setup(void)
{
    arena_init(&arena, 1 << 20);
}

static void
teardown(void)
{
    arena_release(&arena);
}

#define NESTED "{\"a\":{\"b\":1,\"c\":{\"d\":2}},\"l\":[{\"x\":1,\"y\":2},7]}"

#define ARRAYS "{\"n\":[{\"x\":1},[{\"x\":2},9],8]}"

struct part_case {
    enum selection selection;
    const char *paths[2];
    const char *payload;
    const char *result;
};

static const struct part_case parts[] = {
    { SELECT_ALL, { NULL }, NESTED, NESTED },
    { SELECT_ALL, { NULL }, "", "{}" },
    { SELECT_INCLUDE, { "a" }, "", "{}" },
    { SELECT_INCLUDE, { "a" }, NESTED, "{\"a\":{\"b\":1,\"c\":{\"d\":2}}}" },
    { SELECT_INCLUDE, { "a.b" }, NESTED, "{\"a\":{\"b\":1}}" },
    { SELECT_INCLUDE,
      { "a.c.d", "l[].x" },
      NESTED,
      "{\"a\":{\"c\":{\"d\":2}},\"l\":[{\"x\":1},7]}" },
    { SELECT_INCLUDE, { "l.x" }, NESTED, "{\"l\":[]}" },
    { SELECT_INCLUDE, { "l[0].x" }, NESTED, "{\"l\":[]}" },
    { SELECT_INCLUDE, { "l[]" }, NESTED, "{\"l\":[{\"x\":1,\"y\":2},7]}" },
    { SELECT_INCLUDE, { "a[].b" }, NESTED, "{\"a\":{}}" },
    { SELECT_INCLUDE, { "n[].x" }, ARRAYS, "{\"n\":[{\"x\":1},[],8]}" },
    { SELECT_INCLUDE, { "n[][].x" }, ARRAYS, "{\"n\":[{},[{\"x\":2},9],8]}" },
    { SELECT_EXCLUDE, { "n[].x" }, ARRAYS, "{\"n\":[{},[{\"x\":2},9],8]}" },
    { SELECT_EXCLUDE, { "n[][].x" }, ARRAYS, "{\"n\":[{\"x\":1},[{},9],8]}" },
    { SELECT_EXCLUDE, { "n[][]" }, ARRAYS, "{\"n\":[{\"x\":1},[],8]}" },
    { SELECT_EXCLUDE, { "n.x", "n[0]" }, ARRAYS, ARRAYS },
    { SELECT_EXCLUDE,
      { "l[]" },
      NESTED,
      "{\"a\":{\"b\":1,\"c\":{\"d\":2}},\"l\":[]}" },
    { SELECT_INCLUDE, { "none" }, NESTED, "{}" },
    { SELECT_EXCLUDE, { "a" }, NESTED, "{\"l\":[{\"x\":1,\"y\":2},7]}" },
    { SELECT_EXCLUDE,
      { "a.c", "l[].y" },
      NESTED,
      "{\"a\":{\"b\":1},\"l\":[{\"x\":1},7]}" },
    { SELECT_EXCLUDE, { "none" }, NESTED, NESTED },
    { SELECT_INCLUDE, { NULL }, NESTED, "{}" },
};

START_TEST(output_payload_tells_the_selected_parts)
{
    const struct part_case *each = &parts[_i];
    struct payload_path paths[2];
    struct payload_selection selection = { .selection = each->selection,
                                           .paths = paths };
    for (size_t i = 0; i < 2 && each->paths[i] != NULL; i++) {
        ck_assert_int_eq(
            path_parse(span_of(each->paths[i]), &arena, &paths[i], NULL),
            ENGINE_OK);
        selection.paths_count++;
    }
    struct span text;
    ck_assert_int_eq(
        output_payload(span_of(each->payload), &selection, &arena, &text, NULL),
        ENGINE_OK);
    ck_assert_str_eq(text.data, each->result);
}
END_TEST

START_TEST(output_payload_goes_as_deep_as_payloads_do)
{
    char text[2 * 5 * 130 + 8] = "";
    for (size_t i = 0; i < 128; i++)
        strcat(text, "{\"a\":");
    strcat(text, "1");
    for (size_t i = 0; i < 128; i++)
        strcat(text, "}");
    struct payload_path path;
    ck_assert_int_eq(path_parse(span_of("b"), &arena, &path, NULL), ENGINE_OK);
    struct payload_selection selection = { .selection = SELECT_EXCLUDE,
                                           .paths = &path,
                                           .paths_count = 1 };
    struct span out;
    ck_assert_int_eq(
        output_payload(span_of(text), &selection, &arena, &out, NULL),
        ENGINE_OK);
    ck_assert_str_eq(out.data, text);
}
END_TEST

START_TEST(output_fails_when_the_arena_is_full)
{
    struct arena small;
    struct span out;
    struct payload_selection selection = { .selection = SELECT_ALL };
    arena_init(&small, 16);
    ck_assert_int_eq(
        output_payload(span_of(NESTED), &selection, &small, &out, NULL),
        ENGINE_ENOMEM);
    arena_release(&small);
}
END_TEST

START_TEST(output_tells_the_vectors_asked_for)
{
    static struct points points;
    float values[2] = { 1, 2 };
    points_create(&points,
                  "{\"vectors\":{\"a\":{\"size\":2,\"distance\":"
                  "\"Dot\"},\"b\":{\"size\":2,\"distance\":\"Dot\"}}}");
    ck_assert_int_eq(points_upsert(&points, 1, "a", values, 2, NULL),
                     ENGINE_OK);
    struct point_id id = points_number(1);
    struct span names[] = { span_of("b"), span_of("a") };
    struct retrieve_command command = { .ids = &id,
                                        .ids_count = 1,
                                        .output = { .vectors = { SELECT_INCLUDE,
                                                                 names, 2 } } };
    struct records records;
    ck_assert_int_eq(collection_retrieve(points.collection, &command, &arena,
                                         &records, NULL),
                     ENGINE_OK);
    ck_assert(!records.items[0].has_payload);
    ck_assert_uint_eq(records.items[0].vectors_count, 1);
    ck_assert(span_equal_text(records.items[0].vectors[0].name, "a"));
    names[0] = span_of("c");
    ck_assert_int_eq(collection_retrieve(points.collection, &command, &arena,
                                         &records, &points.error),
                     ENGINE_EINPUT);
    ck_assert_str_eq(points.error.text, "Not existing vector name error: c");
    points_destroy(&points);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("output");
    TCase *tcase = tcase_create("output");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, output_payload_tells_the_selected_parts, 0,
                        sizeof(parts) / sizeof(parts[0]));
    tcase_add_test(tcase, output_payload_goes_as_deep_as_payloads_do);
    tcase_add_test(tcase, output_fails_when_the_arena_is_full);
    tcase_add_test(tcase, output_tells_the_vectors_asked_for);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
