/* SPDX-License-Identifier: Apache-2.0
 * Covers: fixed figures before measuring; measured ones lie within limits and
 * let longer rows cost more. How fast the machine is, is not tested. */
#include "engine/index/cost.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

static void
check_line(const struct cost_line *line)
{
    ck_assert(line->base_ns >= 1.0 && line->base_ns <= 200.0);
    ck_assert(line->byte_ns >= 0.005 && line->byte_ns <= 2.0);
    ck_assert(cost_row_ns(line, 3072) > cost_row_ns(line, 128));
}

START_TEST(cost_is_fixed_until_it_is_measured)
{
    ck_assert_double_eq_tol(cost_row_ns(&cost_get()->sequence, 1000), 70.0,
                            1e-9);
    ck_assert_double_eq_tol(cost_row_ns(&cost_get()->random, 1000), 95.0, 1e-9);
}
END_TEST

START_TEST(cost_is_measured_within_limits)
{
    cost_measure();
    check_line(&cost_get()->sequence);
    check_line(&cost_get()->random);
    cost_measure(); /* again: replaces the figures */
    check_line(&cost_get()->sequence);
    check_line(&cost_get()->random);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/cost");
    TCase *tcase = tcase_create("cost");
    tcase_add_test(tcase, cost_is_fixed_until_it_is_measured);
    tcase_add_test(tcase, cost_is_measured_within_limits);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
