/* SPDX-License-Identifier: Apache-2.0
 * Covers: distances of rows as floats beside those of the rows' own kernels, for
 * each datatype and metric, at dims that fill up lines of codes and that do not,
 * few and many queries; a vector beside itself; zeros; several rows at once. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "engine/index/flat_form.h"
#include "engine/index/turbo.h"
#include "tests/fixture/suite.h"
#include "tests/unit/engine/index/cloud.h"

#define DIM_MAX   1100u
#define FLAT_MAX  1408u
#define COUNT     12u
#define DIM_COUNT 7

static const uint32_t dims[DIM_COUNT] = { 1, 31, 96, 128, 200, 384, 1100 };
static const enum datatype datatypes[] = { DATATYPE_F32, DATATYPE_F16,
                                           DATATYPE_U8, DATATYPE_TURBO4 };
#define DATATYPES (sizeof(datatypes) / sizeof(datatypes[0]))

/* Rows one after the other, as in a multivector; the first is zeros. */
static _Alignas(8) char rows[COUNT * DIM_MAX * sizeof(float)];
static float flat_rows[COUNT * FLAT_MAX];

static void
fill(const struct row_form *form)
{
    static float vector[DIM_MAX];
    memset(vector, 0, sizeof(vector));
    for (uint32_t v = 0; v < COUNT; v++) {
        for (uint32_t i = 0; v > 0 && i < form->dim; i++)
            vector[i] = (1.0f + (float)v) * cloud_float(v * 7919 + i * 3 + 1);
        if (form->datatype == DATATYPE_U8)
            for (uint32_t i = 0; i < form->dim; i++)
                vector[i] = fabsf(vector[i]) * 20.0f;
        if (row_form_is_unit(form))
            (void)kernel_normalise(vector, form->dim);
        row_form_store(form, vector, rows + v * row_form_size(form));
    }
}

static void
check_query(const struct flat_form *flat, const float *values)
{
    const struct row_form *form = &flat->form;
    static _Alignas(8) char query[DIM_MAX * 8];
    static float flat_query[FLAT_MAX];
    const struct kernel_metrics *kernel = kernel_get()->metrics[DATATYPE_F32];
    float add = 0, expected = 0, size = 0;
    row_form_ask(form, values, query);
    flat_form_ask(flat, values, flat_query, &add);
    const float *flat_all = flat_form_rows(flat, rows, COUNT, flat_rows);
    for (uint32_t v = 0; v < COUNT; v++) {
        const void *row = rows + v * row_form_size(form);
        const float *one = flat_all + v * flat->dim;
        row_form_kernel(form)(query, &row, 1, form->dim, &expected);
        float got =
            kernel->pair[flat->metric](flat_query, one, flat->dim) + add;
        for (uint32_t i = 0; i < flat->dim; i++)
            size += fabsf(flat_query[i] * one[i]);
        ck_assert_msg(fabsf(got - expected) <=
                          1e-5f * (size + add + fabsf(expected)) + 1e-5f,
                      "datatype %d metric %d dim %zu row %u: %g, not %g",
                      (int)form->datatype, (int)form->metric, form->dim, v,
                      (double)got, (double)expected);
    }
}

static void
check_form(const struct row_form *form, size_t groups)
{
    struct flat_form flat;
    static float values[DIM_MAX], room[DIM_MAX];
    fill(form);
    flat_form_init(&flat, form, groups);
    ck_assert_uint_le(flat.dim, FLAT_MAX);
    for (uint32_t v = 0; v < 3; v++) {
        for (uint32_t i = 0; i < form->dim; i++)
            values[i] = cloud_float(v * 31 + i * 5 + 2);
        /* Of what rows are made of: whole numbers, or unit length. */
        if (form->datatype == DATATYPE_U8)
            for (uint32_t i = 0; i < form->dim; i++)
                values[i] = floorf(fabsf(values[i]) * 50.0f);
        else if (form->metric == METRIC_COSINE)
            (void)kernel_normalise(values, form->dim);
        if (form->datatype == DATATYPE_F16) {
            row_form_store(form, values, room);
            row_form_load(form, room, values);
        }
        if (form->datatype == DATATYPE_U8 && form->metric == METRIC_COSINE)
            continue; /* its kernel divides by both lengths */
        check_query(&flat, values);
    }
}

START_TEST(flat_form_has_the_distances_of_rows)
{
    for (size_t d = 0; d < DATATYPES; d++)
        for (int m = 0; m < METRIC_COUNT; m++) {
            struct row_form form = { datatypes[d], (enum metric)m, dims[_i] };
            check_form(&form, 1);
            check_form(&form, 40);
        }
}
END_TEST

START_TEST(flat_form_rotates_where_that_is_cheaper)
{
    struct flat_form flat;
    struct row_form form = { DATATYPE_TURBO4, METRIC_COSINE, 128 };
    flat_form_init(&flat, &form, 1000);
    ck_assert(flat.is_rotated);
    ck_assert_uint_eq(flat.dim, 128);
    form.metric = METRIC_EUCLID;
    flat_form_init(&flat, &form, 1000);
    ck_assert(flat.is_rotated);
    ck_assert_uint_eq(flat.dim, 129);
    form.dim = 96;
    flat_form_init(&flat, &form, 4);
    ck_assert(flat.is_rotated);
    flat_form_init(&flat, &form, 5);
    ck_assert(!flat.is_rotated);
    ck_assert_uint_eq(flat.dim, 96);
    form.metric = METRIC_MANHATTAN;
    flat_form_init(&flat, &form, 1);
    ck_assert(!flat.is_rotated);
    form = (struct row_form){ DATATYPE_F32, METRIC_DOT, 96 };
    flat_form_init(&flat, &form, 1);
    ck_assert(!flat.is_rotated);
    ck_assert_ptr_eq(flat_form_rows(&flat, rows, 2, NULL), rows);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/flat_form");
    TCase *tcase = tcase_create("flat_form");
    tcase_add_loop_test(tcase, flat_form_has_the_distances_of_rows, 0,
                        DIM_COUNT);
    tcase_add_test(tcase, flat_form_rotates_where_that_is_cheaper);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
