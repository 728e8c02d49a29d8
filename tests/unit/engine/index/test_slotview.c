/* SPDX-License-Identifier: Apache-2.0
 * Covers: views stay as they are, what a successor shares and replaces. */
#include "engine/index/slotview.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

/* Retires `old` at once: nobody reads it here. */
static void
replace(struct slotview *old, const struct slotview *next)
{
    void *items[64];
    size_t count = slotview_replaced(old, next, items);
    ck_assert_uint_eq(count, slotview_replaced_count(old, next) + 1);
    for (size_t i = 0; i < count; i++)
        free(items[i]);
}

START_TEST(view_does_not_change_when_its_successor_does)
{
    struct slotview *first = slotview_next(NULL, 10000);
    ck_assert(slotview_put(first, NULL, 7, true));
    ck_assert(slotview_put(first, NULL, 9000, true));
    struct slotview *second = slotview_next(first, 20000);
    ck_assert(slotview_put(second, first, 7, false));
    ck_assert(slotview_put(second, first, 8, true));
    ck_assert(slotview_put(second, first, 19999, true));
    ck_assert(slotview_has(first, 7) && !slotview_has(first, 8));
    ck_assert(!slotview_has(first, 19999));
    ck_assert(!slotview_has(first, UINT32_MAX));
    ck_assert_uint_eq(first->count, 2);
    ck_assert(!slotview_has(second, 7) && slotview_has(second, 8));
    ck_assert(slotview_has(second, 9000) && slotview_has(second, 19999));
    ck_assert_uint_eq(second->count, 3);
    ck_assert_uint_eq(slotview_replaced_count(first, second), 1);
    replace(first, second);
    ck_assert(slotview_has(second, 9000));
    slotview_discard(second, NULL);
}
END_TEST

START_TEST(view_that_nobody_saw_leaves_its_predecessor_whole)
{
    struct slotview *first = slotview_next(NULL, 5000);
    ck_assert(slotview_put(first, NULL, 1, true));
    struct slotview *second = slotview_next(first, 5000);
    ck_assert(slotview_put(second, first, 1, true));
    ck_assert_uint_eq(second->count, 1);
    ck_assert(slotview_put(second, first, 4999, true));
    slotview_discard(second, first);
    ck_assert(slotview_has(first, 1) && !slotview_has(first, 4999));
    ck_assert_uint_eq(slotview_word(first, 0), 2);
    slotview_discard(first, NULL);
    slotview_discard(NULL, NULL);
}
END_TEST

START_TEST(view_without_its_last_pages)
{
    struct slotview *first = slotview_next(NULL, 20000);
    ck_assert(slotview_put(first, NULL, 7, true));
    ck_assert(slotview_put(first, NULL, 19000, true));
    struct slotview *second = slotview_next(first, 20000);
    ck_assert(slotview_put(second, first, 19000, false));
    replace(first, second);
    struct slotview *third = slotview_next(second, 100);
    ck_assert_uint_lt(slotview_memory(third), slotview_memory(second));
    ck_assert(slotview_has(third, 7) && !slotview_has(third, 19000));
    ck_assert_uint_eq(third->count, 1);
    replace(second, third);
    struct slotview *fourth = slotview_next(third, 20000);
    ck_assert(slotview_put(fourth, third, 19000, true));
    ck_assert(!slotview_has(third, 19000) && slotview_has(fourth, 19000));
    replace(third, fourth);
    slotview_discard(fourth, NULL);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/slotview");
    TCase *tcase = tcase_create("slotview");
    tcase_add_test(tcase, view_does_not_change_when_its_successor_does);
    tcase_add_test(tcase, view_that_nobody_saw_leaves_its_predecessor_whole);
    tcase_add_test(tcase, view_without_its_last_pages);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
