/* SPDX-License-Identifier: Apache-2.0
 * Covers: what readers hold back, readers that come later, many places, and
 * a writer that reuses memory under running readers. */
#include "engine/index/epoch.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

static struct epoch epoch;

/* Goal: only those who were inside hold a stamp back. */
START_TEST(epoch_is_over_when_earlier_readers_left)
{
    epoch_init(&epoch);
    uint64_t free_stamp = epoch_advance(&epoch);
    ck_assert(epoch_is_over(&epoch, free_stamp));
    uint32_t early = epoch_enter(&epoch);
    uint64_t stamp = epoch_advance(&epoch);
    ck_assert(epoch_is_over(&epoch, free_stamp));
    ck_assert(!epoch_is_over(&epoch, stamp));
    uint32_t late = epoch_enter(&epoch);
    ck_assert_uint_ne(early, late);
    epoch_leave(&epoch, early);
    ck_assert(epoch_is_over(&epoch, stamp));
    ck_assert(!epoch_is_over(&epoch, epoch_advance(&epoch)));
    epoch_leave(&epoch, late);
    ck_assert_uint_gt(epoch_oldest(&epoch), stamp);
}
END_TEST

START_TEST(epoch_takes_as_many_readers_as_it_says)
{
    uint32_t places[EPOCH_READERS_MAX];
    epoch_init(&epoch);
    for (uint32_t i = 0; i < EPOCH_READERS_MAX; i++)
        places[i] = epoch_enter(&epoch);
    uint64_t stamp = epoch_advance(&epoch);
    for (uint32_t i = 0; i < EPOCH_READERS_MAX; i++) {
        ck_assert(!epoch_is_over(&epoch, stamp));
        epoch_leave(&epoch, places[i]);
    }
    ck_assert(epoch_is_over(&epoch, stamp));
}
END_TEST

static _Atomic(_Atomic int *) shared;
static _Atomic bool is_ending;
static _Atomic uint32_t dead_seen;

static void *
read_shared(void *ctx)
{
    (void)ctx;
    while (!atomic_load(&is_ending)) {
        uint32_t place = epoch_enter(&epoch);
        _Atomic int *value = atomic_load(&shared);
        for (int i = 0; i < 16; i++)
            if (atomic_load(value) != 1)
                atomic_fetch_add(&dead_seen, 1);
        epoch_leave(&epoch, place);
    }
    return NULL;
}

/* Goal: nobody meets what was reused after its grace period. */
START_TEST(epoch_keeps_readers_from_what_is_reused)
{
    static _Atomic int cells[2];
    pthread_t threads[3];
    epoch_init(&epoch);
    atomic_store(&cells[0], 1);
    atomic_store(&shared, &cells[0]);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_shared, NULL),
                         0);
    for (int round = 0; round < 200; round++) {
        _Atomic int *old = atomic_load(&shared);
        _Atomic int *other = old == &cells[0] ? &cells[1] : &cells[0];
        atomic_store(other, 1);
        atomic_store(&shared, other);
        uint64_t stamp = epoch_advance(&epoch);
        while (!epoch_is_over(&epoch, stamp))
            sched_yield();
        atomic_store(old, 2);
    }
    atomic_store(&is_ending, true);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&dead_seen), 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/epoch");
    TCase *tcase = tcase_create("epoch");
    tcase_add_test(tcase, epoch_is_over_when_earlier_readers_left);
    tcase_add_test(tcase, epoch_takes_as_many_readers_as_it_says);
    tcase_add_test(tcase, epoch_keeps_readers_from_what_is_reused);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
