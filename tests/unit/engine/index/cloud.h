/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_ENGINE_INDEX_CLOUD_H
#define TESTS_UNIT_ENGINE_INDEX_CLOUD_H

#include <math.h>
#include <stdint.h>

#include "engine/index/slab.h"
#include "engine/kernel/kernel.h"

/* Clustered test vectors that any row can be asked for by number: centre
 * `row % CLOUD_CENTRES` and noise; each 50th row repeats the one before. */
#define CLOUD_DIM     24u
#define CLOUD_CENTRES 40u

static inline uint64_t
cloud_mix(uint64_t z)
{
    z += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline float
cloud_float(uint64_t seed)
{
    return (float)((double)(cloud_mix(seed) >> 11) * 0x1p-53 * 2.0 - 1.0);
}

static inline void
cloud_row(uint32_t row, float *ret_vector)
{
    if (row % 50 == 49)
        row--;
    uint64_t centre = row % CLOUD_CENTRES;
    for (uint32_t i = 0; i < CLOUD_DIM; i++)
        ret_vector[i] = cloud_float(centre * 1000 + i) +
                        0.6f * cloud_float((uint64_t)row * 7919 + i + 900000);
    kernel_normalise(ret_vector, CLOUD_DIM);
}

static inline void
cloud_fill(struct slab *slab, uint32_t begin, uint32_t end)
{
    float vector[CLOUD_DIM];
    for (uint32_t row = begin; row < end; row++) {
        cloud_row(row, vector);
        slab_put_f32(slab, row, vector, CLOUD_DIM);
    }
}

#endif /* TESTS_UNIT_ENGINE_INDEX_CLOUD_H */
