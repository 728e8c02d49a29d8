/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_TURBO_H
#define ENGINE_INDEX_TURBO_H

#include "engine/kernel/kernel.h"

#include <stddef.h>
#include <stdint.h>

/* Rows of the datatype turbo4: a vector's direction, rotated and put on a grid
 * of 16 steps, and its length.
 *   uint8_t code[turbo_size() / 2]  as CODE_4 lays it out (kernel/code.h)
 *   struct turbo_tail
 * What a row stands for is its steps times the factor, rotated back: a vector
 * of the same length as the one that was stored (up to rounding), and distances
 * are those to that one, whatever the grid took from its direction. Storing
 * what was loaded gives the same steps, but for vectors that a rotation does not
 * spread. Any thread. */

struct turbo_tail {
    float length;
    float factor; /* of a step; 0: the vector is zeros */
};
_Static_assert(sizeof(struct turbo_tail) == 8, "on disk");

#define TURBO_SIZE_MAX 65536u

/* Components after the rotation: `dim` filled up to whole lines of codes. */
uint32_t turbo_size(size_t dim);

/* Bytes of a row; a multiple of 8. */
size_t turbo_row_size(size_t dim);

struct turbo_tail turbo_tail_of(size_t dim, const void *row);

/* float[dim] to a row, and back. Lengths that no float holds become the
 * largest, those below FLT_MIN 0. */
void turbo_store(size_t dim, const float *values, void *ret_row);
void turbo_load(size_t dim, const void *row, float *ret_values);

/* ---- in rotated components, float[turbo_size()] */

/* float[dim] times `scale`, and the square of its length: FLT_MAX at most. */
void turbo_rotate(size_t dim, const float *values, float scale,
                  float *ret_rotated);
float turbo_square(size_t dim, const float *values);
/* What a row stands for. */
void turbo_spread(size_t dim, const void *row, float *ret_rotated);

/* ---- queries */

/* Bytes of a query, which needs the alignment of a float. */
size_t turbo_query_size(size_t dim);

/* float[dim], and a row, as a query. */
void turbo_ask(enum metric metric, size_t dim, const float *values,
               void *ret_query);
void turbo_ask_row(enum metric metric, size_t dim, const void *row,
                   void *ret_query);

/* Distances of a query to rows of the same dim. */
kernel_rows_fn turbo_kernel(enum metric metric);

#endif /* ENGINE_INDEX_TURBO_H */
