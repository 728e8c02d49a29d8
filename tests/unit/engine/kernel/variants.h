/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_ENGINE_KERNEL_VARIANTS_H
#define TESTS_UNIT_ENGINE_KERNEL_VARIANTS_H

/* What the tests of all datatypes share: every variant that this CPU has,
 * against sums of doubles. */

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/kernel.h"
#include "tests/fixture/suite.h"

static const char *const variant_names[] = { "plain", "avx2", "avx512", "neon",
                                             "dotprod" };
#define VARIANT_COUNT (int)(sizeof(variant_names) / sizeof(variant_names[0]))

/* Lengths beside 1..70. */
static const size_t long_dims[] = { 128, 383, 384, 768, 1536, KERNEL_DIM_MAX };
#define LONG_DIM_COUNT (sizeof(long_dims) / sizeof(long_dims[0]))
#define SHIFT_MAX      7 /* components by which rows lie unaligned */

static const size_t component_sizes[DATATYPE_COUNT] = { 4, 2, 1 };

static uint64_t seed = 1;

/* 40 random bits. */
static inline uint64_t
random_bits(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return seed >> 24;
}

/* -1..1 */
static inline float
random_float(void)
{
    return (float)((double)(random_bits() & 0xffffff) / (double)(1 << 23) -
                   1.0);
}

/* A half's value, by the book. */
static inline double
half_value(uint16_t half)
{
    int exponent = half >> 10 & 31;
    double fraction = (double)(half & 1023);
    double value = exponent == 0    ? ldexp(fraction, -24)
                   : exponent == 31 ? (fraction > 0 ? (double)NAN : HUGE_VAL)
                                    : ldexp(1024.0 + fraction, exponent - 25);
    return (half & 0x8000) != 0 ? -value : value;
}

static inline double
component(enum datatype type, const void *row, size_t i)
{
    if (type == DATATYPE_F32)
        return (double)((const float *)row)[i];
    if (type == DATATYPE_F16)
        return half_value(((const uint16_t *)row)[i]);
    return (double)((const uint8_t *)row)[i];
}

/* A finite half of -2..2; any byte; a float of -1..1. */
static inline void
row_fill(enum datatype type, void *row, size_t dim)
{
    for (size_t i = 0; i < dim; i++) {
        if (type == DATATYPE_F32)
            ((float *)row)[i] = random_float();
        else if (type == DATATYPE_F16)
            ((uint16_t *)row)[i] = (uint16_t)(random_bits() & 0xbfff);
        else
            ((uint8_t *)row)[i] = (uint8_t)random_bits();
    }
}

static inline const void *
row_at(enum datatype type, const void *row, size_t index)
{
    return (const char *)row + index * component_sizes[type];
}

/* The distance and the sum of the terms' magnitudes, which bounds rounding. */
static inline double
reference(enum datatype type, enum metric metric, const void *a, const void *b,
          size_t dim, double *ret_magnitude)
{
    double sum = 0, magnitude = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < dim; i++) {
        double x = component(type, a, i), y = component(type, b, i);
        double term = metric == METRIC_EUCLID      ? (x - y) * (x - y)
                      : metric == METRIC_MANHATTAN ? fabs(x - y)
                                                   : -x * y;
        sum += term;
        magnitude += fabs(term);
        aa += x * x;
        bb += y * y;
    }
    if (type == DATATYPE_U8 && metric == METRIC_COSINE) {
        sum = aa > 0 && bb > 0 ? sum / sqrt(aa * bb) : 0.0;
        magnitude = 1;
    }
    *ret_magnitude = magnitude;
    return sum;
}

/* The bound that engine/kernel/README.md states: floats are added in at least
 * 16 lanes; sums of bytes are exact and rounded once. */
static inline double
error_bound(enum datatype type, size_t dim, double magnitude)
{
    if (type == DATATYPE_U8)
        return magnitude * (double)FLT_EPSILON / 2.0;
    return magnitude * (double)FLT_EPSILON * (4.0 + (double)dim / 16.0) +
           (double)dim * (double)FLT_TRUE_MIN;
}

static inline void
check_pair(const struct kernel *kernel, enum datatype type, const void *a,
           const void *b, size_t dim)
{
    for (int m = 0; m < METRIC_COUNT; m++) {
        double magnitude;
        double expected =
            reference(type, (enum metric)m, a, b, dim, &magnitude);
        float got = kernel->metrics[type]->pair[m](a, b, dim);
        double error = fabs((double)got - expected);
        ck_assert_msg(error <= error_bound(type, dim, magnitude),
                      "%s type %d metric %d dim %zu: %g, not %g", kernel->name,
                      (int)type, m, dim, (double)got, expected);
    }
}

static inline void
check_lengths(const struct kernel *kernel, enum datatype type)
{
    size_t room = (KERNEL_DIM_MAX + SHIFT_MAX) * component_sizes[type];
    void *a = malloc(room), *b = malloc(room);
    ck_assert(a != NULL && b != NULL);
    row_fill(type, a, KERNEL_DIM_MAX + SHIFT_MAX);
    row_fill(type, b, KERNEL_DIM_MAX + SHIFT_MAX);
    for (size_t shift = 0; shift < SHIFT_MAX; shift++) {
        const void *x = row_at(type, a, shift);
        const void *y = row_at(type, b, shift * 3 % SHIFT_MAX);
        for (size_t dim = 1; dim <= 70; dim++)
            check_pair(kernel, type, x, y, dim);
        for (size_t i = 0; i < LONG_DIM_COUNT; i++)
            check_pair(kernel, type, x, y, long_dims[i]);
    }
    free(a);
    free(b);
}

/* Rows of exact size: the address sanitizer watches their ends. */
static inline void
check_ends(const struct kernel *kernel, enum datatype type)
{
    for (size_t dim = 1; dim <= 140; dim++) {
        void *a = malloc(dim * component_sizes[type]);
        void *b = malloc(dim * component_sizes[type]);
        ck_assert(a != NULL && b != NULL);
        row_fill(type, a, dim);
        row_fill(type, b, dim);
        check_pair(kernel, type, a, b, dim);
        free(a);
        free(b);
    }
}

static inline void
check_rows(const struct kernel *kernel, enum datatype type, size_t dim)
{
    const struct kernel_metrics *metrics = kernel->metrics[type];
    char *rows = malloc((KERNEL_ROWS_MAX + 1) * dim * component_sizes[type]);
    const void *pointers[KERNEL_ROWS_MAX];
    float got[KERNEL_ROWS_MAX];
    ck_assert_ptr_nonnull(rows);
    row_fill(type, rows, (KERNEL_ROWS_MAX + 1) * dim);
    const void *query = row_at(type, rows, KERNEL_ROWS_MAX * dim);
    for (size_t i = 0; i < KERNEL_ROWS_MAX; i++)
        pointers[i] = row_at(type, rows, i * dim);
    for (int m = 0; m < METRIC_COUNT; m++)
        for (size_t count = 0; count <= KERNEL_ROWS_MAX; count += 4) {
            metrics->rows[m](query, pointers, count, dim, got);
            for (size_t i = 0; i < count; i++) {
                float pair = metrics->pair[m](query, pointers[i], dim);
                ck_assert_mem_eq(&pair, &got[i], sizeof(pair));
            }
        }
    free(rows);
}

static inline void
check_rows_equal_pairs(const struct kernel *kernel, enum datatype type)
{
    static const size_t dims[] = { 1, 7, 33, 101, 128, 384, 389 };
    for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
        check_rows(kernel, type, dims[i]);
}

static inline int
run_tcase(const char *name, TCase *tcase)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}

#endif /* TESTS_UNIT_ENGINE_KERNEL_VARIANTS_H */
