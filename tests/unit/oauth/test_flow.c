/* SPDX-License-Identifier: Apache-2.0
 * The door, driven as the nginx module drives it: one whole login, and what
 * a visitor sees when the store or the provider is down. */
#include "tests/unit/oauth/visit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

START_TEST(flow_logs_a_browser_in_and_lets_it_pass)
{
    get("/dashboard/x", "");
    ck_assert_int_eq(actions->outcome, FLOW_SENT_TO_LOGIN);
    ck_assert_int_eq(last()->reply.status, 302);
    ck_assert_str_eq(reply_header("Location"),
                     BASE_URL "/oauth2/start?rd=%2Fdashboard%2Fx");
    ck_assert_str_eq(reply_header("Cache-Control"), "no-store");
    begin_login("rd=%2Fdashboard%2Fx%3Fa%3D1%23top");
    ck_assert_str_eq(location_param("response_type"), "code");
    ck_assert_str_eq(location_param("redirect_uri"),
                     BASE_URL "/oauth2/callback");
    ck_assert_str_eq(location_param("code_challenge_method"), "S256");
    ck_assert_uint_eq(strlen(location_param("code_challenge")), 43);
    come_back("code=c0de");
    walk_to_token();
    const struct flow_fetch *fetch = &last()->fetch;
    ck_assert(fetch->is_post);
    ck_assert_str_eq(text_of(fetch->url), ISSUER "/token");
    ck_assert_ptr_nonnull(strstr(text_of(fetch->body), "code=c0de"));
    ck_assert_ptr_nonnull(strstr(text_of(fetch->body), "code_verifier="));
    ck_assert_str_eq(
        header_of(fetch->headers, fetch->header_count, "Authorization"),
        "Basic cWRyYW50LWRhc2hib2FyZDpzM2NyZXQ=");
    answer_token("k1", "");
    store_put(last());
    ck_assert(span_starts(last()->session.key, "azimuth:session:"));
    ck_assert_int_eq(last()->session.ttl_s, 1800);
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/dashboard/x?a=1#top");
    ck_assert_uint_le(strlen(jar[0]), 128);

    get("/dashboard/x", "");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
    ck_assert_str_eq(text_of(last()->session.key), stored_key);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
    const struct flow_allow *allow = &last()->allow;
    ck_assert_str_eq(
        header_of(allow->headers, allow->header_count, "X-Auth-Request-User"),
        "u-1");
    ck_assert_str_eq(header_of(allow->headers, allow->header_count,
                               "X-Auth-Request-Preferred-Username"),
                     "zo%C3%AB");
    ck_assert_str_eq(
        header_of(allow->headers, allow->header_count, "X-Auth-Request-Groups"),
        "admin,a%2Cb,c");
}
END_TEST

START_TEST(flow_says_503_with_the_cause_when_the_store_is_down)
{
    log_in("");
    get("/dashboard", "");
    answer(FLOW_EVENT_SESSION_FAILED, "127.0.0.1:6379: refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.body), "127.0.0.1:6379: refused"));
    ck_assert_str_ne(jar[0], ""); /* the session may still be alive */
    begin_login("");
    come_back("code=c0de");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_PUT);
    answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k1", "");
    answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_ptr_null(reply_header("Location"));
}
END_TEST

START_TEST(flow_says_503_when_the_provider_is_down)
{
    get("/oauth2/start", "");
    answer(FLOW_EVENT_FETCH_FAILED, "connect: <refused>", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_int_eq(actions->outcome, FLOW_PROVIDER_DOWN);
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.body), "connect: &lt;refused&gt;"));
    get("/oauth2/start", "");
    answer_status(500, "");
    ck_assert_int_eq(last()->reply.status, 503);
    get("/oauth2/start", "");
    answer_status(200, "{\"issuer\":\"https://evil.test\"}");
    ck_assert_int_eq(last()->reply.status, 502);
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    answer(FLOW_EVENT_FETCH_FAILED, "timed out", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow");
    TCase *tcase = tcase_create("flow");
    tcase_add_checked_fixture(tcase, visit_setup, visit_teardown);
    tcase_add_test(tcase, flow_logs_a_browser_in_and_lets_it_pass);
    tcase_add_test(tcase, flow_says_503_with_the_cause_when_the_store_is_down);
    tcase_add_test(tcase, flow_says_503_when_the_provider_is_down);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
