/* SPDX-License-Identifier: Apache-2.0
 * Paths and query strings: normalising, decoding, matching, and the texts for
 * bad parameters. */
#include "engine/api/url.h"

#include <check.h>
#include <stdio.h>
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

static bool
parse(const char *text, struct url_path *path)
{
    return url_path_parse(span_of(text), &arena, path);
}

START_TEST(url_merges_slashes_and_drops_the_last)
{
    struct url_path path;
    struct span params[2];
    ck_assert(parse("//collections/x///points/search/", &path));
    ck_assert_uint_eq(path.count, 4);
    ck_assert(
        url_path_match(&path, "/collections/{n}/points/search", params, 2));
    ck_assert(span_equal_text(params[0], "x"));
    ck_assert(parse("/", &path));
    ck_assert(url_path_match(&path, "/", params, 2));
    ck_assert(!url_path_match(&path, "/collections", params, 2));
}
END_TEST

START_TEST(url_keeps_an_encoded_slash_inside_its_segment)
{
    struct url_path path;
    struct span params[2];
    ck_assert(parse("/collections/a%2Fb%20c+d/points/%C3%A4", &path));
    ck_assert(url_path_match(&path, "/collections/{n}/points/{id}", params, 2));
    ck_assert(span_equal_text(params[0], "a/b c+d"));
    ck_assert(span_equal_text(params[1], "\xc3\xa4"));
    ck_assert(!url_path_match(&path, "/collections/{n}/points", params, 2));
    ck_assert(
        !url_path_match(&path, "/collections/{n}/points/{i}/x", params, 2));
}
END_TEST

START_TEST(url_refuses_nul_bad_utf8_and_too_many_segments)
{
    struct url_path path;
    ck_assert(!parse("/a%00b", &path));
    ck_assert(!parse("/%ff", &path));
    ck_assert(!parse("/%c0%af", &path));
    ck_assert(!parse("/%ed%a0%80", &path));
    ck_assert(parse("/a%zz%4", &path));
    ck_assert(span_equal_text(path.segments[0], "a%zz%4"));
    ck_assert(parse("/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g", &path));
    ck_assert(!parse("/1/2/3/4/5/6/7/8/9/a/b/c/d/e/f/g/h", &path));
}
END_TEST

START_TEST(url_runs_out_of_memory_without_harm)
{
    struct url_path path;
    struct url_query query;
    struct error error;
    struct arena small;
    arena_init(&small, 8);
    ck_assert(!url_path_parse(span_of("/collections/x"), &small, &path));
    ck_assert_int_eq(
        url_query_parse(span_of("wait=true"), &small, &query, &error),
        ENGINE_ENOMEM);
    arena_release(&small);
}
END_TEST

static const struct {
    const char *query;
    enum engine_code code;
    const char *text; /* part of the error */
} queries[] = {
    { "", ENGINE_OK, "" },
    { "wait=true&timeout=5&ordering=strong&consistency=quorum", ENGINE_OK, "" },
    { "other=1&wait=%74rue&&", ENGINE_OK, "" },
    { "consistency=3", ENGINE_OK, "" },
    { "wait=yes", ENGINE_EQUERY, "`true` or `false`" },
    { "wait", ENGINE_EQUERY, "`true` or `false`" },
    { "timeout=0", ENGINE_EVALIDQUERY,
      "[timeout: value 0 invalid, must be 1 or larger]" },
    { "timeout=-1", ENGINE_EQUERY, "invalid digit" },
    { "timeout=", ENGINE_EQUERY, "empty string" },
    { "timeout=99999999999999999999999", ENGINE_EQUERY, "too large" },
    { "ordering=total", ENGINE_EQUERY, "`weak`, `medium`, `strong`" },
    { "consistency=none", ENGINE_EQUERY, "majority" },
    { "consistency=0", ENGINE_EINPUT, "can't be zero" },
};

START_TEST(url_query_reads_parameters)
{
    struct url_query query = { .has_wait = false };
    struct error error = { .text = "" };
    enum engine_code code =
        url_query_parse(span_of(queries[_i].query), &arena, &query, &error);
    ck_assert_int_eq(code, queries[_i].code);
    ck_assert_msg(strstr(error.text, queries[_i].text) != NULL, "%s",
                  error.text);
}
END_TEST

START_TEST(url_query_hands_over_the_values)
{
    struct url_query query;
    struct error error;
    ck_assert_int_eq(
        url_query_parse(span_of("timeout=7&wait=true"), &arena, &query, &error),
        ENGINE_OK);
    ck_assert(query.wait);
    ck_assert_uint_eq(query.timeout_s, 7);
    ck_assert_int_eq(
        url_query_parse(span_of("wait=false"), &arena, &query, &error),
        ENGINE_OK);
    ck_assert(query.has_wait && !query.wait);
    ck_assert_uint_eq(query.timeout_s, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("url");
    TCase *tcase = tcase_create("url");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, url_merges_slashes_and_drops_the_last);
    tcase_add_test(tcase, url_keeps_an_encoded_slash_inside_its_segment);
    tcase_add_test(tcase, url_refuses_nul_bad_utf8_and_too_many_segments);
    tcase_add_test(tcase, url_runs_out_of_memory_without_harm);
    tcase_add_loop_test(tcase, url_query_reads_parameters, 0,
                        (int)(sizeof(queries) / sizeof(queries[0])));
    tcase_add_test(tcase, url_query_hands_over_the_values);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
