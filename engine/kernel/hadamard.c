/* SPDX-License-Identifier: Apache-2.0
 * The fast Walsh-Hadamard transform: log2(n) passes of sums and differences.
 * The passes at distance 1, 2, 4 and 8 stay inside a unit of 16 values, the
 * others pair whole units. Written once with vectors of 16 floats that the
 * compiler lowers to what the variant's instruction set has. */
#include "engine/kernel/hadamard.h"

#include <assert.h>
#include <math.h>

typedef float unit __attribute__((vector_size(64), aligned(4), may_alias));

#define INLINE __attribute__((always_inline)) static inline

/* Each value's partner at distance `far`, a power of two below 16. */
#define PARTNERS(v, far)                                                       \
    __builtin_shufflevector(v, v, 0 ^ (far), 1 ^ (far), 2 ^ (far), 3 ^ (far),  \
                            4 ^ (far), 5 ^ (far), 6 ^ (far), 7 ^ (far),        \
                            8 ^ (far), 9 ^ (far), 10 ^ (far), 11 ^ (far),      \
                            12 ^ (far), 13 ^ (far), 14 ^ (far), 15 ^ (far))

/* The four passes inside a unit, and the scale that keeps lengths. */
INLINE void
inside(unit *at, float scale)
{
    const unit sign_1 = {
        1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1
    };
    const unit sign_2 = {
        1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1
    };
    const unit sign_4 = {
        1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1
    };
    const unit sign_8 = {
        1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1
    };
    unit v = *at * scale;
    v = PARTNERS(v, 1) + v * sign_1;
    v = PARTNERS(v, 2) + v * sign_2;
    v = PARTNERS(v, 4) + v * sign_4;
    v = PARTNERS(v, 8) + v * sign_8;
    *at = v;
}

INLINE void
transform(float *values, size_t block_count, size_t block_units)
{
    assert(block_units > 0 && (block_units & (block_units - 1)) == 0);
    unit *units = (unit *)values;
    size_t count = block_count * block_units;
    float scale = 1.0f / sqrtf((float)(block_units * HADAMARD_LANES));
    for (size_t i = 0; i < count; i++)
        inside(&units[i], scale);
    /* Units of a block lie block_count apart, so that a pass over all blocks
     * is a pass over all units in pairs `far` apart. */
    for (size_t far = block_count; far < count; far *= 2)
        for (size_t begin = 0; begin < count; begin += 2 * far)
            for (size_t i = begin; i < begin + far; i++) {
                unit a = units[i], b = units[i + far];
                units[i] = a + b;
                units[i + far] = a - b;
            }
}

void
hadamard_plain(float *values, size_t block_count, size_t block_units)
{
    transform(values, block_count, block_units);
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) void
hadamard_avx2(float *values, size_t block_count, size_t block_units)
{
    transform(values, block_count, block_units);
}

__attribute__((target("avx512f"))) void
hadamard_avx512(float *values, size_t block_count, size_t block_units)
{
    transform(values, block_count, block_units);
}

#endif
