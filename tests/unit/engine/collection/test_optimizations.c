/* SPDX-License-Identifier: Apache-2.0
 * Covers: when a run begins and ends, how much of it is done while more comes,
 * which ended ones are kept, and that names are UUIDs of their own. */
#include "engine/collection/optimizations.h"

#include <check.h>
#include <string.h>

#include "engine/codec/point_id.h"
#include "tests/fixture/suite.h"

static struct optimizations seen;

static void
setup(void)
{
    ck_assert(optimizations_init(&seen));
}

static void
teardown(void)
{
    optimizations_release(&seen);
}

static void
expect_uuid(const char *text)
{
    struct point_id id;
    ck_assert_uint_eq(strlen(text), 36);
    ck_assert(point_id_from_uuid(span_of(text), &id));
}

START_TEST(nothing_waits_and_nothing_runs)
{
    optimizations_see(&seen, 0, 10);
    ck_assert(!seen.is_running);
    ck_assert_uint_eq(seen.ended_count, 0);
    expect_uuid(seen.segment_id);
}
END_TEST

START_TEST(a_run_lasts_until_nothing_waits)
{
    optimizations_see(&seen, 10, 100);
    ck_assert(seen.is_running);
    ck_assert_uint_eq(seen.now.done, 0);
    ck_assert_uint_eq(seen.now.total, 10);
    optimizations_see(&seen, 4, 100);
    ck_assert_uint_eq(seen.now.done, 6);
    /* Five more have come. */
    optimizations_see(&seen, 9, 105);
    ck_assert_uint_eq(seen.now.done, 6);
    ck_assert_uint_eq(seen.now.total, 15);
    ck_assert_uint_eq(seen.now.finished_ms, 0);
    optimizations_see(&seen, 0, 105);
    ck_assert(!seen.is_running);
    ck_assert_uint_eq(seen.ended_count, 1);
    const struct optimization *run = &seen.ended[0];
    ck_assert_uint_eq(run->done, 15);
    ck_assert_uint_eq(run->total, 15);
    ck_assert_uint_eq(run->points_count, 105);
    ck_assert_uint_gt(run->started_ms, 0);
    ck_assert_uint_ge(run->finished_ms, run->started_ms);
    expect_uuid(run->id);
}
END_TEST

START_TEST(the_last_ones_are_kept)
{
    for (uint64_t i = 1; i <= OPTIMIZATIONS_KEPT + 3; i++) {
        optimizations_see(&seen, i, i);
        optimizations_see(&seen, 0, i);
    }
    ck_assert_uint_eq(seen.ended_count, OPTIMIZATIONS_KEPT + 3);
    ck_assert_uint_eq(seen.ended[2].total, OPTIMIZATIONS_KEPT + 3);
    ck_assert_uint_eq(seen.ended[3].total, 4);
    for (size_t i = 1; i < OPTIMIZATIONS_KEPT; i++)
        ck_assert_str_ne(seen.ended[i].id, seen.ended[0].id);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("collection/optimizations");
    TCase *tests = tcase_create("runs");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, nothing_waits_and_nothing_runs);
    tcase_add_test(tests, a_run_lasts_until_nothing_waits);
    tcase_add_test(tests, the_last_ones_are_kept);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
