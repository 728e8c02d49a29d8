/* SPDX-License-Identifier: Apache-2.0
 * Digits, UUIDs and moments as texts. */
#include "engine/codec/hex.h"
#include "engine/codec/timestamp.h"

#include <check.h>
#include <string.h>

#include "tests/fixture/suite.h"

START_TEST(hex_has_two_digits_for_each_byte)
{
    char text[9];
    hex_text("\x00\x0f\xf0\xff", 4, text);
    ck_assert_str_eq(text, "000ff0ff");
    hex_text("", 0, text);
    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(uuids_are_of_version_4_and_differ)
{
    static const unsigned char raw[UUID_SIZE] = { 0,   17,  34,  51,  68,  85,
                                                  102, 119, 136, 153, 170, 187,
                                                  204, 221, 238, 255 };
    char text[UUID_STRING_SIZE], other[UUID_STRING_SIZE];
    uuid_string(raw, text);
    ck_assert_str_eq(text, "00112233-4455-6677-8899-aabbccddeeff");
    uuid_make(text);
    uuid_make(other);
    ck_assert_str_ne(text, other);
    ck_assert_int_eq(text[14], '4');
    ck_assert_ptr_nonnull(strchr("89ab", text[19]));
}
END_TEST

/* One text for each: what a program would not write so is another. */
START_TEST(uuids_are_read_in_the_one_form)
{
    static const char *const others[] = {
        "",
        "00112233-4455-6677-8899-aabbccddeef",
        "00112233-4455-6677-8899-aabbccddeefff",
        "00112233-4455-6677-8899-aabbccddeeFf",
        "00112233-4455-6677-8899-aabbccddeegf",
        "00112233445566778899-aabbccddeeff000",
        "001122334-455-6677-8899-aabbccddeeff",
        "00112233-4455-6677-8899--abbccddeeff",
        "-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0-0",
        "-00-00-00-00-00-00-00-00-00-00-00-00",
        "000000000000000000000000000000000000",
        "------------------------------------",
    };
    char text[UUID_STRING_SIZE];
    unsigned char raw[UUID_SIZE];
    const char *wanted = "00112233-4455-6677-8899-aabbccddeeff";
    ck_assert(uuid_read(span_of(wanted), raw));
    uuid_string(raw, text);
    ck_assert_str_eq(text, wanted);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert_msg(!uuid_read(span_of(others[i]), raw), "%s", others[i]);
    ck_assert_int_eq(hex_value('f'), 15);
    ck_assert_int_eq(hex_value('A'), 10);
    ck_assert_int_eq(hex_value('g'), -1);
    ck_assert_int_eq(hex_value('\0'), -1);
}
END_TEST

START_TEST(timestamps_are_utc)
{
    char text[TIMESTAMP_SIZE];
    timestamp_seconds(0, text);
    ck_assert_str_eq(text, "1970-01-01T00:00:00Z");
    timestamp_plain(1764300000, text);
    ck_assert_str_eq(text, "2025-11-28T03:20:00");
    timestamp_ms(1764300000007u, text);
    ck_assert_str_eq(text, "2025-11-28T03:20:00.007Z");
    /* No year, no text. */
    timestamp_seconds(INT64_MAX, text);
    ck_assert_str_eq(text, "");
    timestamp_ms(UINT64_MAX, text);
    ck_assert_uint_lt(strlen(text), TIMESTAMP_SIZE);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("hex");
    TCase *tcase = tcase_create("hex");
    tcase_add_test(tcase, hex_has_two_digits_for_each_byte);
    tcase_add_test(tcase, uuids_are_of_version_4_and_differ);
    tcase_add_test(tcase, uuids_are_read_in_the_one_form);
    tcase_add_test(tcase, timestamps_are_utc);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
