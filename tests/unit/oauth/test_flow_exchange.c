/* SPDX-License-Identifier: Apache-2.0
 * From code to session: nonce, keys, expired codes, a new id. */
#include "tests/unit/oauth/visit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

/* T19: the id changes, the old session ends. */
START_TEST(flow_gives_a_new_id_at_each_login)
{
    char old_cookie[256];
    char old_key[128];
    log_in("");
    memcpy(old_cookie, jar[0], sizeof(old_cookie));
    memcpy(old_key, stored_key, sizeof(old_key));
    log_in("");
    ck_assert_str_ne(jar[0], old_cookie);
    /* who it is goes with the new session's key, not with the old one's */
    ck_assert_ptr_nonnull(actions->session);
    ck_assert_str_eq(text_of(actions->store_key), stored_key);
    ck_assert_uint_eq(actions->count, 3);
    ck_assert_int_eq(actions->items[1].kind, FLOW_ACTION_INDEX_DEL);
    ck_assert_int_eq(actions->items[0].kind, FLOW_ACTION_SESSION_DEL);
    ck_assert(actions->items[0].is_background);
    ck_assert_str_eq(text_of(actions->items[0].session.key), old_key);
}
END_TEST

/* T11: an ID token of another login. */
START_TEST(flow_refuses_a_token_with_another_nonce)
{
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    nonce[0] = nonce[0] == 'A' ? 'B' : 'A';
    answer_token("k1", "");
    ck_assert_int_eq(last()->reply.status, 502);
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_FAILED);
    ck_assert_str_eq(jar[0], "");
}
END_TEST

START_TEST(flow_fetches_the_keys_once_more_for_an_unknown_kid)
{
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k2", "");
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_JWKS);
    char *jwks = forge_jwks(pkey, "k2");
    answer(FLOW_EVENT_FETCHED, jwks, NOW_S);
    free(jwks);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_PUT);
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_int_eq(actions->outcome, FLOW_LOGGED_IN);
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k3", ""); /* another one: the provider is asked again */
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_JWKS);
    jwks = forge_jwks(pkey, "k2");
    answer(FLOW_EVENT_FETCHED, jwks, NOW_S);
    free(jwks);
    ck_assert_int_eq(last()->reply.status, 502);
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k3", ""); /* it was not there a moment ago */
    ck_assert_int_eq(last()->reply.status, 502);
}
END_TEST

/* A rotation under load: all flows that wait for the new keys get the one
 * answer, and the first of them hands it in. */
START_TEST(flow_takes_an_answer_that_another_flow_handed_in)
{
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k2", "");
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_JWKS);
    char *jwks = forge_jwks(pkey, "k2");
    ck_assert_int_eq(
        provider_put(provider, PROVIDER_JWKS, 200, span_of(jwks), NOW_S, NULL),
        OAUTH_OK);
    const struct jwks *keys = provider_jwks(provider);
    answer(FLOW_EVENT_FETCHED, jwks, NOW_S);
    free(jwks);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_PUT);
    ck_assert_ptr_eq(provider_jwks(provider), keys);
}
END_TEST

/* T3: the configured algorithms are those of the login, too. */
START_TEST(flow_refuses_an_algorithm_that_is_not_configured)
{
    config.algs = jws_algs_of(span_of("ES256"));
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k1", "");
    ck_assert_int_eq(last()->reply.status, 502);
    ck_assert_ptr_nonnull(strstr(actions->cause->text, "RS256"));
}
END_TEST

START_TEST(flow_shows_a_page_for_an_expired_code)
{
    begin_login("rd=/x");
    come_back("code=c0de");
    walk_to_token();
    answer_status(400, "{\"error\":\"invalid_grant\","
                       "\"error_description\":\"Code not valid\"}");
    ck_assert_int_eq(last()->reply.status, 400);
    const char *body = text_of(last()->reply.body);
    ck_assert_ptr_nonnull(strstr(body, "Log in again"));
    ck_assert_ptr_nonnull(strstr(body, "/oauth2/start?rd=%2Fx"));
    ck_assert_ptr_null(reply_header("Location"));
}
END_TEST

/* T39: every answer of the token endpoint that is no proper one. */
START_TEST(flow_refuses_improper_token_answers)
{
    static const struct {
        int status;
        const char *body;
        int reply;
        enum flow_outcome outcome;
    } rows[] = {
        { 500, "oops", 503, FLOW_PROVIDER_DOWN },
        { 429, "", 503, FLOW_PROVIDER_DOWN },
        { 200, "<html>", 502, FLOW_LOGIN_FAILED },
        { 204, "", 502, FLOW_LOGIN_FAILED },
        { 302, "", 502, FLOW_LOGIN_FAILED },
        { 401, "{\"error\":\"invalid_client\"}", 502, FLOW_LOGIN_FAILED },
        { 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\"}", 502,
          FLOW_LOGIN_FAILED },
        { 200,
          "{\"token_type\":\"Bearer\",\"access_token\":\"a\","
          "\"id_token\":\"e30.e30.\"}",
          502, FLOW_LOGIN_FAILED },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin_login("");
        come_back("code=c0de");
        walk_to_token();
        answer_status(rows[i].status, rows[i].body);
        ck_assert_int_eq(last()->reply.status, rows[i].reply);
        ck_assert_int_eq(actions->outcome, rows[i].outcome);
        ck_assert_str_eq(jar[0], "");
    }
}
END_TEST

START_TEST(flow_gives_up_when_the_keys_cannot_be_fetched_again)
{
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k2", "");
    answer(FLOW_EVENT_FETCH_FAILED, "refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_int_eq(actions->outcome, FLOW_PROVIDER_DOWN);
}
END_TEST

START_TEST(flow_names_a_public_client_in_the_form)
{
    config.client_secret = span_of("");
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    const struct flow_fetch *fetch = &last()->fetch;
    ck_assert_ptr_nonnull(strstr(text_of(fetch->body), "client_id=" CLIENT));
    ck_assert_ptr_null(
        header_of(fetch->headers, fetch->header_count, "Authorization"));
}
END_TEST

/* An id that exists already cannot be, so it must not become a session. */
START_TEST(flow_does_not_take_over_an_existing_id)
{
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k1", "");
    answer(FLOW_EVENT_SESSION_CONFLICT, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 500);
    ck_assert_str_eq(jar[0], "");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_exchange");
    TCase *tcase = tcase_create("flow_exchange");
    tcase_add_checked_fixture(tcase, visit_setup, visit_teardown);
    tcase_add_test(tcase, flow_gives_a_new_id_at_each_login);
    tcase_add_test(tcase, flow_refuses_a_token_with_another_nonce);
    tcase_add_test(tcase, flow_fetches_the_keys_once_more_for_an_unknown_kid);
    tcase_add_test(tcase, flow_takes_an_answer_that_another_flow_handed_in);
    tcase_add_test(tcase, flow_refuses_an_algorithm_that_is_not_configured);
    tcase_add_test(tcase, flow_shows_a_page_for_an_expired_code);
    tcase_add_test(tcase, flow_refuses_improper_token_answers);
    tcase_add_test(tcase, flow_gives_up_when_the_keys_cannot_be_fetched_again);
    tcase_add_test(tcase, flow_names_a_public_client_in_the_form);
    tcase_add_test(tcase, flow_does_not_take_over_an_existing_id);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
