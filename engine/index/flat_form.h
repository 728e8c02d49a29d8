/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_FLAT_FORM_H
#define ENGINE_INDEX_FLAT_FORM_H

#include "engine/index/datatype.h"

/* Rows of a datatype as a kernel of floats compares them, many queries at once.
 * Rows of turbo4 need not be rotated back for that: inner products are the same
 * in rotated components. Under euclid such a row has one component more, which
 * makes of the inner product twice that of the vectors less the square of the
 * row's length; the square of the query's is to be added. Distances are those of
 * row_form_kernel(), up to rounding. Any thread. */
struct flat_form {
    struct row_form form;
    size_t dim;         /* floats of a row, and of a query */
    enum metric metric; /* to compare them by */
    bool is_rotated;    /* rows of turbo4 that stay so */
};

/* For as many queries as fill `groups` of the kernel's lanes: rotated components
 * are filled up, and cost each group so much more. */
void flat_form_init(struct flat_form *flat, const struct row_form *form,
                    size_t groups);

/* A query, float[form.dim] of what rows are made of, as float[dim]; *ret_add is
 * what its distances lack, which are 0 at least with that. No overlap. */
void flat_form_ask(const struct flat_form *flat, const float *values,
                   float *ret_values, float *ret_add);

/* `count` rows, one after the other, as float[count][dim]: they themselves, or
 * what `room` has then. */
const float *flat_form_rows(const struct flat_form *flat, const void *rows,
                            size_t count, float *room);

#endif /* ENGINE_INDEX_FLAT_FORM_H */
