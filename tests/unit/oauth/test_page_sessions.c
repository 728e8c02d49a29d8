/* SPDX-License-Identifier: Apache-2.0
 * The list of sessions as page and as JSON: escaped, with the right forms. */
#include "oauth/page_sessions.h"

#include "oauth/json.h"

#include <check.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct page_session items[2];
static struct page_sessions page;
static struct bytes out;

static void
setup(void)
{
    items[0] = (struct page_session){
        .created_s = 1790000000,
        .expires_s = 1790036000,
        .is_own = true,
    };
    items[1] = (struct page_session){
        .created_s = 1790000060,
        .expires_s = 1790036060,
        .address = span_of("192.0.2.1"),
        .agent = span_of("<script>\"'&"),
        .token = span_of("t0ken"),
    };
    page = (struct page_sessions){
        .items = items,
        .count = 2,
        .list_url = span_of("https://d.test/oauth2/sessions"),
        .sign_out_url = span_of("https://d.test/oauth2/sign_out"),
        .others_token = span_of("0thers"),
    };
    bytes_init(&out, PAGE_SESSIONS_SIZE_MAX);
}

static void
teardown(void)
{
    bytes_release(&out);
}

START_TEST(page_sessions_has_a_form_for_each)
{
    page_sessions_html(&page, &out);
    ck_assert(!bytes_failed(&out));
    ck_assert_ptr_nonnull(strstr(out.data, "2026-09-21 14:14 UTC"));
    ck_assert_ptr_nonnull(strstr(out.data, "from 192.0.2.1"));
    ck_assert_ptr_nonnull(strstr(out.data, "&lt;script&gt;&quot;&#39;&amp;"));
    ck_assert_ptr_null(strstr(out.data, "<script"));
    ck_assert_ptr_nonnull(strstr(out.data, "unknown program"));
    ck_assert_ptr_nonnull(strstr(out.data, "This browser"));
    ck_assert_ptr_nonnull(
        strstr(out.data, "action=\"https://d.test/oauth2/sign_out\"><button>"));
    ck_assert_ptr_nonnull(strstr(out.data, "value=\"t0ken\""));
    ck_assert_ptr_nonnull(strstr(out.data, "value=\"0thers\""));
}
END_TEST

START_TEST(page_sessions_alone_has_nothing_to_end)
{
    page.count = 1;
    page.others_token = (struct span){ NULL, 0 };
    page_sessions_html(&page, &out);
    ck_assert_ptr_nonnull(strstr(out.data, "with 1 session."));
    ck_assert_ptr_null(strstr(out.data, "hidden"));
    ck_assert_ptr_null(strstr(out.data, "others"));
}
END_TEST

START_TEST(page_sessions_json_says_the_same)
{
    json_t *root = NULL;
    page_sessions_json(&page, &out);
    ck_assert_int_eq(
        json_parse(bytes_span(&out), PAGE_SESSIONS_SIZE_MAX, "it", &root, NULL),
        OAUTH_OK);
    const json_t *list = json_object_get(root, "sessions");
    ck_assert_uint_eq(json_array_size(list), 2);
    const json_t *own = json_array_get(list, 0);
    const json_t *other = json_array_get(list, 1);
    ck_assert(json_is_true(json_object_get(own, "this")));
    ck_assert_ptr_null(json_object_get(own, "end"));
    ck_assert(json_is_false(json_object_get(other, "this")));
    ck_assert(span_equal_text(json_text(other, "end"), "t0ken"));
    ck_assert(span_equal_text(json_text(other, "user_agent"), "<script>\"'&"));
    ck_assert(span_equal_text(json_text(root, "end_others"), "0thers"));
    json_decref(root);
    bytes_release(&out);
    page.count = 0;
    page.others_token = (struct span){ NULL, 0 };
    page_sessions_json(&page, &out);
    ck_assert_str_eq(out.data, "{\"sessions\":[]}\n");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/page_sessions");
    TCase *tcase = tcase_create("page_sessions");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, page_sessions_has_a_form_for_each);
    tcase_add_test(tcase, page_sessions_alone_has_nothing_to_end);
    tcase_add_test(tcase, page_sessions_json_says_the_same);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
