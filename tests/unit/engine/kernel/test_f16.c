/* SPDX-License-Identifier: Apache-2.0
 * Covers: each variant of each metric over f16 rows against a double reference
 * over ragged lengths and unaligned rows; rows equal pair to the bit; every
 * half there is, NaN, infinity, subnormal and largest. */
#include "tests/unit/engine/kernel/variants.h"

START_TEST(f16_agrees_with_double_over_ragged_lengths)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel != NULL)
        check_lengths(kernel, DATATYPE_F16);
}
END_TEST

START_TEST(f16_reads_nothing_past_its_rows)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel != NULL)
        check_ends(kernel, DATATYPE_F16);
}
END_TEST

START_TEST(f16_rows_equal_pairs_to_the_bit)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel != NULL)
        check_rows_equal_pairs(kernel, DATATYPE_F16);
}
END_TEST

/* The distance to zero of a row with one component is that component. */
START_TEST(f16_understands_every_half)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel == NULL)
        return;
    kernel_pair_fn l1 = kernel->metrics[DATATYPE_F16]->pair[METRIC_MANHATTAN];
    const uint16_t zero[16] = { 0 };
    for (uint32_t bits = 0; bits <= UINT16_MAX; bits++) {
        double value = fabs(half_value((uint16_t)bits));
        for (size_t dim = 1; dim <= 16; dim += 15) { /* tail and whole */
            uint16_t row[16] = { (uint16_t)bits };
            double got = (double)l1(row, zero, dim);
            if (isnan(value))
                ck_assert(isnan(got));
            else
                ck_assert_mem_eq(&got, &value, sizeof(got));
        }
    }
}
END_TEST

START_TEST(f16_survives_extremes)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel == NULL)
        return;
    static const uint16_t special[] = { 0x0001, 0x03ff, 0x7bff,
                                        0xfbff, 0x8000, 0x0000 };
    uint16_t a[71], b[71];
    for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
        for (size_t dim = 1; dim <= 71; dim += 10) {
            for (size_t j = 0; j < dim; j++)
                a[j] = special[i];
            row_fill(DATATYPE_F16, b, dim);
            check_pair(kernel, DATATYPE_F16, a, b, dim);
            check_pair(kernel, DATATYPE_F16, a, a, dim);
        }
    for (size_t at = 0; at < 71; at++)
        for (int m = 0; m < METRIC_COUNT; m++) {
            kernel_pair_fn pair = kernel->metrics[DATATYPE_F16]->pair[m];
            row_fill(DATATYPE_F16, a, 71);
            row_fill(DATATYPE_F16, b, 71);
            b[at] = 0x7e00; /* NaN */
            ck_assert(isnan(pair(a, b, 71)));
            b[at] = 0xfc00; /* -infinity */
            ck_assert(!isfinite(pair(a, b, 71)));
        }
}
END_TEST

int
main(void)
{
    TCase *tcase = tcase_create("f16");
    tcase_add_loop_test(tcase, f16_agrees_with_double_over_ragged_lengths, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, f16_reads_nothing_past_its_rows, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, f16_rows_equal_pairs_to_the_bit, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, f16_understands_every_half, 0, VARIANT_COUNT);
    tcase_add_loop_test(tcase, f16_survives_extremes, 0, VARIANT_COUNT);
    return run_tcase("kernel/f16", tcase);
}
