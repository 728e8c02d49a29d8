/* SPDX-License-Identifier: Apache-2.0
 * What the runs of a query find, sorted into groups. */
#include "engine/collection/groups_found.h"

#include "engine/filter/path.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

#define ARENA_SIZE_MAX ((size_t)8 << 20)

static struct arena arena;
static struct payload_path path;
static struct groups_found found;

static void
setup(void)
{
    arena_init(&arena, ARENA_SIZE_MAX);
    ck_assert_int_eq(path_parse(span_of("k"), &arena, &path, NULL), ENGINE_OK);
    found = (struct groups_found){ .arena = &arena,
                                   .key = &path,
                                   .json = json_reader_new() };
    ck_assert_ptr_nonnull(found.json);
}

static void
teardown(void)
{
    json_reader_free(found.json);
    arena_release(&arena);
}

/* A point of that id whose payload is {"k": value}. */
static void
take(uint64_t id, const char *value)
{
    struct bytes text;
    bytes_init(&text, 4096);
    bytes_addf(&text, "{\"k\":%s}", value);
    struct record record = { .id = { .number = id },
                             .has_payload = true,
                             .payload = bytes_span(&text) };
    struct records records = { .items = &record, .count = 1 };
    ck_assert_int_eq(groups_take(&found, &records, NULL), ENGINE_OK);
    bytes_release(&text);
}

static void
sort(size_t wanted_groups)
{
    ck_assert_int_eq(groups_sort(&found, NULL), ENGINE_OK);
    ck_assert_uint_eq(found.runs_count, wanted_groups);
}

static uint64_t
hit(size_t group, size_t place)
{
    const struct groups_run *run = &found.runs[group];
    ck_assert_uint_lt(place, run->end - run->begin);
    return found.seen[found.entries[run->begin + place].place].id.number;
}

static size_t
hits(size_t group)
{
    return found.runs[group].end - found.runs[group].begin;
}

START_TEST(groups_stand_by_their_best_points)
{
    take(5, "\"b\"");
    take(3, "\"a\"");
    take(9, "\"b\"");
    sort(2);
    ck_assert(
        span_equal_text(found.entries[found.runs[0].begin].key.string, "b"));
    ck_assert_uint_eq(hits(0), 2);
    ck_assert_uint_eq(hit(0, 0), 5);
    ck_assert_uint_eq(hit(0, 1), 9);
    ck_assert_uint_eq(hit(1, 0), 3);
}
END_TEST

START_TEST(later_points_go_behind_what_was_sorted)
{
    take(5, "\"b\"");
    take(3, "\"a\"");
    sort(2);
    take(7, "\"a\"");
    take(8, "\"c\"");
    take(2, "\"b\"");
    sort(3);
    ck_assert_uint_eq(hit(0, 0), 5);
    ck_assert_uint_eq(hit(0, 1), 2);
    ck_assert_uint_eq(hit(1, 0), 3);
    ck_assert_uint_eq(hit(1, 1), 7);
    ck_assert_uint_eq(hit(2, 0), 8);
}
END_TEST

START_TEST(each_value_of_an_array_counts_once)
{
    take(1, "[\"x\",2,\"x\",\"y\",2]");
    take(2, "[]");
    sort(3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(hits(i), 1);
        ck_assert_uint_eq(hit(i, 0), 1);
    }
    take(3, "\"x\"");
    sort(3);
    ck_assert_uint_eq(hits(0), 2);
}
END_TEST

START_TEST(types_and_signs_are_apart)
{
    take(1, "\"1\"");
    take(2, "1");
    take(3, "-1");
    take(4, "18446744073709551615");
    take(5, "-9223372036854775808");
    take(6, "1");
    sort(5);
    ck_assert_uint_eq(hits(1), 2);
    ck_assert(found.entries[found.runs[2].begin].key.is_negative);
    ck_assert(!found.entries[found.runs[3].begin].key.is_negative);
    ck_assert_uint_eq(found.entries[found.runs[3].begin].key.number,
                      UINT64_MAX);
}
END_TEST

START_TEST(what_is_no_key_makes_no_group)
{
    static const char *const others[] = { "1.0",       "true",  "null",
                                          "{\"k\":1}", "[[1]]", "[1.5,null]" };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        take(i, others[i]);
    sort(0);
    ck_assert_uint_eq(found.seen_count, 6);
}
END_TEST

START_TEST(many_points_find_room)
{
    for (uint64_t i = 0; i < 1000; i++)
        take(i, i % 2 == 0 ? "0" : "1");
    sort(2);
    ck_assert_uint_eq(hits(0), 500);
    for (size_t i = 0; i < 500; i++)
        ck_assert_uint_eq(hit(1, i), 2 * i + 1);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("groups_found");
    TCase *tcase = tcase_create("groups");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, groups_stand_by_their_best_points);
    tcase_add_test(tcase, later_points_go_behind_what_was_sorted);
    tcase_add_test(tcase, each_value_of_an_array_counts_once);
    tcase_add_test(tcase, types_and_signs_are_apart);
    tcase_add_test(tcase, what_is_no_key_makes_no_group);
    tcase_add_test(tcase, many_points_find_room);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
