/* SPDX-License-Identifier: Apache-2.0
 * Covers: MaxSim of each variant and metric against a double reference over
 * ragged numbers of sub-vectors and lengths, rows that end where their memory
 * ends; values that overflow. */
#include "engine/kernel/maxsim.h"
#include "tests/unit/engine/kernel/variants.h"

static const size_t counts[] = { 1, 2, 3, 5, 8, 9, 15, 16, 17, 31, 33 };
#define COUNTS (sizeof(counts) / sizeof(counts[0]))
static const size_t dims[] = { 1, 2, 3, 7, 16, 31, 64, 128, 385 };
#define DIMS (sizeof(dims) / sizeof(dims[0]))

static double
maxsim_reference(enum metric metric, const float *query, size_t query_rows,
                 const float *rows, size_t count, size_t dim, double *ret_bound)
{
    double sum = 0, magnitude = 0;
    for (size_t q = 0; q < query_rows; q++) {
        double least = INFINITY, most = 0;
        for (size_t r = 0; r < count; r++) {
            double terms;
            double distance = reference(DATATYPE_F32, metric, query + q * dim,
                                        rows + r * dim, dim, &terms);
            least = distance < least ? distance : least;
            most = terms > most ? terms : most;
        }
        sum += least;
        magnitude += most;
    }
    *ret_bound = magnitude * (double)FLT_EPSILON *
                 (4.0 + (double)dim + (double)query_rows);
    return sum;
}

/* Exact room, so that tools see what is read past it. */
static float *
make(size_t count)
{
    float *values = malloc(count * sizeof(*values));
    ck_assert(values != NULL);
    for (size_t i = 0; i < count; i++)
        values[i] = random_float();
    return values;
}

/* The same by pieces of the query and of the rows. */
static float
pieces_distance(const struct maxsim_query *query, const float *rows,
                size_t count)
{
    float sum = 0, *lowest = malloc(query->rows * sizeof(*lowest));
    ck_assert(lowest != NULL);
    for (size_t i = 0; i < query->rows; i++)
        lowest[i] = INFINITY;
    for (size_t at = 0; at < count; at += 3)
        for (size_t begin = 0; begin < query->rows; begin += MAXSIM_LANES) {
            size_t end = begin + MAXSIM_LANES;
            maxsim_lower(query, begin, end < query->rows ? end : query->rows,
                         rows + at * query->dim,
                         count - at < 3 ? count - at : 3, lowest);
        }
    for (size_t i = 0; i < query->rows; i++)
        sum += lowest[i];
    free(lowest);
    return sum;
}

static void
check_shape(const struct kernel *kernel, size_t query_rows, size_t count,
            size_t dim)
{
    float *values = make(query_rows * dim), *rows = make(count * dim);
    for (int m = 0; m < METRIC_COUNT; m++) {
        struct maxsim_query query;
        double bound;
        double expected = maxsim_reference((enum metric)m, values, query_rows,
                                           rows, count, dim, &bound);
        ck_assert_int_eq(maxsim_query_init(&query, (enum metric)m, values,
                                           query_rows, dim, NULL),
                         ENGINE_OK);
        query.group = kernel->maxsim->group[m];
        double got = (double)maxsim_distance(&query, rows, count);
        ck_assert_msg(fabs(got - expected) <= bound,
                      "%s metric %d: %zu x %zu of %zu: %g, not %g",
                      kernel->name, m, query_rows, count, dim, got, expected);
        ck_assert((double)pieces_distance(&query, rows, count) == got);
        maxsim_query_release(&query);
    }
    free(values);
    free(rows);
}

START_TEST(maxsim_agrees_with_double_over_ragged_shapes)
{
    const struct kernel *kernel = kernel_find(variant_names[_i]);
    if (kernel == NULL)
        return;
    for (size_t q = 0; q < COUNTS; q++)
        for (size_t r = 0; r < COUNTS; r++)
            for (size_t d = 0; d < DIMS; d++)
                check_shape(kernel, counts[q], counts[r], dims[d]);
}
END_TEST

START_TEST(maxsim_that_overflows_is_no_nan)
{
    float values[2] = { FLT_MAX, -FLT_MAX }, row = FLT_MAX;
    struct maxsim_query query;
    ck_assert_int_eq(maxsim_query_init(&query, METRIC_DOT, values, 2, 1, NULL),
                     ENGINE_OK);
    ck_assert(!isnan(maxsim_distance(&query, &row, 1)));
    maxsim_query_release(&query);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("maxsim");
    TCase *tests = tcase_create("maxsim");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, maxsim_agrees_with_double_over_ragged_shapes, 0,
                        VARIANT_COUNT);
    tcase_add_test(tests, maxsim_that_overflows_is_no_nan);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
