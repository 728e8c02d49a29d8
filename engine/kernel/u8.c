/* SPDX-License-Identifier: Apache-2.0
 * Distances over u8 rows. All sums are exact u32 (modulo 2^32 on the way: the
 * totals fit up to KERNEL_DIM_MAX), so every variant gives the same bits; only
 * the last step goes to float. Cosine takes the lengths of both rows, as
 * Qdrant does for this datatype; the query's is computed once per call. */
#include "engine/kernel/u8.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define INLINE __attribute__((always_inline)) static inline

/* What a loop over two rows may want to add up. */
struct sums {
    uint32_t dot;    /* x . y */
    uint32_t square; /* y . y */
};

static float
cosine(struct sums sums, uint32_t query_square)
{
    if (query_square == 0 || sums.square == 0)
        return 0.0f;
    double squares = (double)query_square * (double)sums.square;
    return (float)(-(double)sums.dot / sqrt(squares));
}

/* A pair function and its `rows` around `body`(x, y, dim, query), where `query`
 * is `prepare`(x, dim), a u32 that does not depend on the row. */
#define U8_LOOP(attr, name, prepare, body)                                     \
    attr static float name(const void *a, const void *b, size_t dim)           \
    {                                                                          \
        return body(a, b, dim, prepare(a, dim));                               \
    }                                                                          \
    attr static void name##_rows(const void *query, const void *const *rows,   \
                                 size_t count, size_t dim,                     \
                                 float *ret_distances)                         \
    {                                                                          \
        assert(count <= KERNEL_ROWS_MAX && dim <= KERNEL_DIM_MAX);             \
        uint32_t prepared = prepare(query, dim);                               \
        for (size_t i = 0; i < count; i++)                                     \
            ret_distances[i] = body(query, rows[i], dim, prepared);            \
    }

/* The table `name` of the functions NAME_offset (what the sums below leave out
 * of a dot product with x), _dot, _both, _l2 and _l1. */
#define U8_METRICS(attr, name)                                                 \
    attr INLINE float name##_dot_body(const uint8_t *x, const uint8_t *y,      \
                                      size_t dim, uint32_t offset)             \
    {                                                                          \
        return -(float)(name##_dot(x, y, dim) + offset);                       \
    }                                                                          \
    attr INLINE float name##_l2_body(const uint8_t *x, const uint8_t *y,       \
                                     size_t dim, uint32_t none)                \
    {                                                                          \
        (void)none;                                                            \
        return (float)name##_l2(x, y, dim);                                    \
    }                                                                          \
    attr INLINE float name##_l1_body(const uint8_t *x, const uint8_t *y,       \
                                     size_t dim, uint32_t none)                \
    {                                                                          \
        (void)none;                                                            \
        return (float)name##_l1(x, y, dim);                                    \
    }                                                                          \
    attr INLINE uint32_t name##_square(const uint8_t *x, size_t dim)           \
    {                                                                          \
        return name##_both(x, x, dim).square;                                  \
    }                                                                          \
    attr INLINE float name##_cosine_body(const uint8_t *x, const uint8_t *y,   \
                                         size_t dim, uint32_t square)          \
    {                                                                          \
        return cosine(name##_both(x, y, dim), square);                         \
    }                                                                          \
    U8_LOOP(attr, name##_pair_dot, name##_offset, name##_dot_body)             \
    U8_LOOP(attr, name##_pair_l2, no_offset, name##_l2_body)                   \
    U8_LOOP(attr, name##_pair_l1, no_offset, name##_l1_body)                   \
    U8_LOOP(attr, name##_pair_cosine, name##_square, name##_cosine_body)       \
    const struct kernel_metrics name = {                                       \
        .pair = { [METRIC_COSINE] = name##_pair_cosine,                        \
                  [METRIC_EUCLID] = name##_pair_l2,                            \
                  [METRIC_DOT] = name##_pair_dot,                              \
                  [METRIC_MANHATTAN] = name##_pair_l1 },                       \
        .rows = { [METRIC_COSINE] = name##_pair_cosine_rows,                   \
                  [METRIC_EUCLID] = name##_pair_l2_rows,                       \
                  [METRIC_DOT] = name##_pair_dot_rows,                         \
                  [METRIC_MANHATTAN] = name##_pair_l1_rows },                  \
    }

INLINE uint32_t
no_offset(const uint8_t *x, size_t dim)
{
    (void)x;
    (void)dim;
    return 0;
}

/* ---- plain ---- */

#define u8_plain_offset no_offset

INLINE uint32_t
u8_plain_dot(const uint8_t *x, const uint8_t *y, size_t dim)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (uint32_t)(x[i] * y[i]);
    return sum;
}

INLINE struct sums
u8_plain_both(const uint8_t *x, const uint8_t *y, size_t dim)
{
    struct sums sums = { 0, 0 };
    for (size_t i = 0; i < dim; i++) {
        sums.dot += (uint32_t)(x[i] * y[i]);
        sums.square += (uint32_t)(y[i] * y[i]);
    }
    return sums;
}

INLINE uint32_t
u8_plain_l2(const uint8_t *x, const uint8_t *y, size_t dim)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < dim; i++) {
        int d = x[i] - y[i];
        sum += (uint32_t)(d * d);
    }
    return sum;
}

INLINE uint32_t
u8_plain_l1(const uint8_t *x, const uint8_t *y, size_t dim)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += x[i] > y[i] ? (uint32_t)(x[i] - y[i]) : (uint32_t)(y[i] - x[i]);
    return sum;
}

U8_METRICS(, u8_plain);

#if defined(__x86_64__)

/* ---- AVX2: 32 components as two halves of 16 bits, pairs added by MADD ---- */

#define AVX2 __attribute__((target("avx2,fma")))

#define u8_avx2_offset no_offset

struct wide {
    __m256i low, high;
};

AVX2 INLINE __m256i
avx2_load(const uint8_t *at)
{
    return _mm256_loadu_si256((const __m256i_u *)at);
}

AVX2 INLINE __m256i
avx2_load_part(const uint8_t *at, size_t count)
{
    uint8_t part[32] = { 0 };
    memcpy(part, at, count);
    return avx2_load(part);
}

AVX2 INLINE struct wide
avx2_widen(__m256i v)
{
    __m256i zero = _mm256_setzero_si256();
    return (struct wide){ _mm256_unpacklo_epi8(v, zero),
                          _mm256_unpackhi_epi8(v, zero) };
}

AVX2 INLINE __m256i
avx2_add_products(__m256i sum, struct wide a, struct wide b)
{
    __m256i low = _mm256_madd_epi16(a.low, b.low);
    __m256i high = _mm256_madd_epi16(a.high, b.high);
    return _mm256_add_epi32(sum, _mm256_add_epi32(low, high));
}

AVX2 INLINE uint32_t
avx2_sum(__m256i v)
{
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(v),
                                 _mm256_extracti128_si256(v, 1));
    __m128i two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    return (uint32_t)_mm_cvtsi128_si32(two) +
           (uint32_t)_mm_extract_epi32(two, 1);
}

AVX2 INLINE uint32_t
u8_avx2_dot(const uint8_t *x, const uint8_t *y, size_t dim)
{
    __m256i sum = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 32 <= dim; i += 32)
        sum = avx2_add_products(sum, avx2_widen(avx2_load(x + i)),
                                avx2_widen(avx2_load(y + i)));
    if (i < dim)
        sum = avx2_add_products(sum, avx2_widen(avx2_load_part(x + i, dim - i)),
                                avx2_widen(avx2_load_part(y + i, dim - i)));
    return avx2_sum(sum);
}

AVX2 INLINE struct sums
u8_avx2_both(const uint8_t *x, const uint8_t *y, size_t dim)
{
    __m256i dot = _mm256_setzero_si256(), square = dot;
    for (size_t i = 0; i < dim; i += 32) {
        size_t rest = dim - i;
        __m256i xs = rest < 32 ? avx2_load_part(x + i, rest) : avx2_load(x + i);
        __m256i ys = rest < 32 ? avx2_load_part(y + i, rest) : avx2_load(y + i);
        struct wide wide = avx2_widen(ys);
        dot = avx2_add_products(dot, avx2_widen(xs), wide);
        square = avx2_add_products(square, wide, wide);
    }
    return (struct sums){ avx2_sum(dot), avx2_sum(square) };
}

AVX2 INLINE __m256i
avx2_l2_step(__m256i sum, __m256i x, __m256i y)
{
    __m256i d = _mm256_or_si256(_mm256_subs_epu8(x, y), _mm256_subs_epu8(y, x));
    struct wide wide = avx2_widen(d);
    return avx2_add_products(sum, wide, wide);
}

AVX2 INLINE uint32_t
u8_avx2_l2(const uint8_t *x, const uint8_t *y, size_t dim)
{
    __m256i sum = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 32 <= dim; i += 32)
        sum = avx2_l2_step(sum, avx2_load(x + i), avx2_load(y + i));
    if (i < dim)
        sum = avx2_l2_step(sum, avx2_load_part(x + i, dim - i),
                           avx2_load_part(y + i, dim - i));
    return avx2_sum(sum);
}

AVX2 INLINE uint32_t
u8_avx2_l1(const uint8_t *x, const uint8_t *y, size_t dim)
{
    /* Sums of eight bytes as u64, of which the lower half is enough. */
    __m256i sum = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 32 <= dim; i += 32)
        sum = _mm256_add_epi64(
            sum, _mm256_sad_epu8(avx2_load(x + i), avx2_load(y + i)));
    if (i < dim)
        sum = _mm256_add_epi64(sum,
                               _mm256_sad_epu8(avx2_load_part(x + i, dim - i),
                                               avx2_load_part(y + i, dim - i)));
    return avx2_sum(sum);
}

U8_METRICS(AVX2, u8_avx2);

/* ---- AVX-512 VNNI: u8 times s8, four products at once. One side is taken as
 * y - 128, which flipping its top bit makes, and 128 times the sum of the
 * other side is added at the end. ---- */

#define AVX512                                                                 \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni,avx2")))

AVX512 INLINE __m512i
avx512_load(const uint8_t *at, size_t rest)
{
    if (rest >= 64)
        return _mm512_loadu_si512(at);
    return _mm512_maskz_loadu_epi8((1ull << rest) - 1, at);
}

AVX512 INLINE __m512i
avx512_less_128(__m512i v)
{
    return _mm512_xor_si512(v, _mm512_set1_epi8(-128));
}

AVX512 INLINE uint32_t
avx512_sum(__m512i v)
{
    return (uint32_t)_mm512_reduce_add_epi32(v);
}

/* 128 * sum of x. */
AVX512 INLINE uint32_t
u8_avx512_offset(const uint8_t *x, size_t dim)
{
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < dim; i += 64)
        sum = _mm512_dpbusd_epi32(sum, avx512_load(x + i, dim - i),
                                  _mm512_set1_epi8(1));
    return 128u * avx512_sum(sum);
}

AVX512 INLINE uint32_t
u8_avx512_dot(const uint8_t *x, const uint8_t *y, size_t dim)
{
    __m512i s0 = _mm512_setzero_si512(), s1 = s0;
    size_t i = 0;
    for (; i + 128 <= dim; i += 128) {
        s0 = _mm512_dpbusd_epi32(s0, avx512_load(x + i, 64),
                                 avx512_less_128(avx512_load(y + i, 64)));
        s1 = _mm512_dpbusd_epi32(s1, avx512_load(x + i + 64, 64),
                                 avx512_less_128(avx512_load(y + i + 64, 64)));
    }
    for (; i < dim; i += 64)
        s0 = _mm512_dpbusd_epi32(s0, avx512_load(x + i, dim - i),
                                 avx512_less_128(avx512_load(y + i, dim - i)));
    return avx512_sum(_mm512_add_epi32(s0, s1));
}

AVX512 INLINE struct sums
u8_avx512_both(const uint8_t *x, const uint8_t *y, size_t dim)
{
    __m512i dot = _mm512_setzero_si512(), square = dot, sum = dot;
    for (size_t i = 0; i < dim; i += 64) {
        __m512i xs = avx512_load(x + i, dim - i);
        __m512i ys = avx512_load(y + i, dim - i);
        dot = _mm512_dpbusd_epi32(dot, ys, avx512_less_128(xs));
        square = _mm512_dpbusd_epi32(square, ys, avx512_less_128(ys));
        sum = _mm512_dpbusd_epi32(sum, ys, _mm512_set1_epi8(1));
    }
    uint32_t offset = 128u * avx512_sum(sum);
    return (struct sums){ avx512_sum(dot) + offset,
                          avx512_sum(square) + offset };
}

AVX512 INLINE uint32_t
u8_avx512_l2(const uint8_t *x, const uint8_t *y, size_t dim)
{
    __m512i sum = _mm512_setzero_si512(), part = sum;
    for (size_t i = 0; i < dim; i += 64) {
        __m512i xs = avx512_load(x + i, dim - i);
        __m512i ys = avx512_load(y + i, dim - i);
        __m512i d =
            _mm512_sub_epi8(_mm512_max_epu8(xs, ys), _mm512_min_epu8(xs, ys));
        part = _mm512_dpbusd_epi32(part, d, avx512_less_128(d));
        sum = _mm512_dpbusd_epi32(sum, d, _mm512_set1_epi8(1));
    }
    return avx512_sum(part) + 128u * avx512_sum(sum);
}

AVX512 INLINE uint32_t
u8_avx512_l1(const uint8_t *x, const uint8_t *y, size_t dim)
{
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < dim; i += 64)
        sum =
            _mm512_add_epi64(sum, _mm512_sad_epu8(avx512_load(x + i, dim - i),
                                                  avx512_load(y + i, dim - i)));
    return avx512_sum(sum);
}

U8_METRICS(AVX512, u8_avx512);

#elif defined(__aarch64__)

/* ---- NEON, and its dot product extension ---- */

#define DOTPROD __attribute__((target("arch=armv8.2-a+dotprod")))

INLINE uint8x16_t
neon_load(const uint8_t *at, size_t rest)
{
    if (rest >= 16)
        return vld1q_u8(at);
    uint8_t part[16] = { 0 };
    memcpy(part, at, rest);
    return vld1q_u8(part);
}

INLINE uint32x4_t
neon_add_products(uint32x4_t sum, uint8x16_t a, uint8x16_t b)
{
    sum = vpadalq_u16(sum, vmull_u8(vget_low_u8(a), vget_low_u8(b)));
    return vpadalq_u16(sum, vmull_high_u8(a, b));
}

/* The functions of one variant: `add` is one step of a dot product. */
#define NEON_SUMS(attr, name, add)                                             \
    attr INLINE uint32_t name##_dot(const uint8_t *x, const uint8_t *y,        \
                                    size_t dim)                                \
    {                                                                          \
        uint32x4_t s0 = vdupq_n_u32(0), s1 = s0;                               \
        size_t i = 0;                                                          \
        for (; i + 32 <= dim; i += 32) {                                       \
            s0 = add(s0, vld1q_u8(x + i), vld1q_u8(y + i));                    \
            s1 = add(s1, vld1q_u8(x + i + 16), vld1q_u8(y + i + 16));          \
        }                                                                      \
        for (; i < dim; i += 16)                                               \
            s0 =                                                               \
                add(s0, neon_load(x + i, dim - i), neon_load(y + i, dim - i)); \
        return vaddvq_u32(vaddq_u32(s0, s1));                                  \
    }                                                                          \
    attr INLINE struct sums name##_both(const uint8_t *x, const uint8_t *y,    \
                                        size_t dim)                            \
    {                                                                          \
        uint32x4_t dot = vdupq_n_u32(0), square = dot;                         \
        for (size_t i = 0; i < dim; i += 16) {                                 \
            uint8x16_t ys = neon_load(y + i, dim - i);                         \
            dot = add(dot, neon_load(x + i, dim - i), ys);                     \
            square = add(square, ys, ys);                                      \
        }                                                                      \
        return (struct sums){ vaddvq_u32(dot), vaddvq_u32(square) };           \
    }                                                                          \
    attr INLINE uint32_t name##_l2(const uint8_t *x, const uint8_t *y,         \
                                   size_t dim)                                 \
    {                                                                          \
        uint32x4_t sum = vdupq_n_u32(0);                                       \
        for (size_t i = 0; i < dim; i += 16) {                                 \
            uint8x16_t d = vabdq_u8(neon_load(x + i, dim - i),                 \
                                    neon_load(y + i, dim - i));                \
            sum = add(sum, d, d);                                              \
        }                                                                      \
        return vaddvq_u32(sum);                                                \
    }                                                                          \
    attr INLINE uint32_t name##_l1(const uint8_t *x, const uint8_t *y,         \
                                   size_t dim)                                 \
    {                                                                          \
        uint32x4_t sum = vdupq_n_u32(0);                                       \
        for (size_t i = 0; i < dim; i += 16) {                                 \
            uint8x16_t d = vabdq_u8(neon_load(x + i, dim - i),                 \
                                    neon_load(y + i, dim - i));                \
            sum = vpadalq_u16(sum, vpaddlq_u8(d));                             \
        }                                                                      \
        return vaddvq_u32(sum);                                                \
    }

#define u8_neon_offset    no_offset
#define u8_dotprod_offset no_offset

NEON_SUMS(, u8_neon, neon_add_products)
U8_METRICS(, u8_neon);

NEON_SUMS(DOTPROD, u8_dotprod, vdotq_u32)
U8_METRICS(DOTPROD, u8_dotprod);

#endif
