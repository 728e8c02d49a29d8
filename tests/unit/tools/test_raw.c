/* SPDX-License-Identifier: Apache-2.0
 * Values of JSON as bytes: found as they are spelled, and not at all where the
 * text is broken. */
#include "tools/raw.h"

#include "tests/fixture/suite.h"

#include <string.h>

static bool
value_is(const char *text, const char *wanted, const char *wanted_rest)
{
    struct span value, rest;
    return raw_value(span_of(text), &value, &rest) &&
           span_equal_text(value, wanted) && span_equal_text(rest, wanted_rest);
}

START_TEST(a_value_ends_where_its_bracket_closes)
{
    ck_assert(
        value_is(" 18446744073709551615,2", "18446744073709551615", ",2"));
    ck_assert(value_is("{\"a\":[1,{\"b\":\"}]\"}]} x",
                       "{\"a\":[1,{\"b\":\"}]\"}]}", " x"));
    ck_assert(value_is("\"a\\\"b\"]", "\"a\\\"b\"", "]"));
    ck_assert(value_is("null}", "null", "}"));
}
END_TEST

START_TEST(a_broken_value_is_none)
{
    static const char *const broken[] = { "",       "  ",     "{",  "[1,2",
                                          "\"abc",  "\"a\\",  "{]", "[}",
                                          "{\"a\"", "[\"]",   "}",  ",",
                                          "[[[]",   "{\"a]}", "]" };
    struct span value, rest;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        ck_assert_msg(!raw_value(span_of(broken[i]), &value, &rest), "%s",
                      broken[i]);
}
END_TEST

/* One bracket more than the limit. */
START_TEST(depth_has_a_limit)
{
    char text[2 * RAW_DEPTH_MAX + 4];
    struct span value, rest;
    for (size_t extra = 0; extra < 2; extra++) {
        size_t depth = RAW_DEPTH_MAX + extra;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        ck_assert(raw_value(span_of(text), &value, &rest) == (extra == 0));
    }
}
END_TEST

START_TEST(a_member_is_found_at_its_own_level_only)
{
    struct span value;
    struct span object =
        span_of("{ \"payload\":{\"id\":1}, \"id\" : 7 ,\"x\":\"id\"}");
    ck_assert(raw_member(object, "id", &value));
    ck_assert(span_equal_text(value, "7"));
    ck_assert(!raw_member(object, "vector", &value));
    ck_assert(!raw_member(span_of("[1]"), "id", &value));
    ck_assert(!raw_member(span_of("{}"), "id", &value));
    ck_assert(!raw_member(span_of("{\"a\" 1}"), "a", &value));
    ck_assert(!raw_member(span_of("{1:2}"), "a", &value));
}
END_TEST

static size_t
items_count(const char *text, bool *ret_is_broken)
{
    struct span cursor = span_of(text), item;
    size_t count = 0;
    while (raw_next(&cursor, &item, ret_is_broken))
        count++;
    return count;
}

START_TEST(items_of_a_list)
{
    bool is_broken = true;
    ck_assert_uint_eq(items_count("[]", &is_broken), 0);
    ck_assert(!is_broken);
    ck_assert_uint_eq(items_count(" [ ] ", &is_broken), 0);
    ck_assert(!is_broken);
    ck_assert_uint_eq(items_count("[{\"id\":1}, 2 ,[3,4]]", &is_broken), 3);
    ck_assert(!is_broken);
    ck_assert_uint_eq(items_count("[1,2", &is_broken), 2);
    ck_assert(is_broken);
    ck_assert_uint_eq(items_count("[1,]", &is_broken), 1);
    ck_assert(is_broken);
    ck_assert_uint_eq(items_count("{}", &is_broken), 0);
    ck_assert(is_broken);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("tools/raw");
    TCase *tests = tcase_create("raw");
    tcase_add_test(tests, a_value_ends_where_its_bracket_closes);
    tcase_add_test(tests, a_broken_value_is_none);
    tcase_add_test(tests, depth_has_a_limit);
    tcase_add_test(tests, a_member_is_found_at_its_own_level_only);
    tcase_add_test(tests, items_of_a_list);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
