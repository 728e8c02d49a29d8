/* SPDX-License-Identifier: Apache-2.0
 * base64url: vectors of RFC 4648, and one spelling per value. */
#include "base/base64.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static const struct {
    const char *raw;
    const char *text;
} rows[] = {
    { "", "" },
    { "f", "Zg" },
    { "fo", "Zm8" },
    { "foo", "Zm9v" },
    { "foob", "Zm9vYg" },
    { "fooba", "Zm9vYmE" },
    { "foobar", "Zm9vYmFy" },
    { "\xfb\xff\xfe", "-__-" },
};

START_TEST(base64_encodes_and_decodes_the_vectors)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes out;
        bytes_init(&out, 64);
        base64_encode(span_of(rows[i].raw), &out);
        ck_assert(span_equal_text(bytes_span(&out), rows[i].text));
        ck_assert_uint_eq(out.size, BASE64_TEXT_SIZE(strlen(rows[i].raw)));
        bytes_release(&out);
        ck_assert(base64_decode(span_of(rows[i].text), &out));
        ck_assert(span_equal_text(bytes_span(&out), rows[i].raw));
        bytes_release(&out);
    }
}
END_TEST

START_TEST(base64_refuses_other_spellings)
{
    static const char *const bad[] = { "Z",      "Zg=",   "Zg==",    "Zh",
                                       "Zm9",    "Zm+v",  "Zm/v",    "Zm v",
                                       "Zm9v\n", "Zm9vY", "\xc3\xa4" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bytes out;
        unsigned char raw[3];
        bytes_init(&out, 64);
        ck_assert_msg(!base64_decode(span_of(bad[i]), &out), "%s", bad[i]);
        for (size_t size = 0; size <= sizeof(raw); size++)
            ck_assert(!base64_decode_exact(span_of(bad[i]), raw, size));
        bytes_release(&out);
    }
}
END_TEST

START_TEST(base64_decodes_exactly_as_many_bytes_as_asked)
{
    unsigned char raw[4] = { 0 };
    ck_assert(base64_decode_exact(span_of("Zm9v"), raw, 3));
    ck_assert_mem_eq(raw, "foo", 3);
    ck_assert(!base64_decode_exact(span_of("Zm9v"), raw, 2));
    ck_assert(!base64_decode_exact(span_of("Zm9v"), raw, 4));
}
END_TEST

START_TEST(base64_stops_at_the_maximum)
{
    struct bytes out;
    bytes_init(&out, 2);
    ck_assert(!base64_decode(span_of("Zm9v"), &out));
    bytes_release(&out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/base64");
    TCase *tcase = tcase_create("base64");
    tcase_add_test(tcase, base64_encodes_and_decodes_the_vectors);
    tcase_add_test(tcase, base64_refuses_other_spellings);
    tcase_add_test(tcase, base64_decodes_exactly_as_many_bytes_as_asked);
    tcase_add_test(tcase, base64_stops_at_the_maximum);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
