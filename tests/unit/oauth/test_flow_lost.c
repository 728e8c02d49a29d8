/* SPDX-License-Identifier: Apache-2.0
 * A login whose place in the cookie is lost: the person gets to the page that
 * was wanted, once round at most, and nobody gets in by the state alone. */
#include "tests/unit/oauth/visit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define AT_RETRY "0;url=" BASE_URL "/oauth2/start?retry=1&amp;rd="
#define RETRY    AT_RETRY "%2Fone%3Fa%23%2Fb\""

/* Refused as any lost state is; the page goes on by itself to `where`, or
 * not, when it is NULL. */
static void
refused_and_goes_on(const char *where)
{
    ck_assert_int_eq(last()->kind, FLOW_ACTION_REPLY);
    ck_assert_int_eq(last()->reply.status, 400);
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_FAILED);
    const char *forward =
        strstr(text_of(last()->reply.body), "http-equiv=\"refresh\"");
    ck_assert((forward != NULL) == (where != NULL));
    if (where != NULL)
        ck_assert_ptr_nonnull(strstr(forward, where));
}
#define DEEP "rd=/one%3Fa%23/b"

/* Two tabs begin at the same moment: the later answer's cookie stays. */
static void
begin_two_tabs(void)
{
    char first[sizeof(state)];
    begin_login(DEEP);
    memcpy(first, state, sizeof(first));
    jar[1][0] = '\0';
    begin_login("rd=/two");
    memcpy(state, first, sizeof(first));
}

static void
finish(void)
{
    walk_to_token();
    answer_token("k1", "");
    store_put(last());
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_int_eq(actions->outcome, FLOW_LOGGED_IN);
}

START_TEST(flow_begins_a_lost_login_anew_once)
{
    begin_two_tabs();
    come_back("code=one");
    refused_and_goes_on(RETRY);
    ck_assert_int_eq(actions->cause->code, OAUTH_ESTATE);
    begin_login("retry=1&" DEEP);
    come_back("code=again");
    finish();
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/one?a#/b");
}
END_TEST

/* Never a loop: what is lost twice is told to the person, with a link. */
START_TEST(flow_says_so_when_the_retry_is_lost_too)
{
    begin_two_tabs();
    come_back("code=one");
    begin_login("retry=1&" DEEP);
    char retry[sizeof(state)];
    memcpy(retry, state, sizeof(retry));
    jar[1][0] = '\0';
    begin_login("rd=/two");
    memcpy(state, retry, sizeof(retry));
    come_back("code=again");
    refused_and_goes_on(NULL);
    ck_assert_ptr_nonnull(strstr(text_of(last()->reply.body),
                                 "/oauth2/start?rd=%2Fone%3Fa%23%2Fb"));
}
END_TEST

/* Without a cookie of ours a retry would come back without one as well. */
START_TEST(flow_retries_nothing_where_cookies_are_blocked)
{
    static const char *const cookies[] = { "", "forged" };
    for (size_t i = 0; i < 2; i++) {
        begin_login(DEEP);
        strcpy(jar[1], cookies[i]);
        come_back("code=one");
        refused_and_goes_on(NULL);
        ck_assert_ptr_nonnull(strstr(text_of(last()->reply.body),
                                     "/oauth2/start?rd=%2Fone%3Fa%23%2Fb"));
    }
}
END_TEST

static void
come_back_late(int64_t now_s)
{
    char *query = forge_text("state=%s&code=c", state);
    struct flow_request request = browser("/oauth2/callback", query);
    send_request(&request, now_s);
    free(query);
}

/* The browser keeps the cookie for as long as the logins in it are good, and
 * the form stood open for longer. Where cookies are blocked that ends, too. */
START_TEST(flow_begins_a_login_anew_that_outlived_its_cookie)
{
    begin_login(DEEP);
    jar[1][0] = '\0';
    come_back_late(NOW_S + STATE_LIFETIME_S - 1);
    refused_and_goes_on(NULL);
    come_back_late(NOW_S + STATE_LIFETIME_S);
    refused_and_goes_on(RETRY);
    begin_login("retry=1&" DEEP);
    jar[1][0] = '\0';
    come_back_late(NOW_S + STATE_LIFETIME_S);
    refused_and_goes_on(NULL);
}
END_TEST

START_TEST(flow_does_not_retry_what_the_provider_refused)
{
    begin_two_tabs();
    come_back("error=access_denied");
    refused_and_goes_on(NULL);
    ck_assert_ptr_nonnull(strstr(text_of(last()->reply.body),
                                 "/oauth2/start?rd=%2Fone%3Fa%23%2Fb"));
}
END_TEST

/* The other tab was faster: both are where they wanted to be. */
START_TEST(flow_sends_a_lost_login_on_when_another_tab_logged_in)
{
    char first[sizeof(state)];
    begin_two_tabs();
    memcpy(first, state, sizeof(first));
    jar[1][0] = '\0';
    log_in("rd=/two");
    memcpy(state, first, sizeof(first));
    come_back("code=one");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_REPLAYED);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/one?a#/b");
    come_back("code=one");
    answer(FLOW_EVENT_SESSION_MISSING, "", NOW_S);
    refused_and_goes_on(RETRY);
}
END_TEST

START_TEST(flow_ends_a_retry_when_a_session_is_there_by_now)
{
    log_in("");
    get("/oauth2/start", "retry=1&" DEEP);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_REPLAYED);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/one?a#/b");
    get("/oauth2/start", "retry=1&" DEEP);
    answer(FLOW_EVENT_SESSION_MISSING, "", NOW_S);
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_STARTED);
    get("/oauth2/start", "retry=1&" DEEP);
    answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
    ck_assert_int_eq(actions->outcome, FLOW_STORE_DOWN);
}
END_TEST

/* A stranger's state, however good, redeems no code, leads nowhere but to our
 * own login, and not even there with another issuer's answer. */
START_TEST(flow_lets_nobody_in_by_the_state_alone)
{
    config.requires_iss = true;
    begin_two_tabs();
    char *query = forge_text("state=%s&code=c&iss=https://evil.test", state);
    get("/oauth2/callback", query);
    free(query);
    refused_and_goes_on(NULL);
    ck_assert_str_eq(jar[0], "");
}
END_TEST

/* Of another host, client or provider, too old, or of a clock gone mad: no
 * page is taken from it. */
START_TEST(flow_takes_no_page_from_a_state_that_is_not_its_own)
{
    for (int i = 0; i < 5; i++) {
        struct flow_config mine = config;
        int64_t now_s = NOW_S;
        begin_two_tabs();
        if (i == 0)
            config.base_url = span_of("https://other.test");
        else if (i == 1)
            config.client_id = span_of("other-client");
        else if (i == 2)
            config.issuer = span_of("https://idp.test/realms/other");
        else
            now_s += i == 3 ? STATEPARAM_LIFETIME_S : -3600;
        char *query = forge_text("state=%s&code=c", state);
        struct flow_request request = browser("/oauth2/callback", query);
        send_request(&request, now_s);
        free(query);
        config = mine;
        ck_assert_int_eq(last()->reply.status, 400);
        ck_assert_ptr_null(strstr(text_of(last()->reply.body), "%2Fone"));
    }
}
END_TEST

/* An allowed host may be allowed no more when the state comes back. */
START_TEST(flow_judges_the_page_again)
{
    const struct span hosts[] = { span_of("friend.test") };
    config.rd_hosts = hosts;
    config.rd_host_count = 1;
    begin_login("rd=https%3A%2F%2Ffriend.test%2Fx");
    char first[sizeof(state)];
    memcpy(first, state, sizeof(first));
    jar[1][0] = '\0';
    begin_login("rd=/two");
    memcpy(state, first, sizeof(first));
    config.rd_host_count = 0;
    come_back("code=one");
    refused_and_goes_on(AT_RETRY "%2Fdashboard\"");
}
END_TEST

/* A page whose address is long is in the cookie, not in `state`. */
START_TEST(flow_retries_a_long_page_at_home)
{
    char *query = forge_text("rd=/%0300d", 1);
    begin_login(query);
    ck_assert_uint_lt(strlen(state), 128);
    char first[sizeof(state)];
    memcpy(first, state, sizeof(first));
    come_back("code=c0de");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_FETCH);
    jar[1][0] = '\0';
    begin_login("rd=/two");
    memcpy(state, first, sizeof(first));
    come_back("code=c0de");
    refused_and_goes_on(AT_RETRY "%2Fdashboard\"");
    free(query);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_lost");
    TCase *tcase = tcase_create("flow_lost");
    tcase_add_checked_fixture(tcase, visit_setup, visit_teardown);
    tcase_add_test(tcase, flow_begins_a_lost_login_anew_once);
    tcase_add_test(tcase, flow_says_so_when_the_retry_is_lost_too);
    tcase_add_test(tcase, flow_retries_nothing_where_cookies_are_blocked);
    tcase_add_test(tcase, flow_begins_a_login_anew_that_outlived_its_cookie);
    tcase_add_test(tcase, flow_does_not_retry_what_the_provider_refused);
    tcase_add_test(tcase,
                   flow_sends_a_lost_login_on_when_another_tab_logged_in);
    tcase_add_test(tcase, flow_ends_a_retry_when_a_session_is_there_by_now);
    tcase_add_test(tcase, flow_lets_nobody_in_by_the_state_alone);
    tcase_add_test(tcase, flow_takes_no_page_from_a_state_that_is_not_its_own);
    tcase_add_test(tcase, flow_judges_the_page_again);
    tcase_add_test(tcase, flow_retries_a_long_page_at_home);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
