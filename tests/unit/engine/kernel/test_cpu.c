/* SPDX-License-Identifier: Apache-2.0
 * Covers: the names of missing features. */
#include "engine/kernel/cpu.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

START_TEST(cpu_names_features_as_a_list)
{
    char text[64];
    cpu_names(0, text, sizeof(text));
    ck_assert_str_eq(text, "");
    cpu_names(CPU_BIT(CPU_FMA), text, sizeof(text));
    ck_assert_str_eq(text, "fma");
    cpu_names(CPU_BIT(CPU_AVX2) | CPU_BIT(CPU_NEON), text, sizeof(text));
    ck_assert_str_eq(text, "avx2 and neon");
    cpu_names(CPU_BIT(CPU_AVX2) | CPU_BIT(CPU_FMA) | CPU_BIT(CPU_DOTPROD), text,
              sizeof(text));
    ck_assert_str_eq(text, "avx2, fma and dotprod");
}
END_TEST

START_TEST(cpu_cuts_long_lists)
{
    char text[9];
    memset(text, 'x', sizeof(text));
    cpu_names(CPU_BIT(CPU_FEATURE_COUNT) - 1, text, 8);
    ck_assert_int_eq(text[7], '\0');
    ck_assert_int_eq(text[8], 'x');
}
END_TEST

START_TEST(cpu_says_the_same_each_time)
{
    unsigned features = cpu_features();
    ck_assert_uint_eq(features, cpu_features());
    ck_assert_uint_lt(features, CPU_BIT(CPU_FEATURE_COUNT));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("kernel/cpu");
    TCase *tcase = tcase_create("cpu");
    tcase_add_test(tcase, cpu_names_features_as_a_list);
    tcase_add_test(tcase, cpu_cuts_long_lists);
    tcase_add_test(tcase, cpu_says_the_same_each_time);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
