/* SPDX-License-Identifier: Apache-2.0
 * Covers: every variant of the counts of 1-bit codes against counting bit by
 * bit, over ragged lengths, unaligned words, all ones, and exact ends. */
#include "tests/unit/engine/kernel/variants.h"

#define WORDS_MAX (KERNEL_DIM_MAX / 64)

static uint32_t
count_bits(uint64_t word)
{
    uint32_t count = 0;
    for (; word != 0; word &= word - 1)
        count++;
    return count;
}

static void
check_row(const struct kernel_bits *bits, const uint64_t *query,
          const uint64_t *row, size_t words)
{
    uint32_t xor1 = 0, and1 = 0, and4 = 0, got;
    for (size_t i = 0; i < words; i++) {
        xor1 += count_bits(query[i] ^ row[i]);
        and1 += count_bits(query[i] & row[i]);
        for (size_t plane = 0; plane < 4; plane++)
            and4 += count_bits(query[plane * words + i] & row[i]) << plane;
    }
    bits->xor1(query, &row, 1, words, &got);
    ck_assert_uint_eq(got, xor1);
    bits->and1(query, &row, 1, words, &got);
    ck_assert_uint_eq(got, and1);
    bits->and4(query, &row, 1, words, &got);
    ck_assert_uint_eq(got, and4);
}

static void
fill_words(uint64_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        words[i] = random_bits() << 32 ^ random_bits();
}

START_TEST(bits_agree_with_counting_over_ragged_lengths)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel == NULL)
        return;
    for (size_t words = 1; words <= 70; words++) {
        uint64_t *query = malloc(4 * words * sizeof(*query)); /* exact size */
        uint64_t *row = malloc(words * sizeof(*row));
        ck_assert(query != NULL && row != NULL);
        fill_words(query, 4 * words);
        fill_words(row, words);
        check_row(kernel->bits, query, row, words);
        free(query);
        free(row);
    }
}
END_TEST

START_TEST(bits_hold_the_longest_codes)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel == NULL)
        return;
    static uint64_t query[4 * WORDS_MAX], row[WORDS_MAX];
    check_row(kernel->bits, query, row, WORDS_MAX);
    memset(query, 0xff, sizeof(query));
    check_row(kernel->bits, query, row, WORDS_MAX);
    memset(row, 0xff, sizeof(row));
    check_row(kernel->bits, query, row, WORDS_MAX);
}
END_TEST

START_TEST(bits_count_each_row_of_a_call)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel == NULL)
        return;
    static uint64_t query[4 * 6], memory[KERNEL_ROWS_MAX * 7];
    const uint64_t *rows[KERNEL_ROWS_MAX];
    uint32_t got[KERNEL_ROWS_MAX];
    const kernel_bits_fn calls[] = { kernel->bits->xor1, kernel->bits->and1,
                                     kernel->bits->and4 };
    fill_words(query, 4 * 6);
    fill_words(memory, KERNEL_ROWS_MAX * 7);
    for (size_t i = 0; i < KERNEL_ROWS_MAX; i++)
        rows[i] = memory + i * 7;
    for (size_t f = 0; f < 3; f++)
        for (size_t count = 0; count <= KERNEL_ROWS_MAX; count++) {
            calls[f](query, rows, count, 6, got);
            for (size_t i = 0; i < count; i++) {
                uint32_t one;
                calls[f](query, &rows[i], 1, 6, &one);
                ck_assert_uint_eq(got[i], one);
            }
        }
}
END_TEST

int
main(void)
{
    TCase *tcase = tcase_create("bits");
    tcase_add_loop_test(tcase, bits_agree_with_counting_over_ragged_lengths, 0,
                        VARIANT_COUNT);
    tcase_add_loop_test(tcase, bits_hold_the_longest_codes, 0, VARIANT_COUNT);
    tcase_add_loop_test(tcase, bits_count_each_row_of_a_call, 0, VARIANT_COUNT);
    return run_tcase("kernel/bits", tcase);
}
