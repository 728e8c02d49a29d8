/* SPDX-License-Identifier: Apache-2.0
 * The failure table: one line per failure, fit for the log. */
#include "oauth/error.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

START_TEST(error_text_is_one_printable_line)
{
    struct error error;
    ck_assert_int_eq(error_set(&error, OAUTH_ESTATE, "a%s", "\r\nb\x1b[2J"),
                     OAUTH_ESTATE);
    ck_assert_int_eq(error.code, OAUTH_ESTATE);
    ck_assert_str_eq(error.text, "a??b?[2J");
    ck_assert_int_eq(error_set(NULL, OAUTH_ESTATE, "x"), OAUTH_ESTATE);
}
END_TEST

START_TEST(error_cuts_long_texts)
{
    struct error error;
    error_set(&error, OAUTH_ESTATE, "%01000d", 1);
    ck_assert_uint_eq(strlen(error.text), OAUTH_ERROR_TEXT_SIZE - 1);
}
END_TEST

START_TEST(error_has_a_status_and_a_name_for_each_code)
{
    struct error error;
    ck_assert_int_eq(error_memory(&error), OAUTH_ENOMEM);
    ck_assert_int_eq(error_http_status(OAUTH_ESTORE), 503);
    ck_assert_int_eq(error_http_status(OAUTH_ENOSESSION), 401);
    ck_assert_str_eq(error_name(OAUTH_ESTORE), "store_down");
    for (int code = OAUTH_OK; code <= OAUTH_EINTERNAL; code++) {
        ck_assert_int_ge(error_http_status((enum oauth_code)code), 200);
        ck_assert_int_lt(error_http_status((enum oauth_code)code), 600);
        ck_assert_uint_gt(strlen(error_name((enum oauth_code)code)), 1);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/error");
    TCase *tcase = tcase_create("error");
    tcase_add_test(tcase, error_text_is_one_printable_line);
    tcase_add_test(tcase, error_cuts_long_texts);
    tcase_add_test(tcase, error_has_a_status_and_a_name_for_each_code);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
