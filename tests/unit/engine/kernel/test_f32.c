/* SPDX-License-Identifier: Apache-2.0
 * Covers: each variant of each metric over f32 rows against a double reference
 * over ragged lengths and unaligned rows; rows equal pair to the bit; NaN,
 * infinity, subnormal and extreme values. */
#include "tests/unit/engine/kernel/variants.h"

START_TEST(f32_agrees_with_double_over_ragged_lengths)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel != NULL)
        check_lengths(kernel, DATATYPE_F32);
}
END_TEST

START_TEST(f32_reads_nothing_past_its_rows)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel != NULL)
        check_ends(kernel, DATATYPE_F32);
}
END_TEST

START_TEST(f32_rows_equal_pairs_to_the_bit)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel != NULL)
        check_rows_equal_pairs(kernel, DATATYPE_F32);
}
END_TEST

static void
fill(float *row, size_t dim, float scale)
{
    for (size_t i = 0; i < dim; i++)
        row[i] = random_float() * scale;
}

START_TEST(f32_is_exact_enough_at_the_ends_of_its_range)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel == NULL)
        return;
    float a[71], b[71], zero[71] = { 0 };
    for (size_t dim = 1; dim <= 71; dim += 7) {
        fill(a, dim, FLT_MIN / 2.0f); /* subnormal */
        fill(b, dim, 1.0f);
        check_pair(kernel, DATATYPE_F32, a, b, dim);
        fill(b, dim, FLT_MIN / 2.0f);
        check_pair(kernel, DATATYPE_F32, a, b, dim);
        fill(a, dim, 1e15f); /* squares stay finite */
        fill(b, dim, 1e15f);
        check_pair(kernel, DATATYPE_F32, a, b, dim);
        check_pair(kernel, DATATYPE_F32, a, zero, dim);
        check_pair(kernel, DATATYPE_F32, zero, zero, dim);
        fill(a, dim, FLT_MAX);
        a[dim - 1] = FLT_MAX;
        ck_assert(isinf(
            kernel->metrics[DATATYPE_F32]->pair[METRIC_EUCLID](a, zero, dim)));
    }
}
END_TEST

START_TEST(f32_passes_nan_and_infinity_on)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel == NULL)
        return;
    const struct kernel_metrics *f32 = kernel->metrics[DATATYPE_F32];
    float a[71], b[71];
    fill(a, 71, 1.0f);
    memcpy(b, a, sizeof(b));
    ck_assert(f32->pair[METRIC_EUCLID](a, b, 71) <= 0.0f);
    ck_assert(f32->pair[METRIC_MANHATTAN](a, b, 71) <= 0.0f);
    for (size_t at = 0; at < 71; at++)
        for (int m = 0; m < METRIC_COUNT; m++) {
            memcpy(b, a, sizeof(b));
            b[at] = NAN;
            ck_assert(isnan(f32->pair[m](a, b, 71)));
            b[at] = INFINITY;
            ck_assert(!isfinite(f32->pair[m](a, b, 71)));
            b[at] = -INFINITY;
            ck_assert(!isfinite(f32->pair[m](b, a, 71)));
        }
}
END_TEST

int
main(void)
{
    TCase *tcase = tcase_create("f32");
    tcase_add_loop_test(tcase, f32_agrees_with_double_over_ragged_lengths, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, f32_reads_nothing_past_its_rows, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, f32_rows_equal_pairs_to_the_bit, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, f32_is_exact_enough_at_the_ends_of_its_range, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, f32_passes_nan_and_infinity_on, 0,
                        VARIANT_COUNT);
    return run_tcase("kernel/f32", tcase);
}
