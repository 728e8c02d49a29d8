/* SPDX-License-Identifier: Apache-2.0
 * Covers: rows of turbo4 at many dims: how long they are, what comes back, that
 * storing that again gives the same row, distances of queries and of rows to
 * those of what comes back, for each metric; zero, tiny, huge and sparse
 * vectors; scans and walks over such rows, with codes of their own and shared. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/index/codes.h"
#include "engine/index/datatype.h"
#include "engine/index/hnsw.h"
#include "engine/index/turbo.h"
#include "tests/fixture/suite.h"
#include "tests/unit/engine/index/cloud.h"

#define DIM_MAX   2500u
#define COUNT     20u
#define ROW_WORDS (DIM_MAX / 8 + 64)

static const uint32_t dims[] = { 1, 3, 31, 100, 128, 384, 1000, 1536, 2500 };
#define DIM_COUNT 9

static float vectors[COUNT][DIM_MAX];
static float back[COUNT][DIM_MAX];
static uint32_t rows[COUNT][ROW_WORDS];

static double
length_of(const float *vector, uint32_t dim)
{
    double sum = 0;
    for (uint32_t i = 0; i < dim; i++)
        sum += (double)vector[i] * (double)vector[i];
    return sqrt(sum);
}

static void
fill(uint32_t dim)
{
    for (uint32_t v = 0; v < COUNT; v++) {
        for (uint32_t i = 0; i < dim; i++)
            vectors[v][i] =
                (0.5f + (float)v) * cloud_float(v * 100000 + i * 3 + 1);
        turbo_store(dim, vectors[v], rows[v]);
        turbo_load(dim, rows[v], back[v]);
    }
}

START_TEST(turbo_rows_come_back_in_their_length)
{
    uint32_t dim = dims[_i];
    struct row_form form = { DATATYPE_TURBO4, METRIC_DOT, dim };
    ck_assert_uint_eq(row_form_size(&form), (dim + 127) / 128 * 64 + 8);
    double mean = 0;
    fill(dim);
    for (uint32_t v = 0; v < COUNT; v++) {
        double length = length_of(vectors[v], dim), off = 0;
        ck_assert_double_eq_tol(length_of(back[v], dim) / length, 1.0, 1e-5);
        ck_assert(fabs((double)turbo_tail_of(dim, rows[v]).length / length -
                       1.0) < 1e-6);
        for (uint32_t i = 0; i < dim; i++)
            off += pow((double)back[v][i] - (double)vectors[v][i], 2);
        mean += sqrt(off) / length / COUNT;
    }
    /* A grid of 16 steps takes 1.2 % of the square; of few dims it takes less,
     * or more, as they happen to lie. */
    ck_assert_msg(mean < (dim < 100 ? 0.16 : 0.12), "%u: %.4f", dim, mean);
}
END_TEST

START_TEST(turbo_rows_stay_the_same_when_stored_again)
{
    uint32_t dim = dims[_i];
    static uint32_t again[ROW_WORDS];
    size_t steps = turbo_size(dim) / 2;
    fill(dim);
    for (uint32_t v = 0; v < COUNT && dim >= 100; v++) {
        turbo_store(dim, back[v], again);
        if (turbo_size(dim) == dim)
            ck_assert_mem_eq(again, rows[v], steps);
        static float twice[DIM_MAX];
        turbo_load(dim, again, twice);
        double off = 0;
        for (uint32_t i = 0; i < dim; i++)
            off += pow((double)twice[i] - (double)back[v][i], 2);
        double part = turbo_size(dim) == dim ? 1e-5 : 0.1;
        ck_assert(sqrt(off) < part * length_of(back[v], dim));
    }
}
END_TEST

static double
exact(enum metric metric, const float *a, const float *b, uint32_t dim)
{
    double sum = 0;
    for (uint32_t i = 0; i < dim; i++) {
        double x = (double)a[i], y = (double)b[i];
        if (metric == METRIC_EUCLID)
            sum += (x - y) * (x - y);
        else if (metric == METRIC_MANHATTAN)
            sum += fabs(x - y);
        else
            sum -= x * y;
    }
    return sum;
}

START_TEST(turbo_distances_are_those_of_what_comes_back)
{
    uint32_t dim = dims[_i / METRIC_COUNT];
    enum metric metric = (enum metric)(_i % METRIC_COUNT);
    struct row_form form = { DATATYPE_TURBO4, metric, dim };
    void *query = malloc(row_form_query_size(&form));
    const void *all[COUNT];
    float got[COUNT];
    fill(dim);
    for (uint32_t v = 0; v < COUNT; v++)
        all[v] = rows[v];
    for (uint32_t q = 0; q < COUNT; q++) {
        row_form_ask(&form, vectors[q], query);
        ck_assert_ptr_eq(row_form_asked(&form, vectors[q], query, NULL),
                         vectors[q]);
        row_form_kernel (&form)(query, all, COUNT, dim, got);
        for (uint32_t v = 0; v < COUNT; v++) {
            double unit = length_of(vectors[q], dim) * length_of(back[v], dim) +
                          pow(length_of(vectors[q], dim), 2) +
                          pow(length_of(back[v], dim), 2);
            double wanted = exact(metric, vectors[q], back[v], dim);
            double slack = metric == METRIC_MANHATTAN ? wanted + 1 : unit;
            ck_assert_double_eq_tol((double)got[v], wanted, 4e-6 * slack);
        }
        /* A row asks as what comes back of it, but for what is beyond its
         * dimensions. */
        const void *asked = row_form_ask_row(&form, rows[q], query);
        row_form_kernel (&form)(asked, all, COUNT, dim, got);
        for (uint32_t v = 0; v < COUNT; v++) {
            double wanted = exact(metric, back[q], back[v], dim);
            double unit = pow(length_of(back[q], dim), 2) +
                          pow(length_of(back[v], dim), 2);
            double slack = metric == METRIC_MANHATTAN ? wanted + 1 : unit;
            double part = turbo_size(dim) == dim ? 1e-5 : 0.02;
            ck_assert_double_eq_tol((double)got[v], wanted, part * slack);
        }
    }
    free(query);
}
END_TEST

START_TEST(turbo_takes_any_vector)
{
    const uint32_t dim = 200;
    float vector[200] = { 0 }, loaded[200];
    uint32_t row[ROW_WORDS];
    turbo_store(dim, vector, row);
    turbo_load(dim, row, loaded);
    ck_assert_mem_eq(loaded, vector, sizeof(loaded));
    ck_assert(turbo_tail_of(dim, row).length == 0.0f);
    vector[17] = FLT_MIN / 2;
    turbo_store(dim, vector, row);
    turbo_load(dim, row, loaded);
    ck_assert(loaded[17] == 0.0f);
    /* One component of many. */
    vector[17] = -3.0f;
    turbo_store(dim, vector, row);
    turbo_load(dim, row, loaded);
    ck_assert(fabsf(loaded[17] + 3.0f) < 0.4f);
    for (uint32_t i = 0; i < dim; i++)
        vector[i] = FLT_MAX;
    turbo_store(dim, vector, row);
    turbo_load(dim, row, loaded);
    ck_assert(turbo_tail_of(dim, row).length == FLT_MAX);
    for (uint32_t i = 0; i < dim; i++)
        ck_assert(isfinite(loaded[i]) && loaded[i] > 0.0f);
}
END_TEST

/* ---- graphs ---- */

#define POINTS 3000u
#define K      10u

static struct slab slab;
static struct codes *codes;
static struct hnsw *hnsw;

/* Clusters, at more dims than cloud_row() has. */
static void
point_of(uint32_t row, uint32_t dim, float *ret_vector)
{
    uint64_t centre = row % CLOUD_CENTRES;
    for (uint32_t i = 0; i < dim; i++)
        ret_vector[i] = cloud_float(centre * 1000 + i) +
                        0.6f * cloud_float((uint64_t)row * 7919 + i + 900000);
    kernel_normalise(ret_vector, dim);
}

static void
make_graph(const struct row_form *form, const enum code_kind *kind,
           bool is_shared)
{
    uint32_t dim = (uint32_t)form->dim;
    struct hnsw_params params = {
        .dim = dim, .metric = form->metric, .m = 16, .ef_construct = 100
    };
    struct codes_query query = { 0 };
    slab_init(&slab, row_form_size(form), 16);
    ck_assert_int_eq(slab_reserve(&slab, POINTS, NULL), ENGINE_OK);
    codes = NULL;
    if (kind != NULL) {
        struct codes_params wanted = { .dim = dim,
                                       .metric = form->metric,
                                       .kind = *kind,
                                       .shared = is_shared ? &slab : NULL };
        ck_assert_int_eq(codes_create(&wanted, &codes, NULL), ENGINE_OK);
        ck_assert_int_eq(codes_reserve(codes, POINTS, NULL), ENGINE_OK);
        ck_assert_int_eq(codes_query_init(&query, codes, NULL), ENGINE_OK);
        ck_assert((codes_memory(codes).reserved_size == 0) ==
                  (is_shared && form->metric == METRIC_COSINE));
    }
    struct hnsw_rows where = { .vectors = &slab,
                               .datatype = DATATYPE_TURBO4,
                               .codes = codes };
    ck_assert_int_eq(hnsw_create(&params, &where, &hnsw, NULL), ENGINE_OK);
    for (uint32_t slot = 0; slot < POINTS; slot++) {
        static float vector[DIM_MAX], loaded[DIM_MAX];
        static uint32_t row[ROW_WORDS];
        point_of(slot, dim, vector);
        row_form_store(form, vector, row);
        row_form_load(form, row, loaded);
        slab_put(&slab, slot, row, row_form_size(form));
        if (codes != NULL)
            codes_put(codes, slot, loaded, &query);
        ck_assert_int_eq(hnsw_insert(hnsw, slot, NULL), ENGINE_OK);
    }
    codes_query_release(&query);
}

static double
recall(const struct row_form *form)
{
    uint32_t dim = (uint32_t)form->dim, good = 0;
    struct plain_scan scan = { .vectors = &slab,
                               .datatype = DATATYPE_TURBO4,
                               .dim = dim,
                               .metric = form->metric,
                               .slot_end = POINTS };
    struct hnsw_search search = { .k = K, .ef = 96 };
    for (uint32_t i = 0; i < 50; i++) {
        static float query[DIM_MAX];
        struct hit wanted[K], hits[K];
        struct hnsw_found found;
        uint32_t count = 0;
        point_of(1000000 + i * 3, dim, query);
        ck_assert_int_eq(plain_search(&scan, query, K, wanted, &count, NULL),
                         ENGINE_OK);
        ck_assert_int_eq(hnsw_search(hnsw, query, &search, hits, &found, NULL),
                         ENGINE_OK);
        ck_assert_uint_eq(found.count, K);
        for (uint32_t j = 0; j < K; j++)
            good += hits[j].distance <= wanted[K - 1].distance + 1e-5f;
    }
    return good / (50.0 * K);
}

/* Dims, and the kind of codes that walks go by; shared ones save their
 * memory. */
static const struct {
    uint32_t dim;
    enum code_kind kind;
    bool has_codes;
    bool is_shared;
} graphs[] = { { 24, CODE_4, false, false },
               { 130, CODE_8, true, false },
               { 256, CODE_4, true, true },
               { 256, CODE_4, true, false },
               { 256, CODE_1, true, false } };
#define GRAPH_COUNT 5

START_TEST(turbo_rows_are_walked)
{
    int number = _i / METRIC_COUNT;
    struct row_form form = { DATATYPE_TURBO4, (enum metric)(_i % METRIC_COUNT),
                             graphs[number].dim };
    if (form.metric == METRIC_MANHATTAN && graphs[number].has_codes)
        return;
    make_graph(&form, graphs[number].has_codes ? &graphs[number].kind : NULL,
               graphs[number].is_shared);
    double found = recall(&form);
    ck_assert_msg(found >= (graphs[number].kind == CODE_1 ? 0.9 : 0.97),
                  "dim %u, metric %d, graph %d: recall %.3f",
                  graphs[number].dim, (int)form.metric, number, found);
    hnsw_free(hnsw);
    codes_free(codes);
    slab_release(&slab);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/turbo");
    TCase *tcase = tcase_create("turbo");
    tcase_add_loop_test(tcase, turbo_rows_come_back_in_their_length, 0,
                        DIM_COUNT);
    tcase_add_loop_test(tcase, turbo_rows_stay_the_same_when_stored_again, 0,
                        DIM_COUNT);
    tcase_add_loop_test(tcase, turbo_distances_are_those_of_what_comes_back, 0,
                        DIM_COUNT * METRIC_COUNT);
    tcase_add_test(tcase, turbo_takes_any_vector);
    tcase_add_loop_test(tcase, turbo_rows_are_walked, 0,
                        GRAPH_COUNT * METRIC_COUNT);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
