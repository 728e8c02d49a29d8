/* SPDX-License-Identifier: Apache-2.0
 * Covers: estimates against exact distances for each metric, kind and many
 * dims, with the error that is promised; a slot as query; zero, tiny, huge and
 * sparse vectors; the choice of the kind. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/index/codes.h"
#include "tests/fixture/suite.h"
#include "tests/unit/engine/index/cloud.h"

#define COUNT   60u
#define DIM_MAX 1600u

static const uint32_t dims[] = { 32, 65, 100, 128, 384, 768, 1000, 1536 };
#define DIM_COUNT 8

static float vectors[COUNT][DIM_MAX];
static struct codes *codes;
static struct codes_query query;

static void
make(uint32_t dim, enum metric metric, enum code_kind kind)
{
    struct codes_params params = { .dim = dim, .metric = metric, .kind = kind };
    ck_assert_int_eq(codes_create(&params, &codes, NULL), ENGINE_OK);
    ck_assert_int_eq(codes_reserve(codes, COUNT, NULL), ENGINE_OK);
    ck_assert_int_eq(codes_query_init(&query, codes, NULL), ENGINE_OK);
}

static void
drop(void)
{
    codes_query_release(&query);
    codes_free(codes);
}

static void
score(uint32_t count, float *ret_distances)
{
    uint32_t slots[COUNT];
    const uint8_t *rows[COUNT];
    for (uint32_t i = 0; i < count; i++) {
        slots[i] = i;
        rows[i] = codes_row(codes, i);
    }
    codes_score(codes, &query, slots, rows, count, ret_distances);
}

/* Vectors near the first, of growing lengths unless under cosine. */
static void
fill(uint32_t dim, enum metric metric)
{
    for (uint32_t v = 0; v < COUNT; v++) {
        for (uint32_t i = 0; i < dim; i++)
            vectors[v][i] = cloud_float(i) +
                            0.02f * (float)v * cloud_float(v * 10000 + i + 7);
        kernel_normalise(vectors[v], dim);
        for (uint32_t i = 0; i < dim && metric != METRIC_COSINE; i++)
            vectors[v][i] *= 1.0f + 0.1f * (float)v;
        codes_put(codes, v, vectors[v], &query);
    }
}

/* Root mean square of what the estimates are off, in lengths of unit. */
static double
error_of(uint32_t dim, enum metric metric, uint32_t asked)
{
    float distances[COUNT];
    double sum = 0;
    score(COUNT, distances);
    for (uint32_t v = 0; v < COUNT; v++) {
        double exact =
            (double)kernel_get()->metrics[DATATYPE_F32]->pair[metric](
                vectors[asked], vectors[v], dim);
        double unit = 1.0;
        if (metric != METRIC_COSINE)
            unit = (1.0 + 0.1 * v) * (1.0 + 0.1 * asked);
        if (metric == METRIC_EUCLID)
            unit *= 2.0;
        double off = ((double)distances[v] - exact) / unit;
        sum += off * off;
    }
    return sqrt(sum / COUNT);
}

START_TEST(codes_estimate_distances)
{
    const enum metric metrics[] = { METRIC_COSINE, METRIC_EUCLID, METRIC_DOT };
    for (uint32_t m = 0; m < 3; m++)
        for (int kind = 0; kind <= CODE_HALF; kind++) {
            uint32_t dim = dims[_i];
            make(dim, metrics[m], (enum code_kind)kind);
            fill(dim, metrics[m]);
            /* What the query's own rounding adds is small. */
            double limit = 2.0 * (double)codes->error + 0.004;
            codes_ask(codes, vectors[3], &query);
            ck_assert_double_le(error_of(dim, metrics[m], 3), limit);
            codes_ask_slot(codes, 3, &query);
            /* A code as the query leaves out what it does not know. */
            if (codes_is_rough(codes))
                limit = limit < 0.12 ? 0.12 : limit;
            ck_assert_double_le(error_of(dim, metrics[m], 3), 2.0 * limit);
            drop();
        }
}
END_TEST

START_TEST(codes_survive_any_vector)
{
    const float sizes[] = {
        0.0f, 1e-45f, 1e-30f, 1e30f, FLT_MAX, INFINITY, NAN
    };
    const enum metric metric = (enum metric)_i;
    if (metric == METRIC_MANHATTAN)
        return;
    for (int kind = 0; kind <= CODE_HALF; kind++) {
        make(100, metric, (enum code_kind)kind);
        for (uint32_t v = 0; v < 7; v++) {
            for (uint32_t i = 0; i < 100; i++)
                vectors[v][i] = i % 3 == 0 ? sizes[v] : 0.0f;
            codes_put(codes, v, vectors[v], &query);
        }
        for (uint32_t v = 0; v < 7; v++) {
            float distances[COUNT];
            codes_ask(codes, vectors[v], &query);
            score(7, distances);
            for (uint32_t i = 0; i < 7; i++)
                ck_assert(!isnan(distances[i]));
            codes_ask_slot(codes, v, &query);
            score(7, distances);
            for (uint32_t i = 0; i < 7; i++)
                ck_assert(!isnan(distances[i]));
            ck_assert(!isnan(codes_row_error(codes, &query, 0)));
        }
        drop();
    }
}
END_TEST

START_TEST(codes_order_sparse_vectors)
{
    float distances[COUNT];
    make(384, METRIC_COSINE, CODE_4);
    memset(vectors, 0, sizeof(vectors));
    for (uint32_t v = 0; v < COUNT; v++) {
        vectors[v][v] = 1.0f;
        codes_put(codes, v, vectors[v], &query);
    }
    codes_ask(codes, vectors[5], &query);
    score(COUNT, distances);
    for (uint32_t v = 0; v < COUNT; v++)
        ck_assert(v == 5 ? distances[v] < -0.9f : distances[v] > -0.1f);
    drop();
}
END_TEST

START_TEST(codes_are_chosen_by_dim_and_metric)
{
    enum code_kind kind = CODE_4;
    ck_assert(!codes_choose(1, METRIC_COSINE, &kind));
    ck_assert(!codes_choose(384, METRIC_MANHATTAN, &kind));
    ck_assert(codes_choose(128, METRIC_EUCLID, &kind));
    ck_assert_int_eq(kind, CODE_8);
    ck_assert(codes_choose(384, METRIC_COSINE, &kind));
    ck_assert_int_eq(kind, CODE_4);
    ck_assert(codes_choose(65536, METRIC_DOT, &kind));
    codes_free(NULL);
}
END_TEST

START_TEST(codes_count_their_memory)
{
    make(384, METRIC_EUCLID, CODE_4);
    for (uint32_t v = 0; v < COUNT; v++)
        codes_put(codes, v, vectors[v], &query);
    struct memory_report report = codes_memory(codes);
    ck_assert_uint_ge(report.used_size, COUNT * (192 + 8));
    ck_assert_uint_le(report.used_size, report.reserved_size);
    drop();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/codes");
    TCase *tcase = tcase_create("codes");
    tcase_add_loop_test(tcase, codes_estimate_distances, 0, DIM_COUNT);
    tcase_add_loop_test(tcase, codes_survive_any_vector, 0, METRIC_COUNT);
    tcase_add_test(tcase, codes_order_sparse_vectors);
    tcase_add_test(tcase, codes_are_chosen_by_dim_and_metric);
    tcase_add_test(tcase, codes_count_their_memory);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
