/* SPDX-License-Identifier: Apache-2.0
 * Tests of one field from JSON: what holds on which value, and which test is
 * refused with which words. */
#include "engine/api/rest_field.h"

#include "engine/filter/eval.h"
#include "engine/filter/path.h"

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

static yyjson_doc *
read_json(const char *text)
{
    yyjson_doc *doc = yyjson_read(text, strlen(text), 0);
    ck_assert_msg(doc != NULL, "%s", text);
    return doc;
}

static enum engine_code
read_test(const char *name, yyjson_doc *doc, struct condition *ret,
          struct error *reterr)
{
    *ret = (struct condition){ 0 };
    ck_assert_int_eq(path_parse(span_of("f"), &arena, &ret->path, reterr),
                     ENGINE_OK);
    return rest_field_test(name, yyjson_doc_get_root(doc), &arena, ret, reterr);
}

/* payload: the whole object, with the field `f`. */
static const struct {
    const char *name, *test, *payload;
    bool holds;
} rows[] = {
    { "range", "{\"gte\":\"2020-01-01\"}", "{\"f\":\"2020-01-01T00:00\"}", 1 },
    { "range", "{\"gt\":\"2020-01-01\"}", "{\"f\":\"2020-01-01\"}", 0 },
    { "range", "{\"lt\":\"2020-01-01T01:00:00+02:00\",\"gt\":null}",
      "{\"f\":[\"no date\",\"2019-12-31 22:59:59\"]}", 1 },
    { "range", "{\"lte\":\"2020-01-01\"}", "{\"f\":1577836800}", 0 },
    { "range", "{\"lte\":1e10}", "{\"f\":\"2020-01-01\"}", 0 },
    { "match", "{\"text\":\"edge\"}", "{\"f\":\"the edge of it\"}", 1 },
    { "match", "{\"text\":\"Edge\"}", "{\"f\":\"the edge of it\"}", 0 },
    { "match", "{\"text\":\"\"}", "{\"f\":\"\"}", 1 },
    { "match", "{\"text\":\"\"}", "{\"f\":1}", 0 },
    { "match", "{\"phrase\":\"edge of\"}", "{\"f\":[1,\"the edge of\"]}", 1 },
    { "match", "{\"phrase\":\"edge  of\"}", "{\"f\":\"the edge of\"}", 0 },
    { "match", "{\"text_any\":\" none\\tdge \"}", "{\"f\":\"the edge\"}", 1 },
    { "match", "{\"text_any\":\" \"}", "{\"f\":\"the edge\"}", 0 },
    { "match", "{\"prefix\":\"the\"}", "{\"f\":\"the edge\"}", 1 },
    { "match", "{\"prefix\":\"edge\"}", "{\"f\":\"the edge\"}", 0 },
    { "match", "{\"prefix\":\"\"}", "{\"f\":\"\"}", 1 },
    { "geo_bounding_box",
      "{\"top_left\":{\"lon\":0,\"lat\":10},"
      "\"bottom_right\":{\"lon\":10,\"lat\":0}}",
      "{\"f\":[{\"lon\":50,\"lat\":5},{\"lon\":5,\"lat\":5}]}", 1 },
    { "geo_bounding_box",
      "{\"top_left\":{\"lon\":0,\"lat\":10},"
      "\"bottom_right\":{\"lon\":10,\"lat\":0}}",
      "{\"f\":{\"lon\":10,\"lat\":5}}", 0 },
    { "geo_radius", "{\"center\":{\"lon\":0,\"lat\":0},\"radius\":200000}",
      "{\"f\":{\"lon\":1,\"lat\":1}}", 1 },
    { "geo_radius", "{\"center\":{\"lon\":0,\"lat\":0},\"radius\":100000}",
      "{\"f\":{\"lon\":1,\"lat\":1}}", 0 },
    { "geo_polygon",
      "{\"exterior\":{\"points\":[{\"lon\":0,\"lat\":0},{\"lon\":9,\"lat\":0},"
      "{\"lon\":0,\"lat\":9},{\"lon\":0,\"lat\":0}]},\"interiors\":null}",
      "{\"f\":{\"lon\":2,\"lat\":2}}", 1 },
    { "geo_polygon",
      "{\"exterior\":{\"points\":[{\"lon\":0,\"lat\":0},{\"lon\":9,\"lat\":0},"
      "{\"lon\":0,\"lat\":9},{\"lon\":0,\"lat\":0}]},\"interiors\":[{"
      "\"points\":"
      "[{\"lon\":1,\"lat\":1},{\"lon\":3,\"lat\":1},{\"lon\":1,\"lat\":4},"
      "{\"lon\":1,\"lat\":1}]}]}",
      "{\"f\":{\"lon\":2,\"lat\":2}}", 0 },
    { "values_count", "{\"gte\":2}", "{\"f\":[1,2]}", 1 },
    { "is_null", "true", "{\"f\":[1,null]}", 1 },
    { "is_empty", "false", "{\"f\":[]}", 0 },
};

START_TEST(field_test_holds_or_not)
{
    struct condition condition;
    struct error error = { 0 };
    yyjson_doc *test = read_json(rows[_i].test);
    yyjson_doc *payload = read_json(rows[_i].payload);
    struct subject subject = { .payload = yyjson_doc_get_root(payload) };
    ck_assert_msg(read_test(rows[_i].name, test, &condition, &error) ==
                      ENGINE_OK,
                  "%s: %s", rows[_i].test, error.text);
    ck_assert_msg(condition_matches(&condition, &subject) == rows[_i].holds,
                  "%s on %s", rows[_i].test, rows[_i].payload);
    yyjson_doc_free(test);
    yyjson_doc_free(payload);
}
END_TEST

static const struct {
    const char *name, *test, *words;
} bad[] = {
    { "match", "{}", "Expected some form of condition" },
    { "match", "{\"text\":1}", "Expected some form of condition" },
    { "match", "{\"prefix\":null}", "Expected some form of condition" },
    { "range", "[]", "Expected some form of condition" },
    { "range", "{\"gt\":\"yesterday\"}",
      "'yesterday' does not match accepted datetime format (RFC3339)" },
    { "range", "{\"gt\":\"2020-01-01\",\"lt\":5}", "all numbers, or all" },
    { "range", "{\"gt\":true}", "Expected some form of condition" },
    { "values_count", "{\"gt\":-1}", "Expected some form of condition" },
    { "values_count", "{\"gt\":\"2020-01-01\"}", "Expected some form" },
    { "is_null", "1", "Expected some form of condition" },
    { "geo_radius", "{}", "Expected some form of condition" },
    { "geo_radius", "{\"center\":{\"lon\":181,\"lat\":0},\"radius\":1}",
      "`lon` = 181 within [-180;180]" },
    { "geo_bounding_box", "{\"top_left\":{\"lon\":0,\"lat\":0}}",
      "a point needs the numbers `lat` and `lon`" },
    { "geo_polygon", "7", "Expected some form of condition" },
    { "geo_polygon", "{\"exterior\":{\"points\":[]}}",
      "must be at least 4, got 0" },
    { "geo_polygon",
      "{\"exterior\":{\"points\":[{\"lon\":0,\"lat\":0},{\"lon\":9,\"lat\":0},"
      "{\"lon\":0,\"lat\":9},{\"lon\":1,\"lat\":0}]}}",
      "the first and the last points should be the same" },
    { "geo_polygon",
      "{\"exterior\":{\"points\":[{\"lon\":0,\"lat\":0},{\"lon\":9,\"lat\":0},"
      "{\"lon\":0,\"lat\":9},{\"lon\":0,\"lat\":0}]},\"interiors\":[{}]}",
      "Expected some form of condition" },
};

START_TEST(field_test_is_refused_with_a_reason)
{
    struct condition condition;
    struct error error = { 0 };
    yyjson_doc *test = read_json(bad[_i].test);
    ck_assert_int_eq(read_test(bad[_i].name, test, &condition, &error),
                     ENGINE_EFORMAT);
    ck_assert_msg(strstr(error.text, bad[_i].words) != NULL, "%s: %s",
                  bad[_i].test, error.text);
    yyjson_doc_free(test);
}
END_TEST

static void
check_limit(const char *name, struct bytes *test, const char *words)
{
    struct condition condition;
    struct error error = { 0 };
    ck_assert(!bytes_failed(test));
    yyjson_doc *doc = read_json(test->data);
    ck_assert_int_eq(read_test(name, doc, &condition, &error), ENGINE_EFORMAT);
    ck_assert_msg(strstr(error.text, words) != NULL, "%s", error.text);
    yyjson_doc_free(doc);
    bytes_release(test);
}

START_TEST(field_test_has_limits)
{
    struct bytes test;
    bytes_init(&test, 8 << 20);
    bytes_add_text(&test, "{\"text\":\"");
    for (size_t i = 0; i <= FILTER_TEXT_SIZE_MAX; i++)
        bytes_add_char(&test, 'x');
    bytes_add_text(&test, "\"}");
    check_limit("match", &test, "65537 bytes, at most 65536");
    bytes_add_text(&test, "{\"exterior\":{\"points\":[0");
    for (size_t i = 0; i < GEO_RING_POINTS_MAX; i++)
        bytes_add_text(&test, ",0");
    bytes_add_text(&test, "]}}");
    check_limit("geo_polygon", &test, "65537 points, at most 65536");
    bytes_add_text(&test, "{\"exterior\":{\"points\":[]},\"interiors\":[0");
    for (size_t i = 0; i < FILTER_RINGS_MAX; i++)
        bytes_add_text(&test, ",0");
    bytes_add_text(&test, "]}");
    check_limit("geo_polygon", &test, "1025 interiors, at most 1024");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("rest_field");
    TCase *tcase = tcase_create("rest_field");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, field_test_holds_or_not, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_loop_test(tcase, field_test_is_refused_with_a_reason, 0,
                        (int)(sizeof(bad) / sizeof(bad[0])));
    tcase_add_test(tcase, field_test_has_limits);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
