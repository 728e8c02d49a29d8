/* SPDX-License-Identifier: Apache-2.0
 * Slices of ids: SipHash-2-4 as OpenSSL computes it, and every id in one. */
#include "engine/filter/slice.h"

#include <check.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

START_TEST(slice_is_siphash_of_the_id)
{
    struct point_id number = { .number = 42 };
    struct point_id last = { .number = UINT64_MAX };
    struct point_id uuid = { .is_uuid = true };
    for (uint8_t i = 0; i < 16; i++)
        uuid.uuid[i] = i;
    ck_assert_uint_eq(slice_of(&number, UINT64_MAX),
                      UINT64_C(0x0fc2553f07619dd3));
    ck_assert_uint_eq(slice_of(&last, UINT64_MAX),
                      UINT64_C(0x8050c18b6ac9d15e));
    ck_assert_uint_eq(slice_of(&uuid, UINT64_MAX),
                      UINT64_C(0xc902632ed88f897f));
    ck_assert_uint_eq(slice_of(&number, 1), 0);
}
END_TEST

START_TEST(slice_parts_are_even)
{
    size_t counts[7] = { 0 };
    for (uint64_t i = 0; i < 70000; i++)
        counts[slice_of(&(struct point_id){ .number = i }, 7)]++;
    for (size_t i = 0; i < 7; i++) {
        ck_assert_uint_gt(counts[i], 9500);
        ck_assert_uint_lt(counts[i], 10500);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("filter/slice");
    TCase *tcase = tcase_create("slice");
    tcase_add_test(tcase, slice_is_siphash_of_the_id);
    tcase_add_test(tcase, slice_parts_are_even);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
