/* SPDX-License-Identifier: Apache-2.0
 * Covers: each variant of each metric against a double reference over ragged
 * lengths and unaligned rows; rows equal pair to the bit; NaN, infinity and
 * extreme values. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/kernel.h"

#define DIM_MAX   1100
#define SHIFT_MAX 7

static const char *const names[] = { "plain", "avx2" };
#define VARIANT_COUNT (int)(sizeof(names) / sizeof(names[0]))

static uint64_t seed = 1;

static float
random_float(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (float)((double)(seed >> 40) / (double)(1 << 24) * 2.0 - 1.0);
}

/* The distance and the sum of the terms' magnitudes, which bounds rounding. */
static double
reference(enum metric metric, const float *a, const float *b, size_t dim,
          double *ret_magnitude)
{
    double sum = 0, magnitude = 0;
    for (size_t i = 0; i < dim; i++) {
        double x = (double)a[i], y = (double)b[i];
        double term = metric == METRIC_EUCLID      ? (x - y) * (x - y)
                      : metric == METRIC_MANHATTAN ? fabs(x - y)
                                                   : -x * y;
        sum += term;
        magnitude += fabs(term);
    }
    *ret_magnitude = magnitude;
    return sum;
}

static void
fill(float *vector, size_t count, float scale)
{
    for (size_t i = 0; i < count; i++)
        vector[i] = random_float() * scale;
}

/* Rounding of f32 sums in >= 8 lanes stays far below this. */
static void
check_pair(const struct kernel *kernel, const float *a, const float *b,
           size_t dim)
{
    for (int m = 0; m < METRIC_COUNT; m++) {
        double magnitude;
        double expected = reference((enum metric)m, a, b, dim, &magnitude);
        double error = fabs((double)kernel->pair[m](a, b, dim) - expected);
        double bound =
            magnitude * (double)FLT_EPSILON * (4.0 + (double)dim / 16.0);
        ck_assert_msg(error <= bound, "%s metric %d dim %zu: off by %g",
                      kernel->name, m, dim, error);
    }
}

START_TEST(f32_agrees_with_double_over_ragged_lengths)
{
    const struct kernel *kernel = kernel_find(names[_i]);
    if (kernel == NULL)
        return;
    static float a[DIM_MAX + SHIFT_MAX], b[DIM_MAX + SHIFT_MAX];
    for (size_t dim = 1; dim <= DIM_MAX; dim += dim < 140 ? 1 : 61) {
        fill(a, DIM_MAX + SHIFT_MAX, 1.0f);
        fill(b, DIM_MAX + SHIFT_MAX, 1.0f);
        for (size_t shift = 0; shift < SHIFT_MAX; shift++)
            check_pair(kernel, a + shift, b + (shift * 3) % SHIFT_MAX, dim);
    }
}
END_TEST

START_TEST(f32_reads_nothing_past_its_rows)
{
    const struct kernel *kernel = kernel_find(names[_i]);
    if (kernel == NULL)
        return;
    for (size_t dim = 1; dim < 70; dim++) {
        float *a = malloc(dim * sizeof(*a)); /* exact size: ASan watches */
        float *b = malloc(dim * sizeof(*b));
        ck_assert(a != NULL && b != NULL);
        fill(a, dim, 1.0f);
        fill(b, dim, 1.0f);
        check_pair(kernel, a, b, dim);
        free(a);
        free(b);
    }
}
END_TEST

START_TEST(f32_rows_equal_pairs_to_the_bit)
{
    const struct kernel *kernel = kernel_find(names[_i]);
    if (kernel == NULL)
        return;
    static float rows[KERNEL_ROWS_MAX * 101], query[101];
    const float *pointers[KERNEL_ROWS_MAX];
    float got[KERNEL_ROWS_MAX];
    fill(rows, KERNEL_ROWS_MAX * 101, 1.0f);
    fill(query, 101, 1.0f);
    for (size_t i = 0; i < KERNEL_ROWS_MAX; i++)
        pointers[i] = rows + i * 101;
    for (int m = 0; m < METRIC_COUNT; m++)
        for (size_t count = 0; count <= KERNEL_ROWS_MAX; count += 7) {
            kernel->rows[m](query, pointers, count, 101, got);
            for (size_t i = 0; i < count; i++) {
                float pair = kernel->pair[m](query, pointers[i], 101);
                ck_assert_mem_eq(&pair, &got[i], sizeof(pair));
            }
        }
}
END_TEST

START_TEST(f32_survives_extremes)
{
    const struct kernel *kernel = kernel_find(names[_i]);
    if (kernel == NULL)
        return;
    float a[37], b[37];
    fill(a, 37, 1e-30f);
    fill(b, 37, 1e-30f);
    ck_assert(isfinite(kernel->pair[METRIC_EUCLID](a, b, 37)));
    fill(a, 37, FLT_MAX);
    fill(b, 37, FLT_MAX);
    ck_assert(isinf(kernel->pair[METRIC_EUCLID](a, b, 37)));
    fill(a, 37, 1.0f);
    memcpy(b, a, sizeof(b));
    ck_assert(kernel->pair[METRIC_EUCLID](a, b, 37) <= 0.0f);
    ck_assert(kernel->pair[METRIC_MANHATTAN](a, b, 37) <= 0.0f);
    for (size_t at = 0; at < 37; at++) {
        memcpy(b, a, sizeof(b));
        b[at] = NAN;
        for (int m = 0; m < METRIC_COUNT; m++)
            ck_assert(isnan(kernel->pair[m](a, b, 37)));
        b[at] = INFINITY;
        for (int m = 0; m < METRIC_COUNT; m++)
            ck_assert(!isfinite(kernel->pair[m](a, b, 37)));
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("kernel/f32");
    TCase *tcase = tcase_create("f32");
    tcase_add_loop_test(tcase, f32_agrees_with_double_over_ragged_lengths, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, f32_reads_nothing_past_its_rows, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, f32_rows_equal_pairs_to_the_bit, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, f32_survives_extremes, 0, VARIANT_COUNT);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
