/* SPDX-License-Identifier: Apache-2.0
 * Covers: what the process uses, the default limit, refusal at the limit and
 * growth after memory was given back. */
#include "base/memory.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/fixture/suite.h"

#define BIG ((size_t)64 << 20)

static void
teardown(void)
{
    memory_limit_set(0);
}

static char *
touch_big(void)
{
    char *big = mmap(NULL, BIG, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(big, MAP_FAILED);
    memset(big, 1, BIG);
    return big;
}

START_TEST(memory_sees_pages_that_are_touched)
{
    struct memory_use before = memory_look();
    char *big = touch_big();
    struct memory_use after = memory_look();
    ck_assert_uint_ge(after.resident_size, before.resident_size + BIG / 2);
    ck_assert_uint_ge(after.anonymous_size, before.anonymous_size + BIG / 2);
    munmap(big, BIG);
}
END_TEST

START_TEST(memory_has_a_default_limit_below_the_machine)
{
    uint64_t limit = memory_limit_default();
    ck_assert_uint_gt(limit, 0);
    ck_assert_uint_lt(limit, UINT64_MAX / 2);
}
END_TEST

START_TEST(memory_without_a_limit_may_grow)
{
    uint64_t used = 7;
    ck_assert(memory_may_grow(UINT64_MAX, &used));
    ck_assert_uint_eq(used, 7);
}
END_TEST

/* The second half does not fit beside the first; after the first is gone, it
 * does. */
START_TEST(memory_refuses_at_the_limit_and_lets_grow_after_freeing)
{
    uint64_t used = 0, refused = memory_refused_count();
    memory_limit_set(memory_look().anonymous_size + BIG + BIG / 2);
    ck_assert(memory_may_grow(BIG, &used));
    char *big = touch_big();
    ck_assert(!memory_may_grow(BIG, &used));
    ck_assert_uint_ge(used, BIG);
    ck_assert_uint_eq(memory_refused_count(), refused + 1);
    munmap(big, BIG);
    ck_assert(memory_may_grow(BIG, &used));
}
END_TEST

/* What was let through counts before it is touched. */
START_TEST(memory_counts_what_it_let_through)
{
    uint64_t used = 0;
    memory_limit_set(memory_look().anonymous_size + BIG);
    ck_assert(memory_may_grow(BIG / 2, &used));
    ck_assert(!memory_may_grow(BIG + BIG / 2, &used));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("memory");
    TCase *tcase = tcase_create("memory");
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, memory_sees_pages_that_are_touched);
    tcase_add_test(tcase, memory_has_a_default_limit_below_the_machine);
    tcase_add_test(tcase, memory_without_a_limit_may_grow);
    tcase_add_test(tcase,
                   memory_refuses_at_the_limit_and_lets_grow_after_freeing);
    tcase_add_test(tcase, memory_counts_what_it_let_through);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
