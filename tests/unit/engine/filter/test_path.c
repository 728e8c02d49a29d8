/* SPDX-License-Identifier: Apache-2.0
 * Payload paths: what parses to which steps, what is refused, and which values
 * a walk meets. */
#include "engine/filter/path.h"

#include "engine/codec/json_read.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define ARENA_SIZE_MAX ((size_t)1 << 20)

static struct arena arena;
static struct error error;
static struct bytes seen;

static void
setup(void)
{
    arena_init(&arena, ARENA_SIZE_MAX);
    bytes_init(&seen, 1 << 16);
}

static void
teardown(void)
{
    bytes_release(&seen);
    arena_release(&arena);
}

static struct payload_path
parse(const char *text)
{
    struct payload_path path;
    enum engine_code code = path_parse(span_of(text), &arena, &path, &error);
    ck_assert_msg(code == ENGINE_OK, "%s", error.text);
    ck_assert(span_equal_text(path.text, text));
    return path;
}

START_TEST(path_parses_keys_and_indexes)
{
    struct payload_path path = parse("a.b-c_1[].d[12]");
    ck_assert_uint_eq(path.steps_count, 3);
    ck_assert(span_equal_text(path.steps[0].key, "a"));
    ck_assert_int_eq(path.steps[0].index, PATH_INDEX_NONE);
    ck_assert(span_equal_text(path.steps[1].key, "b-c_1"));
    ck_assert_int_eq(path.steps[1].index, PATH_INDEX_ALL);
    ck_assert_int_eq(path.steps[2].index, PATH_INDEX_ONE);
    ck_assert_uint_eq(path.steps[2].element, 12);
    path = parse("\"my key.x\".y");
    ck_assert_uint_eq(path.steps_count, 2);
    ck_assert(span_equal_text(path.steps[0].key, "my key.x"));
    path = parse("a[0][]");
    ck_assert_uint_eq(path.steps_count, 2);
    ck_assert(!path_step_has_key(&path.steps[1]));
    ck_assert_uint_eq(parse("sch\xc3\xb6n").steps_count, 1);
}
END_TEST

START_TEST(path_refuses_bad_text)
{
    static const char *const bad[] = {
        "",     ".",    "a.",     ".a",  "a..b",  "[0]",           "a[",
        "a[x]", "a[1",  "a b",    "\"",  "\"a",   "\"\"",          "a[-1]",
        "a]",   "a[]b", "\"a\"b", "a$b", "a.[0]", "a[4294967296]",
    };
    struct payload_path path;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(path_parse(span_of(bad[i]), &arena, &path, &error) ==
                          ENGINE_EFORMAT,
                      "%s", bad[i]);
        ck_assert_ptr_nonnull(strstr(error.text, "Invalid json path: '"));
    }
}
END_TEST

START_TEST(path_has_limits)
{
    struct bytes text;
    bytes_init(&text, 1 << 16);
    bytes_add_char(&text, 'a');
    for (int i = 1; i < FILTER_PATH_STEPS_MAX; i++)
        bytes_add_text(&text, ".a");
    struct payload_path path;
    ck_assert_int_eq(path_parse(bytes_span(&text), &arena, &path, &error),
                     ENGINE_OK);
    bytes_add_text(&text, ".a");
    ck_assert_int_eq(path_parse(bytes_span(&text), &arena, &path, &error),
                     ENGINE_EFORMAT);
    bytes_release(&text);
    for (int i = 0; i <= FILTER_PATH_SIZE_MAX; i++)
        bytes_add_char(&text, 'a');
    ck_assert_int_eq(path_parse(bytes_span(&text), &arena, &path, &error),
                     ENGINE_EFORMAT);
    bytes_release(&text);
    struct arena small;
    arena_init(&small, 8);
    ck_assert_int_eq(path_parse(span_of("a"), &small, &path, &error),
                     ENGINE_ENOMEM);
    arena_release(&small);
}
END_TEST

START_TEST(path_equality_ignores_quotes)
{
    struct payload_path a = parse("a.b"), b = parse("\"a\".b");
    struct payload_path c = parse("a[].b"), d = parse("a[0].b");
    struct payload_path e = parse("a[1].b");
    ck_assert(path_equal(&a, &b));
    ck_assert(!path_equal(&a, &c));
    ck_assert(!path_equal(&c, &d));
    ck_assert(!path_equal(&d, &e));
    ck_assert(path_equal(&e, &e));
}
END_TEST

static bool
visit(void *ctx, yyjson_val *value)
{
    bool *is_stopping = ctx;
    ck_assert_int_eq(json_value_text(value, &seen, &error), ENGINE_OK);
    bytes_add_char(&seen, ';');
    return !*is_stopping;
}

static void
check_walk(const char *path_text, const char *values, const char *elements)
{
    static const char document[] =
        "{\"a\":{\"b\":1,\"n\":null},\"l\":[{\"v\":1},{\"v\":[2,3]},4],"
        "\"m\":[[5,6],[7]],\"e\":[],\"my key\":{\"x\":8},\"n\":null}";
    yyjson_doc *doc;
    bool is_stopping = false;
    ck_assert_int_eq(json_parse(span_of(document), &doc, &error), ENGINE_OK);
    struct payload_path path = parse(path_text);
    ck_assert(path_walk(&path, yyjson_doc_get_root(doc), visit, &is_stopping));
    bytes_add_char(&seen, '\0');
    ck_assert_str_eq(bytes_span(&seen).data, values);
    bytes_release(&seen);
    ck_assert(path_walk_elements(&path, yyjson_doc_get_root(doc), visit,
                                 &is_stopping));
    bytes_add_char(&seen, '\0');
    ck_assert_str_eq(bytes_span(&seen).data, elements);
    bytes_release(&seen);
    yyjson_doc_free(doc);
}

START_TEST(path_walk_meets_the_right_values)
{
    check_walk("a.b", "1;", "1;");
    check_walk("a.b.c", "", "");
    check_walk("a.n", "null;", "null;");
    check_walk("n.x", "", "");
    check_walk("l.v", "", "");
    check_walk("l[].v", "1;[2,3];", "1;2;3;");
    check_walk("l[1].v", "[2,3];", "2;3;");
    check_walk("l[9]", "", "");
    check_walk("m", "[[5,6],[7]];", "[5,6];[7];");
    check_walk("m[]", "[5,6];[7];", "5;6;7;");
    check_walk("m[][]", "5;6;7;", "5;6;7;");
    check_walk("m[0][1]", "6;", "6;");
    check_walk("e", "[];", "");
    check_walk("e[]", "", "");
    check_walk("a[]", "", "");
    check_walk("\"my key\".x", "8;", "8;");
}
END_TEST

START_TEST(path_walk_ends_when_a_visit_says_so)
{
    yyjson_doc *doc;
    bool is_stopping = true;
    ck_assert_int_eq(json_parse(span_of("{\"a\":[1,2]}"), &doc, &error),
                     ENGINE_OK);
    struct payload_path path = parse("a[]");
    ck_assert(!path_walk(&path, yyjson_doc_get_root(doc), visit, &is_stopping));
    ck_assert_uint_eq(bytes_span(&seen).size, 2);
    ck_assert(path_walk(&path, NULL, visit, &is_stopping));
    yyjson_doc_free(doc);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("path");
    TCase *tcase = tcase_create("path");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, path_parses_keys_and_indexes);
    tcase_add_test(tcase, path_refuses_bad_text);
    tcase_add_test(tcase, path_has_limits);
    tcase_add_test(tcase, path_equality_ignores_quotes);
    tcase_add_test(tcase, path_walk_meets_the_right_values);
    tcase_add_test(tcase, path_walk_ends_when_a_visit_says_so);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
