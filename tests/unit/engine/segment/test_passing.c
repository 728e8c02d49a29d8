/* SPDX-License-Identifier: Apache-2.0
 * Covers: both forms of a set of slots, from either source; sharing. */
#include "engine/segment/passing.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

#define SLOTS 10000u

static void
assert_members(const struct passing *passing, uint32_t step)
{
    ck_assert_uint_eq(passing->count, (SLOTS + step - 1) / step);
    for (uint32_t slot = 0; slot < SLOTS + 100; slot++)
        ck_assert_int_eq(passing_has(passing, slot),
                         slot < SLOTS && slot % step == 0);
    for (uint32_t word = 0; word <= SLOTS / 64; word++)
        for (uint32_t bit = 0; bit < 64; bit++)
            ck_assert_int_eq(passing_word(passing, word) >> bit & 1,
                             passing_has(passing, word * 64 + bit));
}

static const uint32_t steps[] = { 1, 2, 31, 33, 5000 };

START_TEST(forms_tell_the_same)
{
    static uint64_t words[SLOTS / 64 + 1];
    uint32_t step = steps[_i];
    struct slot_set *set = slot_set_new();
    for (uint32_t slot = 0; slot < SLOTS; slot += step) {
        slot_set_add(set, slot);
        words[slot / 64] |= UINT64_C(1) << (slot % 64);
    }
    struct passing *of_set = passing_of_set(set, SLOTS);
    struct passing *of_words = passing_of_words(words, SLOTS);
    ck_assert_int_eq(of_set->list != NULL, step > 32);
    ck_assert_int_eq(of_words->list != NULL, step > 32);
    assert_members(of_set, step);
    assert_members(of_words, step);
    passing_release(of_set);
    passing_release(of_words);
    slot_set_free(set);
}
END_TEST

START_TEST(the_last_user_frees)
{
    struct slot_set *set = slot_set_new();
    slot_set_add(set, 7);
    struct passing *passing = passing_of_set(set, SLOTS);
    struct passing *other = passing_hold(passing);
    passing_release(passing);
    ck_assert(passing_has(other, 7));
    passing_release(other);
    ck_assert_ptr_null(passing_hold(NULL));
    passing_release(NULL);
    slot_set_free(set);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("passing");
    TCase *tcase = tcase_create("passing");
    tcase_add_loop_test(tcase, forms_tell_the_same, 0,
                        sizeof(steps) / sizeof(steps[0]));
    tcase_add_test(tcase, the_last_user_frees);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
