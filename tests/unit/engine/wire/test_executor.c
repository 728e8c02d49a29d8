/* SPDX-License-Identifier: Apache-2.0
 * The pool of workers: everything submitted runs once, the queue is bounded,
 * stopping finishes what waits, and a task that waits for a disk makes room. */
#include "engine/wire/executor.h"

#include "base/blocking.h"

#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "tests/fixture/suite.h"

#define TASKS 1000

static atomic_int ran;
static atomic_bool is_held;

static void
count(struct executor_task *task)
{
    (void)task;
    atomic_fetch_add(&ran, 1);
}

static void
hold(struct executor_task *task)
{
    struct timespec pause = { 0, 1000000 };
    (void)task;
    atomic_fetch_add(&ran, 1);
    while (atomic_load(&is_held))
        nanosleep(&pause, NULL);
}

START_TEST(executor_runs_every_task_once)
{
    static struct executor_task tasks[TASKS];
    struct executor *executor = NULL;
    struct error error;
    ck_assert_int_eq(executor_start(3, TASKS, &executor, &error), ENGINE_OK);
    for (int i = 0; i < TASKS; i++) {
        tasks[i].run = count;
        ck_assert(executor_submit(executor, &tasks[i]));
    }
    executor_stop(executor);
    ck_assert_int_eq(atomic_load(&ran), TASKS);
}
END_TEST

START_TEST(executor_refuses_one_past_its_queue)
{
    struct executor_task tasks[4] = {
        { .run = hold }, { .run = count }, { .run = count }, { .run = count }
    };
    struct timespec pause = { 0, 1000000 };
    struct executor *executor = NULL;
    struct error error;
    atomic_store(&is_held, true);
    ck_assert_int_eq(executor_start(1, 2, &executor, &error), ENGINE_OK);
    ck_assert(executor_submit(executor, &tasks[0]));
    while (atomic_load(&ran) == 0)
        nanosleep(&pause, NULL);
    ck_assert(executor_submit(executor, &tasks[1]));
    ck_assert(executor_submit(executor, &tasks[2]));
    ck_assert(!executor_submit(executor, &tasks[3]));
    atomic_store(&is_held, false);
    executor_stop(executor);
    ck_assert_int_eq(atomic_load(&ran), 3);
}
END_TEST

/* Waits for a disk until as many others have come to wait. */
static void
block(struct executor_task *task)
{
    struct timespec pause = { 0, 1000000 };
    (void)task;
    blocking_begin();
    atomic_fetch_add(&ran, 1);
    while (atomic_load(&ran) < 8)
        nanosleep(&pause, NULL);
    blocking_end();
}

START_TEST(executor_goes_on_while_tasks_wait_for_a_disk)
{
    struct executor_task tasks[8];
    struct executor *executor = NULL;
    struct error error;
    ck_assert_int_eq(executor_start(1, 8, &executor, &error), ENGINE_OK);
    for (int i = 0; i < 8; i++) {
        tasks[i].run = block;
        ck_assert(executor_submit(executor, &tasks[i]));
    }
    executor_stop(executor);
    ck_assert_int_eq(atomic_load(&ran), 8);
}
END_TEST

static atomic_int computing, computing_most;

static void
compute(struct executor_task *task)
{
    struct timespec pause = { 0, 100000 };
    (void)task;
    int now = atomic_fetch_add(&computing, 1) + 1;
    int most = atomic_load(&computing_most);
    while (now > most &&
           !atomic_compare_exchange_weak(&computing_most, &most, now))
        continue;
    nanosleep(&pause, NULL);
    atomic_fetch_sub(&computing, 1);
}

START_TEST(executor_begins_no_more_tasks_than_it_has_workers)
{
    static struct executor_task tasks[TASKS / 10];
    struct executor *executor = NULL;
    struct error error;
    ck_assert_int_eq(executor_start(2, TASKS, &executor, &error), ENGINE_OK);
    for (int i = 0; i < TASKS / 10; i++) {
        tasks[i].run = compute;
        ck_assert(executor_submit(executor, &tasks[i]));
    }
    executor_stop(executor);
    ck_assert_int_le(atomic_load(&computing_most), 2);
}
END_TEST

START_TEST(executor_lends_idle_workers_only)
{
    struct executor_task tasks[3] = { { .run = hold },
                                      { .run = hold },
                                      { .run = hold } };
    struct executor *executor = NULL;
    struct error error;
    atomic_store(&is_held, true);
    ck_assert_int_eq(executor_start(2, 8, &executor, &error), ENGINE_OK);
    for (int i = 0; i < 2; i++)
        ck_assert(executor_submit_idle(executor, &tasks[i]));
    ck_assert(!executor_submit_idle(executor, &tasks[2]));
    atomic_store(&is_held, false);
    executor_stop(executor);
    ck_assert_int_eq(atomic_load(&ran), 2);
}
END_TEST

START_TEST(executor_stop_takes_null)
{
    executor_stop(NULL);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("executor");
    TCase *tcase = tcase_create("executor");
    tcase_add_test(tcase, executor_runs_every_task_once);
    tcase_add_test(tcase, executor_refuses_one_past_its_queue);
    tcase_add_test(tcase, executor_goes_on_while_tasks_wait_for_a_disk);
    tcase_add_test(tcase, executor_begins_no_more_tasks_than_it_has_workers);
    tcase_add_test(tcase, executor_lends_idle_workers_only);
    tcase_add_test(tcase, executor_stop_takes_null);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
