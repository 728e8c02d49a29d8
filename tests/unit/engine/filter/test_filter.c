/* SPDX-License-Identifier: Apache-2.0
 * The order of a filter's lists. */
#include "engine/filter/filter.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

START_TEST(values_are_sorted_without_duplicates)
{
    struct match_value values[] = {
        { .type = MATCH_STRING, .string = { "b", 1 } },
        { .type = MATCH_STRING, .string = { "a", 1 } },
        { .type = MATCH_STRING, .string = { "ab", 2 } },
        { .type = MATCH_STRING, .string = { "b", 1 } },
        { .type = MATCH_STRING, .string = { NULL, 0 } },
    };
    ck_assert_uint_eq(match_values_sort(values, 5), 4);
    ck_assert_uint_eq(values[0].string.size, 0);
    ck_assert(span_equal_text(values[1].string, "a"));
    ck_assert(span_equal_text(values[2].string, "ab"));
    ck_assert(span_equal_text(values[3].string, "b"));
    struct match_value integers[] = {
        { .type = MATCH_INTEGER, .integer = 5 },
        { .type = MATCH_INTEGER, .integer = INT64_MIN },
        { .type = MATCH_INTEGER, .integer = INT64_MAX },
    };
    ck_assert_uint_eq(match_values_sort(integers, 3), 3);
    ck_assert_int_eq(integers[0].integer, INT64_MIN);
    ck_assert_int_eq(integers[2].integer, INT64_MAX);
    ck_assert_uint_eq(match_values_sort(NULL, 0), 0);
}
END_TEST

START_TEST(ids_are_sorted_without_duplicates)
{
    struct point_id ids[] = {
        { .is_uuid = true }, { .number = 7 }, { .number = 3 }, { .number = 7 }
    };
    ck_assert_uint_eq(filter_ids_sort(ids, 4), 3);
    ck_assert_uint_eq(ids[0].number, 3);
    ck_assert(ids[2].is_uuid);
}
END_TEST

START_TEST(a_filter_without_conditions_is_empty)
{
    struct filter filter = { 0 };
    ck_assert(filter_is_empty(&filter));
    filter.min_should_count = 1;
    ck_assert(!filter_is_empty(&filter));
    filter = (struct filter){ .must_not = { NULL, 1 } };
    ck_assert(!filter_is_empty(&filter));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("filter");
    TCase *tcase = tcase_create("filter");
    tcase_add_test(tcase, values_are_sorted_without_duplicates);
    tcase_add_test(tcase, ids_are_sorted_without_duplicates);
    tcase_add_test(tcase, a_filter_without_conditions_is_empty);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
