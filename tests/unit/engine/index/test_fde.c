/* SPDX-License-Identifier: Apache-2.0
 * Covers: encodings of multivectors estimate MaxSim: the best document is
 * found among many, for one sub-vector of a side, too; the same every time;
 * any dimension. */
#include "engine/index/fde.h"

#include "engine/kernel/kernel.h"
#include "engine/kernel/maxsim.h"
#include "tests/fixture/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX  24u
#define DOCUMENTS 200u

static uint64_t seed = 5;

static float
random_float(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (float)(seed >> 40) * 0x1p-23f - 1.0f;
}

static void
make_rows(float *values, size_t rows, size_t dim)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < dim; j++)
            values[i * dim + j] = random_float();
        (void)kernel_normalise(values + i * dim, dim);
    }
}

static void
encode(const struct fde *fde, enum fde_side side, const float *values,
       size_t rows, float *ret_encoding)
{
    void *work = malloc(fde_work_size(fde, rows));
    ck_assert(work != NULL);
    fde_encode(fde, side, values, rows, work, ret_encoding);
    free(work);
}

static const uint32_t dims[] = { 1, 3, 16, 17, 64, 128 };

START_TEST(fde_ranks_the_source_of_a_query_first)
{
    uint32_t dim = dims[_i];
    struct fde *fde;
    ck_assert_int_eq(fde_create(dim, &fde, NULL), ENGINE_OK);
    uint32_t size = fde_size(fde);
    float *values = malloc(DOCUMENTS * ROWS_MAX * dim * sizeof(*values));
    float *encodings = malloc(DOCUMENTS * size * sizeof(*encodings));
    float *asked = malloc(size * sizeof(*asked));
    ck_assert(values != NULL && encodings != NULL && asked != NULL);
    for (size_t i = 0; i < DOCUMENTS; i++) {
        float *at = values + i * ROWS_MAX * dim;
        make_rows(at, 1 + i % ROWS_MAX, dim);
        encode(fde, FDE_DOCUMENT, at, 1 + i % ROWS_MAX, encodings + i * size);
    }
    size_t right = 0, asks = 0;
    for (size_t i = ROWS_MAX - 1; i < DOCUMENTS; i += ROWS_MAX, asks++) {
        size_t best = 0;
        float least = INFINITY;
        encode(fde, FDE_QUERY, values + i * ROWS_MAX * dim, ROWS_MAX, asked);
        for (size_t k = 0; k < DOCUMENTS; k++) {
            float distance =
                kernel_get()->metrics[DATATYPE_F32]->pair[METRIC_DOT](
                    asked, encodings + k * size, size);
            best = distance < least ? k : best;
            least = distance < least ? distance : least;
        }
        right += best == i;
    }
    if (dim >= 16)
        ck_assert_uint_eq(right, asks);
    free(values);
    free(encodings);
    free(asked);
    fde_free(fde);
}
END_TEST

START_TEST(fde_is_the_same_every_time)
{
    float values[3 * 32];
    make_rows(values, 3, 32);
    float *first = NULL;
    for (int i = 0; i < 2; i++) {
        struct fde *fde;
        ck_assert_int_eq(fde_create(32, &fde, NULL), ENGINE_OK);
        float *encoding = malloc(fde_size(fde) * sizeof(*encoding));
        ck_assert(encoding != NULL);
        encode(fde, FDE_DOCUMENT, values, 3, encoding);
        if (first != NULL)
            ck_assert_mem_eq(first, encoding,
                             fde_size(fde) * sizeof(*encoding));
        free(first);
        first = encoding;
        fde_free(fde);
    }
    free(first);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("fde");
    TCase *tests = tcase_create("fde");
    tcase_add_loop_test(tests, fde_ranks_the_source_of_a_query_first, 0,
                        sizeof(dims) / sizeof(dims[0]));
    tcase_add_test(tests, fde_is_the_same_every_time);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
