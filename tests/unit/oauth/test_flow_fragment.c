/* SPDX-License-Identifier: Apache-2.0
 * Who gets the page that looks for a fragment, and where what it finds ends. */
#include "tests/unit/oauth/visit.h"

#include <check.h>
#include <string.h>

#include "tests/fixture/suite.h"

static void
start(const char *query, const char *dest)
{
    struct flow_request request = browser("/oauth2/start", query);
    if (dest != NULL)
        request.sec_fetch_dest = span_of(dest);
    send_request(&request, NOW_S);
    if (last()->kind == FLOW_ACTION_FETCH)
        answer_discovery();
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_STARTED);
}

START_TEST(flow_looks_for_a_fragment_in_a_window)
{
    config.keeps_fragment = true;
    start("rd=/a%3Fb", "document");
    ck_assert_int_eq(last()->reply.status, 200);
    ck_assert_ptr_null(reply_header("Location"));
    ck_assert_str_ne(jar[1], "");
    const char *body = text_of(last()->reply.body);
    ck_assert_ptr_nonnull(strstr(body, "href=\"" ISSUER "/auth?"));
    ck_assert_ptr_nonnull(
        strstr(body, "data-keep=\"" BASE_URL "/oauth2/start?rd=%2Fa%3Fb\""));
    ck_assert_ptr_nonnull(strstr(body, "data-room=\"1020\""));
    ck_assert_ptr_nonnull(
        strstr(reply_header("Content-Security-Policy"), "script-src 'sha256-"));
    ck_assert_str_eq(reply_header("Cache-Control"), "no-store");
    start("retry=1&rd=/a", "document");
    ck_assert_ptr_nonnull(strstr(text_of(last()->reply.body),
                                 "/oauth2/start?retry=1&amp;rd=%2Fa\""));
}
END_TEST

START_TEST(flow_redirects_whoever_has_no_window_or_told_the_fragment)
{
    static const struct {
        const char *query;
        const char *dest;
        bool keeps;
    } rows[] = {
        { "rd=/a", NULL, true },
        { "rd=/a", "iframe", true },
        { "rd=/a", "document", false },
        { "rd=/a%23/b", "document", true },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        config.keeps_fragment = rows[i].keeps;
        start(rows[i].query, rows[i].dest);
        ck_assert_int_eq(last()->reply.status, 302);
        ck_assert_ptr_nonnull(reply_header("Location"));
    }
}
END_TEST

START_TEST(flow_ends_a_login_at_the_fragment)
{
    static const struct {
        const char *query;
        const char *end;
    } rows[] = {
        { "rd=/a%3Fb%23%2Fc%2Fd", BASE_URL "/a?b#/c/d" },
        { "rd=/a%23a%5Cb", BASE_URL "/a" }, /* odd: left out */
        { "rd=/a%23%0d%0ax", BASE_URL "/a" },
        { "rd=//evil.test%23a", BASE_URL "/dashboard" },
        { "rd=%23a", BASE_URL "/dashboard" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin_login(rows[i].query);
        come_back("code=c0de");
        walk_to_token();
        answer_token("k1", "");
        answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
        ck_assert_str_eq(reply_header("Location"), rows[i].end);
        memset(jar, 0, sizeof(jar));
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_fragment");
    TCase *tcase = tcase_create("flow_fragment");
    tcase_add_checked_fixture(tcase, visit_setup, visit_teardown);
    tcase_add_test(tcase, flow_looks_for_a_fragment_in_a_window);
    tcase_add_test(tcase,
                   flow_redirects_whoever_has_no_window_or_told_the_fragment);
    tcase_add_test(tcase, flow_ends_a_login_at_the_fragment);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
