/* SPDX-License-Identifier: Apache-2.0
 * The pool of workers: everything submitted runs once, the queue is bounded,
 * stopping finishes what waits. */
#include "engine/wire/executor.h"

#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

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
    tcase_add_test(tcase, executor_stop_takes_null);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
