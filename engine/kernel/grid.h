/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_KERNEL_GRID_H
#define ENGINE_KERNEL_GRID_H

#include <stddef.h>
#include <stdint.h>

/* Putting rotated vectors on the grid of a code, and back. Sizes are multiples
 * of 64 components, those of 4-bit codes of 128. Values are finite and small:
 * a step's number must fit an int. Variants differ by rounding only, at the
 * edge of two steps. */
struct grid {
    /* The largest |value|. */
    float (*largest)(const float *values, size_t size);
    /* ret_query[i] = round(values[i] * per_unit), which must be within -127 and
     * 127; returns the sum. */
    int32_t (*query)(const float *values, size_t size, float per_unit,
                     int8_t *ret_query);
    /* Codes as code.h lays them out: the steps' numbers, cut to the grid, whose
     * middle is 0. */
    void (*pack_8)(const float *values, size_t size, float per_step,
                   uint8_t *ret_row);
    void (*pack_4)(const float *values, size_t size, float per_step,
                   uint8_t *ret_row);
    /* A code as a query: odd steps from the middle, doubled for 4 bits, less
     * 128 and cut to -127 for 8. Returns the sum. */
    int32_t (*unpack_8)(const uint8_t *row, size_t size, int8_t *ret_query);
    int32_t (*unpack_4)(const uint8_t *row, size_t size, int8_t *ret_query);
    /* A code of 4 bits as floats, -7.5..7.5, and the sum of their products with
     * `values`. */
    void (*spread_4)(const uint8_t *row, size_t size, float *ret_values);
    float (*dot_4)(const float *values, const uint8_t *row, size_t size);
};

/* An instruction set's may be used only on a CPU that has it. */
extern const struct grid grid_plain;
#if defined(__x86_64__)
extern const struct grid grid_avx2;
extern const struct grid grid_avx512;
#endif

#endif /* ENGINE_KERNEL_GRID_H */
