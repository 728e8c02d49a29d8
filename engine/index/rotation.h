/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_ROTATION_H
#define ENGINE_INDEX_ROTATION_H

#include <stdint.h>

#include "engine/error.h"
#include "engine/kernel/code.h"

/* A fixed random-like rotation that spreads every vector evenly over its
 * components, so that one grid fits all data and nothing has to be learnt:
 * twice random signs and a blockwise Hadamard transform, the blocks of the
 * second round cutting across those of the first (Ailon & Chazelle 2009, as
 * used by RaBitQ, Gao & Long 2024). It keeps lengths and inner products up to
 * rounding. */

#define ROTATION_ALIGN 64u

struct rotation {
    uint32_t dim;
    uint32_t size; /* dim rounded up; the result's components */
    uint32_t block_units;
    uint32_t block_count;
    code_hadamard_fn hadamard;
    float *signs; /* float[2][size] of +1 and -1; owned */
};

/* The same signs for the same dim, for ever: codes on disk depend on them.
 *   size  a multiple of ROTATION_ALIGN, >= dim
 * ENGINE_ENOMEM */
enum engine_code rotation_init(struct rotation *rotation, uint32_t dim,
                               uint32_t size, struct error *reterr)
    __attribute__((warn_unused_result));

void rotation_release(struct rotation *rotation);

/* Rotates float[dim] times `scale` into float[size]; no overlap. */
void rotation_apply(const struct rotation *rotation, const float *vector,
                    float scale, float *ret_rotated);

#endif /* ENGINE_INDEX_ROTATION_H */
