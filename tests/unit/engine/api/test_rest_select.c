/* SPDX-License-Identifier: Apache-2.0
 * Id lists, selectors and output selections of REST bodies. */
#include "engine/api/rest_select.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define ARENA_SIZE_MAX ((size_t)64 << 20)

static struct arena arena;
static struct error error;
static yyjson_doc *doc;

static void
setup(void)
{
    arena_init(&arena, ARENA_SIZE_MAX);
    doc = NULL;
}

static void
teardown(void)
{
    yyjson_doc_free(doc);
    arena_release(&arena);
}

static yyjson_val *
json(const char *text)
{
    yyjson_doc_free(doc);
    ck_assert_int_eq(json_parse(span_of(text), &doc, &error), ENGINE_OK);
    return yyjson_doc_get_root(doc);
}

START_TEST(ids_keep_their_order)
{
    const struct point_id *ids;
    size_t count;
    ck_assert_int_eq(
        rest_ids_parse(json("[3,1,18446744073709551615,"
                            "\"550E8400E29B41D4A716446655440000\"]"),
                       &arena, &ids, &count, &error),
        ENGINE_OK);
    ck_assert_uint_eq(count, 4);
    ck_assert_uint_eq(ids[0].number, 3);
    ck_assert_uint_eq(ids[2].number, UINT64_MAX);
    ck_assert(ids[3].is_uuid);
}
END_TEST

START_TEST(ids_refuse_other_types)
{
    const struct point_id *ids;
    size_t count;
    static const char *const bad[] = { "[\"1\"]", "[1.5]", "[-1]", "[null]" };
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(
            rest_ids_parse(json(bad[i]), &arena, &ids, &count, &error),
            ENGINE_EFORMAT);
        ck_assert_ptr_nonnull(
            strstr(error.text, "is not a valid point ID, valid values are "
                               "either an unsigned integer or a UUID"));
    }
    ck_assert_int_eq(rest_ids_parse(json("{}"), &arena, &ids, &count, &error),
                     ENGINE_EFORMAT);
    ck_assert_int_eq(rest_ids_parse(NULL, &arena, &ids, &count, &error),
                     ENGINE_EFORMAT);
}
END_TEST

START_TEST(selector_takes_points_or_a_filter)
{
    struct point_selector selector;
    ck_assert_int_eq(rest_selector_parse(json("{\"points\":[1,2]}"), "body",
                                         &arena, &selector, &error),
                     ENGINE_OK);
    ck_assert_uint_eq(selector.ids_count, 2);
    ck_assert_ptr_null(selector.filter);
    ck_assert_int_eq(rest_selector_parse(json("{\"filter\":{}}"), "body",
                                         &arena, &selector, &error),
                     ENGINE_OK);
    ck_assert_ptr_nonnull(selector.filter);
    ck_assert_int_eq(
        rest_selector_parse(json("{}"), "body", &arena, &selector, &error),
        ENGINE_EFORMAT);
    ck_assert_int_eq(
        rest_selector_parse(json("{\"filter\":{\"must\":{\"key\":\"a\"}}}"),
                            "body", &arena, &selector, &error),
        ENGINE_EVALID);
    ck_assert_ptr_nonnull(strstr(error.text, "[body.filter.must[0]:"));
}
END_TEST

static struct payload_selection
payload(const char *text)
{
    struct payload_selection selection;
    enum engine_code code =
        rest_payload_parse(json(text), SELECT_ALL, &arena, &selection, &error);
    ck_assert_msg(code == ENGINE_OK, "%s", error.text);
    return selection;
}

START_TEST(payload_selection_takes_all_its_forms)
{
    struct payload_selection selection;
    ck_assert_int_eq(
        rest_payload_parse(NULL, SELECT_ALL, &arena, &selection, &error),
        ENGINE_OK);
    ck_assert_int_eq(selection.selection, SELECT_ALL);
    ck_assert_int_eq(payload("null").selection, SELECT_ALL);
    ck_assert_int_eq(payload("false").selection, SELECT_NONE);
    ck_assert_int_eq(payload("true").selection, SELECT_ALL);
    selection = payload("[\"a.b\",\"c\"]");
    ck_assert_int_eq(selection.selection, SELECT_INCLUDE);
    ck_assert_uint_eq(selection.paths_count, 2);
    ck_assert_uint_eq(selection.paths[0].steps_count, 2);
    ck_assert_int_eq(payload("{\"include\":[]}").selection, SELECT_INCLUDE);
    selection = payload("{\"exclude\":[\"x\"]}");
    ck_assert_int_eq(selection.selection, SELECT_EXCLUDE);
    ck_assert_uint_eq(selection.paths_count, 1);
}
END_TEST

START_TEST(payload_selection_refuses_other_forms)
{
    static const struct {
        const char *text, *words;
    } bad[] = {
        { "5", "WithPayloadInterface" },
        { "[5]", "WithPayloadInterface" },
        { "{}", "WithPayloadInterface" },
        { "{\"include\":[],\"exclude\":[]}", "WithPayloadInterface" },
        { "{\"includes\":[]}", "unknown field `includes`" },
        { "[\"a..b\"]", "Invalid json path" },
    };
    struct payload_selection selection;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_eq(rest_payload_parse(json(bad[i].text), SELECT_ALL,
                                            &arena, &selection, &error),
                         ENGINE_EFORMAT);
        ck_assert_msg(strstr(error.text, bad[i].words) != NULL, "%s",
                      error.text);
    }
}
END_TEST

START_TEST(vector_selection_takes_a_bool_or_names)
{
    struct output_selection output;
    ck_assert_int_eq(rest_output_parse(json("{\"with_vectors\":[\"a\",\"\"]}"),
                                       SELECT_NONE, &arena, &output, &error),
                     ENGINE_OK);
    ck_assert_int_eq(output.payload.selection, SELECT_NONE);
    ck_assert_int_eq(output.vectors.selection, SELECT_INCLUDE);
    ck_assert_uint_eq(output.vectors.names_count, 2);
    ck_assert_int_eq(
        rest_output_parse(json("{\"with_vector\":true,\"with_payload\":true}"),
                          SELECT_NONE, &arena, &output, &error),
        ENGINE_OK);
    ck_assert_int_eq(output.payload.selection, SELECT_ALL);
    ck_assert_int_eq(output.vectors.selection, SELECT_ALL);
    ck_assert_int_eq(rest_output_parse(json("{\"with_vector\":\"a\"}"),
                                       SELECT_NONE, &arena, &output, &error),
                     ENGINE_EFORMAT);
    ck_assert_int_eq(rest_output_parse(json("{\"with_vector\":[1]}"),
                                       SELECT_NONE, &arena, &output, &error),
                     ENGINE_EFORMAT);
}
END_TEST

START_TEST(lists_fail_cleanly_past_the_arena_cap)
{
    struct arena small;
    arena_init(&small, 64);
    const struct point_id *ids;
    size_t count;
    ck_assert_int_eq(
        rest_ids_parse(json("[1,2,3,4]"), &small, &ids, &count, &error),
        ENGINE_ENOMEM);
    struct payload_selection selection;
    ck_assert_int_eq(rest_payload_parse(json("[\"a\"]"), SELECT_ALL, &small,
                                        &selection, &error),
                     ENGINE_ENOMEM);
    arena_release(&small);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("rest_select");
    TCase *tcase = tcase_create("rest_select");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, ids_keep_their_order);
    tcase_add_test(tcase, ids_refuse_other_types);
    tcase_add_test(tcase, selector_takes_points_or_a_filter);
    tcase_add_test(tcase, payload_selection_takes_all_its_forms);
    tcase_add_test(tcase, payload_selection_refuses_other_forms);
    tcase_add_test(tcase, vector_selection_takes_a_bool_or_names);
    tcase_add_test(tcase, lists_fail_cleanly_past_the_arena_cap);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
