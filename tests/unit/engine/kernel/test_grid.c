/* SPDX-License-Identifier: Apache-2.0
 * Covers: each variant of the grids against plain arithmetic: the largest
 * value, queries and their sums, packing with values beyond both ends,
 * unpacking, as bytes and as floats, and products. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/code.h"
#include "engine/kernel/kernel.h"
#include "tests/fixture/suite.h"

#define SIZE 384u

static const char *const names[] = { "plain", "avx2", "avx512", "neon",
                                     "dotprod" };
#define NAME_COUNT 5

static float values[SIZE];

static const struct grid *
grid_of(int number)
{
    uint32_t state = 7;
    for (uint32_t i = 0; i < SIZE; i++) {
        state = state * 1664525u + 1013904223u;
        values[i] = (float)(state >> 8) / (float)(1 << 24) * 0.4f - 0.2f;
    }
    values[77] = -0.3f;
    values[78] = 0.0f;
    const struct kernel *kernel = kernel_find(names[number]);
    return kernel != NULL ? kernel->code->grid : NULL;
}

START_TEST(grid_finds_the_largest)
{
    const struct grid *grid = grid_of(_i);
    if (grid == NULL)
        return;
    ck_assert(grid->largest(values, SIZE) == 0.3f);
    memset(values, 0, sizeof(values));
    ck_assert(grid->largest(values, SIZE) == 0.0f);
}
END_TEST

START_TEST(grid_rounds_queries)
{
    const struct grid *grid = grid_of(_i);
    int8_t query[SIZE];
    if (grid == NULL)
        return;
    int32_t sum = grid->query(values, SIZE, 127.0f / 0.3f, query);
    for (uint32_t i = 0; i < SIZE; i++) {
        ck_assert(fabsf((float)query[i] - values[i] * 127.0f / 0.3f) <= 0.501f);
        sum -= query[i];
    }
    ck_assert_int_eq(sum, 0);
    ck_assert_int_eq(query[77], -127);
    ck_assert_int_eq(query[78], 0);
}
END_TEST

START_TEST(grid_packs_and_unpacks)
{
    const struct grid *grid = grid_of(_i);
    uint8_t row[SIZE];
    int8_t query[SIZE];
    if (grid == NULL)
        return;
    for (uint32_t bits = 4; bits <= 8; bits += 4) {
        float last = bits == 4 ? 15.0f : 255.0f;
        float per_step = last / 0.35f; /* less than the values span */
        int32_t sum;
        if (bits == 4) {
            grid->pack_4(values, SIZE, per_step, row);
            sum = grid->unpack_4(row, SIZE, query);
        } else {
            grid->pack_8(values, SIZE, per_step, row);
            sum = grid->unpack_8(row, SIZE, query);
        }
        for (uint32_t i = 0; i < SIZE; i++) {
            float place = values[i] * per_step + last / 2.0f;
            place = fminf(fmaxf(place, 0.0f), last);
            float back = bits == 4 ? ((float)query[i] + 15.0f) / 2.0f
                                   : (float)query[i] + 128.0f;
            float slack = bits == 8 && query[i] == -127 ? 1.01f : 0.51f;
            ck_assert(fabsf(back - place) <= slack);
            sum -= query[i];
        }
        ck_assert_int_eq(sum, 0);
    }
}
END_TEST

START_TEST(grid_spreads_steps_and_multiplies_by_them)
{
    const struct grid *grid = grid_of(_i);
    uint8_t row[SIZE / 2];
    int8_t steps[SIZE];
    float spread[SIZE];
    double dot = 0;
    if (grid == NULL)
        return;
    grid->pack_4(values, SIZE, 15.0f / 0.35f, row);
    (void)grid->unpack_4(row, SIZE, steps);
    grid->spread_4(row, SIZE, spread);
    for (uint32_t i = 0; i < SIZE; i++) {
        ck_assert(spread[i] == (float)steps[i] / 2.0f);
        dot += (double)spread[i] * (double)values[i];
    }
    ck_assert_double_eq_tol((double)grid->dot_4(values, row, SIZE), dot, 1e-3);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("kernel/grid");
    TCase *tcase = tcase_create("grid");
    tcase_add_loop_test(tcase, grid_finds_the_largest, 0, NAME_COUNT);
    tcase_add_loop_test(tcase, grid_rounds_queries, 0, NAME_COUNT);
    tcase_add_loop_test(tcase, grid_packs_and_unpacks, 0, NAME_COUNT);
    tcase_add_loop_test(tcase, grid_spreads_steps_and_multiplies_by_them, 0,
                        NAME_COUNT);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
