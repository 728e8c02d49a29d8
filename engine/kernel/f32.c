/* SPDX-License-Identifier: Apache-2.0
 * Distances over f32 rows: how each instruction set loads them; the loops are
 * in float_loops.h. */
#include "engine/kernel/f32.h"

#include <math.h>
#include <string.h>

#include "engine/kernel/float_loops.h"

#define GET(x) (x)
PLAIN_METRICS(f32_plain, float, GET);

#if defined(__x86_64__)

#define f32_avx2_load _mm256_loadu_ps

AVX2 LOOPS_INLINE __m256
f32_avx2_load_part(const float *at, size_t count)
{
    static const int32_t masks[16] = { -1, -1, -1, -1, -1, -1, -1, -1,
                                       0,  0,  0,  0,  0,  0,  0,  0 };
    __m256i mask = _mm256_loadu_si256((const __m256i_u *)(masks + 8 - count));
    return _mm256_maskload_ps(at, mask);
}

FLOAT_METRICS(AVX2, avx2, f32_avx2, float);

#define f32_avx512_load _mm512_loadu_ps

AVX512 LOOPS_INLINE __m512
f32_avx512_load_part(const float *at, size_t count)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), at);
}

FLOAT_METRICS(AVX512, avx512, f32_avx512, float);

#elif defined(__aarch64__)

#define f32_neon_load vld1q_f32

LOOPS_INLINE float32x4_t
f32_neon_load_part(const float *at, size_t count)
{
    float part[4] = { 0 };
    memcpy(part, at, count * sizeof(*at));
    return vld1q_f32(part);
}

FLOAT_METRICS(, neon, f32_neon, float);

#endif
