/* SPDX-License-Identifier: Apache-2.0
 * Covers: taking and giving back, refusal at the limit, no limit, arenas that
 * share a budget. */
#include "base/budget.h"

#include "base/arena.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

START_TEST(budget_refuses_past_its_limit_and_takes_again_after_giving)
{
    struct budget budget = { .limit_size = 100 };
    ck_assert(budget_take(&budget, 60));
    ck_assert(!budget_take(&budget, 41));
    ck_assert(budget_take(&budget, 40));
    ck_assert_uint_eq(atomic_load(&budget.used_size), 100);
    ck_assert_uint_eq(atomic_load(&budget.refused_count), 1);
    budget_give(&budget, 60);
    ck_assert(budget_take(&budget, 41));
}
END_TEST

START_TEST(budget_without_a_limit_only_counts)
{
    struct budget budget = { .limit_size = 0 };
    ck_assert(budget_take(&budget, (size_t)1 << 40));
    budget_give(&budget, (size_t)1 << 40);
    ck_assert_uint_eq(atomic_load(&budget.used_size), 0);
}
END_TEST

/* A big arena keeps another big one out, but no small one. */
START_TEST(arenas_share_a_budget)
{
    struct budget budget = { .limit_size = (size_t)2 << 20 };
    struct arena big, other, small;
    arena_init(&big, (size_t)8 << 20);
    arena_init(&other, (size_t)8 << 20);
    arena_init(&small, (size_t)8 << 20);
    arena_bind(&big, &budget);
    arena_bind(&other, &budget);
    arena_bind(&small, &budget);
    ck_assert_ptr_nonnull(arena_alloc(&big, (size_t)3 << 19));
    ck_assert_ptr_null(arena_alloc(&other, (size_t)3 << 19));
    ck_assert(arena_failed(&other) && arena_over_budget(&other));
    for (size_t i = 0; i < ARENA_FREE_SIZE / 4096 - 1; i++)
        ck_assert_ptr_nonnull(arena_alloc(&small, 2048));
    arena_release(&big);
    arena_release(&other);
    ck_assert_uint_eq(atomic_load(&budget.used_size), 0);
    ck_assert_ptr_nonnull(arena_alloc(&other, (size_t)3 << 19));
    arena_release(&other);
    arena_release(&small);
    ck_assert_uint_eq(atomic_load(&budget.used_size), 0);
}
END_TEST

START_TEST(arena_past_its_own_cap_is_not_over_budget)
{
    struct budget budget = { .limit_size = (size_t)2 << 20 };
    struct arena arena;
    arena_init(&arena, 4096);
    arena_bind(&arena, &budget);
    ck_assert_ptr_null(arena_alloc(&arena, 5000));
    ck_assert(arena_failed(&arena) && !arena_over_budget(&arena));
    arena_release(&arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("budget");
    TCase *tcase = tcase_create("budget");
    tcase_add_test(tcase,
                   budget_refuses_past_its_limit_and_takes_again_after_giving);
    tcase_add_test(tcase, budget_without_a_limit_only_counts);
    tcase_add_test(tcase, arenas_share_a_budget);
    tcase_add_test(tcase, arena_past_its_own_cap_is_not_over_budget);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
