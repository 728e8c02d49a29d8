/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_NPY_H
#define BENCH_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NumPy's array files, as far as a bench needs them: little-endian f4 (and f2,
 * widened) of two dimensions in C order in, int32 of three dimensions out. */

/* Numbers that one file may hold. */
#define NPY_COUNT_MAX (UINT64_C(1) << 34)

struct npy_matrix {
    float *values; /* row_count x dim; owned, free() */
    size_t row_count;
    size_t dim;
};

/* Reads `path`; false when it is missing, not such an array, cut short, or has
 * a NaN or infinity. All functions say on stderr what is wrong. */
bool npy_read(const char *path, struct npy_matrix *ret_matrix);

/* Points and queries of the same dimension. What was read is the caller's to
 * free in any case. */
bool npy_read_pair(const char *base_path, const char *queries_path,
                   struct npy_matrix *ret_base, struct npy_matrix *ret_queries);

/* Writes int32[a][b][c]. */
bool npy_write_i32(const char *path, const int32_t *values,
                   const size_t shape[3]);

#endif /* BENCH_NPY_H */
