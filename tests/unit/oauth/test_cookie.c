/* SPDX-License-Identifier: Apache-2.0
 * Cookie headers, friendly and hostile (T21), and Set-Cookie. */
#include "oauth/cookie.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static enum cookie_found
find(const char *header, const char *name, struct span *value)
{
    struct span span = span_of(header);
    *value = (struct span){ NULL, 0 };
    return cookie_find(&span, 1, span_of(name), value);
}

START_TEST(cookie_finds_the_one_of_this_name)
{
    struct span value;
    ck_assert_int_eq(find("a=1; __Host-x=v-_.~; b=2", "__Host-x", &value),
                     COOKIE_FOUND);
    ck_assert(span_equal_text(value, "v-_.~"));
    ck_assert_int_eq(find("x=a=b", "x", &value), COOKIE_FOUND);
    ck_assert(span_equal_text(value, "a=b"));
    ck_assert_int_eq(find(" x = v ;", "x", &value), COOKIE_FOUND);
    ck_assert(span_equal_text(value, "v"));
    ck_assert_int_eq(find("xx=1;X=2;x", "x", &value), COOKIE_ABSENT);
    ck_assert_int_eq(find("", "x", &value), COOKIE_ABSENT);
    ck_assert_int_eq(find(";;=;;", "x", &value), COOKIE_ABSENT);
}
END_TEST

START_TEST(cookie_reads_a_repeated_header)
{
    struct span headers[2] = { span_of("a=1"), span_of("x=2; b=3") };
    struct span value;
    ck_assert_int_eq(cookie_find(headers, 2, span_of("x"), &value),
                     COOKIE_FOUND);
    ck_assert(span_equal_text(value, "2"));
    headers[0] = span_of("x=1");
    ck_assert_int_eq(cookie_find(headers, 2, span_of("x"), &value), COOKIE_BAD);
    ck_assert_int_eq(cookie_find(NULL, 0, span_of("x"), &value), COOKIE_ABSENT);
}
END_TEST

START_TEST(cookie_refuses_doubled_quoted_and_empty_values)
{
    struct span value;
    static const char *const bad[] = { "x=1; x=1",   "x=1;x=2", "x=\"1\"",
                                       "x=",         "x=a,b",   "x=a b",
                                       "x=\xc3\xa4", "x=a\\b" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(find(bad[i], "x", &value) == COOKIE_BAD, "%s", bad[i]);
}
END_TEST

START_TEST(cookie_stops_at_its_limits)
{
    static char header[COOKIE_HEADER_SIZE_MAX + 2];
    static struct span headers[COOKIE_HEADER_COUNT_MAX + 1];
    struct span value;
    for (size_t i = 0; i <= COOKIE_HEADER_COUNT_MAX; i++)
        headers[i] = span_of("a=b");
    ck_assert_int_eq(
        cookie_find(headers, COOKIE_HEADER_COUNT_MAX, span_of("x"), &value),
        COOKIE_ABSENT);
    ck_assert_int_eq(
        cookie_find(headers, COOKIE_HEADER_COUNT_MAX + 1, span_of("x"), &value),
        COOKIE_BAD);
    memset(header, 'a', sizeof(header) - 1);
    ck_assert_int_eq(find(header, "x", &value), COOKIE_BAD);
    header[COOKIE_HEADER_SIZE_MAX] = '\0';
    ck_assert_int_eq(find(header, "x", &value), COOKIE_ABSENT);
    header[0] = 'x';
    header[1] = '=';
    header[COOKIE_VALUE_SIZE_MAX + 3] = '\0';
    ck_assert_int_eq(find(header, "x", &value), COOKIE_BAD);
    header[COOKIE_VALUE_SIZE_MAX + 2] = '\0';
    ck_assert_int_eq(find(header, "x", &value), COOKIE_FOUND);
    memset(header, ';', sizeof(header) - 1);
    ck_assert_int_eq(find(header, "x", &value), COOKIE_BAD);
}
END_TEST

START_TEST(cookie_formats_a_set_cookie)
{
    struct bytes out;
    struct cookie_policy policy = { .name = span_of("__Host-x") };
    bytes_init(&out, 512);
    cookie_format(&policy, span_of("v"), 60, &out);
    ck_assert_str_eq(out.data, "__Host-x=v; Path=/; Max-Age=60; Secure; "
                               "HttpOnly; SameSite=Lax");
    bytes_release(&out);
    policy = (struct cookie_policy){ .name = span_of("__Secure-x"),
                                     .domain = span_of(".a.test"),
                                     .same_site = COOKIE_NONE };
    cookie_format(&policy, span_of(""), 0, &out);
    ck_assert_str_eq(out.data, "__Secure-x=; Path=/; Domain=.a.test; "
                               "Max-Age=0; Secure; HttpOnly; SameSite=None");
    bytes_release(&out);
    policy.same_site = COOKIE_STRICT;
    cookie_format(&policy, span_of("v"), -1, &out);
    ck_assert_ptr_null(strstr(out.data, "Max-Age"));
    ck_assert_ptr_nonnull(strstr(out.data, "SameSite=Strict"));
    bytes_release(&out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/cookie");
    TCase *tcase = tcase_create("cookie");
    tcase_add_test(tcase, cookie_finds_the_one_of_this_name);
    tcase_add_test(tcase, cookie_reads_a_repeated_header);
    tcase_add_test(tcase, cookie_refuses_doubled_quoted_and_empty_values);
    tcase_add_test(tcase, cookie_stops_at_its_limits);
    tcase_add_test(tcase, cookie_formats_a_set_cookie);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
