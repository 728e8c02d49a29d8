/* SPDX-License-Identifier: Apache-2.0
 * The way to the provider and back: state, issuer, tabs, replay, rd, loop. */
#include "tests/unit/oauth/visit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

/* T15: nothing may leave the machine before the state is known. */
START_TEST(flow_refuses_a_callback_that_this_browser_did_not_begin)
{
    begin_login("");
    jar[1][0] = '\0';
    come_back("code=c0de");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_REPLY);
    ck_assert_int_eq(last()->reply.status, 400);
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_FAILED);
}
END_TEST

START_TEST(flow_refuses_a_state_that_is_too_old)
{
    begin_login("");
    char *query = forge_text("state=%s&code=c", state);
    struct flow_request request = browser("/oauth2/callback", query);
    send_request(&request, NOW_S + STATE_LIFETIME_S);
    ck_assert_int_eq(last()->reply.status, 400);
    free(query);
}
END_TEST

/* RFC 9207: mix-up. The metadata promises `iss`, so it must be there. */
START_TEST(flow_refuses_a_callback_of_another_issuer)
{
    begin_login("");
    char *query = forge_text("state=%s&code=c&iss=https://evil.test", state);
    get("/oauth2/callback", query);
    free(query);
    ck_assert_int_eq(last()->reply.status, 400);
    begin_login("");
    query = forge_text("state=%s&code=c", state);
    get("/oauth2/callback", query);
    free(query);
    ck_assert_int_eq(last()->reply.status, 400);
}
END_TEST

/* Where the configuration wants `iss`, a provider that does not promise it
 * must send it all the same. */
START_TEST(flow_wants_the_issuer_when_told_so)
{
    config.requires_iss = true;
    begin_login("");
    char *query = forge_text("state=%s&code=c", state);
    get("/oauth2/callback", query);
    free(query);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_REPLY);
    ck_assert_int_eq(last()->reply.status, 400);
}
END_TEST

/* T15, mix-up: two hosts with a common login cookie and a provider each. The
 * state of a login at one is refused by the other, before any call goes out,
 * and redeems nothing after that. */
START_TEST(flow_refuses_a_state_of_another_provider)
{
    static const char *const names[] = { "issuer", "client_id", "base_url" };
    for (size_t i = 0; i < 3; i++) {
        struct flow_config mine = config;
        begin_login("");
        if (i == 0)
            config.issuer = span_of("https://idp.test/realms/other");
        else if (i == 1)
            config.client_id = span_of("other-client");
        else
            config.base_url = span_of("https://other.test");
        char *query = forge_text("state=%s&code=c", state);
        get("/oauth2/callback", query);
        free(query);
        ck_assert_msg(last()->kind == FLOW_ACTION_REPLY, "%s", names[i]);
        ck_assert_int_eq(last()->reply.status, 400);
        ck_assert_int_eq(actions->outcome, FLOW_LOGIN_FAILED);
        ck_assert_ptr_nonnull(strstr(actions->cause->text, "provider"));
        config = mine;
        come_back("code=c0de");
        ck_assert_int_eq(last()->kind, FLOW_ACTION_REPLY);
        ck_assert_int_eq(last()->reply.status, 400);
    }
}
END_TEST

/* T16 */
START_TEST(flow_refuses_malformed_callbacks)
{
    static const char *const queries[] = {
        "",
        "&&&",
        "code=a",
        "state=a",
        "state=a&state=b&code=c",
        "state=a&code=b&code=c",
        "state=a&code=b&c%6fde=c",
        "state[]=a&state=a&code=c",
        "state=a&code=c&error=e",
        "state=a&error=e&error=f",
        "state=a%00&code=c",
        "state=a&code=%zz",
    };
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        begin_login("");
        get("/oauth2/callback", queries[i]);
        ck_assert_int_eq(last()->kind, FLOW_ACTION_REPLY);
        ck_assert_int_eq(last()->reply.status, 400);
    }
}
END_TEST

START_TEST(flow_escapes_what_the_provider_says)
{
    begin_login("");
    come_back("error=access_denied&error_description=%3Cscript%3E%0d%0aX:y");
    ck_assert_int_eq(last()->reply.status, 403);
    const char *body = text_of(last()->reply.body);
    ck_assert_ptr_nonnull(strstr(body, "access_denied"));
    ck_assert_ptr_null(strstr(body, "<script"));
    ck_assert_ptr_nonnull(strstr(body, "&lt;script&gt;"));
    ck_assert_ptr_nonnull(reply_header("Content-Security-Policy"));
}
END_TEST

/* The cookie forgets the state, the store remembers it: used once. */
START_TEST(flow_uses_a_state_once)
{
    char kept[4096];
    begin_login("");
    memcpy(kept, jar[1], sizeof(kept));
    come_back("code=c0de");
    walk_to_token();
    answer_token("k1", "");
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    jar[0][0] = '\0';
    come_back("code=c0de"); /* the browser's cookie has no such slot */
    ck_assert_int_eq(last()->reply.status, 400);
    memcpy(jar[1], kept, sizeof(kept)); /* a copy of the old cookie has */
    come_back("code=c0de");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_PUT);
    answer(FLOW_EVENT_SESSION_CONFLICT, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 400);
}
END_TEST

/* T20 */
START_TEST(flow_sends_a_replayed_callback_home_when_logged_in)
{
    log_in("");
    come_back("code=c0de");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_REPLAYED);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/dashboard");
    come_back("code=c0de");
    answer(FLOW_EVENT_SESSION_MISSING, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 400);
    ck_assert_str_eq(jar[0], "");
}
END_TEST

/* T20: the state is this browser's own, so its page is known. */
START_TEST(flow_sends_a_doubled_callback_where_the_first_went)
{
    char kept[4096];
    begin_login("rd=/deep%3Fa%3Db");
    memcpy(kept, jar[1], sizeof(kept));
    come_back("code=c0de");
    walk_to_token();
    answer_token("k1", "");
    store_put(last());
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/deep?a=b");
    memcpy(jar[1], kept, sizeof(kept));
    come_back("code=c0de");
    answer(FLOW_EVENT_SESSION_CONFLICT, "", NOW_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_REPLAYED);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/deep?a=b");
}
END_TEST

START_TEST(flow_keeps_parallel_tabs_apart)
{
    char first[sizeof(state)];
    begin_login("rd=/one");
    char first_nonce[64];
    memcpy(first, state, sizeof(first));
    memcpy(first_nonce, nonce, sizeof(first_nonce));
    begin_login("rd=/two");
    come_back("code=two");
    walk_to_token();
    answer_token("k1", "");
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/two");
    memcpy(state, first, sizeof(first));
    memcpy(nonce, first_nonce, sizeof(first_nonce));
    come_back("code=one");
    walk_to_token();
    answer_token("k1", "");
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/one");
}
END_TEST

START_TEST(flow_refuses_foreign_rd)
{
    begin_login("rd=https%3A%2F%2Fevil.test%2F");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k1", "");
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/dashboard");
}
END_TEST

/* T38: old documents serve for a day and nobody waits; then none is believed
 * any more. */
START_TEST(flow_uses_old_documents_for_a_day)
{
    begin_login("");
    struct flow_request request = browser("/oauth2/start", "");
    send_request(&request, NOW_S + PROVIDER_STALE_S - 1);
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_STARTED);
    send_request(&request, NOW_S + PROVIDER_STALE_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_FETCH);
    answer(FLOW_EVENT_FETCH_FAILED, "refused", NOW_S + PROVIDER_STALE_S);
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_int_eq(actions->outcome, FLOW_PROVIDER_DOWN);
}
END_TEST

/* "Log in again" would be wrong for somebody who never was in. */
START_TEST(flow_lets_a_newcomer_try_again_when_the_provider_is_down)
{
    struct flow_request request = browser("/oauth2/start", "rd=/x");
    send_request(&request, NOW_S + PROVIDER_STALE_S);
    answer(FLOW_EVENT_FETCH_FAILED, "refused", NOW_S + PROVIDER_STALE_S);
    ck_assert_int_eq(last()->reply.status, 503);
    const char *body = text_of(last()->reply.body);
    ck_assert_ptr_nonnull(strstr(body, "Try again"));
    ck_assert_ptr_nonnull(strstr(body, "/oauth2/start?rd=%2Fx"));
    ck_assert_ptr_null(strstr(body, "Log in again"));
}
END_TEST

START_TEST(flow_stops_a_login_loop_at_the_third_round)
{
    for (int i = 0; i < 3; i++) {
        log_in("rd=/x");
        jar[0][0] = '\0';
    }
    get("/oauth2/start", "rd=/x");
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_int_eq(actions->cause->code, OAUTH_ELOOP);
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.body), "start?again=1&amp;rd=%2Fx"));
    begin_login("again=1&rd=/x");
}
END_TEST

/* A Strict cookie is not part of the provider's navigation. */
START_TEST(flow_hands_over_by_a_page_when_the_cookie_is_strict)
{
    config.cookie_same_site = FLOW_STRICT;
    begin_login("rd=/x%3Fa%22b");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k1", "");
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 200);
    ck_assert_ptr_nonnull(strstr(text_of(last()->reply.body),
                                 "content=\"0;url=" BASE_URL "/dashboard\""));
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.cookies[1]), "SameSite=Strict"));
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.cookies[0]), "SameSite=Lax"));
}
END_TEST

START_TEST(flow_does_not_start_a_login_for_a_script)
{
    struct flow_request request = browser("/oauth2/start", "");
    request.sec_fetch_mode = span_of("cors");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 401);
    ck_assert_str_eq(jar[1], "");
}
END_TEST

/* The worker restarted while the user was at the provider. */
START_TEST(flow_finishes_a_login_that_another_process_began)
{
    begin_login("");
    struct provider_options options = { .issuer = span_of(ISSUER) };
    provider_free(provider);
    ck_assert_int_eq(provider_create(&options, &provider, NULL), OAUTH_OK);
    come_back("code=c0de");
    answer(FLOW_EVENT_FETCH_FAILED, "refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    begin_login("");
    come_back("code=c0de");
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_JWKS);
    answer_status(500, "");
    ck_assert_int_eq(last()->reply.status, 503);
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_TOKEN);
}
END_TEST

START_TEST(flow_tells_a_provider_in_trouble_from_a_refusal)
{
    static const struct {
        const char *error;
        int status;
    } rows[] = {
        { "error=access_denied", 403 },
        { "error=temporarily_unavailable", 503 },
        { "error=server_error", 503 },
        { "error=invalid_scope", 403 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin_login("rd=/x");
        come_back(rows[i].error);
        ck_assert_int_eq(last()->reply.status, rows[i].status);
        ck_assert_ptr_nonnull(
            strstr(text_of(last()->reply.body), "start?rd=%2Fx"));
    }
}
END_TEST

START_TEST(flow_says_when_the_store_is_down_for_a_replay)
{
    log_in("");
    come_back("code=c0de");
    answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_str_ne(jar[0], "");
}
END_TEST

/* T48: a flood of logins in one browser never grows its header. */
START_TEST(flow_bounds_the_cookie_of_many_logins)
{
    char *query = forge_text("rd=/%01000d", 1);
    for (int i = 0; i < 20; i++) {
        begin_login(query);
        ck_assert_uint_lt(strlen(jar[1]), 4000);
    }
    come_back("code=c0de");
    walk_to_token();
    free(query);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_login");
    TCase *tcase = tcase_create("flow_login");
    tcase_add_checked_fixture(tcase, visit_setup, visit_teardown);
    tcase_add_test(tcase,
                   flow_refuses_a_callback_that_this_browser_did_not_begin);
    tcase_add_test(tcase, flow_refuses_a_state_that_is_too_old);
    tcase_add_test(tcase, flow_refuses_a_callback_of_another_issuer);
    tcase_add_test(tcase, flow_wants_the_issuer_when_told_so);
    tcase_add_test(tcase, flow_refuses_a_state_of_another_provider);
    tcase_add_test(tcase, flow_refuses_malformed_callbacks);
    tcase_add_test(tcase, flow_escapes_what_the_provider_says);
    tcase_add_test(tcase, flow_uses_a_state_once);
    tcase_add_test(tcase, flow_sends_a_replayed_callback_home_when_logged_in);
    tcase_add_test(tcase, flow_sends_a_doubled_callback_where_the_first_went);
    tcase_add_test(tcase, flow_keeps_parallel_tabs_apart);
    tcase_add_test(tcase, flow_refuses_foreign_rd);
    tcase_add_test(tcase, flow_uses_old_documents_for_a_day);
    tcase_add_test(tcase,
                   flow_lets_a_newcomer_try_again_when_the_provider_is_down);
    tcase_add_test(tcase, flow_stops_a_login_loop_at_the_third_round);
    tcase_add_test(tcase, flow_hands_over_by_a_page_when_the_cookie_is_strict);
    tcase_add_test(tcase, flow_does_not_start_a_login_for_a_script);
    tcase_add_test(tcase, flow_finishes_a_login_that_another_process_began);
    tcase_add_test(tcase, flow_tells_a_provider_in_trouble_from_a_refusal);
    tcase_add_test(tcase, flow_says_when_the_store_is_down_for_a_replay);
    tcase_add_test(tcase, flow_bounds_the_cookie_of_many_logins);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
