/* SPDX-License-Identifier: Apache-2.0
 * Covers: growth to the maximum, sticky failure, formatting, taking. */
#include "base/bytes.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

START_TEST(bytes_stay_where_they_are_in_reserved_room)
{
    struct bytes bytes;
    bytes_init(&bytes, 1000);
    ck_assert(bytes_reserve(&bytes, 900));
    bytes_add_char(&bytes, 'a');
    const char *data = bytes.data;
    for (int i = 1; i < 900; i++)
        bytes_add_char(&bytes, 'b');
    ck_assert_ptr_eq(bytes.data, data);
    ck_assert_uint_eq(bytes.size, 900);
    ck_assert(!bytes_reserve(&bytes, 101));
    ck_assert(bytes_failed(&bytes));
    bytes_release(&bytes);
}
END_TEST

START_TEST(bytes_grow_to_their_maximum_and_no_further)
{
    struct bytes bytes;
    bytes_init(&bytes, 100);
    for (int i = 0; i < 100; i++)
        bytes_add_char(&bytes, 'x');
    ck_assert(!bytes_failed(&bytes));
    ck_assert_uint_eq(bytes_span(&bytes).size, 100);
    bytes_add_char(&bytes, 'y');
    ck_assert(bytes_failed(&bytes));
    ck_assert_ptr_null(bytes_take(&bytes));
    bytes_add_text(&bytes, "again");
    ck_assert(span_equal_text(bytes_span(&bytes), "again"));
    bytes_release(&bytes);
}
END_TEST

START_TEST(bytes_format_and_terminate)
{
    struct bytes bytes;
    bytes_init(&bytes, 64);
    bytes_addf(&bytes, "%s=%d", "ef", 128);
    bytes_add_span(&bytes, span_of(";"));
    ck_assert_str_eq(bytes.data, "ef=128;");
    bytes_addf(&bytes, "%100d", 1);
    ck_assert(bytes_failed(&bytes));
    bytes_wipe(&bytes);
    ck_assert_uint_eq(bytes.size, 0);
}
END_TEST

START_TEST(bytes_write_little_endian_integers)
{
    struct bytes bytes;
    bytes_init(&bytes, 64);
    bytes_add_u32(&bytes, 0x01020304);
    bytes_add_u64(&bytes, 0x05060708090a0b0cULL);
    ck_assert_uint_eq(bytes.size, 12);
    ck_assert_mem_eq(bytes.data, "\4\3\2\1\x0c\x0b\x0a\x09\x08\x07\x06\x05",
                     12);
    char *taken = bytes_take(&bytes);
    ck_assert_ptr_nonnull(taken);
    free(taken);
}
END_TEST

START_TEST(spans_compare)
{
    ck_assert(span_starts(span_of("azimuth"), "azi"));
    ck_assert(!span_starts(span_of("az"), "azi"));
    ck_assert(span_equal((struct span){ NULL, 0 }, span_of("")));
    ck_assert(!span_equal_text(span_of("a"), "b"));
    ck_assert_int_lt(span_compare(span_of("a"), span_of("ab")), 0);
    ck_assert_int_gt(span_compare(span_of("b"), span_of("ab")), 0);
    ck_assert_int_eq(span_compare((struct span){ NULL, 0 }, span_of("")), 0);
    ck_assert(span_has_control(span_of("a\nb")));
    ck_assert(span_has_control(span_of("a\x7f")));
    ck_assert(!span_has_control(span_of("a \xc3\xa4")));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("bytes");
    TCase *tcase = tcase_create("bytes");
    tcase_add_test(tcase, bytes_stay_where_they_are_in_reserved_room);
    tcase_add_test(tcase, bytes_grow_to_their_maximum_and_no_further);
    tcase_add_test(tcase, bytes_format_and_terminate);
    tcase_add_test(tcase, bytes_write_little_endian_integers);
    tcase_add_test(tcase, spans_compare);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
