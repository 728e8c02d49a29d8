/* SPDX-License-Identifier: Apache-2.0
 * Covers: each variant of the code kernels against sums in 64 bits over all
 * counts of rows and lines, unaligned rows, extreme values; the Hadamard
 * transform against its matrix, and equal bits of its variants. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/code.h"
#include "engine/kernel/kernel.h"
#include "tests/fixture/suite.h"

#define ROWS 11

static const char *const names[] = { "plain", "avx2", "avx512", "neon",
                                     "dotprod" };
#define NAME_COUNT 5

static const struct code_kernel *
find(const char *name)
{
    const struct kernel *kernel = kernel_find(name);
    return kernel == NULL ? NULL : kernel->code;
}

static uint32_t state = 1;

static uint32_t
random_u32(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static int64_t
reference(enum code_kind kind, const int8_t *query, const uint8_t *row,
          size_t lines)
{
    int64_t sum = 0;
    for (size_t i = 0; i < lines * code_line_dims(kind); i++) {
        int64_t value = row[i];
        if (kind == CODE_4) {
            uint8_t byte = row[i / 128 * 64 + i % 64];
            value = i % 128 < 64 ? byte % 16 : byte / 16;
        }
        sum += query[i] * value;
    }
    return sum;
}

static void
compare(const struct code_kernel *kernel, enum code_kind kind,
        const int8_t *query, uint8_t *block, size_t lines)
{
    const uint8_t *rows[ROWS];
    int32_t dots[ROWS + 1];
    for (size_t i = 0; i < ROWS; i++)
        rows[i] = block + i * (lines * CODE_LINE_SIZE + 1);
    for (size_t count = 0; count <= ROWS; count++) {
        dots[count] = 77;
        kernel->rows[kind](query, rows, count, lines, dots);
        for (size_t i = 0; i < count; i++)
            ck_assert_int_eq(dots[i], reference(kind, query, rows[i], lines));
        ck_assert_int_eq(dots[count], 77);
    }
}

START_TEST(code_kernels_give_the_exact_sum)
{
    const struct code_kernel *kernel = find(names[_i]);
    const size_t most = 13;
    size_t block_size = ROWS * (most * CODE_LINE_SIZE + 1);
    uint8_t *block = malloc(block_size);
    int8_t *query = malloc(most * 128 + 1);
    ck_assert(block != NULL && query != NULL);
    for (size_t lines = 1; kernel != NULL && lines <= most; lines++)
        for (int kind = 0; kind < CODE_KIND_COUNT; kind++) {
            for (size_t i = 0; i < block_size; i++)
                block[i] = (uint8_t)random_u32();
            for (size_t i = 0; i < most * 128 + 1; i++)
                query[i] = (int8_t)((int32_t)(random_u32() % 255) - 127);
            compare(kernel, (enum code_kind)kind, query + 1, block, lines);
        }
    free(block);
    free(query);
}
END_TEST

START_TEST(code_kernels_do_not_overflow_at_65536_dimensions)
{
    const struct code_kernel *kernel = find(names[_i]);
    size_t size = CODE_8_LINES_MAX * CODE_LINE_SIZE;
    uint8_t *row = malloc(size);
    int8_t *query = malloc(size);
    ck_assert(row != NULL && query != NULL);
    memset(row, 255, size);
    for (int64_t value = -127; kernel != NULL && value <= 127; value += 254) {
        const uint8_t *rows[1] = { row };
        int32_t dot;
        memset(query, (int)value, size);
        kernel->rows[CODE_8](query, rows, 1, CODE_8_LINES_MAX, &dot);
        ck_assert_int_eq(dot, value * 255 * 65536);
        kernel->rows[CODE_4](query, rows, 1, CODE_4_LINES_MAX, &dot);
        ck_assert_int_eq(dot, value * 15 * 65536);
    }
    free(row);
    free(query);
}
END_TEST

/* One entry of the matrix before scaling. */
static double
matrix(size_t row, size_t column)
{
    return __builtin_parityll(row & column) != 0 ? -1.0 : 1.0;
}

START_TEST(code_hadamard_is_its_matrix)
{
    const struct code_kernel *kernel = find(names[_i]);
    const size_t shapes[][2] = { { 1, 1 }, { 1, 8 }, { 3, 8 }, { 5, 4 },
                                 { 2, 1 }, { 7, 2 }, { 1, 16 } };
    float in[512], out[512];
    for (size_t s = 0; kernel != NULL && s < 7; s++) {
        size_t blocks = shapes[s][0], units = shapes[s][1];
        size_t size = units * HADAMARD_LANES;
        for (size_t i = 0; i < blocks * size; i++)
            in[i] = (float)(random_u32() % 2001) / 1000.0f - 1.0f;
        memcpy(out, in, sizeof(in));
        kernel->hadamard(out, blocks, units);
        for (size_t block = 0; block < blocks; block++)
            for (size_t i = 0; i < size; i++) {
                double sum = 0;
                for (size_t j = 0; j < size; j++)
                    sum += matrix(i, j) *
                           (double)in[(j / 16 * blocks + block) * 16 + j % 16];
                double got =
                    (double)out[(i / 16 * blocks + block) * 16 + i % 16];
                ck_assert_double_eq_tol(got, sum / sqrt((double)size), 1e-5);
            }
        float plain[512];
        memcpy(plain, in, sizeof(in));
        code_plain.hadamard(plain, blocks, units);
        ck_assert_mem_eq(plain, out, blocks * size * sizeof(float));
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("kernel/code");
    TCase *tcase = tcase_create("code");
    tcase_add_loop_test(tcase, code_kernels_give_the_exact_sum, 0, NAME_COUNT);
    tcase_add_loop_test(tcase, code_kernels_do_not_overflow_at_65536_dimensions,
                        0, NAME_COUNT);
    tcase_add_loop_test(tcase, code_hadamard_is_its_matrix, 0, NAME_COUNT);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
