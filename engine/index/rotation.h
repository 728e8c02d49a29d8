/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_ROTATION_H
#define ENGINE_INDEX_ROTATION_H

#include <stdint.h>

#include "engine/kernel/code.h"

/* A fixed random-like rotation that spreads every vector evenly over its
 * components, so that one grid fits all data and nothing has to be learnt:
 * twice random signs and a blockwise Hadamard transform, the blocks of the
 * second round cutting across those of the first (Ailon & Chazelle 2009, as
 * used by RaBitQ, Gao & Long 2024). It keeps lengths and inner products up to
 * rounding. */

#define ROTATION_ALIGN    64u
#define ROTATION_SIZE_MAX 65536u

struct rotation {
    uint32_t dim;
    uint32_t size; /* dim rounded up; the result's components */
    uint32_t block_units;
    uint32_t block_count;
    code_hadamard_fn hadamard;
    const float *signs; /* float[2][size] of +1 and -1, of the process */
};

/* The same signs for the same dim, for ever: rows on disk depend on them. Owns
 * nothing and is cheap. Any thread.
 *   size  a multiple of ROTATION_ALIGN, dim..ROTATION_SIZE_MAX */
void rotation_init(struct rotation *rotation, uint32_t dim, uint32_t size);

/* Rotates float[dim] times `scale` into float[size]; no overlap. */
void rotation_apply(const struct rotation *rotation, const float *vector,
                    float scale, float *ret_rotated);

/* Rotates float[size] back, in place: the first `dim` are the vector's
 * components, the rest is what the dimensions do not have. */
void rotation_undo(const struct rotation *rotation, float *values);

#endif /* ENGINE_INDEX_ROTATION_H */
