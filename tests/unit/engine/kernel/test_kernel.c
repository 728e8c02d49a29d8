/* SPDX-License-Identifier: Apache-2.0
 * Covers: choice of a table, scores of the API, cosine's normalisation. */
#include "engine/kernel/kernel.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

START_TEST(kernel_chooses_by_name)
{
    struct error error = { .code = ENGINE_OK };
    ck_assert_int_eq(kernel_select("plain", &error), ENGINE_OK);
    ck_assert_str_eq(kernel_get()->name, "plain");
    ck_assert_int_eq(kernel_select("auto", &error), ENGINE_OK);
    static const char *const best_first[] = { "dotprod", "neon", "avx512",
                                              "avx2", "plain" };
    size_t best = 0;
    while (kernel_find(best_first[best]) == NULL)
        best++;
    ck_assert_str_eq(kernel_get()->name, best_first[best]);
}
END_TEST

START_TEST(kernel_refuses_unknown_names)
{
    struct error error = { .code = ENGINE_OK };
    ck_assert_int_eq(kernel_select("plain", &error), ENGINE_OK);
    ck_assert_int_eq(kernel_select("mmx", &error), ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "mmx"));
    ck_assert_str_eq(kernel_get()->name, "plain");
    ck_assert_ptr_nonnull(strstr(error.text, "avx512"));
    ck_assert_ptr_null(kernel_find(""));
}
END_TEST

START_TEST(kernel_says_why_a_known_name_does_not_do)
{
    static const char *const names[] = { "avx2", "avx512", "neon", "dotprod" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct error error = { .code = ENGINE_OK };
        if (kernel_find(names[i]) != NULL)
            continue;
        ck_assert_int_eq(kernel_select(names[i], &error), ENGINE_EINPUT);
        ck_assert_ptr_nonnull(strstr(error.text, names[i]));
        ck_assert(strstr(error.text, "this CPU lacks") != NULL ||
                  strstr(error.text, "another kind of processor") != NULL);
    }
}
END_TEST

START_TEST(kernel_tables_are_complete)
{
    static const char *const names[] = { "plain", "avx2", "avx512", "neon",
                                         "dotprod" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct kernel *kernel = kernel_find(names[i]);
        if (kernel == NULL)
            continue;
        ck_assert_str_eq(kernel->name, names[i]);
        ck_assert_ptr_nonnull(kernel->convert);
        ck_assert_ptr_nonnull(kernel->bits);
        ck_assert_ptr_nonnull(kernel->code);
        for (int t = 0; t < DATATYPE_COUNT; t++)
            for (int m = 0; m < METRIC_COUNT; m++) {
                ck_assert(kernel->metrics[t]->pair[m] != NULL);
                ck_assert(kernel->metrics[t]->rows[m] != NULL);
            }
    }
}
END_TEST

START_TEST(kernel_scores_as_the_api_shows_them)
{
    const float a[3] = { 1, 2, 2 }, b[3] = { 4, 6, 2 };
    const struct kernel *kernel = kernel_get();
    const double expected[METRIC_COUNT] = { [METRIC_COSINE] = 20,
                                            [METRIC_EUCLID] = 5,
                                            [METRIC_DOT] = 20,
                                            [METRIC_MANHATTAN] = 7 };
    for (int m = 0; m < METRIC_COUNT; m++) {
        float distance = kernel->metrics[DATATYPE_F32]->pair[m](a, b, 3);
        float score = kernel_score((enum metric)m, distance);
        ck_assert_double_eq_tol((double)score, expected[m], 1e-6);
        ck_assert_double_eq_tol(
            (double)kernel_distance_of_score((enum metric)m, score),
            (double)distance, 1e-5);
        ck_assert_int_eq(kernel_score_is_descending((enum metric)m),
                         m == METRIC_COSINE || m == METRIC_DOT);
    }
    ck_assert_int_eq(signbit(kernel_score(METRIC_DOT, 0.0f)), 0);
    ck_assert_str_eq(kernel_metric_name(METRIC_EUCLID), "Euclid");
}
END_TEST

/* At every place of lengths around those that are read at once. */
START_TEST(kernel_finds_what_is_not_finite)
{
    static const float odd[] = { INFINITY, -INFINITY, NAN };
    for (size_t dim = 0; dim <= 35; dim++) {
        float vector[35] = { 0 };
        for (size_t i = 0; i < dim; i++)
            vector[i] = i % 2 == 0 ? FLT_MAX : -FLT_MIN / 4;
        ck_assert(kernel_is_finite(vector, dim));
        for (size_t i = 0; i < dim; i++) {
            float kept = vector[i];
            vector[i] = odd[(dim + i) % 3];
            ck_assert_msg(!kernel_is_finite(vector, dim), "%zu of %zu", i, dim);
            vector[i] = kept;
        }
    }
}
END_TEST

/* Of every length, whatever is summed together. */
START_TEST(kernel_normalises_every_length)
{
    for (size_t dim = 1; dim <= 35; dim++) {
        float vector[35] = { 0 };
        double square = 0, wanted = 0;
        for (size_t i = 0; i < dim; i++) {
            vector[i] = (float)(i + 2) * 0.5F;
            wanted += (double)vector[i] * (double)vector[i];
        }
        double last = (double)vector[dim - 1] / sqrt(wanted);
        ck_assert_int_eq(kernel_normalise(vector, dim), dim > 0 && wanted != 1);
        for (size_t i = 0; i < dim; i++)
            square += (double)vector[i] * (double)vector[i];
        ck_assert_double_eq_tol(square, 1, 1e-6);
        ck_assert_double_eq_tol((double)vector[dim - 1], last, 1e-7);
    }
}
END_TEST

START_TEST(kernel_normalises_by_cosines_rule)
{
    float vector[4] = { 1, 2, 2, 0 };
    ck_assert(kernel_normalise(vector, 4));
    ck_assert_double_eq_tol((double)vector[0], 1.0 / 3.0, 1e-7);
    ck_assert_double_eq_tol((double)vector[1], 2.0 / 3.0, 1e-7);
    float zero[2] = { 0, 0 };
    ck_assert(!kernel_normalise(zero, 2));
    float tiny[2] = { 1e-5f, 1e-5f };
    ck_assert(!kernel_normalise(tiny, 2));
    float unit[2] = { 0.6f, 0.8f };
    float before[2] = { 0.6f, 0.8f };
    ck_assert(!kernel_normalise(unit, 2));
    ck_assert_mem_eq(unit, before, sizeof(unit));
    float huge[2] = { 3e30f, 4e30f };
    ck_assert(kernel_normalise(huge, 2));
    ck_assert_double_eq_tol((double)huge[1], 0.8, 1e-7);
    float broken[2] = { NAN, 1 };
    ck_assert(!kernel_normalise(broken, 2));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("kernel/kernel");
    TCase *tcase = tcase_create("kernel");
    tcase_add_test(tcase, kernel_chooses_by_name);
    tcase_add_test(tcase, kernel_refuses_unknown_names);
    tcase_add_test(tcase, kernel_says_why_a_known_name_does_not_do);
    tcase_add_test(tcase, kernel_tables_are_complete);
    tcase_add_test(tcase, kernel_scores_as_the_api_shows_them);
    tcase_add_test(tcase, kernel_finds_what_is_not_finite);
    tcase_add_test(tcase, kernel_normalises_every_length);
    tcase_add_test(tcase, kernel_normalises_by_cosines_rule);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
