/* SPDX-License-Identifier: Apache-2.0
 * Covers: members, counts, slots beyond the room, refusal without memory. */
#include "engine/index/slotset.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

START_TEST(slotset_holds_what_is_added)
{
    struct slotset set;
    slotset_init(&set);
    ck_assert(!slotset_has(&set, 0));
    ck_assert(!slotset_remove(&set, 7));
    ck_assert_int_eq(slotset_reserve(&set, 100000, NULL), ENGINE_OK);
    for (uint32_t slot = 0; slot < 100000; slot += 3)
        ck_assert(slotset_add(&set, slot));
    ck_assert(!slotset_add(&set, 3));
    for (uint32_t slot = 0; slot < 100000; slot++)
        ck_assert_int_eq(slotset_has(&set, slot), slot % 3 == 0);
    ck_assert_uint_eq(slotset_count(&set), 33334);
    ck_assert(slotset_remove(&set, 3));
    ck_assert(!slotset_remove(&set, 3));
    ck_assert_uint_eq(slotset_count(&set), 33333);
    ck_assert(!slotset_has(&set, UINT32_MAX));
    slotset_release(&set);
}
END_TEST

START_TEST(slotset_keeps_members_when_it_grows)
{
    struct slotset set;
    slotset_init(&set);
    for (uint32_t slot = 0; slot < 3000000; slot += 100001) {
        ck_assert_int_eq(slotset_reserve(&set, slot + 1, NULL), ENGINE_OK);
        ck_assert(slotset_add(&set, slot));
    }
    for (uint32_t slot = 0; slot < 3000000; slot += 100001)
        ck_assert(slotset_has(&set, slot));
    ck_assert_uint_eq(slotset_count(&set), 30);
    slotset_release(&set);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("index/slotset");
    TCase *tcase = tcase_create("slotset");
    tcase_add_test(tcase, slotset_holds_what_is_added);
    tcase_add_test(tcase, slotset_keeps_members_when_it_grows);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
