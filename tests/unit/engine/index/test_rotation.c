/* SPDX-License-Identifier: Apache-2.0
 * Covers: lengths and inner products are kept, one component is spread over
 * all, it is undone, the same dim gives the same rotation. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/index/rotation.h"
#include "tests/fixture/suite.h"
#include "tests/unit/engine/index/cloud.h"

#define SIZE_MAX_TESTED 3072u

static const uint32_t sizes[] = { 64, 128, 192, 320, 384, 768, 1536, 3072 };
#define SIZE_COUNT 8

static double
dot(const float *a, const float *b, uint32_t size)
{
    double sum = 0;
    for (uint32_t i = 0; i < size; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

START_TEST(rotation_keeps_lengths_and_angles)
{
    static float in[2][SIZE_MAX_TESTED], out[2][SIZE_MAX_TESTED];
    struct rotation rotation;
    uint32_t size = sizes[_i], dim = size - (uint32_t)_i;
    rotation_init(&rotation, dim, size);
    for (uint32_t v = 0; v < 2; v++) {
        for (uint32_t i = 0; i < dim; i++)
            in[v][i] = cloud_float(v * 100000 + i);
        rotation_apply(&rotation, in[v], 0.5f, out[v]);
    }
    double length = dot(in[0], in[0], dim);
    ck_assert_double_eq_tol(dot(out[0], out[0], size) / length, 0.25, 1e-5);
    ck_assert_double_eq_tol(dot(out[0], out[1], size) / length,
                            0.25 * dot(in[0], in[1], dim) / length, 1e-5);
    rotation_undo(&rotation, out[0]);
    for (uint32_t i = 0; i < dim; i++)
        ck_assert(fabsf(out[0][i] - 0.5f * in[0][i]) < 1e-5f);
    for (uint32_t i = dim; i < size; i++)
        ck_assert(fabsf(out[0][i]) < 1e-5f);
}
END_TEST

START_TEST(rotation_spreads_each_component)
{
    static float in[SIZE_MAX_TESTED], out[SIZE_MAX_TESTED];
    struct rotation rotation;
    uint32_t size = sizes[_i];
    rotation_init(&rotation, size, size);
    for (uint32_t i = 0; i < size; i += 37) {
        memset(in, 0, sizeof(in));
        in[i] = 1.0f;
        rotation_apply(&rotation, in, 1.0f, out);
        float largest = 0;
        for (uint32_t j = 0; j < size; j++)
            largest = fmaxf(largest, fabsf(out[j]));
        ck_assert(largest <= 8.0f / sqrtf((float)size));
    }
}
END_TEST

START_TEST(rotation_of_a_dim_never_changes)
{
    struct rotation rotation;
    float in[64] = { 0 }, out[64];
    rotation_init(&rotation, 64, 64);
    in[3] = 8.0f;
    rotation_apply(&rotation, in, 1.0f, out);
    /* Row 3 of the matrix, with the first sign. */
    for (uint32_t i = 0; i < 64; i++)
        ck_assert(fabsf(out[i]) == 1.0f);
    ck_assert(out[0] == rotation.signs[3]);
    ck_assert(out[1] == -out[0]);
    uint32_t bits = 0;
    for (uint32_t i = 0; i < 32; i++)
        bits = bits << 1 | (rotation.signs[i] > 0.0f);
    ck_assert_uint_eq(bits, 0xaaaf8cc3);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/rotation");
    TCase *tcase = tcase_create("rotation");
    tcase_add_loop_test(tcase, rotation_keeps_lengths_and_angles, 0,
                        SIZE_COUNT);
    tcase_add_loop_test(tcase, rotation_spreads_each_component, 0, SIZE_COUNT);
    tcase_add_test(tcase, rotation_of_a_dim_never_changes);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
