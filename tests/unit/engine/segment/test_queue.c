/* SPDX-License-Identifier: Apache-2.0
 * Covers: order, entries being worked on, retries, dropping the done part,
 * the limit of workers. */
#include "engine/segment/queue.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

static struct queue queue;

static void
setup(void)
{
    ck_assert(queue_init(&queue));
}

static void
teardown(void)
{
    queue_release(&queue);
}

static void
push(uint32_t first, uint32_t count)
{
    ck_assert(queue_reserve(&queue, count));
    for (uint32_t i = 0; i < count; i++)
        queue_push(&queue, first + i);
}

START_TEST(queue_lists_what_is_not_done)
{
    uint32_t slot, copy[8];
    uint64_t ticket;
    push(10, 3);
    ck_assert(queue_take(&queue, 9, &slot, &ticket));
    ck_assert_uint_eq(slot, 10);
    ck_assert_uint_eq(queue_count(&queue), 3);
    ck_assert_uint_eq(queue_copy(&queue, copy, 8), 3);
    queue_done(&queue, ticket);
    ck_assert_uint_eq(queue_copy(&queue, copy, 8), 2);
    ck_assert_uint_eq(copy[0], 11);
    ck_assert_uint_eq(copy[1], 12);
}
END_TEST

START_TEST(queue_keeps_an_entry_until_its_own_end)
{
    uint32_t slot, copy[4];
    uint64_t first, second;
    push(1, 2);
    ck_assert(queue_take(&queue, 9, &slot, &first));
    ck_assert(queue_take(&queue, 9, &slot, &second));
    queue_done(&queue, second);
    ck_assert_uint_eq(queue_copy(&queue, copy, 4), 1);
    ck_assert_uint_eq(copy[0], 1);
    queue_done(&queue, first);
    ck_assert_uint_eq(queue_count(&queue), 0);
}
END_TEST

START_TEST(queue_retry_goes_to_the_end)
{
    uint32_t slot;
    uint64_t ticket;
    push(1, 2);
    ck_assert(queue_take(&queue, 9, &slot, &ticket));
    queue_retry(&queue, ticket);
    ck_assert(queue_take(&queue, 9, &slot, &ticket));
    ck_assert_uint_eq(slot, 2);
    queue_done(&queue, ticket);
    ck_assert(queue_take(&queue, 9, &slot, &ticket));
    ck_assert_uint_eq(slot, 1);
    queue_done(&queue, ticket);
}
END_TEST

START_TEST(queue_refuses_one_worker_too_many)
{
    uint32_t slot;
    uint64_t first, second;
    push(1, 3);
    ck_assert(queue_take(&queue, 1, &slot, &first));
    ck_assert(!queue_take(&queue, 1, &slot, &second));
    queue_done(&queue, first);
    ck_assert(queue_take(&queue, 1, &slot, &second));
    queue_done(&queue, second);
}
END_TEST

START_TEST(queue_goes_on_after_dropping_its_done_part)
{
    uint32_t slot, next = 0;
    uint64_t ticket;
    for (uint32_t round = 0; round < 50; round++) {
        push(round * 100, 100);
        for (size_t i = 0; i < 100; i++) {
            ck_assert(queue_take(&queue, 9, &slot, &ticket));
            ck_assert_uint_eq(slot, next++);
            queue_done(&queue, ticket);
        }
    }
    ck_assert_uint_lt(queue.room, 5000);
    ck_assert_uint_eq(queue_count(&queue), 0);
    push(7, 1);
    queue_clear(&queue);
    ck_assert(!queue_take(&queue, 9, &slot, &ticket));
}
END_TEST

/* More retries than places, alone and while another works on the head: the
 * slots stay the same. */
START_TEST(queue_retries_without_end)
{
    uint64_t ticket, held;
    uint32_t slot;
    push(0, 3);
    for (int i = 0; i < 20000; i++) {
        ck_assert(queue_take(&queue, 2, &slot, &ticket));
        queue_retry(&queue, ticket);
    }
    ck_assert_uint_eq(queue_count(&queue), 3);
    ck_assert(queue_take(&queue, 2, &slot, &held));
    for (int i = 0; i < 20000; i++) {
        ck_assert(queue_take(&queue, 2, &slot, &ticket));
        queue_retry(&queue, ticket);
    }
    queue_done(&queue, held);
    uint32_t left[3];
    ck_assert_uint_eq(queue_copy(&queue, left, 3), 2);
    ck_assert_uint_ne(left[0], left[1]);
    ck_assert_uint_lt(queue.room, 100000);
}
END_TEST

/* A change reserves before it is written and pushes behind that: retries of
 * meanwhile leave it its places. */
START_TEST(queue_retries_leave_reserved_places_alone)
{
    uint64_t ticket;
    uint32_t slot;
    for (uint32_t retries = 0; retries < 6000; retries += 97) {
        queue_release(&queue);
        ck_assert(queue_init(&queue));
        push(0, 3000);
        ck_assert(queue_reserve(&queue, 500));
        for (uint32_t i = 0; i < retries; i++) {
            ck_assert(queue_take(&queue, 2, &slot, &ticket));
            queue_retry(&queue, ticket);
        }
        for (uint32_t i = 0; i < 500; i++)
            queue_push(&queue, 3000 + i);
        ck_assert_uint_eq(queue_count(&queue), 3500);
    }
}
END_TEST

START_TEST(queue_gives_room_back)
{
    uint32_t slot, copy[4];
    uint64_t first, second;
    push(0, 100000);
    for (uint32_t i = 0; i < 99997; i++) {
        ck_assert(queue_take(&queue, 9, &slot, &first));
        queue_done(&queue, first);
    }
    ck_assert(queue_take(&queue, 9, &slot, &first));
    ck_assert(queue_take(&queue, 9, &slot, &second));
    queue_cut(&queue);
    ck_assert_uint_lt(queue_memory(&queue), 100000);
    ck_assert_uint_eq(queue_copy(&queue, copy, 4), 3);
    ck_assert_uint_eq(copy[0], 99997);
    queue_retry(&queue, first);
    queue_done(&queue, second);
    push(5, 1000);
    ck_assert_uint_eq(queue_count(&queue), 1002);
    ck_assert(queue_take(&queue, 9, &slot, &first));
    ck_assert_uint_eq(slot, 99999);
    ck_assert(queue_take(&queue, 9, &slot, &second));
    ck_assert_uint_eq(slot, 99997);
    queue_done(&queue, second);
    queue_done(&queue, first);
    queue_cut(&queue);
    ck_assert_uint_eq(queue_count(&queue), 1000);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("queue");
    TCase *tcase = tcase_create("queue");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, queue_lists_what_is_not_done);
    tcase_add_test(tcase, queue_keeps_an_entry_until_its_own_end);
    tcase_add_test(tcase, queue_retry_goes_to_the_end);
    tcase_add_test(tcase, queue_retries_without_end);
    tcase_add_test(tcase, queue_retries_leave_reserved_places_alone);
    tcase_add_test(tcase, queue_refuses_one_worker_too_many);
    tcase_add_test(tcase, queue_goes_on_after_dropping_its_done_part);
    tcase_add_test(tcase, queue_gives_room_back);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
