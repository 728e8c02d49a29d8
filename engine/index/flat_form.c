/* SPDX-License-Identifier: Apache-2.0
 * Rows as floats. To rotate a row back takes about as long as one group of
 * queries with its components: so long as what the rotation filled up costs all
 * groups less than that, rows stay rotated. */
#include "engine/index/flat_form.h"

#include "engine/index/turbo.h"

#include <assert.h>
#include <string.h>

/* The components that a row has more under euclid. */
#define SQUARE_DIMS 1u

static bool
has_square(const struct flat_form *flat)
{
    return flat->is_rotated && flat->form.metric == METRIC_EUCLID;
}

void
flat_form_init(struct flat_form *flat, const struct row_form *form,
               size_t groups)
{
    *flat = (struct flat_form){ .form = *form,
                                .dim = form->dim,
                                .metric = form->metric };
    if (form->datatype != DATATYPE_TURBO4 || form->metric == METRIC_MANHATTAN)
        return;
    uint32_t size = turbo_size(form->dim);
    if ((size - form->dim) * groups > size)
        return;
    flat->is_rotated = true;
    flat->metric = METRIC_DOT;
    flat->dim = size + (has_square(flat) ? SQUARE_DIMS : 0);
}

void
flat_form_ask(const struct flat_form *flat, const float *values,
              float *ret_values, float *ret_add)
{
    size_t dim = flat->form.dim;
    *ret_add = 0;
    if (!flat->is_rotated) {
        memcpy(ret_values, values, dim * sizeof(*values));
        return;
    }
    if (!has_square(flat)) {
        turbo_rotate(dim, values, 1.0f, ret_values);
        return;
    }
    turbo_rotate(dim, values, 2.0f, ret_values);
    ret_values[flat->dim - 1] = -1.0f;
    *ret_add = turbo_square(dim, values);
}

static void
flat_row(const struct flat_form *flat, const void *row, float *ret_values)
{
    if (!flat->is_rotated) {
        (void)row_form_values(&flat->form, row, ret_values);
        return;
    }
    turbo_spread(flat->form.dim, row, ret_values);
    if (has_square(flat)) {
        float length = turbo_tail_of(flat->form.dim, row).length;
        ret_values[flat->dim - 1] = length * length;
    }
}

const float *
flat_form_rows(const struct flat_form *flat, const void *rows, size_t count,
               float *room)
{
    const char *at = rows;
    size_t size = row_form_size(&flat->form);
    if (flat->form.datatype == DATATYPE_F32)
        return rows;
    for (size_t i = 0; i < count; i++)
        flat_row(flat, at + i * size, room + i * flat->dim);
    return room;
}
