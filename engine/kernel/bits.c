/* SPDX-License-Identifier: Apache-2.0
 * Counts bits of 1-bit codes against a query of one bit or of four bits as
 * planes. Counts are exact, so every variant gives the same. One macro writes
 * the three functions of an instruction set from its SET_load (words, rest;
 * zeros after the end), SET_count (bits of a vector, in lanes) and SET_sum. */
#include "engine/kernel/bits.h"

#include <assert.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define INLINE    __attribute__((always_inline)) static inline
#define WORDS_MAX (KERNEL_DIM_MAX / 64)

#define BITS_ONE(attr, set, name, join)                                        \
    attr static void name(const uint64_t *query, const uint64_t *const *rows,  \
                          size_t count, size_t words, uint32_t *ret_counts)    \
    {                                                                          \
        assert(count <= KERNEL_ROWS_MAX && words <= WORDS_MAX);                \
        for (size_t r = 0; r < count; r++) {                                   \
            set##_vec sum = set##_zero();                                      \
            for (size_t i = 0; i < words; i += set##_WORDS) {                  \
                set##_vec row = set##_load(rows[r] + i, words - i);            \
                set##_vec plane = set##_load(query + i, words - i);            \
                sum = set##_add(sum, set##_count(join(row, plane)));           \
            }                                                                  \
            ret_counts[r] = set##_sum(sum);                                    \
        }                                                                      \
    }

/* By Horner's rule from the heaviest plane down. */
#define BITS_FOUR(attr, set, name)                                             \
    attr INLINE set##_vec name##_plane(const uint64_t *plane, set##_vec row,   \
                                       size_t rest)                            \
    {                                                                          \
        return set##_count(set##_and(row, set##_load(plane, rest)));           \
    }                                                                          \
    attr static void name(const uint64_t *query, const uint64_t *const *rows,  \
                          size_t count, size_t words, uint32_t *ret_counts)    \
    {                                                                          \
        assert(count <= KERNEL_ROWS_MAX && words <= WORDS_MAX);                \
        for (size_t r = 0; r < count; r++) {                                   \
            set##_vec s0 = set##_zero(), s1 = s0, s2 = s0, s3 = s0;            \
            for (size_t i = 0; i < words; i += set##_WORDS) {                  \
                const uint64_t *plane = query + i;                             \
                set##_vec row = set##_load(rows[r] + i, words - i);            \
                s0 = set##_add(s0, name##_plane(plane, row, words - i));       \
                plane += words;                                                \
                s1 = set##_add(s1, name##_plane(plane, row, words - i));       \
                plane += words;                                                \
                s2 = set##_add(s2, name##_plane(plane, row, words - i));       \
                plane += words;                                                \
                s3 = set##_add(s3, name##_plane(plane, row, words - i));       \
            }                                                                  \
            s2 = set##_add(s2, set##_add(s3, s3));                             \
            s1 = set##_add(s1, set##_add(s2, s2));                             \
            s0 = set##_add(s0, set##_add(s1, s1));                             \
            ret_counts[r] = set##_sum(s0);                                     \
        }                                                                      \
    }

#define BITS(attr, set, name)                                                  \
    BITS_ONE(attr, set, name##_xor1, set##_xor)                                \
    BITS_ONE(attr, set, name##_and1, set##_and)                                \
    BITS_FOUR(attr, set, name##_and4)                                          \
    const struct kernel_bits name = { .xor1 = name##_xor1,                     \
                                      .and1 = name##_and1,                     \
                                      .and4 = name##_and4 }

/* ---- plain: one word at a time ---- */

typedef uint64_t plain_vec;
#define plain_WORDS            1
#define plain_zero()           UINT64_C(0)
#define plain_load(word, rest) ((void)(rest), *(word))
#define plain_add(a, b)        ((a) + (b))
#define plain_and(a, b)        ((a) & (b))
#define plain_xor(a, b)        ((a) ^ (b))
#define plain_sum(a)           ((uint32_t)(a))

INLINE uint64_t
plain_count(uint64_t v)
{
    v -= v >> 1 & UINT64_C(0x5555555555555555);
    v = (v & UINT64_C(0x3333333333333333)) +
        (v >> 2 & UINT64_C(0x3333333333333333));
    v = (v + (v >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return v * UINT64_C(0x0101010101010101) >> 56;
}

BITS(, plain, bits_plain);

#if defined(__x86_64__)

/* ---- AVX2: a look-up of each half byte (Mula, Kurz, Lemire: Faster
 * population counts using AVX2 instructions, 2018) ---- */

#define AVX2 __attribute__((target("avx2")))

typedef __m256i avx2_vec;
#define avx2_WORDS 4
#define avx2_zero  _mm256_setzero_si256
#define avx2_add   _mm256_add_epi64
#define avx2_and   _mm256_and_si256
#define avx2_xor   _mm256_xor_si256

AVX2 INLINE __m256i
avx2_load(const uint64_t *words, size_t rest)
{
    static const int64_t masks[2 * avx2_WORDS] = { -1, -1, -1, -1 };
    if (rest >= avx2_WORDS)
        return _mm256_loadu_si256((const __m256i_u *)words);
    __m256i mask =
        _mm256_loadu_si256((const __m256i_u *)(masks + avx2_WORDS - rest));
    return _mm256_maskload_epi64((const void *)words, mask);
}

AVX2 INLINE __m256i
avx2_count(__m256i v)
{
    const __m256i table =
        _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1,
                         1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i mask = _mm256_set1_epi8(15);
    __m256i low = _mm256_and_si256(v, mask);
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), mask);
    __m256i bytes = _mm256_add_epi8(_mm256_shuffle_epi8(table, low),
                                    _mm256_shuffle_epi8(table, high));
    return _mm256_sad_epu8(bytes, _mm256_setzero_si256());
}

AVX2 INLINE uint32_t
avx2_sum(__m256i v)
{
    __m128i two = _mm_add_epi64(_mm256_castsi256_si128(v),
                                _mm256_extracti128_si256(v, 1));
    two = _mm_add_epi64(two, _mm_unpackhi_epi64(two, two));
    return (uint32_t)_mm_cvtsi128_si32(two);
}

BITS(AVX2, avx2, bits_avx2);

/* ---- AVX-512 VPOPCNTDQ ---- */

#define AVX512                                                                 \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512vpopcntdq")))

typedef __m512i avx512_vec;
#define avx512_WORDS 8
#define avx512_zero  _mm512_setzero_si512
#define avx512_add   _mm512_add_epi64
#define avx512_and   _mm512_and_si512
#define avx512_xor   _mm512_xor_si512
#define avx512_count _mm512_popcnt_epi64

AVX512 INLINE __m512i
avx512_load(const uint64_t *words, size_t rest)
{
    if (rest >= avx512_WORDS)
        return _mm512_loadu_si512(words);
    return _mm512_maskz_loadu_epi64((__mmask8)((1u << rest) - 1), words);
}

AVX512 INLINE uint32_t
avx512_sum(__m512i v)
{
    return (uint32_t)_mm512_reduce_add_epi64(v);
}

BITS(AVX512, avx512, bits_avx512);

#elif defined(__aarch64__)

/* ---- NEON ---- */

typedef uint64x2_t neon_vec;
#define neon_WORDS  2
#define neon_zero() vdupq_n_u64(0)
#define neon_add    vaddq_u64
#define neon_and    vandq_u64
#define neon_xor    veorq_u64

INLINE uint64x2_t
neon_load(const uint64_t *words, size_t rest)
{
    if (rest >= neon_WORDS)
        return vld1q_u64(words);
    return vcombine_u64(vld1_u64(words), vdup_n_u64(0));
}

INLINE uint64x2_t
neon_count(uint64x2_t v)
{
    uint8x16_t bytes = vcntq_u8(vreinterpretq_u8_u64(v));
    return vpaddlq_u32(vpaddlq_u16(vpaddlq_u8(bytes)));
}

INLINE uint32_t
neon_sum(uint64x2_t v)
{
    return (uint32_t)vaddvq_u64(v);
}

BITS(, neon, bits_neon);

#endif
