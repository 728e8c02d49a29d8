/* SPDX-License-Identifier: Apache-2.0
 * A posting through its three forms and back to empty. */
#include "engine/filter/posting.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

static void
add(struct posting *posting, uint32_t slot, bool expected)
{
    bool is_added = !expected;
    ck_assert_int_eq(posting_add(posting, slot, &is_added, NULL), ENGINE_OK);
    ck_assert_int_eq(is_added, expected);
}

START_TEST(posting_grows_and_shrinks)
{
    struct posting posting = { 0 };
    const uint32_t count = POSTING_FEW_MAX * 3;
    ck_assert(!posting_contains(&posting, 0));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = i * 7919 % 100003;
        add(&posting, slot, true);
        add(&posting, slot, false);
        ck_assert_uint_eq(posting.count, i + 1);
        struct slot_set *set = slot_set_new();
        posting_or_into(&posting, set);
        ck_assert_uint_eq(slot_set_count(set), i + 1);
        slot_set_free(set);
    }
    ck_assert(!posting_contains(&posting, 1));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t slot = i * 7919 % 100003;
        ck_assert(posting_contains(&posting, slot));
        posting_remove(&posting, slot);
        posting_remove(&posting, slot);
        ck_assert(!posting_contains(&posting, slot));
    }
    ck_assert_uint_eq(posting.count, 0);
    ck_assert_uint_eq(posting_memory(&posting), 0);
}
END_TEST

START_TEST(posting_releases_any_form)
{
    const uint32_t counts[] = { 0, 1, 2, POSTING_FEW_MAX, POSTING_FEW_MAX + 1 };
    for (size_t i = 0; i < 5; i++) {
        struct posting posting = { 0 };
        for (uint32_t slot = 0; slot < counts[i]; slot++)
            add(&posting, slot, true);
        posting_release(&posting);
        ck_assert_uint_eq(posting.count, 0);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("posting");
    TCase *tcase = tcase_create("posting");
    tcase_add_test(tcase, posting_grows_and_shrinks);
    tcase_add_test(tcase, posting_releases_any_form);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
