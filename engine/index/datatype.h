/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_DATATYPE_H
#define ENGINE_INDEX_DATATYPE_H

#include "engine/kernel/kernel.h"

#include <stdbool.h>
#include <stddef.h>

/* Dense rows, or sub-vectors, in the datatype that they are stored in, and the floats of
 * requests and answers. kernel.h has the rules of conversion. Any thread. */

/* What a row is made of. */
struct row_form {
    enum datatype datatype;
    enum metric metric;
    size_t dim;
};

/* Bytes of a row. */
size_t row_form_size(const struct row_form *form);

/* Whether rows are brought to unit length before they are stored. */
bool row_form_is_unit(const struct row_form *form);

/* float[dim] to a row, and back. They do not overlap. What no half holds
 * becomes the largest, +-65504; turbo.h has what becomes of 4 bits. */
void row_form_store(const struct row_form *form, const float *values,
                    void *ret_row);
void row_form_load(const struct row_form *form, const void *row,
                   float *ret_values);

/* The values that codes are made of and asked with, of unit length under
 * cosine. Returns `row` itself where that is what it holds, else `room`, which
 * is float[dim]. */
const float *row_form_values(const struct row_form *form, const void *row,
                             float *room);

/* ---- queries: what rows are compared with. A row, but for turbo4, which asks
 * with more than 4 bits. */

/* Bytes of a query. */
size_t row_form_query_size(const struct row_form *form);

/* float[dim] as a query. They do not overlap. */
void row_form_ask(const struct row_form *form, const float *values,
                  void *ret_query);

/* A row as a query: the row itself, or `room`, which is as long as a query. */
const void *row_form_ask_row(const struct row_form *form, const void *row,
                             void *room);

/* The values that such a query stands for, made of float[dim] `values`: those,
 * or what a row holds of them, in `room`. */
const float *row_form_asked(const struct row_form *form, const float *values,
                            const void *query, float *room);

/* Distances of such a query to rows. */
kernel_rows_fn row_form_kernel(const struct row_form *form);

#endif /* ENGINE_INDEX_DATATYPE_H */
