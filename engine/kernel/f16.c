/* SPDX-License-Identifier: Apache-2.0
 * Distances over f16 rows: halves become floats in registers (exactly), and
 * the loops of float_loops.h add in f32. */
#include "engine/kernel/f16.h"

#include <math.h>
#include <string.h>

#include "engine/kernel/float_loops.h"
#include "engine/kernel/half.h"

PLAIN_METRICS(f16_plain, uint16_t, half_to_float);

#if defined(__x86_64__)

AVX2 LOOPS_INLINE __m256
f16_avx2_load(const uint16_t *at)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)at));
}

AVX2 LOOPS_INLINE __m256
f16_avx2_load_part(const uint16_t *at, size_t count)
{
    uint16_t part[8] = { 0 };
    memcpy(part, at, count * sizeof(*at));
    return f16_avx2_load(part);
}

FLOAT_METRICS(AVX2, avx2, f16_avx2, uint16_t);

AVX512 LOOPS_INLINE __m512
f16_avx512_load(const uint16_t *at)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i_u *)at));
}

AVX512 LOOPS_INLINE __m512
f16_avx512_load_part(const uint16_t *at, size_t count)
{
    __mmask16 mask = (__mmask16)((1u << count) - 1);
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, at));
}

FLOAT_METRICS(AVX512, avx512, f16_avx512, uint16_t);

#elif defined(__aarch64__)

LOOPS_INLINE float32x4_t
f16_neon_load(const uint16_t *at)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(at)));
}

LOOPS_INLINE float32x4_t
f16_neon_load_part(const uint16_t *at, size_t count)
{
    uint16_t part[4] = { 0 };
    memcpy(part, at, count * sizeof(*at));
    return f16_neon_load(part);
}

FLOAT_METRICS(, neon, f16_neon, uint16_t);

#endif
