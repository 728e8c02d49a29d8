/* SPDX-License-Identifier: Apache-2.0
 * Covers: each variant of each metric over u8 rows against exact sums over
 * ragged lengths and unaligned rows; rows equal pair to the bit; the largest
 * sums there are; cosine of zero rows. */
#include "tests/unit/engine/kernel/variants.h"

START_TEST(u8_is_exact_over_ragged_lengths)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel != NULL)
        check_lengths(kernel, DATATYPE_U8);
}
END_TEST

START_TEST(u8_reads_nothing_past_its_rows)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel != NULL)
        check_ends(kernel, DATATYPE_U8);
}
END_TEST

START_TEST(u8_rows_equal_pairs_to_the_bit)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel != NULL)
        check_rows_equal_pairs(kernel, DATATYPE_U8);
}
END_TEST

START_TEST(u8_variants_agree_to_the_bit)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    const struct kernel *plain = kernel_find("plain");
    if (kernel == NULL)
        return;
    uint8_t a[389], b[389];
    for (size_t dim = 1; dim <= 389; dim++)
        for (int m = 0; m < METRIC_COUNT; m++) {
            row_fill(DATATYPE_U8, a, dim);
            row_fill(DATATYPE_U8, b, dim);
            float expected = plain->metrics[DATATYPE_U8]->pair[m](a, b, dim);
            float got = kernel->metrics[DATATYPE_U8]->pair[m](a, b, dim);
            ck_assert_mem_eq(&expected, &got, sizeof(got));
        }
}
END_TEST

/* All pairs of zeros, ones, the middle and 255, up to the longest rows: no sum
 * wraps, and no product is cut to 16 bits. */
START_TEST(u8_holds_the_largest_sums)
{
    static const uint8_t values[] = { 0, 1, 127, 128, 255 };
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel == NULL)
        return;
    static uint8_t a[KERNEL_DIM_MAX], b[KERNEL_DIM_MAX];
    for (size_t i = 0; i < sizeof(values); i++)
        for (size_t j = 0; j < sizeof(values); j++) {
            memset(a, values[i], sizeof(a));
            memset(b, values[j], sizeof(b));
            check_pair(kernel, DATATYPE_U8, a, b, 1);
            check_pair(kernel, DATATYPE_U8, a, b, 67);
            check_pair(kernel, DATATYPE_U8, a, b, KERNEL_DIM_MAX);
        }
}
END_TEST

int
main(void)
{
    TCase *tcase = tcase_create("u8");
    tcase_add_loop_test(tcase, u8_is_exact_over_ragged_lengths, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, u8_reads_nothing_past_its_rows, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, u8_rows_equal_pairs_to_the_bit, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, u8_variants_agree_to_the_bit, 0, VARIANT_COUNT);
    tcase_add_loop_test(tcase, u8_holds_the_largest_sums, 0, VARIANT_COUNT);
    return run_tcase("kernel/u8", tcase);
}
