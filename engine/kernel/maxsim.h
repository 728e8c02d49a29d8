/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_KERNEL_MAXSIM_H
#define ENGINE_KERNEL_MAXSIM_H

#include "engine/error.h"
#include "engine/kernel/kernel.h"

/* MaxSim (Khattab & Zaharia 2020, section 3.2) as a distance: the sum, over the
 * query's sub-vectors, of the lowest distance to any stored sub-vector. Lower
 * is closer, as everywhere inside; kernel_score() of the sum is the API's
 * score.
 *
 * A query is packed once, MAXSIM_LANES sub-vectors side by side, so that a
 * loop over components keeps one sum in each lane and adds across lanes only
 * at the end: a small matrix product, in registers.
 *
 * Error: M e (4 + dim), see README.md, for each sub-vector of the query; where
 * the packed query and the row are the same so is the result. */

#define MAXSIM_LANES 16u

/* ret_best[i] = the lowest distance of sub-vector i of the group to any of
 * `count` > 0 rows.
 *   group  float[dim][MAXSIM_LANES], 64-byte aligned
 *   rows   float[count][dim]; no alignment needed */
typedef void (*maxsim_group_fn)(const float *group, const float *rows,
                                size_t count, size_t dim, float *ret_best);

struct maxsim_kernel {
    maxsim_group_fn group[METRIC_COUNT]; /* cosine expects unit rows */
};

/* The tables; as in code.h. */
extern const struct maxsim_kernel maxsim_plain;
#if defined(__x86_64__)
extern const struct maxsim_kernel maxsim_avx2;
extern const struct maxsim_kernel maxsim_avx512;
#elif defined(__aarch64__)
extern const struct maxsim_kernel maxsim_neon;
#endif

/* A packed query; owns `groups`. */
struct maxsim_query {
    float *groups; /* [groups_count][dim][MAXSIM_LANES] */
    size_t rows;   /* sub-vectors */
    size_t dim;
    maxsim_group_fn group;
};

/* Packs float[rows][dim], rows > 0, which are unit rows when the metric is
 * cosine. ENGINE_ENOMEM */
enum engine_code maxsim_query_init(struct maxsim_query *query,
                                   enum metric metric, const float *values,
                                   size_t rows, size_t dim,
                                   struct error *reterr)
    __attribute__((warn_unused_result));
void maxsim_query_release(struct maxsim_query *query);

/* Distance to a multivector of `count` > 0 sub-vectors, float[count][dim];
 * never NaN. Any thread. */
float maxsim_distance(const struct maxsim_query *query, const float *rows,
                      size_t count);

/* Where all would take long, or not all rows are there at once: lowers
 * lowest[i], of the query's sub-vectors `begin` .. `end` - 1, to the distance to
 * any of `count` > 0 rows. Their sum is that of maxsim_distance(), but for NaN
 * where infinities cancel each other out. `begin` is a multiple of
 * MAXSIM_LANES. Any thread. */
void maxsim_lower(const struct maxsim_query *query, size_t begin, size_t end,
                  const float *rows, size_t count, float *lowest);

#endif /* ENGINE_KERNEL_MAXSIM_H */
