/* SPDX-License-Identifier: Apache-2.0
 * Rows of each datatype. Bytes keep their length under cosine, as users of
 * counts and pixels expect: then the kernel divides by it. */
#include "engine/index/datatype.h"

#include "engine/index/turbo.h"

#include <string.h>

size_t
row_form_size(const struct row_form *form)
{
    switch (form->datatype) {
    case DATATYPE_F16:
        return form->dim * sizeof(uint16_t);
    case DATATYPE_U8:
        return form->dim;
    case DATATYPE_TURBO4:
        return turbo_row_size(form->dim);
    case DATATYPE_F32:
        break;
    }
    return form->dim * sizeof(float);
}

bool
row_form_is_unit(const struct row_form *form)
{
    return form->metric == METRIC_COSINE && form->datatype != DATATYPE_U8;
}

/* No row holds an infinity: JSON has none, so that an answer with it is none
 * for typed clients, and a score with it is no number. */
#define HALF_MAGNITUDE 0x7fffu
#define HALF_INFINITY  0x7c00u

static void
clamp_halves(uint16_t *halves, size_t count)
{
    for (size_t i = 0; i < count; i++)
        halves[i] = (uint16_t)(halves[i] -
                               ((halves[i] & HALF_MAGNITUDE) == HALF_INFINITY));
}

void
row_form_store(const struct row_form *form, const float *values, void *ret_row)
{
    const struct kernel_convert *convert = kernel_get()->convert;
    switch (form->datatype) {
    case DATATYPE_F16:
        convert->f32_to_f16(values, form->dim, ret_row);
        clamp_halves(ret_row, form->dim);
        return;
    case DATATYPE_U8:
        convert->f32_to_u8(values, form->dim, ret_row);
        return;
    case DATATYPE_TURBO4:
        turbo_store(form->dim, values, ret_row);
        return;
    case DATATYPE_F32:
        break;
    }
    memcpy(ret_row, values, form->dim * sizeof(*values));
}

void
row_form_load(const struct row_form *form, const void *row, float *ret_values)
{
    const struct kernel_convert *convert = kernel_get()->convert;
    switch (form->datatype) {
    case DATATYPE_F16:
        convert->f16_to_f32(row, form->dim, ret_values);
        return;
    case DATATYPE_U8:
        convert->u8_to_f32(row, form->dim, ret_values);
        return;
    case DATATYPE_TURBO4:
        turbo_load(form->dim, row, ret_values);
        return;
    case DATATYPE_F32:
        break;
    }
    memcpy(ret_values, row, form->dim * sizeof(*ret_values));
}

const float *
row_form_values(const struct row_form *form, const void *row, float *room)
{
    if (form->datatype == DATATYPE_F32)
        return row;
    row_form_load(form, row, room);
    if (form->metric == METRIC_COSINE && !row_form_is_unit(form))
        (void)kernel_normalise(room, form->dim);
    return room;
}

size_t
row_form_query_size(const struct row_form *form)
{
    return form->datatype == DATATYPE_TURBO4 ? turbo_query_size(form->dim)
                                             : row_form_size(form);
}

void
row_form_ask(const struct row_form *form, const float *values, void *ret_query)
{
    if (form->datatype == DATATYPE_TURBO4)
        turbo_ask(form->metric, form->dim, values, ret_query);
    else
        row_form_store(form, values, ret_query);
}

const void *
row_form_ask_row(const struct row_form *form, const void *row, void *room)
{
    if (form->datatype != DATATYPE_TURBO4)
        return row;
    turbo_ask_row(form->metric, form->dim, row, room);
    return room;
}

const float *
row_form_asked(const struct row_form *form, const float *values,
               const void *query, float *room)
{
    return form->datatype == DATATYPE_TURBO4
               ? values
               : row_form_values(form, query, room);
}

kernel_rows_fn
row_form_kernel(const struct row_form *form)
{
    return form->datatype == DATATYPE_TURBO4
               ? turbo_kernel(form->metric)
               : kernel_get()->metrics[form->datatype]->rows[form->metric];
}
