/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_VECTOR_ROW_H
#define ENGINE_INDEX_VECTOR_ROW_H

#include "base/bytes.h"
#include "engine/index/datatype.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kinds of vectors, and the row of each: its bytes in the store and in a
 * staged change. A row of one kind never changes its form:
 *   VECTOR_DENSE   float[dim], or what datatype.h has of it, and no more: the
 *                  dimension is the collection's
 *   VECTOR_SPARSE  struct vector_row_head, u32[count] ascending, float[count]
 *   VECTOR_MULTI   struct vector_row_head, float[count][dim], or what datatype.h
 *                  has of each sub-vector
 * Rows with a head are 4-byte aligned in memory; numbers are those of the
 * machine, as dense rows always were. Where a function does not take a form it
 * is about rows of floats. Any thread. */

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

/* ---- rows in their datatype; sparse ones are always floats and use no form */

/* Bytes that a row has, or will have: only the head of `row` is read. */
size_t vector_row_stored_size(enum vector_kind kind,
                              const struct row_form *form, const void *row);

/* A row of floats to one in its datatype, and back; dense ones or
 * multivectors, which do not overlap. */
void vector_row_store(enum vector_kind kind, const struct row_form *form,
                      const void *floats, void *ret_row);
void vector_row_load(enum vector_kind kind, const struct row_form *form,
                     const void *row, void *ret_floats);

/* The sub-vectors of a multivector, in their datatype, one after the other. */
struct vector_parts {
    const char *first;
    size_t count;
};
struct vector_parts vector_row_parts(const void *row);

/* The sub-vectors of a multivector as they are scored: of unit length under
 * cosine. They are in the row where that holds them, else in `room`, which is
 * float[rows][dim]; it may be NULL for floats. */
struct vector_value vector_row_scored(const struct row_form *form,
                                      const void *row, float *room);

/* Whether bytes from the disk, which need not be aligned, are a whole row. */
bool vector_row_is_whole(enum vector_kind kind, const struct row_form *form,
                         struct span record);

#endif /* ENGINE_INDEX_VECTOR_ROW_H */
