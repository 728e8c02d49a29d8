/* SPDX-License-Identifier: Apache-2.0
 * Covers: work alone, with helpers, with helpers that come when it is over;
 * nobody runs after the end. */
#include "engine/index/crew.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

#define LOANS_MAX 8

/* Keeps what it was asked to run, and runs it now or later. */
struct lender {
    unsigned most;
    bool is_late;
    unsigned count;
    struct loan {
        void (*run)(void *arg);
        void *arg;
    } loans[LOANS_MAX];
    pthread_t threads[LOANS_MAX];
};

static void *
loan_main(void *arg)
{
    struct loan *loan = arg;
    loan->run(loan->arg);
    return NULL;
}

static bool
lend(void *ctx, void (*run)(void *arg), void *arg)
{
    struct lender *lender = ctx;
    if (lender->count == lender->most)
        return false;
    unsigned i = lender->count++;
    lender->loans[i] = (struct loan){ run, arg };
    if (!lender->is_late)
        ck_assert_int_eq(pthread_create(&lender->threads[i], NULL, loan_main,
                                        &lender->loans[i]),
                         0);
    return true;
}

struct work {
    _Atomic unsigned next;
    _Atomic unsigned running;
    _Atomic unsigned calls;
    _Atomic bool is_over;
    unsigned char done[1000];
};

static void
take_parts(void *arg)
{
    struct work *work = arg;
    ck_assert(!atomic_load(&work->is_over));
    atomic_fetch_add(&work->calls, 1);
    atomic_fetch_add(&work->running, 1);
    for (unsigned i; (i = atomic_fetch_add(&work->next, 1)) < 1000;)
        work->done[i]++;
    atomic_fetch_sub(&work->running, 1);
}

static void
check_done(struct work *work)
{
    ck_assert_uint_eq(atomic_load(&work->running), 0);
    atomic_store(&work->is_over, true);
    for (unsigned i = 0; i < 1000; i++)
        ck_assert_uint_eq(work->done[i], 1);
}

START_TEST(crew_works_alone_when_nobody_lends)
{
    struct work work = { .next = 0 };
    crew_run(take_parts, &work, CREW_HELPERS_MAX);
    check_done(&work);
    ck_assert_uint_eq(atomic_load(&work.calls), 1);
}
END_TEST

START_TEST(crew_does_each_part_once_with_helpers)
{
    for (int turn = 0; turn < 50; turn++) {
        struct lender lender = { .most = 5 };
        struct work work = { .next = 0 };
        crew_set(lend, &lender);
        crew_run(take_parts, &work, 7);
        crew_set(NULL, NULL);
        check_done(&work);
        ck_assert_uint_eq(lender.count, 5);
        for (unsigned i = 0; i < lender.count; i++)
            pthread_join(lender.threads[i], NULL);
        ck_assert_uint_le(atomic_load(&work.calls), 6);
    }
}
END_TEST

START_TEST(crew_asks_for_no_more_than_it_may)
{
    struct lender lender = { .most = LOANS_MAX };
    struct work work = { .next = 0 };
    crew_set(lend, &lender);
    crew_run(take_parts, &work, 2);
    crew_run(take_parts, &work, 0);
    crew_set(NULL, NULL);
    ck_assert_uint_eq(lender.count, 2);
    for (unsigned i = 0; i < lender.count; i++)
        pthread_join(lender.threads[i], NULL);
}
END_TEST

START_TEST(crew_lets_late_helpers_find_nothing)
{
    struct lender lender = { .most = 3, .is_late = true };
    struct work work = { .next = 0 };
    crew_set(lend, &lender);
    crew_run(take_parts, &work, 3);
    crew_set(NULL, NULL);
    check_done(&work);
    for (unsigned i = 0; i < lender.count; i++)
        lender.loans[i].run(lender.loans[i].arg);
    ck_assert_uint_eq(atomic_load(&work.calls), 1);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/crew");
    TCase *tcase = tcase_create("crew");
    tcase_add_test(tcase, crew_works_alone_when_nobody_lends);
    tcase_add_test(tcase, crew_does_each_part_once_with_helpers);
    tcase_add_test(tcase, crew_asks_for_no_more_than_it_may);
    tcase_add_test(tcase, crew_lets_late_helpers_find_nothing);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
