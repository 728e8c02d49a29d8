/* SPDX-License-Identifier: Apache-2.0
 * Between f32, which requests carry, and what rows are stored as; every
 * variant gives the same bits. Each conversion is a loop over whole steps and
 * one over the rest by the plain one. AVX-512 has none of its own: a vector is
 * converted once per write or query, and the memory decides. */
#include "engine/kernel/convert.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "engine/kernel/half.h"

static uint8_t
byte_from_float(float value)
{
    if (value >= 255.0f)
        return 255;
    return value > 0.0f ? (uint8_t)value : 0; /* NaN: 0 */
}

static void
plain_f32_to_f16(const float *from, size_t count, uint16_t *ret_to)
{
    for (size_t i = 0; i < count; i++)
        ret_to[i] = half_from_float(from[i]);
}

static void
plain_f16_to_f32(const uint16_t *from, size_t count, float *ret_to)
{
    for (size_t i = 0; i < count; i++)
        ret_to[i] = half_to_float(from[i]);
}

static void
plain_f32_to_u8(const float *from, size_t count, uint8_t *ret_to)
{
    for (size_t i = 0; i < count; i++)
        ret_to[i] = byte_from_float(from[i]);
}

static void
plain_u8_to_f32(const uint8_t *from, size_t count, float *ret_to)
{
    for (size_t i = 0; i < count; i++)
        ret_to[i] = (float)from[i];
}

const struct kernel_convert convert_plain = {
    .f32_to_f16 = plain_f32_to_f16,
    .f16_to_f32 = plain_f16_to_f32,
    .f32_to_u8 = plain_f32_to_u8,
    .u8_to_f32 = plain_u8_to_f32,
};

/* A conversion by whole steps; `STEP` makes ret_to[i..i+WIDTH-1]. */
#define CONVERT(VARIANT, NAME, FROM, TO, WIDTH, STEP)                          \
    CONVERT_TARGET static void VARIANT##_##NAME(const FROM *from,              \
                                                size_t count, TO *ret_to)      \
    {                                                                          \
        size_t i = 0;                                                          \
        for (; i + (WIDTH) <= count; i += (WIDTH))                             \
            STEP(from + i, ret_to + i);                                        \
        plain_##NAME(from + i, count - i, ret_to + i);                         \
    }

#if defined(__x86_64__)

#define CONVERT_TARGET __attribute__((target("avx2,f16c")))

CONVERT_TARGET static inline void
avx2_halves_of_8(const float *from, uint16_t *ret_to)
{
    __m128i halves = _mm256_cvtps_ph(
        _mm256_loadu_ps(from), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    _mm_storeu_si128((__m128i_u *)ret_to, halves);
}

CONVERT_TARGET static inline void
avx2_floats_of_8_halves(const uint16_t *from, float *ret_to)
{
    __m128i halves = _mm_loadu_si128((const __m128i_u *)from);
    _mm256_storeu_ps(ret_to, _mm256_cvtph_ps(halves));
}

CONVERT_TARGET static inline void
avx2_bytes_of_8(const float *from, uint8_t *ret_to)
{
    /* max() answers its second operand for NaN. */
    __m256 v = _mm256_max_ps(_mm256_loadu_ps(from), _mm256_setzero_ps());
    __m256i ints =
        _mm256_cvttps_epi32(_mm256_min_ps(v, _mm256_set1_ps(255.0f)));
    __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(ints),
                                     _mm256_extracti128_si256(ints, 1));
    _mm_storel_epi64((__m128i_u *)ret_to, _mm_packus_epi16(words, words));
}

CONVERT_TARGET static inline void
avx2_floats_of_8_bytes(const uint8_t *from, float *ret_to)
{
    __m128i bytes = _mm_loadl_epi64((const __m128i_u *)from);
    _mm256_storeu_ps(ret_to, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)));
}

CONVERT(avx2, f32_to_f16, float, uint16_t, 8, avx2_halves_of_8)
CONVERT(avx2, f16_to_f32, uint16_t, float, 8, avx2_floats_of_8_halves)
CONVERT(avx2, f32_to_u8, float, uint8_t, 8, avx2_bytes_of_8)
CONVERT(avx2, u8_to_f32, uint8_t, float, 8, avx2_floats_of_8_bytes)

const struct kernel_convert convert_avx2 = {
    .f32_to_f16 = avx2_f32_to_f16,
    .f16_to_f32 = avx2_f16_to_f32,
    .f32_to_u8 = avx2_f32_to_u8,
    .u8_to_f32 = avx2_u8_to_f32,
};

#elif defined(__aarch64__)

#define CONVERT_TARGET

static inline void
neon_halves_of_4(const float *from, uint16_t *ret_to)
{
    vst1_u16(ret_to, vreinterpret_u16_f16(vcvt_f16_f32(vld1q_f32(from))));
}

static inline void
neon_floats_of_4_halves(const uint16_t *from, float *ret_to)
{
    vst1q_f32(ret_to, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(from))));
}

static inline void
neon_bytes_of_8(const float *from, uint8_t *ret_to)
{
    /* Truncates, clamps at 0, and makes 0 of NaN. */
    uint32x4_t low = vcvtq_u32_f32(vld1q_f32(from));
    uint32x4_t high = vcvtq_u32_f32(vld1q_f32(from + 4));
    uint16x8_t words = vcombine_u16(vqmovn_u32(low), vqmovn_u32(high));
    vst1_u8(ret_to, vqmovn_u16(words));
}

CONVERT(neon, f32_to_f16, float, uint16_t, 4, neon_halves_of_4)
CONVERT(neon, f16_to_f32, uint16_t, float, 4, neon_floats_of_4_halves)
CONVERT(neon, f32_to_u8, float, uint8_t, 8, neon_bytes_of_8)

const struct kernel_convert convert_neon = {
    .f32_to_f16 = neon_f32_to_f16,
    .f16_to_f32 = neon_f16_to_f32,
    .f32_to_u8 = neon_f32_to_u8,
    .u8_to_f32 = plain_u8_to_f32,
};

#endif
