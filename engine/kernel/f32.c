/* SPDX-License-Identifier: Apache-2.0
 * Distances over f32 rows: plain C, then AVX2. Each variant is one pair
 * function per metric; its `rows` calls the same body, so both give the same
 * bits. Four accumulators of eight lanes hide the latency of the additions.
 * The plain version adds in the same lanes, so that it vectorises as is. */
#include "engine/kernel/f32.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define LANES 16

static float
sum_lanes(const float *lanes)
{
    float sums[4] = { 0, 0, 0, 0 };
    for (size_t i = 0; i < LANES; i++)
        sums[i % 4] += lanes[i];
    return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

/* One pair function of plain C; TERM is made of x and y, the components. */
#define PLAIN_PAIR(name, term, sign)                                           \
    static float name(const float *a, const float *b, size_t dim)              \
    {                                                                          \
        float lanes[LANES] = { 0 };                                            \
        size_t i = 0;                                                          \
        for (; i + LANES <= dim; i += LANES)                                   \
            for (size_t j = 0; j < LANES; j++) {                               \
                float x = a[i + j], y = b[i + j];                              \
                lanes[j] += (term);                                            \
            }                                                                  \
        for (size_t j = 0; i < dim; i++, j++) {                                \
            float x = a[i], y = b[i];                                          \
            lanes[j] += (term);                                                \
        }                                                                      \
        return (sign)*sum_lanes(lanes);                                        \
    }

#define ROWS(name, pair, attribute)                                            \
    attribute static void name(const float *query, const float *const *rows,   \
                               size_t count, size_t dim, float *ret_distances) \
    {                                                                          \
        assert(count <= KERNEL_ROWS_MAX);                                      \
        for (size_t i = 0; i < count; i++)                                     \
            ret_distances[i] = pair(query, rows[i], dim);                      \
    }

PLAIN_PAIR(plain_dot, x *y, -1.0f)
PLAIN_PAIR(plain_l2, (x - y) * (x - y), 1.0f)
PLAIN_PAIR(plain_l1, fabsf(x - y), 1.0f)
ROWS(plain_dot_rows, plain_dot, )
ROWS(plain_l2_rows, plain_l2, )
ROWS(plain_l1_rows, plain_l1, )

const struct kernel f32_plain = {
    .name = "plain",
    .pair = { [METRIC_COSINE] = plain_dot,
              [METRIC_EUCLID] = plain_l2,
              [METRIC_DOT] = plain_dot,
              [METRIC_MANHATTAN] = plain_l1 },
    .rows = { [METRIC_COSINE] = plain_dot_rows,
              [METRIC_EUCLID] = plain_l2_rows,
              [METRIC_DOT] = plain_dot_rows,
              [METRIC_MANHATTAN] = plain_l1_rows },
};

#if defined(__x86_64__)

#define AVX2        __attribute__((target("avx2,fma")))
#define AVX2_INLINE AVX2 __attribute__((always_inline)) static inline

/* The first `count` < 8 lanes of eight floats, the others zero. */
AVX2_INLINE __m256
load_part(const float *at, size_t count)
{
    static const int32_t masks[16] = { -1, -1, -1, -1, -1, -1, -1, -1,
                                       0,  0,  0,  0,  0,  0,  0,  0 };
    __m256i mask = _mm256_loadu_si256((const __m256i_u *)(masks + 8 - count));
    return _mm256_maskload_ps(at, mask);
}

AVX2_INLINE float
sum_eight(__m256 v)
{
    __m128 four =
        _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

AVX2_INLINE __m256
step_dot(__m256 sum, __m256 x, __m256 y)
{
    return _mm256_fmadd_ps(x, y, sum);
}

AVX2_INLINE __m256
step_l2(__m256 sum, __m256 x, __m256 y)
{
    __m256 d = _mm256_sub_ps(x, y);
    return _mm256_fmadd_ps(d, d, sum);
}

AVX2_INLINE __m256
step_l1(__m256 sum, __m256 x, __m256 y)
{
    __m256 d = _mm256_sub_ps(x, y);
    return _mm256_add_ps(sum, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), d));
}

#define AVX2_PAIR(name, step, sign)                                            \
    AVX2_INLINE float name##_body(const float *a, const float *b, size_t dim)  \
    {                                                                          \
        __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;            \
        size_t i = 0;                                                          \
        for (; i + 32 <= dim; i += 32) {                                       \
            s0 = step(s0, _mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));     \
            s1 = step(s1, _mm256_loadu_ps(a + i + 8),                          \
                      _mm256_loadu_ps(b + i + 8));                             \
            s2 = step(s2, _mm256_loadu_ps(a + i + 16),                         \
                      _mm256_loadu_ps(b + i + 16));                            \
            s3 = step(s3, _mm256_loadu_ps(a + i + 24),                         \
                      _mm256_loadu_ps(b + i + 24));                            \
        }                                                                      \
        for (; i + 8 <= dim; i += 8)                                           \
            s0 = step(s0, _mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i));     \
        if (i < dim)                                                           \
            s1 = step(s1, load_part(a + i, dim - i),                           \
                      load_part(b + i, dim - i));                              \
        return (sign)*sum_eight(                                               \
            _mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)));      \
    }                                                                          \
    AVX2 static float name(const float *a, const float *b, size_t dim)         \
    {                                                                          \
        return name##_body(a, b, dim);                                         \
    }

AVX2_PAIR(avx2_dot, step_dot, -1.0f)
AVX2_PAIR(avx2_l2, step_l2, 1.0f)
AVX2_PAIR(avx2_l1, step_l1, 1.0f)
ROWS(avx2_dot_rows, avx2_dot_body, AVX2)
ROWS(avx2_l2_rows, avx2_l2_body, AVX2)
ROWS(avx2_l1_rows, avx2_l1_body, AVX2)

const struct kernel f32_avx2 = {
    .name = "avx2",
    .pair = { [METRIC_COSINE] = avx2_dot,
              [METRIC_EUCLID] = avx2_l2,
              [METRIC_DOT] = avx2_dot,
              [METRIC_MANHATTAN] = avx2_l1 },
    .rows = { [METRIC_COSINE] = avx2_dot_rows,
              [METRIC_EUCLID] = avx2_l2_rows,
              [METRIC_DOT] = avx2_dot_rows,
              [METRIC_MANHATTAN] = avx2_l1_rows },
};

#endif
