/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_KERNEL_FLOAT_LOOPS_H
#define ENGINE_KERNEL_FLOAT_LOOPS_H

#include <assert.h>
#include <stdint.h>
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "engine/kernel/kernel.h"

/* The loops over components that are computed as floats, however they are
 * stored: f32.c and f16.c add how to load. One loop serves each instruction
 * set; a set is the functions SET_zero, _add, _sum (across lanes), _dot, _l2,
 * _l1 (one step: sum, x, y) over SET_vec with SET_LANES lanes. Four
 * accumulators hide the latency of the additions. */

#define LOOPS_INLINE __attribute__((always_inline)) static inline

/* A pair function and its `rows`: both run the same body, so both give the
 * same bits. `load` and `load_part` (first n < LANES components, then zeros)
 * are functions over `type`. */
#define FLOAT_LOOP(attr, set, name, type, load, load_part, step, sign)         \
    attr LOOPS_INLINE float name##_body(const type *a, const type *b,          \
                                        size_t dim)                            \
    {                                                                          \
        set##_vec s0 = set##_zero(), s1 = s0, s2 = s0, s3 = s0;                \
        const size_t n = set##_LANES;                                          \
        size_t i = 0;                                                          \
        for (; i + 4 * n <= dim; i += 4 * n) {                                 \
            s0 = step(s0, load(a + i), load(b + i));                           \
            s1 = step(s1, load(a + i + n), load(b + i + n));                   \
            s2 = step(s2, load(a + i + 2 * n), load(b + i + 2 * n));           \
            s3 = step(s3, load(a + i + 3 * n), load(b + i + 3 * n));           \
        }                                                                      \
        for (; i + n <= dim; i += n)                                           \
            s0 = step(s0, load(a + i), load(b + i));                           \
        if (i < dim)                                                           \
            s1 = step(s1, load_part(a + i, dim - i),                           \
                      load_part(b + i, dim - i));                              \
        return (sign)*set##_sum(                                               \
            set##_add(set##_add(s0, s1), set##_add(s2, s3)));                  \
    }                                                                          \
    attr static float name(const void *a, const void *b, size_t dim)           \
    {                                                                          \
        return name##_body(a, b, dim);                                         \
    }                                                                          \
    attr static void name##_rows(const void *query, const void *const *rows,   \
                                 size_t count, size_t dim,                     \
                                 float *ret_distances)                         \
    {                                                                          \
        assert(count <= KERNEL_ROWS_MAX && dim <= KERNEL_DIM_MAX);             \
        for (size_t i = 0; i < count; i++)                                     \
            ret_distances[i] = name##_body(query, rows[i], dim);               \
    }

/* The whole table `name` of one instruction set. */
#define FLOAT_METRICS(attr, set, name, type)                                   \
    FLOAT_LOOP(attr, set, name##_dot, type, name##_load, name##_load_part,     \
               set##_dot, -1.0f)                                               \
    FLOAT_LOOP(attr, set, name##_l2, type, name##_load, name##_load_part,      \
               set##_l2, 1.0f)                                                 \
    FLOAT_LOOP(attr, set, name##_l1, type, name##_load, name##_load_part,      \
               set##_l1, 1.0f)                                                 \
    const struct kernel_metrics name =                                         \
        KERNEL_METRICS(name##_dot, name##_l2, name##_l1)

/* Plain C adds in 16 lanes, so that compilers vectorise it as it is. `term`
 * is made of x and y, the components as floats, which `get` makes. */
#define PLAIN_LANES 16

LOOPS_INLINE float
plain_sum(const float *lanes)
{
    float sums[4] = { 0, 0, 0, 0 };
    for (size_t i = 0; i < PLAIN_LANES; i++)
        sums[i % 4] += lanes[i];
    return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

#define PLAIN_LOOP(name, type, get, term, sign)                                \
    LOOPS_INLINE float name##_body(const type *a, const type *b, size_t dim)   \
    {                                                                          \
        float lanes[PLAIN_LANES] = { 0 };                                      \
        size_t i = 0;                                                          \
        for (; i + PLAIN_LANES <= dim; i += PLAIN_LANES)                       \
            for (size_t j = 0; j < PLAIN_LANES; j++) {                         \
                float x = get(a[i + j]), y = get(b[i + j]);                    \
                lanes[j] += (term);                                            \
            }                                                                  \
        for (size_t j = 0; i < dim; i++, j++) {                                \
            float x = get(a[i]), y = get(b[i]);                                \
            lanes[j] += (term);                                                \
        }                                                                      \
        return (sign)*plain_sum(lanes);                                        \
    }                                                                          \
    static float name(const void *a, const void *b, size_t dim)                \
    {                                                                          \
        return name##_body(a, b, dim);                                         \
    }                                                                          \
    static void name##_rows(const void *query, const void *const *rows,        \
                            size_t count, size_t dim, float *ret_distances)    \
    {                                                                          \
        assert(count <= KERNEL_ROWS_MAX && dim <= KERNEL_DIM_MAX);             \
        for (size_t i = 0; i < count; i++)                                     \
            ret_distances[i] = name##_body(query, rows[i], dim);               \
    }

#define PLAIN_METRICS(name, type, get)                                         \
    PLAIN_LOOP(name##_dot, type, get, x *y, -1.0f)                             \
    PLAIN_LOOP(name##_l2, type, get, (x - y) * (x - y), 1.0f)                  \
    PLAIN_LOOP(name##_l1, type, get, fabsf(x - y), 1.0f)                       \
    const struct kernel_metrics name =                                         \
        KERNEL_METRICS(name##_dot, name##_l2, name##_l1)

#if defined(__x86_64__)

#define AVX2 __attribute__((target("avx2,fma,f16c")))
#define AVX512                                                                 \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,"     \
                          "avx512vpopcntdq,avx2,fma,f16c")))

typedef __m256 avx2_vec;
#define avx2_LANES 8
#define avx2_zero  _mm256_setzero_ps
#define avx2_add   _mm256_add_ps

AVX2 LOOPS_INLINE float
avx2_sum(__m256 v)
{
    __m128 four =
        _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

AVX2 LOOPS_INLINE __m256
avx2_dot(__m256 sum, __m256 x, __m256 y)
{
    return _mm256_fmadd_ps(x, y, sum);
}

AVX2 LOOPS_INLINE __m256
avx2_l2(__m256 sum, __m256 x, __m256 y)
{
    __m256 d = _mm256_sub_ps(x, y);
    return _mm256_fmadd_ps(d, d, sum);
}

AVX2 LOOPS_INLINE __m256
avx2_l1(__m256 sum, __m256 x, __m256 y)
{
    __m256 d = _mm256_sub_ps(x, y);
    return _mm256_add_ps(sum, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), d));
}

typedef __m512 avx512_vec;
#define avx512_LANES 16
#define avx512_zero  _mm512_setzero_ps
#define avx512_add   _mm512_add_ps

AVX512 LOOPS_INLINE float
avx512_sum(__m512 v)
{
    return avx2_sum(
        _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1)));
}

AVX512 LOOPS_INLINE __m512
avx512_dot(__m512 sum, __m512 x, __m512 y)
{
    return _mm512_fmadd_ps(x, y, sum);
}

AVX512 LOOPS_INLINE __m512
avx512_l2(__m512 sum, __m512 x, __m512 y)
{
    __m512 d = _mm512_sub_ps(x, y);
    return _mm512_fmadd_ps(d, d, sum);
}

AVX512 LOOPS_INLINE __m512
avx512_l1(__m512 sum, __m512 x, __m512 y)
{
    return _mm512_add_ps(sum, _mm512_abs_ps(_mm512_sub_ps(x, y)));
}

#elif defined(__aarch64__)

typedef float32x4_t neon_vec;
#define neon_LANES  4
#define neon_zero() vdupq_n_f32(0)
#define neon_add    vaddq_f32
#define neon_sum    vaddvq_f32

LOOPS_INLINE float32x4_t
neon_dot(float32x4_t sum, float32x4_t x, float32x4_t y)
{
    return vfmaq_f32(sum, x, y);
}

LOOPS_INLINE float32x4_t
neon_l2(float32x4_t sum, float32x4_t x, float32x4_t y)
{
    float32x4_t d = vsubq_f32(x, y);
    return vfmaq_f32(sum, d, d);
}

LOOPS_INLINE float32x4_t
neon_l1(float32x4_t sum, float32x4_t x, float32x4_t y)
{
    return vaddq_f32(sum, vabdq_f32(x, y));
}

#endif

#endif /* ENGINE_KERNEL_FLOAT_LOOPS_H */
