/* SPDX-License-Identifier: Apache-2.0
 * MaxSim: see maxsim.h. A block is all lanes of a group times ROWS stored rows;
 * its sums stay in registers over all components, each row's component is
 * broadcast. Sums of dot products are negative from the start, so that every
 * metric looks for the lowest. */
#include "engine/kernel/maxsim.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/float_loops.h"

#define UNROLL _Pragma("GCC unroll 16")

/* One block: `rows` rows from `at` on. `vecs` vectors are the lanes. */
#define MAXSIM_BLOCK(attr, set, name, step, vecs, rows)                        \
    attr LOOPS_INLINE void name(const float *group, const float *at,           \
                                size_t dim, set##_vec *best)                   \
    {                                                                          \
        set##_vec sums[rows][vecs];                                            \
        UNROLL for (size_t r = 0; r < (rows); r++)                             \
            UNROLL for (size_t v = 0; v < (vecs); v++) sums[r][v] =            \
                set##_zero();                                                  \
        for (size_t i = 0; i < dim; i++) {                                     \
            const float *lanes = group + i * MAXSIM_LANES;                     \
            UNROLL for (size_t r = 0; r < (rows); r++)                         \
            {                                                                  \
                set##_vec x = set##_spread(at[r * dim + i]);                   \
                UNROLL for (size_t v = 0; v < (vecs); v++) sums[r][v] =        \
                    step(sums[r][v], set##_load(lanes + v * set##_LANES), x);  \
            }                                                                  \
        }                                                                      \
        UNROLL for (size_t r = 0; r < (rows); r++)                             \
            UNROLL for (size_t v = 0; v < (vecs); v++) best[v] =               \
                set##_least(best[v], sums[r][v]);                              \
    }

/* A group of one metric: blocks of `rows` rows, then smaller ones: a row alone
 * would wait for its own sums. */
#define MAXSIM_GROUP(attr, set, name, step, vecs, rows)                        \
    MAXSIM_BLOCK(attr, set, name##_block, step, vecs, rows)                    \
    MAXSIM_BLOCK(attr, set, name##_four, step, vecs, 4)                        \
    MAXSIM_BLOCK(attr, set, name##_two, step, vecs, 2)                         \
    MAXSIM_BLOCK(attr, set, name##_row, step, vecs, 1)                         \
    attr static void name(const float *group, const float *at, size_t count,   \
                          size_t dim, float *ret_best)                         \
    {                                                                          \
        set##_vec best[vecs];                                                  \
        size_t i = 0;                                                          \
        for (size_t v = 0; v < (vecs); v++)                                    \
            best[v] = set##_spread(INFINITY);                                  \
        for (; count - i >= (rows); i += (rows))                               \
            name##_block(group, at + i * dim, dim, best);                      \
        for (; count - i >= 4; i += 4)                                         \
            name##_four(group, at + i * dim, dim, best);                       \
        if (count - i >= 2) {                                                  \
            name##_two(group, at + i * dim, dim, best);                        \
            i += 2;                                                            \
        }                                                                      \
        if (i < count)                                                         \
            name##_row(group, at + i * dim, dim, best);                        \
        for (size_t v = 0; v < (vecs); v++)                                    \
            set##_keep(ret_best + v * set##_LANES, best[v]);                   \
    }

#define MAXSIM_TABLE(attr, set, vecs, rows)                                    \
    MAXSIM_GROUP(attr, set, set##_maxsim_dot, set##_ndot, vecs, rows)          \
    MAXSIM_GROUP(attr, set, set##_maxsim_l2, set##_l2, vecs, rows)             \
    MAXSIM_GROUP(attr, set, set##_maxsim_l1, set##_l1, vecs, rows)             \
    const struct maxsim_kernel maxsim_##set = {                                \
        .group = { [METRIC_COSINE] = set##_maxsim_dot,                         \
                   [METRIC_EUCLID] = set##_maxsim_l2,                          \
                   [METRIC_DOT] = set##_maxsim_dot,                            \
                   [METRIC_MANHATTAN] = set##_maxsim_l1 }                      \
    }

/* Plain: vectors of GNU C, which compilers map to what there is. */
typedef float plain_vec __attribute__((vector_size(16)));
#define plain_LANES 4

LOOPS_INLINE plain_vec
plain_spread(float x)
{
    return (plain_vec){ x, x, x, x };
}

#define plain_zero() plain_spread(0)

LOOPS_INLINE plain_vec
plain_load(const float *at)
{
    plain_vec lanes;
    memcpy(&lanes, at, sizeof(lanes));
    return lanes;
}

LOOPS_INLINE void
plain_keep(float *at, plain_vec lanes)
{
    memcpy(at, &lanes, sizeof(lanes));
}

LOOPS_INLINE plain_vec
plain_least(plain_vec a, plain_vec b)
{
    for (size_t i = 0; i < plain_LANES; i++)
        a[i] = a[i] < b[i] ? a[i] : b[i];
    return a;
}

LOOPS_INLINE plain_vec
plain_ndot(plain_vec sum, plain_vec x, plain_vec y)
{
    return sum - x * y;
}

LOOPS_INLINE plain_vec
plain_l2(plain_vec sum, plain_vec x, plain_vec y)
{
    plain_vec d = x - y;
    return sum + d * d;
}

LOOPS_INLINE plain_vec
plain_l1(plain_vec sum, plain_vec x, plain_vec y)
{
    plain_vec d = x - y;
    for (size_t i = 0; i < plain_LANES; i++)
        d[i] = fabsf(d[i]);
    return sum + d;
}

MAXSIM_TABLE(, plain, 4, 4);

#if defined(__x86_64__)

#define avx2_spread _mm256_set1_ps
#define avx2_load   _mm256_load_ps
#define avx2_keep   _mm256_storeu_ps
#define avx2_least  _mm256_min_ps

AVX2 LOOPS_INLINE __m256
avx2_ndot(__m256 sum, __m256 x, __m256 y)
{
    return _mm256_fnmadd_ps(x, y, sum);
}

MAXSIM_TABLE(AVX2, avx2, 2, 6);

#define avx512_spread _mm512_set1_ps
#define avx512_load   _mm512_load_ps
#define avx512_keep   _mm512_storeu_ps
#define avx512_least  _mm512_min_ps

AVX512 LOOPS_INLINE __m512
avx512_ndot(__m512 sum, __m512 x, __m512 y)
{
    return _mm512_fnmadd_ps(x, y, sum);
}

MAXSIM_TABLE(AVX512, avx512, 1, 8);

#elif defined(__aarch64__)

#define neon_spread vdupq_n_f32
#define neon_load   vld1q_f32
#define neon_keep   vst1q_f32
#define neon_least  vminq_f32

LOOPS_INLINE float32x4_t
neon_ndot(float32x4_t sum, float32x4_t x, float32x4_t y)
{
    return vfmsq_f32(sum, x, y);
}

MAXSIM_TABLE(, neon, 4, 4);

#endif

static size_t
groups_count(const struct maxsim_query *query)
{
    return (query->rows + MAXSIM_LANES - 1) / MAXSIM_LANES;
}

enum engine_code
maxsim_query_init(struct maxsim_query *query, enum metric metric,
                  const float *values, size_t rows, size_t dim,
                  struct error *reterr)
{
    assert(rows > 0 && dim > 0 && (unsigned)metric < METRIC_COUNT);
    *query = (struct maxsim_query){ .rows = rows, .dim = dim };
    query->group = kernel_get()->maxsim->group[metric];
    size_t size =
        groups_count(query) * dim * MAXSIM_LANES * sizeof(*query->groups);
    query->groups = aligned_alloc(64, size);
    if (query->groups == NULL)
        return error_memory(reterr);
    memset(query->groups, 0, size);
    for (size_t r = 0; r < rows; r++) {
        float *lane = query->groups + r / MAXSIM_LANES * dim * MAXSIM_LANES +
                      r % MAXSIM_LANES;
        for (size_t i = 0; i < dim; i++)
            lane[i * MAXSIM_LANES] = values[r * dim + i];
    }
    return ENGINE_OK;
}

void
maxsim_query_release(struct maxsim_query *query)
{
    free(query->groups);
    query->groups = NULL;
}

void
maxsim_lower(const struct maxsim_query *query, size_t begin, size_t end,
             const float *rows, size_t count, float *lowest)
{
    assert(count > 0 && begin % MAXSIM_LANES == 0 && end <= query->rows);
    float best[MAXSIM_LANES];
    for (; begin < end; begin += MAXSIM_LANES) {
        size_t lanes = end - begin < MAXSIM_LANES ? end - begin : MAXSIM_LANES;
        query->group(query->groups + begin * query->dim, rows, count,
                     query->dim, best);
        /* Of NaN as the kernels: what comes last stays. */
        for (size_t i = 0; i < lanes; i++)
            lowest[begin + i] =
                lowest[begin + i] < best[i] ? lowest[begin + i] : best[i];
    }
}

float
maxsim_distance(const struct maxsim_query *query, const float *rows,
                size_t count)
{
    float sum = 0, lowest[MAXSIM_LANES];
    for (size_t begin = 0; begin < query->rows; begin += MAXSIM_LANES) {
        size_t lanes = query->rows - begin;
        query->group(query->groups + begin * query->dim, rows, count,
                     query->dim, lowest);
        for (size_t i = 0; i < lanes && i < MAXSIM_LANES; i++)
            sum += lowest[i];
    }
    /* Infinities that cancel each other out are the farthest. */
    return isnan(sum) ? INFINITY : sum;
}
