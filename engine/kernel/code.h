/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_KERNEL_CODE_H
#define ENGINE_KERNEL_CODE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/kernel/grid.h"

/* Inner products of one signed 8-bit query with rows of small codes, and the
 * Hadamard transform that makes vectors fit for such codes. Integers: every
 * variant gives the same result.
 *
 * A row is `lines` cache lines. CODE_8: a line holds 64 components, one byte
 * each. CODE_4: a line holds 128 components; byte j has component j in its low
 * half and component 64 + j in its high half. Components are unsigned: the
 * caller takes their offset out again, by the sum of the query. */

enum code_kind {
    CODE_8,
    CODE_4,
    /* Not here: planes of bits (engine/index/codes_planes.h). */
    CODE_2,
    CODE_1_5,
    CODE_1,
    CODE_HALF, /* a bit for every second component */
};

#define CODE_KIND_COUNT 2 /* that this kernel has */
#define CODE_LINE_SIZE  64u
/* Components of 65,536 dimensions fit an int32 sum. */
#define CODE_8_LINES_MAX 1024u
#define CODE_4_LINES_MAX 512u

/* Components in a line. */
static inline size_t
code_line_dims(enum code_kind kind)
{
    return kind == CODE_8 ? 64 : 128;
}

/* ret_dots[i] = sum of query[j] * component j of rows[i].
 *   query  int8[lines * code_line_dims()], each >= -127, zero beyond the
 *          vector
 *   rows   `count` pointers; no alignment needed, but lines are faster */
typedef void (*code_rows_fn)(const int8_t *query, const uint8_t *const *rows,
                             size_t count, size_t lines, int32_t *ret_dots);

/* Values in one unit of the Hadamard transform. */
#define HADAMARD_LANES 16u

/* The orthonormal Walsh-Hadamard transform in place, over blocks that are
 * made of every `block_count`-th unit of HADAMARD_LANES values:
 *   values       float[block_count * block_units * HADAMARD_LANES]
 *   block_units  a power of two */
typedef void (*code_hadamard_fn)(float *values, size_t block_count,
                                 size_t block_units);

struct code_kernel {
    code_rows_fn rows[CODE_KIND_COUNT];
    code_hadamard_fn hadamard;
    const struct grid *grid;
};

/* The tables: kernel_get()->code is the one to use. An instruction set's may
 * be used only on a CPU that has it. */
extern const struct code_kernel code_plain;
#if defined(__x86_64__)
extern const struct code_kernel code_avx2;
extern const struct code_kernel code_avx512;
#elif defined(__aarch64__)
extern const struct code_kernel code_neon;
extern const struct code_kernel code_dotprod;
#endif

#endif /* ENGINE_KERNEL_CODE_H */
