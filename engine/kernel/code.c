/* SPDX-License-Identifier: Apache-2.0
 * Inner products with codes: plain C, AVX2, AVX-512 with VNNI, NEON, NEON with
 * dot products. VPDPBUSD multiplies unsigned by signed bytes and adds four
 * products to an int32 without saturation; AVX2 has only a pair sum that
 * saturates at 16 bits, which halves of bytes never reach and whole bytes
 * would, so those are widened first. Four rows at once share the query's loads
 * and the final sums. */
#include "engine/kernel/code.h"

#include <assert.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "engine/kernel/hadamard.h"

static void
plain_rows_8(const int8_t *query, const uint8_t *const *rows, size_t count,
             size_t lines, int32_t *ret_dots)
{
    assert(lines <= CODE_8_LINES_MAX);
    for (size_t i = 0; i < count; i++) {
        int32_t sum = 0;
        for (size_t j = 0; j < lines * 64; j++)
            sum += query[j] * rows[i][j];
        ret_dots[i] = sum;
    }
}

static void
plain_rows_4(const int8_t *query, const uint8_t *const *rows, size_t count,
             size_t lines, int32_t *ret_dots)
{
    assert(lines <= CODE_4_LINES_MAX);
    for (size_t i = 0; i < count; i++) {
        int32_t sum = 0;
        for (size_t line = 0; line < lines; line++) {
            const uint8_t *row = rows[i] + line * 64;
            const int8_t *part = query + line * 128;
            for (size_t j = 0; j < 64; j++)
                sum += part[j] * (row[j] & 15) + part[64 + j] * (row[j] >> 4);
        }
        ret_dots[i] = sum;
    }
}

const struct code_kernel code_plain = {
    .rows = { [CODE_8] = plain_rows_8, [CODE_4] = plain_rows_4 },
    .hadamard = hadamard_plain,
    .grid = &grid_plain,
};

#if defined(__x86_64__)

#define AVX2          __attribute__((target("avx2")))
#define AVX2_INLINE   AVX2 __attribute__((always_inline)) static inline
#define AVX512        __attribute__((target("avx512f,avx512bw,avx512vnni")))
#define AVX512_INLINE AVX512 __attribute__((always_inline)) static inline

AVX2_INLINE int32_t
sum_eight(__m256i v)
{
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(v),
                                 _mm256_extracti128_si256(v, 1));
    __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}

AVX2_INLINE __m256i
load_32(const void *at)
{
    return _mm256_loadu_si256((const __m256i_u *)at);
}

/* 16 unsigned by 16 signed bytes. */
AVX2_INLINE __m256i
step_16(__m256i sum, const uint8_t *row, const int8_t *query)
{
    __m256i x = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i_u *)row));
    __m256i y = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i_u *)query));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(x, y));
}

AVX2 static void
avx2_rows_8(const int8_t *query, const uint8_t *const *rows, size_t count,
            size_t lines, int32_t *ret_dots)
{
    assert(lines <= CODE_8_LINES_MAX);
    for (size_t i = 0; i < count; i++) {
        __m256i s0 = _mm256_setzero_si256(), s1 = s0;
        for (size_t j = 0; j < lines * 64; j += 32) {
            s0 = step_16(s0, rows[i] + j, query + j);
            s1 = step_16(s1, rows[i] + j + 16, query + j + 16);
        }
        ret_dots[i] = sum_eight(_mm256_add_epi32(s0, s1));
    }
}

AVX2 static void
avx2_rows_4(const int8_t *query, const uint8_t *const *rows, size_t count,
            size_t lines, int32_t *ret_dots)
{
    const __m256i half = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
    assert(lines <= CODE_4_LINES_MAX);
    for (size_t i = 0; i < count; i++) {
        __m256i s0 = _mm256_setzero_si256(), s1 = s0;
        for (size_t j = 0; j < lines * 2; j++) {
            __m256i v = load_32(rows[i] + j * 32);
            const int8_t *part = query + j / 2 * 128 + j % 2 * 32;
            __m256i low = _mm256_and_si256(v, half);
            __m256i high = _mm256_and_si256(_mm256_srli_epi16(v, 4), half);
            /* At most 4 * 15 * 127 in a sum of pairs: no saturation. */
            __m256i pairs = _mm256_add_epi16(
                _mm256_maddubs_epi16(low, load_32(part)),
                _mm256_maddubs_epi16(high, load_32(part + 64)));
            if (j % 2 == 0)
                s0 = _mm256_add_epi32(s0, _mm256_madd_epi16(pairs, ones));
            else
                s1 = _mm256_add_epi32(s1, _mm256_madd_epi16(pairs, ones));
        }
        ret_dots[i] = sum_eight(_mm256_add_epi32(s0, s1));
    }
}

const struct code_kernel code_avx2 = {
    .rows = { [CODE_8] = avx2_rows_8, [CODE_4] = avx2_rows_4 },
    .hadamard = hadamard_avx2,
    .grid = &grid_avx2,
};

AVX512_INLINE __m512i
load_64(const void *at)
{
    return _mm512_loadu_si512(at);
}

/* Sums of four registers as four int32. Registers by name, here and below: in
 * arrays they would live in memory, and each step would wait for the last. */
AVX512_INLINE __m128i
sum_four(__m512i s0, __m512i s1, __m512i s2, __m512i s3)
{
    __m512i a = _mm512_add_epi32(_mm512_unpacklo_epi32(s0, s1),
                                 _mm512_unpackhi_epi32(s0, s1));
    __m512i b = _mm512_add_epi32(_mm512_unpacklo_epi32(s2, s3),
                                 _mm512_unpackhi_epi32(s2, s3));
    __m512i c = _mm512_add_epi32(_mm512_unpacklo_epi64(a, b),
                                 _mm512_unpackhi_epi64(a, b));
    __m256i d = _mm256_add_epi32(_mm512_castsi512_si256(c),
                                 _mm512_extracti64x4_epi64(c, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(d),
                         _mm256_extracti128_si256(d, 1));
}

AVX512_INLINE __m128i
four_8(const int8_t *query, const uint8_t *const *rows, size_t lines)
{
    __m512i s0 = _mm512_setzero_si512(), s1 = s0, s2 = s0, s3 = s0;
    for (size_t at = 0; at < lines * 64; at += 64) {
        __m512i part = load_64(query + at);
        s0 = _mm512_dpbusd_epi32(s0, load_64(rows[0] + at), part);
        s1 = _mm512_dpbusd_epi32(s1, load_64(rows[1] + at), part);
        s2 = _mm512_dpbusd_epi32(s2, load_64(rows[2] + at), part);
        s3 = _mm512_dpbusd_epi32(s3, load_64(rows[3] + at), part);
    }
    return sum_four(s0, s1, s2, s3);
}

AVX512_INLINE __m512i
low_4(__m512i line)
{
    return _mm512_and_si512(line, _mm512_set1_epi8(15));
}

/* 16 times the high halves of the bytes: they stay where they are. */
AVX512_INLINE __m512i
high_4(__m512i line)
{
    return _mm512_andnot_si512(_mm512_set1_epi8(15), line);
}

AVX512_INLINE __m512i
both_4(__m512i low, __m512i high)
{
    return _mm512_add_epi32(low, _mm512_srai_epi32(high, 4));
}

AVX512_INLINE __m128i
four_4(const int8_t *query, const uint8_t *const *rows, size_t lines)
{
    __m512i a0 = _mm512_setzero_si512(), a1 = a0, a2 = a0, a3 = a0;
    __m512i b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    for (size_t at = 0; at < lines * 64; at += 64) {
        __m512i low = load_64(query + 2 * at);
        __m512i high = load_64(query + 2 * at + 64);
        __m512i v0 = load_64(rows[0] + at);
        a0 = _mm512_dpbusd_epi32(a0, low_4(v0), low);
        b0 = _mm512_dpbusd_epi32(b0, high_4(v0), high);
        __m512i v1 = load_64(rows[1] + at);
        a1 = _mm512_dpbusd_epi32(a1, low_4(v1), low);
        b1 = _mm512_dpbusd_epi32(b1, high_4(v1), high);
        __m512i v2 = load_64(rows[2] + at);
        a2 = _mm512_dpbusd_epi32(a2, low_4(v2), low);
        b2 = _mm512_dpbusd_epi32(b2, high_4(v2), high);
        __m512i v3 = load_64(rows[3] + at);
        a3 = _mm512_dpbusd_epi32(a3, low_4(v3), low);
        b3 = _mm512_dpbusd_epi32(b3, high_4(v3), high);
    }
    return sum_four(both_4(a0, b0), both_4(a1, b1), both_4(a2, b2),
                    both_4(a3, b3));
}

/* The last group repeats its last row to be four. */
#define AVX512_ROWS(name, four)                                                \
    AVX512 static void name(const int8_t *query, const uint8_t *const *rows,   \
                            size_t count, size_t lines, int32_t *ret_dots)     \
    {                                                                          \
        size_t i = 0;                                                          \
        for (; i + 4 <= count; i += 4)                                         \
            _mm_storeu_si128((__m128i_u *)(ret_dots + i),                      \
                             four(query, rows + i, lines));                    \
        if (i == count)                                                        \
            return;                                                            \
        const uint8_t *last[4];                                                \
        int32_t dots[4];                                                       \
        for (size_t j = 0; j < 4; j++)                                         \
            last[j] = rows[i + j < count ? i + j : count - 1];                 \
        _mm_storeu_si128((__m128i_u *)dots, four(query, last, lines));         \
        for (size_t j = 0; i + j < count; j++)                                 \
            ret_dots[i + j] = dots[j];                                         \
    }

AVX512_ROWS(avx512_rows_8, four_8)
AVX512_ROWS(avx512_rows_4, four_4)

const struct code_kernel code_avx512 = {
    .rows = { [CODE_8] = avx512_rows_8, [CODE_4] = avx512_rows_4 },
    .hadamard = hadamard_avx512,
    .grid = &grid_avx512,
};

#elif defined(__aarch64__)

/* Signed by signed bytes: a byte of CODE_8 is taken less 128, which flipping
 * its top bit makes, and 128 times the query's sum is added at the end. */

#define DOTPROD __attribute__((target("arch=armv8.2-a+dotprod")))
#define INLINE  __attribute__((always_inline)) static inline

INLINE int32x4_t
neon_add_products(int32x4_t sum, int8x16_t a, int8x16_t b)
{
    sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(a), vget_low_s8(b)));
    return vpadalq_s16(sum, vmull_high_s8(a, b));
}

INLINE uint32_t
neon_sum(const int8_t *query, size_t size)
{
    int32x4_t sum = vdupq_n_s32(0);
    for (size_t j = 0; j < size; j += 16)
        sum = vpadalq_s16(sum, vpaddlq_s8(vld1q_s8(query + j)));
    return (uint32_t)vaddvq_s32(sum);
}

/* The rows functions of one variant: `add` adds products in four lanes. */
#define NEON_ROWS(attr, name, add)                                             \
    attr static void name##_8(const int8_t *query, const uint8_t *const *rows, \
                              size_t count, size_t lines, int32_t *ret_dots)   \
    {                                                                          \
        assert(lines <= CODE_8_LINES_MAX);                                     \
        const uint8x16_t top = vdupq_n_u8(128);                                \
        const uint32_t offset = 128u * neon_sum(query, lines * 64);            \
        for (size_t i = 0; i < count; i++) {                                   \
            int32x4_t s0 = vdupq_n_s32(0), s1 = s0;                            \
            for (size_t j = 0; j < lines * 64; j += 32) {                      \
                uint8x16_t v = veorq_u8(vld1q_u8(rows[i] + j), top);           \
                uint8x16_t w = veorq_u8(vld1q_u8(rows[i] + j + 16), top);      \
                s0 = add(s0, vreinterpretq_s8_u8(v), vld1q_s8(query + j));     \
                s1 =                                                           \
                    add(s1, vreinterpretq_s8_u8(w), vld1q_s8(query + j + 16)); \
            }                                                                  \
            int32x4_t sum = vaddq_s32(s0, s1);                                 \
            ret_dots[i] = (int32_t)((uint32_t)vaddvq_s32(sum) + offset);       \
        }                                                                      \
    }                                                                          \
    attr static void name##_4(const int8_t *query, const uint8_t *const *rows, \
                              size_t count, size_t lines, int32_t *ret_dots)   \
    {                                                                          \
        assert(lines <= CODE_4_LINES_MAX);                                     \
        const uint8x16_t half = vdupq_n_u8(15);                                \
        for (size_t i = 0; i < count; i++) {                                   \
            int32x4_t low = vdupq_n_s32(0), high = low;                        \
            for (size_t j = 0; j < lines * 64; j += 16) {                      \
                uint8x16_t v = vld1q_u8(rows[i] + j);                          \
                const int8_t *part = query + j / 64 * 128 + j % 64;            \
                low = add(low, vreinterpretq_s8_u8(vandq_u8(v, half)),         \
                          vld1q_s8(part));                                     \
                high = add(high, vreinterpretq_s8_u8(vshrq_n_u8(v, 4)),        \
                           vld1q_s8(part + 64));                               \
            }                                                                  \
            ret_dots[i] = vaddvq_s32(vaddq_s32(low, high));                    \
        }                                                                      \
    }

NEON_ROWS(, neon_rows, neon_add_products)
NEON_ROWS(DOTPROD, dotprod_rows, vdotq_s32)

/* NEON is in the baseline: the plain transform uses it already. */
const struct code_kernel code_neon = {
    .rows = { [CODE_8] = neon_rows_8, [CODE_4] = neon_rows_4 },
    .hadamard = hadamard_plain,
    .grid = &grid_plain,
};

const struct code_kernel code_dotprod = {
    .rows = { [CODE_8] = dotprod_rows_8, [CODE_4] = dotprod_rows_4 },
    .hadamard = hadamard_plain,
    .grid = &grid_plain,
};

#endif
