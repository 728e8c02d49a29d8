/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_VECTOR_ROW_H
#define ENGINE_INDEX_VECTOR_ROW_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kinds of vectors, and the row of each: its bytes in the store and in a
 * staged change. A row of one kind never changes its form:
 *   VECTOR_DENSE   float[dim], or what datatype.h has of it, and no more: the
 *                  dimension is the collection's
 *   VECTOR_SPARSE  struct vector_row_head, u32[count] ascending, float[count]
 *   VECTOR_MULTI   struct vector_row_head, float[count][dim]
 * Rows with a head are 4-byte aligned in memory; numbers are those of the machine, as dense
 * rows always were. Any thread. */

enum vector_kind { VECTOR_DENSE, VECTOR_SPARSE, VECTOR_MULTI };

#define VECTOR_SPARSE_MAX 1048576u /* entries of one sparse vector */
#define VECTOR_MULTI_MAX  1048576u /* floats of one multivector */

/* In front of rows of variable length. */
struct vector_row_head {
    uint32_t format; /* VECTOR_ROW_FORMAT; others are newer */
    uint32_t count;  /* entries, or sub-vectors */
};
#define VECTOR_ROW_FORMAT 1u
_Static_assert(sizeof(struct vector_row_head) == 8, "on disk");

/* A vector as it comes and goes; everything is borrowed. */
struct vector_value {
    enum vector_kind kind;
    const float *values;     /* dense, sparse: [dim]; multi: [rows][dim] */
    size_t dim;              /* sparse: entries */
    const uint32_t *indices; /* sparse: [dim], ascending, no repeats */
    size_t rows;             /* multi: sub-vectors */
};

/* Bytes of the row that the value makes. */
size_t vector_row_size_of(const struct vector_value *value);

/* Writes it; `ret_row` has room for that. */
void vector_row_write(const struct vector_value *value, void *ret_row);

/* Bytes of a row; `dim` of the collection, unused when sparse. */
size_t vector_row_size(enum vector_kind kind, size_t dim, const void *row);

/* The value that a row holds; it points into the row. */
struct vector_value vector_row_value(enum vector_kind kind, size_t dim,
                                     const void *row);

/* Brings a dense row, or each sub-vector, to unit length (kernel_normalise()). */
void vector_row_normalise(enum vector_kind kind, size_t dim, void *row);

/* Whether bytes from the disk, which need not be aligned, are a whole row. */
bool vector_row_is_whole(enum vector_kind kind, size_t dim, struct span record);

#endif /* ENGINE_INDEX_VECTOR_ROW_H */
