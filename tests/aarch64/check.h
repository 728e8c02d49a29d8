/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_AARCH64_CHECK_H
#define TESTS_AARCH64_CHECK_H

/* As much of Check's interface as the kernels' unit tests use, without its
 * library, which no cross compiler's package brings: tests run one after the
 * other in one process, and the first failure ends it. */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TESTS_MAX 64
#define CK_ENV    0

typedef struct TCase {
    struct {
        const char *name;
        void (*run)(int index);
        int begin, end;
    } tests[TESTS_MAX];
    int tests_count;
} TCase;

typedef struct Suite {
    const char *name;
    TCase *tcase;
} Suite;

typedef Suite SRunner;

#define START_TEST(name) static void name(int _i __attribute__((unused)))
#define END_TEST

static inline void
tcase_add(TCase *tcase, const char *name, void (*run)(int), int end)
{
    if (tcase->tests_count == TESTS_MAX)
        abort();
    tcase->tests[tcase->tests_count].name = name;
    tcase->tests[tcase->tests_count].run = run;
    tcase->tests[tcase->tests_count].begin = 0;
    tcase->tests[tcase->tests_count++].end = end;
}

#define tcase_add_test(tcase, run) tcase_add(tcase, #run, run, 1)
#define tcase_add_loop_test(tcase, run, begin, end)                            \
    tcase_add(tcase, #run, run, end)

static inline TCase *
tcase_create(const char *name)
{
    (void)name;
    static TCase tcase;
    return &tcase;
}

/* Nothing watches the time here. */
static inline void
tcase_set_timeout(TCase *tcase, double timeout_s)
{
    (void)tcase;
    (void)timeout_s;
}

static inline Suite *
suite_create(const char *name)
{
    static Suite suite;
    suite.name = name;
    return &suite;
}

static inline void
suite_add_tcase(Suite *suite, TCase *tcase)
{
    suite->tcase = tcase;
}

static inline SRunner *
srunner_create(Suite *suite)
{
    return suite;
}

static inline void
srunner_run_all(SRunner *runner, int mode)
{
    (void)mode;
    int ran = 0;
    for (int t = 0; t < runner->tcase->tests_count; t++)
        for (int i = 0; i < runner->tcase->tests[t].end; i++, ran++) {
            fprintf(stderr, "%s %d\n", runner->tcase->tests[t].name, i);
            runner->tcase->tests[t].run(i);
        }
    printf("%s: %d tests passed\n", runner->name, ran);
}

static inline int
srunner_ntests_failed(SRunner *runner)
{
    (void)runner;
    return 0; /* a failure ended the process */
}

static inline void
srunner_free(SRunner *runner)
{
    (void)runner;
}

#define ck_assert_msg(expression, ...)                                         \
    do {                                                                       \
        if (!(expression)) {                                                   \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #expression);   \
            fprintf(stderr, __VA_ARGS__);                                      \
            fprintf(stderr, "\n");                                             \
            exit(EXIT_FAILURE);                                                \
        }                                                                      \
    } while (0)

#define ck_assert(expression)     ck_assert_msg(expression, "does not hold")
#define ck_assert_int_eq(a, b)    ck_assert((intmax_t)(a) == (intmax_t)(b))
#define ck_assert_uint_eq(a, b)   ck_assert((uintmax_t)(a) == (uintmax_t)(b))
#define ck_assert_uint_lt(a, b)   ck_assert((uintmax_t)(a) < (uintmax_t)(b))
#define ck_assert_uint_le(a, b)   ck_assert((uintmax_t)(a) <= (uintmax_t)(b))
#define ck_assert_ptr_null(a)     ck_assert((a) == NULL)
#define ck_assert_ptr_nonnull(a)  ck_assert((a) != NULL)
#define ck_assert_str_eq(a, b)    ck_assert(strcmp((a), (b)) == 0)
#define ck_assert_mem_eq(a, b, n) ck_assert(memcmp((a), (b), (n)) == 0)
#define ck_assert_double_eq_tol(a, b, tolerance)                               \
    ck_assert(fabs((a) - (b)) <= (tolerance))

#endif /* TESTS_AARCH64_CHECK_H */
