/* SPDX-License-Identifier: Apache-2.0
 * JSON filters: every form is read, every wrong form is refused with the text
 * that clients know, every list has its limit. */
#include "engine/api/rest_filter.h"

#include "engine/filter/eval.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define ARENA_SIZE_MAX ((size_t)64 << 20)

static struct arena arena;
static struct error error;
static yyjson_doc *docs[64];
static size_t docs_count;

static void
setup(void)
{
    arena_init(&arena, ARENA_SIZE_MAX);
    memset(&error, 0, sizeof(error));
    docs_count = 0;
}

static void
teardown(void)
{
    while (docs_count > 0)
        yyjson_doc_free(docs[--docs_count]);
    arena_release(&arena);
}

static yyjson_val *
json(const char *text)
{
    yyjson_doc *doc;
    ck_assert_int_eq(json_parse(span_of(text), &doc, &error), ENGINE_OK);
    ck_assert_uint_lt(docs_count, 64);
    docs[docs_count++] = doc;
    return yyjson_doc_get_root(doc);
}

static const struct filter *
parse(const char *text)
{
    const struct filter *filter = NULL;
    enum engine_code code = rest_filter_parse(
        json(text), "search_request.filter", &arena, &filter, &error);
    ck_assert_msg(code == ENGINE_OK, "%s", error.text);
    return filter;
}

static void
check_refused(const char *text, enum engine_code code, const char *words)
{
    const struct filter *filter = (const struct filter *)-1;
    ck_assert_int_eq(rest_filter_parse(json(text), "search_request.filter",
                                       &arena, &filter, &error),
                     code);
    ck_assert_msg(strstr(error.text, words) != NULL, "got: %s", error.text);
    ck_assert_ptr_eq(filter, (const struct filter *)-1);
}

static bool
matches(const char *filter, const char *payload)
{
    struct point_id id = { .number = 7 };
    return filter_matches(
        parse(filter),
        &(struct subject){ .id = &id, .payload = json(payload) });
}

START_TEST(filter_absent_or_null_is_none)
{
    const struct filter *filter = (const struct filter *)-1;
    ck_assert_int_eq(rest_filter_parse(NULL, "f", &arena, &filter, &error),
                     ENGINE_OK);
    ck_assert_ptr_null(filter);
    ck_assert_ptr_null(parse("null"));
}
END_TEST

START_TEST(filter_clauses_take_one_condition_or_a_list)
{
    const char *payload = "{\"city\":\"Berlin\",\"n\":5}";
    ck_assert(matches("{}", payload));
    ck_assert(matches(
        "{\"must\":{\"key\":\"city\",\"match\":{\"value\":\"Berlin\"}}}",
        payload));
    ck_assert(matches("{\"should\":[{\"key\":\"city\",\"match\":{\"value\":"
                      "\"Rome\"}},{\"key\":\"n\",\"range\":{\"gte\":5}}]}",
                      payload));
    ck_assert(!matches("{\"must_not\":[{\"has_id\":[7]}]}", payload));
    ck_assert(!matches("{\"min_should\":{\"conditions\":[{\"has_id\":[7]},"
                       "{\"has_id\":[8]}],\"min_count\":2}}",
                       payload));
    ck_assert(matches("{\"must\":[],\"should\":null}", payload));
}
END_TEST

START_TEST(filter_reads_every_kind_of_condition)
{
    const char *payload = "{\"a\":[1,2],\"b\":null,\"s\":\"x\",\"t\":true,"
                          "\"l\":[{\"x\":1,\"y\":2},{\"x\":2,\"y\":1}]}";
    ck_assert(matches("{\"must\":{\"key\":\"a\",\"match\":{\"any\":[9,2]}}}",
                      payload));
    ck_assert(matches("{\"must\":{\"key\":\"a\",\"match\":{\"except\":[1]}}}",
                      payload));
    ck_assert(!matches(
        "{\"must\":{\"key\":\"a\",\"match\":{\"except\":[1,2]}}}", payload));
    ck_assert(matches("{\"must\":{\"key\":\"t\",\"match\":{\"value\":true}}}",
                      payload));
    ck_assert(matches("{\"must\":{\"is_null\":{\"key\":\"b\"}}}", payload));
    ck_assert(matches("{\"must\":{\"is_empty\":{\"key\":\"zz\"}}}", payload));
    ck_assert(
        matches("{\"must\":{\"key\":\"s\",\"is_empty\":false}}", payload));
    ck_assert(matches("{\"must\":{\"key\":\"a\",\"values_count\":{\"gt\":1}}}",
                      payload));
    ck_assert(matches(
        "{\"must\":{\"nested\":{\"key\":\"l[]\",\"filter\":{\"must\":[{\"key\":"
        "\"x\",\"match\":{\"value\":1}},{\"key\":\"y\",\"match\":{\"value\":2}}"
        "]}}}}",
        payload));
    ck_assert(!matches(
        "{\"must\":{\"nested\":{\"key\":\"l\",\"filter\":{\"must\":[{\"key\":"
        "\"x\",\"match\":{\"value\":1}},{\"key\":\"y\",\"match\":{\"value\":1}}"
        "]}}}}",
        payload));
    ck_assert(matches("{\"must\":{\"must_not\":{\"has_id\":[\"550e8400-e29b-"
                      "41d4-a716-446655440000\"]}}}",
                      payload));
}
END_TEST

START_TEST(filter_ors_several_tests_of_one_field)
{
    const char *filter = "{\"must\":{\"key\":\"a\",\"match\":{\"value\":1},"
                         "\"range\":{\"gt\":10}}}";
    ck_assert(matches(filter, "{\"a\":1}"));
    ck_assert(matches(filter, "{\"a\":11}"));
    ck_assert(!matches(filter, "{\"a\":5}"));
}
END_TEST

START_TEST(filter_names_an_unknown_field_and_the_allowed_ones)
{
    check_refused("{\"musty\":[]}", ENGINE_EFORMAT,
                  "unknown field `musty`, expected one of `should`, "
                  "`min_should`, `must`, `must_not`");
}
END_TEST

START_TEST(filter_refuses_what_is_no_condition)
{
    static const char *const bad[] = {
        "{\"must\":[5]}",
        "{\"must\":[{\"keys\":\"a\"}]}",
        "{\"must\":[{\"key\":5,\"match\":{\"value\":1}}]}",
        "{\"must\":[{\"key\":\"a\",\"match\":{}}]}",
        "{\"must\":[{\"key\":\"a\",\"match\":{\"value\":1.5}}]}",
        "{\"must\":[{\"key\":\"a\",\"match\":{\"value\":9223372036854775808}}]"
        "}",
        "{\"must\":[{\"key\":\"a\",\"match\":{\"any\":[1,\"x\"]}}]}",
        "{\"must\":[{\"key\":\"a\",\"match\":{\"any\":5}}]}",
        "{\"must\":[{\"key\":\"a\",\"range\":{\"gt\":true}}]}",
        "{\"must\":[{\"key\":\"a\",\"range\":5}]}",
        "{\"must\":[{\"key\":\"a\",\"values_count\":{\"gt\":1.5}}]}",
        "{\"must\":[{\"key\":\"a\",\"values_count\":{\"lte\":-1}}]}",
        "{\"must\":[{\"key\":\"a\",\"values_count\":{\"gte\":\"1\"}}]}",
        "{\"must\":[{\"is_null\":\"a\"}]}",
        "{\"must\":[{\"nested\":{\"key\":\"a\"}}]}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        check_refused(bad[i], ENGINE_EFORMAT,
                      "Expected some form of condition, which can be a field "
                      "condition");
        teardown();
        setup();
    }
}
END_TEST

START_TEST(filter_refuses_a_key_without_a_test_by_its_place)
{
    check_refused(
        "{\"must\":[{\"has_id\":[1]},{\"should\":{\"key\":\"a\"}}]}",
        ENGINE_EVALID,
        "[search_request.filter.must[1].should[0]: Validation "
        "error: At least one field condition must be specified [{}]]");
}
END_TEST

START_TEST(filter_refuses_min_count_zero)
{
    check_refused("{\"min_should\":{\"conditions\":[],\"min_count\":0}}",
                  ENGINE_EVALID,
                  "[search_request.filter.min_should.min_count: value 0 "
                  "invalid, must be 1 or larger]");
}
END_TEST

START_TEST(filter_reads_what_is_not_payload)
{
    const struct filter *filter =
        parse("{\"must\":[{\"has_vector\":\"image\"},"
              "{\"slice\":{\"total\":1,\"index\":0}}]}");
    ck_assert_int_eq(filter->must.conditions[0].kind, CONDITION_HAS_VECTOR);
    ck_assert(span_equal_text(filter->must.conditions[0].text, "image"));
    ck_assert(!filter_reads_payload(filter));
    ck_assert(!matches("{\"must\":{\"has_vector\":\"image\"}}", "{}"));
    ck_assert(
        matches("{\"must\":{\"slice\":{\"total\":1,\"index\":0}}}", "{}"));
}
END_TEST

START_TEST(filter_refuses_bad_paths_ids_and_other_types)
{
    check_refused("{\"must\":{\"key\":\"a[\",\"match\":{\"value\":1}}}",
                  ENGINE_EFORMAT, "Invalid json path: 'a['");
    check_refused("{\"must\":{\"has_id\":[-1]}}", ENGINE_EFORMAT,
                  "value -1 is not a valid point ID");
    check_refused("[]", ENGINE_EFORMAT, "expected struct Filter");
    check_refused("{\"must\":{\"slice\":{\"total\":2,\"index\":2}}}",
                  ENGINE_EVALID, "search_request.filter.must[0].slice.index");
    check_refused("{\"must\":{\"slice\":{\"total\":0,\"index\":0}}}",
                  ENGINE_EVALID, "the total must be greater than 0");
    check_refused("{\"must\":{\"slice\":{\"total\":2}}}", ENGINE_EFORMAT,
                  "Expected some form of condition");
    check_refused("{\"must\":{\"has_vector\":1}}", ENGINE_EFORMAT,
                  "Expected some form of condition");
}
END_TEST

/* One more level of filters than FILTER_DEPTH_MAX. */
START_TEST(filter_is_refused_one_level_too_deep)
{
    for (int extra = 0; extra <= 1; extra++) {
        struct bytes text;
        bytes_init(&text, 1 << 16);
        for (int i = 0; i < FILTER_DEPTH_MAX + extra; i++)
            bytes_add_text(&text, "{\"must\":");
        bytes_add_text(&text, "{}");
        for (int i = 0; i < FILTER_DEPTH_MAX + extra; i++)
            bytes_add_char(&text, '}');
        if (extra == 0)
            ck_assert_ptr_nonnull(parse(bytes_span(&text).data));
        else
            check_refused(bytes_span(&text).data, ENGINE_EFORMAT,
                          "nested deeper than 64");
        bytes_release(&text);
    }
}
END_TEST

static void
add_repeated(struct bytes *text, const char *item, size_t count)
{
    bytes_add_char(text, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            bytes_add_char(text, ',');
        bytes_add_text(text, item);
    }
    bytes_add_char(text, ']');
}

START_TEST(filter_lists_have_limits)
{
    struct bytes text;
    bytes_init(&text, 1 << 20);
    bytes_add_text(&text, "{\"must\":");
    add_repeated(&text, "{}", FILTER_CONDITIONS_MAX + 1);
    bytes_add_char(&text, '}');
    check_refused(bytes_span(&text).data, ENGINE_EFORMAT, "at most 4096");
    bytes_release(&text);
    bytes_add_text(&text, "{\"must\":{\"key\":\"a\",\"match\":{\"any\":");
    add_repeated(&text, "1", FILTER_ANY_MAX + 1);
    bytes_add_text(&text, "}}}");
    check_refused(bytes_span(&text).data, ENGINE_EFORMAT, "at most 65536");
    bytes_release(&text);
    bytes_add_text(&text, "{\"must\":{\"key\":\"a\",\"match\":{\"any\":");
    add_repeated(&text, "1", FILTER_ANY_MAX);
    bytes_add_text(&text, "}}}");
    ck_assert_uint_eq(
        parse(bytes_span(&text).data)->must.conditions[0].values_count, 1);
    bytes_release(&text);
}
END_TEST

START_TEST(filter_fails_cleanly_past_the_arena_cap)
{
    struct arena small;
    arena_init(&small, 64);
    const struct filter *filter;
    ck_assert_int_eq(
        rest_filter_parse(
            json("{\"must\":[{\"has_id\":[1,2,3]},{\"has_id\":[1]}]}"), "f",
            &small, &filter, &error),
        ENGINE_ENOMEM);
    arena_release(&small);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("rest_filter");
    TCase *tcase = tcase_create("rest_filter");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, filter_absent_or_null_is_none);
    tcase_add_test(tcase, filter_clauses_take_one_condition_or_a_list);
    tcase_add_test(tcase, filter_reads_every_kind_of_condition);
    tcase_add_test(tcase, filter_ors_several_tests_of_one_field);
    tcase_add_test(tcase, filter_names_an_unknown_field_and_the_allowed_ones);
    tcase_add_test(tcase, filter_refuses_what_is_no_condition);
    tcase_add_test(tcase, filter_refuses_a_key_without_a_test_by_its_place);
    tcase_add_test(tcase, filter_refuses_min_count_zero);
    tcase_add_test(tcase, filter_reads_what_is_not_payload);
    tcase_add_test(tcase, filter_refuses_bad_paths_ids_and_other_types);
    tcase_add_test(tcase, filter_is_refused_one_level_too_deep);
    tcase_add_test(tcase, filter_lists_have_limits);
    tcase_add_test(tcase, filter_fails_cleanly_past_the_arena_cap);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
