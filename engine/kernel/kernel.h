/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_KERNEL_KERNEL_H
#define ENGINE_KERNEL_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/error.h"

struct code_kernel;
struct maxsim_kernel;

/* Distances between rows. Inside the engine a *distance* is always lower =
 * closer; a *score* is what the API shows (semantics of Qdrant):
 *   metric     distance            score
 *   COSINE     -dot, unit rows     -distance      higher is better
 *   DOT        -dot                -distance      higher is better
 *   EUCLID     squared l2          sqrt(distance) lower is better
 *   MANHATTAN  l1                  distance       lower is better
 * U8 rows keep their length: there COSINE divides by both lengths, and is 0
 * when one of them is 0.
 * A variant gives the same bits for the same pair whether it is asked by
 * `pair` or by `rows`, at any alignment, so that exact scan and graph agree;
 * two variants differ by rounding only (U8: not at all).
 * NaN and infinity: no trap and no memory harm. A NaN component makes the
 * distance NaN, infinite or overflowing ones make it infinite or NaN; the
 * index orders NaN as +infinity. Callers refuse non-finite input before. */

enum metric {
    METRIC_COSINE,
    METRIC_EUCLID,
    METRIC_DOT,
    METRIC_MANHATTAN,
};

#define METRIC_COUNT 4

/* How a row's components are stored; a query has the type of its rows. */
enum datatype {
    DATATYPE_F32, /* float */
    DATATYPE_F16, /* IEEE half as uint16_t; computed in f32 */
    DATATYPE_U8,  /* uint8_t; sums are exact */
    /* Not here: 4 bits, rotated (engine/index/turbo.h). */
    DATATYPE_TURBO4,
};

#define DATATYPE_COUNT 3 /* that struct kernel has */

/* The most rows that one call of `rows` takes. */
#define KERNEL_ROWS_MAX 64

/* The most components: 255 * 255 * so many fit a u32. */
#define KERNEL_DIM_MAX 65536u

/* Distance of a and b, `dim` components each; no alignment needed. */
typedef float (*kernel_pair_fn)(const void *a, const void *b, size_t dim);

/* ret_distances[i] = distance of query and rows[i], count <=
 * KERNEL_ROWS_MAX; the rows should have been prefetched. */
typedef void (*kernel_rows_fn)(const void *query, const void *const *rows,
                               size_t count, size_t dim, float *ret_distances);

/* One datatype in one instruction set, indexed by enum metric. */
struct kernel_metrics {
    kernel_pair_fn pair[METRIC_COUNT];
    kernel_rows_fn rows[METRIC_COUNT];
};

/* For where cosine rows have unit length: `dot`, `l2` and `l1` name pair
 * functions, whose rows functions end in _rows. */
#define KERNEL_METRICS(dot, l2, l1)                                            \
    {                                                                          \
        .pair = { [METRIC_COSINE] = dot,                                       \
                  [METRIC_EUCLID] = l2,                                        \
                  [METRIC_DOT] = dot,                                          \
                  [METRIC_MANHATTAN] = l1 },                                   \
        .rows = {                                                              \
            [METRIC_COSINE] = dot##_rows,                                      \
            [METRIC_EUCLID] = l2##_rows,                                       \
            [METRIC_DOT] = dot##_rows,                                         \
            [METRIC_MANHATTAN] = l1##_rows                                     \
        }                                                                      \
    }

/* Between the f32 of requests and stored datatypes, by Qdrant's rules; never
 * fails, and every variant gives the same bits. Any alignment of the
 * component's size; from and to do not overlap.
 *   f32_to_f16  to nearest, ties to even; from 65520 on infinity; NaN is kept
 *   f32_to_u8   truncated toward zero, clamped to 0..255, NaN becomes 0 */
struct kernel_convert {
    void (*f32_to_f16)(const float *from, size_t count, uint16_t *ret_to);
    void (*f16_to_f32)(const uint16_t *from, size_t count, float *ret_to);
    void (*f32_to_u8)(const float *from, size_t count, uint8_t *ret_to);
    void (*u8_to_f32)(const uint8_t *from, size_t count, float *ret_to);
};

/* Counts of 1-bit codes: component i is bit i % 64 of word i / 64, what is over
 * in the last word is zero. `words` <= KERNEL_DIM_MAX / 64, count <=
 * KERNEL_ROWS_MAX. */
typedef void (*kernel_bits_fn)(const uint64_t *query,
                               const uint64_t *const *rows, size_t count,
                               size_t words, uint32_t *ret_counts);

struct kernel_bits {
    kernel_bits_fn xor1; /* bits of query XOR row: u64[words] */
    kernel_bits_fn and1; /* bits of query AND row: u64[words] */
    /* Sum over the row's set bits of a 4-bit query: u64[4][words], plane j
     * holds bit j of each component. */
    kernel_bits_fn and4;
};

/* Everything for one instruction set. */
struct kernel {
    const char *name; /* as in KERNEL_NAMES */
    const struct kernel_metrics *metrics[DATATYPE_COUNT];
    const struct kernel_convert *convert;
    const struct kernel_bits *bits;
    const struct code_kernel *code;     /* engine/kernel/code.h */
    const struct maxsim_kernel *maxsim; /* engine/kernel/maxsim.h */
};

/* The names that exist on any processor, for messages. */
#define KERNEL_NAMES "auto, plain, avx2, avx512, neon or dotprod"

/* Chooses the table for the whole process: "auto" (best of this CPU) or one of
 * KERNEL_NAMES. Call once, before any thread uses a kernel; without a call
 * kernel_get() chooses "auto" itself.
 * ENGINE_EINPUT  unknown name, or what the CPU lacks, by name. */
enum engine_code kernel_select(const char *name, struct error *reterr)
    __attribute__((warn_unused_result));

/* The chosen table; constant for the life of the process. Any thread. */
const struct kernel *kernel_get(void);

/* The table of that name, or NULL when unknown or not usable on this CPU.
 * For tests and for measuring variants against each other. */
const struct kernel *kernel_find(const char *name);

/* The API's score of an internal distance, and back. Strictly monotonic. */
float kernel_score(enum metric metric, float distance);
float kernel_distance_of_score(enum metric metric, float score);

/* Whether a higher score is better: true for COSINE and DOT. */
bool kernel_score_is_descending(enum metric metric);

/* The name of the API ("Cosine", "Euclid", "Dot", "Manhattan"). */
const char *kernel_metric_name(enum metric metric);

/* Cosine's rule for stored and query vectors: scales `vector` to unit length
 * in place, unless its squared length is below FLT_EPSILON (a zero vector
 * stays as it is) or already within 1e-6 of 1. True when it was changed. The
 * caller does this before slab_put() and before a search. */
bool kernel_normalise(float *vector, size_t dim);

/* Whether no number of float[dim] is infinite or NaN. */
bool kernel_is_finite(const float *vector, size_t dim);

#endif /* ENGINE_KERNEL_KERNEL_H */
