/* SPDX-License-Identifier: Apache-2.0
 * Bodies of our own answers: nothing that is quoted becomes markup. */
#include "oauth/page.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct bytes out;

static void
setup(void)
{
    bytes_init(&out, PAGE_SIZE_MAX);
}

static void
teardown(void)
{
    bytes_release(&out);
}

START_TEST(page_escapes_every_text_and_address)
{
    const struct page page = {
        .title = "<t>",
        .text = "a & b",
        .detail = span_of("<script>'\"\r\n\x01"),
        .link_text = "<l>",
        .link_url = span_of("/x?a=1&b=\"><script>"),
    };
    page_html(&page, &out);
    ck_assert(!bytes_failed(&out));
    ck_assert_ptr_null(strstr(out.data, "<script"));
    ck_assert_ptr_null(strstr(out.data, "<t>"));
    ck_assert_ptr_null(strstr(out.data, "<l>"));
    ck_assert_ptr_nonnull(
        strstr(out.data, "href=\"/x?a=1&amp;b=&quot;&gt;&lt;script&gt;\""));
    ck_assert_ptr_nonnull(strstr(out.data, "&#39;&quot;   </code>"));
}
END_TEST

START_TEST(page_offers_a_button_or_goes_on_by_itself)
{
    const struct page page = {
        .title = "t",
        .text = "x",
        .link_text = "Go",
        .link_url = span_of("/out"),
        .link_is_form = true,
        .forward_url = span_of("/on"),
    };
    page_html(&page, &out);
    ck_assert_ptr_nonnull(
        strstr(out.data, "<form method=\"post\" action=\"/out\"><button>Go<"));
    ck_assert_ptr_nonnull(strstr(out.data, "content=\"0;url=/on\""));
    ck_assert_ptr_null(strstr(out.data, "<code>"));
}
END_TEST

START_TEST(page_json_error_is_one_line_of_json)
{
    page_json_error("no_session", span_of("a\"b"), span_of("https://x/s"),
                    &out);
    ck_assert_str_eq(out.data,
                     "{\"error\":\"no_session\",\"message\":\"a\\\"b\","
                     "\"login_url\":\"https://x/s\"}\n");
    bytes_release(&out);
    page_json_error("x", span_of("y"), (struct span){ NULL, 0 }, &out);
    ck_assert_ptr_null(strstr(out.data, "login_url"));
}
END_TEST

START_TEST(page_json_user_lists_roles_and_the_end)
{
    const struct session session = {
        .sub = span_of("s"),
        .name = span_of("N"),
        .roles = span_of("a\nb"),
        .expires_s = 10,
    };
    page_json_user(&session, &out);
    ck_assert_str_eq(
        out.data, "{\"sub\":\"s\",\"user\":\"s\",\"preferred_username\":\"\","
                  "\"preferredUsername\":\"\",\"email\":\"\",\"name\":\"N\","
                  "\"roles\":[\"a\",\"b\"],\"groups\":[],\"expires_at\":10}\n");
}
END_TEST

START_TEST(page_stops_at_its_maximum)
{
    struct bytes small;
    const struct page page = { .title = "t", .text = "x" };
    const struct session session = { .sub = span_of("s") };
    bytes_init(&small, 1);
    page_html(&page, &small);
    ck_assert(bytes_failed(&small));
    bytes_release(&small);
    page_json_user(&session, &small);
    ck_assert(bytes_failed(&small));
    bytes_release(&small);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/page");
    TCase *tcase = tcase_create("page");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, page_escapes_every_text_and_address);
    tcase_add_test(tcase, page_offers_a_button_or_goes_on_by_itself);
    tcase_add_test(tcase, page_json_error_is_one_line_of_json);
    tcase_add_test(tcase, page_json_user_lists_roles_and_the_end);
    tcase_add_test(tcase, page_stops_at_its_maximum);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
