/* SPDX-License-Identifier: Apache-2.0
 * Covers: rows of each kind and datatype: how long they are, there and back,
 * what is scored, and which bytes are no row. */
#include "engine/index/vector_row.h"

#include <check.h>
#include <stdint.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define DIM  3u
#define ROWS 2u

static const float values[ROWS * DIM] = { 1.5f, -2, 300, 0, 3, 4 };

static struct row_form
form_of(enum datatype datatype, enum metric metric)
{
    return (struct row_form){ datatype, metric, DIM };
}

static struct vector_value
multi(void)
{
    return (struct vector_value){
        .kind = VECTOR_MULTI, .values = values, .dim = DIM, .rows = ROWS
    };
}

static struct span
span_at(const void *data, size_t size)
{
    return (struct span){ data, size };
}

START_TEST(multivector_row_has_the_size_of_its_datatype)
{
    static const size_t sizes[] = {
        [DATATYPE_F32] = 4, [DATATYPE_F16] = 2, [DATATYPE_U8] = 1
    };
    uint32_t floats[2 + ROWS * DIM], row[2 + ROWS * DIM];
    struct vector_value value = multi();
    struct row_form form = form_of((enum datatype)_i, METRIC_DOT);
    vector_row_write(&value, floats);
    size_t size = vector_row_stored_size(VECTOR_MULTI, &form, floats);
    ck_assert_uint_eq(size, 8 + ROWS * DIM * sizes[_i]);
    vector_row_store(VECTOR_MULTI, &form, floats, row);
    ck_assert_uint_eq(vector_row_stored_size(VECTOR_MULTI, &form, row), size);
    ck_assert(vector_row_is_whole(VECTOR_MULTI, &form, span_at(row, size)));
    ck_assert(
        !vector_row_is_whole(VECTOR_MULTI, &form, span_at(row, size - 1)));
    ck_assert(!vector_row_is_whole(VECTOR_MULTI, &form, span_at(row, 7)));
    row[1] = 0;
    ck_assert(!vector_row_is_whole(VECTOR_MULTI, &form, span_at(row, 8)));
    row[1] = VECTOR_MULTI_MAX / DIM + 1;
    ck_assert(!vector_row_is_whole(VECTOR_MULTI, &form, span_at(row, size)));
}
END_TEST

START_TEST(multivector_comes_back_as_its_datatype_holds_it)
{
    static const float bytes[ROWS * DIM] = { 1, 0, 255, 0, 3, 4 };
    uint32_t floats[2 + ROWS * DIM], row[2 + ROWS * DIM], back[2 + ROWS * DIM];
    struct vector_value value = multi();
    vector_row_write(&value, floats);
    for (int i = 0; i < 3; i++) {
        struct row_form form = form_of((enum datatype)i, METRIC_DOT);
        vector_row_store(VECTOR_MULTI, &form, floats, row);
        vector_row_load(VECTOR_MULTI, &form, row, back);
        struct vector_value got = vector_row_value(VECTOR_MULTI, DIM, back);
        ck_assert_uint_eq(got.rows, ROWS);
        ck_assert_mem_eq(got.values, i == DATATYPE_U8 ? bytes : values,
                         sizeof(values));
    }
}
END_TEST

START_TEST(sub_vectors_of_bytes_are_scored_in_unit_length_under_cosine)
{
    uint32_t floats[2 + ROWS * DIM], row[2 + ROWS * DIM];
    float room[ROWS * DIM];
    struct vector_value value = multi();
    struct row_form form = form_of(DATATYPE_U8, METRIC_COSINE);
    vector_row_write(&value, floats);
    vector_row_store(VECTOR_MULTI, &form, floats, row);
    struct vector_value scored = vector_row_scored(&form, row, room);
    ck_assert_ptr_eq(scored.values, room);
    ck_assert_uint_eq(scored.rows, ROWS);
    ck_assert_double_eq_tol((double)room[4], 0.6, 1e-6);
    ck_assert_double_eq_tol((double)room[5], 0.8, 1e-6);
    form = form_of(DATATYPE_F32, METRIC_COSINE);
    scored = vector_row_scored(&form, floats, NULL);
    ck_assert_mem_eq(scored.values, values, sizeof(values));
}
END_TEST

START_TEST(dense_row_has_no_head)
{
    struct row_form form = form_of(DATATYPE_F16, METRIC_DOT);
    uint16_t row[DIM];
    float back[DIM];
    ck_assert_uint_eq(vector_row_stored_size(VECTOR_DENSE, &form, values),
                      DIM * 2);
    vector_row_store(VECTOR_DENSE, &form, values, row);
    vector_row_load(VECTOR_DENSE, &form, row, back);
    ck_assert_mem_eq(back, values, DIM * sizeof(float));
    ck_assert(vector_row_is_whole(VECTOR_DENSE, &form, span_at(row, DIM * 2)));
    ck_assert(!vector_row_is_whole(VECTOR_DENSE, &form, span_at(row, DIM * 4)));
}
END_TEST

START_TEST(sparse_row_ascends_and_is_finite)
{
    uint32_t indices[2] = { 3, 9 };
    float weights[2] = { 1, -2 };
    uint32_t row[6];
    struct vector_value value = {
        .kind = VECTOR_SPARSE, .values = weights, .dim = 2, .indices = indices
    };
    vector_row_write(&value, row);
    struct span record = span_at(row, sizeof(row));
    ck_assert(vector_row_is_whole(VECTOR_SPARSE, NULL, record));
    row[3] = 3;
    ck_assert(!vector_row_is_whole(VECTOR_SPARSE, NULL, record));
    row[3] = 9;
    row[5] = UINT32_C(0x7f800000);
    ck_assert(!vector_row_is_whole(VECTOR_SPARSE, NULL, record));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("vector_row");
    TCase *tcase = tcase_create("core");
    tcase_add_loop_test(tcase, multivector_row_has_the_size_of_its_datatype, 0,
                        3);
    tcase_add_test(tcase, multivector_comes_back_as_its_datatype_holds_it);
    tcase_add_test(tcase,
                   sub_vectors_of_bytes_are_scored_in_unit_length_under_cosine);
    tcase_add_test(tcase, dense_row_has_no_head);
    tcase_add_test(tcase, sparse_row_ascends_and_is_finite);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
