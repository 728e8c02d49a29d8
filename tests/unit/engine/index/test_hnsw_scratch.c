/* SPDX-License-Identifier: Apache-2.0
 * Covers: the visited set over many rounds and its wrap, reuse of scratches,
 * the heap's order. */
#include "engine/index/hnsw_scratch.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

START_TEST(scratch_visits_each_slot_once_per_round)
{
    struct scratch_pool *pool = scratch_pool_create();
    struct scratch *scratch = scratch_take(pool, 1000, 10);
    ck_assert(pool != NULL && scratch != NULL);
    for (uint32_t round = 0; round < 70000; round++) { /* tags wrap at 65536 */
        scratch_clear(scratch);
        uint32_t slot = round % 1000;
        ck_assert(!scratch_visit(scratch, slot));
        ck_assert(scratch_visit(scratch, slot));
        ck_assert(!scratch_visit(scratch, (slot + 1) % 1000));
    }
    ck_assert(scratch_visit(scratch, UINT32_MAX - 1));
    scratch_give(pool, scratch);
    scratch_pool_free(pool);
}
END_TEST

START_TEST(scratch_is_reused_and_grows)
{
    struct scratch_pool *pool = scratch_pool_create();
    struct scratch *taken[SCRATCH_POOL_MAX + 4];
    for (int i = 0; i < SCRATCH_POOL_MAX + 4; i++) {
        taken[i] = scratch_take(pool, 100, 10);
        ck_assert_ptr_nonnull(taken[i]);
    }
    for (int i = 0; i < SCRATCH_POOL_MAX + 4; i++)
        scratch_give(pool, taken[i]);
    size_t idle = scratch_pool_size(pool);
    struct scratch *again = scratch_take(pool, 1000000, 500);
    ck_assert_ptr_nonnull(again);
    ck_assert_uint_ge(again->ef_room, 500);
    ck_assert(!scratch_visit(again, 999999));
    ck_assert_uint_lt(scratch_pool_size(pool), idle);
    scratch_give(pool, again);
    scratch_give(pool, NULL);
    scratch_pool_free(pool);
    scratch_pool_free(NULL);
}
END_TEST

START_TEST(scratch_heap_gives_the_smallest_first)
{
    struct scratch_pool *pool = scratch_pool_create();
    struct scratch *scratch = scratch_take(pool, 10, 10);
    uint64_t seed = 1, last = 0;
    for (int i = 0; i < 5000; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1;
        ck_assert(scratch_heap_push(scratch, seed >> 20));
    }
    for (int i = 0; i < 5000; i++) {
        uint64_t key = scratch_heap_pop(scratch);
        ck_assert(key >= last);
        last = key;
    }
    ck_assert_uint_eq(scratch->heap_count, 0);
    scratch_give(pool, scratch);
    scratch_pool_free(pool);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/hnsw_scratch");
    TCase *tcase = tcase_create("hnsw_scratch");
    tcase_add_test(tcase, scratch_visits_each_slot_once_per_round);
    tcase_add_test(tcase, scratch_is_reused_and_grows);
    tcase_add_test(tcase, scratch_heap_gives_the_smallest_first);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
