/* SPDX-License-Identifier: Apache-2.0
 * base64url (RFC 4648): one text per value. */
#include "engine/codec/base64.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static const struct {
    const char *text, *raw;
} good[] = { { "", "" },
             { "Zg", "f" },
             { "Zm8", "fo" },
             { "Zm9v", "foo" },
             { "Zm9vYg", "foob" },
             { "Zm9vYmE", "fooba" },
             { "-_-_", "\xfb\xff\xbf" } };

START_TEST(base64_fits_the_vectors_of_its_rfc)
{
    unsigned char raw[16];
    struct span text = span_of(good[_i].text);
    ck_assert(base64_decode(text, raw));
    ck_assert_uint_eq(BASE64_RAW_SIZE(text.size), strlen(good[_i].raw));
    ck_assert_int_eq(memcmp(raw, good[_i].raw, strlen(good[_i].raw)), 0);
}
END_TEST

static const char *const bad[] = { "Z",   "Zg=",   "Zg==", "Zh",  "Zm9",
                                   "Z g", "Zm9vZ", "+/+/", "Zg\n" };

START_TEST(base64_refuses_other_spellings)
{
    unsigned char raw[16];
    ck_assert_msg(!base64_decode(span_of(bad[_i]), raw), "%s", bad[_i]);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("codec/base64");
    TCase *tcase = tcase_create("base64");
    tcase_add_loop_test(tcase, base64_fits_the_vectors_of_its_rfc, 0,
                        (int)(sizeof(good) / sizeof(good[0])));
    tcase_add_loop_test(tcase, base64_refuses_other_spellings, 0,
                        (int)(sizeof(bad) / sizeof(bad[0])));
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
