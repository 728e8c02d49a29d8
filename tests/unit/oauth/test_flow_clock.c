/* SPDX-License-Identifier: Apache-2.0
 * T49 of the attack list: clocks that jump, and years past 2038. */
#include "tests/unit/oauth/visit.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fixture/suite.h"

#define HOUR_S 3600

static void
answer_documents(int64_t now_s)
{
    static const char discovery[] =
        "{\"issuer\":\"" ISSUER "\","
        "\"authorization_endpoint\":\"" ISSUER "/auth\","
        "\"token_endpoint\":\"" ISSUER "/token\","
        "\"jwks_uri\":\"" ISSUER "/certs\"}";
    char *jwks = forge_jwks(pkey, "k1");
    while (last()->kind == FLOW_ACTION_FETCH &&
           last()->fetch.kind != FLOW_FETCH_TOKEN)
        answer(FLOW_EVENT_FETCHED,
               last()->fetch.kind == FLOW_FETCH_JWKS ? jwks : discovery, now_s);
    free(jwks);
}

static void
begin_at(int64_t now_s)
{
    struct flow_request request = browser("/oauth2/start", "rd=/x");
    send_request(&request, now_s);
    answer_documents(now_s);
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_STARTED);
    snprintf(state, sizeof(state), "%s", location_param("state"));
    snprintf(nonce, sizeof(nonce), "%s", location_param("nonce"));
}

static void
come_back_at(int64_t now_s)
{
    char *query = forge_text("state=%s&code=c", state);
    struct flow_request request = browser("/oauth2/callback", query);
    send_request(&request, now_s);
    answer_documents(now_s);
    free(query);
}

/* From the mark of the state to the session, with a token of `token_s`. */
static void
finish_at(int64_t now_s, int64_t token_s)
{
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_PUT);
    answer(FLOW_EVENT_SESSION_DONE, "", now_s);
    char *payload = forge_text(
        "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"sub\":\"u\","
        "\"exp\":%lld,\"iat\":%lld,\"nonce\":\"%s\"}",
        (long long)token_s + 300, (long long)token_s, nonce);
    char *token = forge_token(pkey, "RS256",
                              "{\"alg\":\"RS256\",\"kid\":\"k1\"}", payload);
    char *body = forge_text("{\"token_type\":\"Bearer\",\"access_token\":\"a\","
                            "\"id_token\":\"%s\"}",
                            token);
    answer(FLOW_EVENT_FETCHED, body, now_s);
    free(body);
    free(token);
    free(payload);
}

static void
log_in_at(int64_t now_s)
{
    begin_at(now_s);
    come_back_at(now_s);
    finish_at(now_s, now_s);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_PUT);
    ck_assert_int_gt(last()->session.ttl_s, 0);
    store_put(last());
    answer(FLOW_EVENT_SESSION_DONE, "", now_s);
    ck_assert_int_eq(actions->outcome, FLOW_LOGGED_IN);
}

static enum flow_outcome
ask_at(int64_t now_s)
{
    struct flow_request request = browser("/dashboard", "");
    send_request(&request, now_s);
    if (last()->kind == FLOW_ACTION_SESSION_GET)
        answer(FLOW_EVENT_SESSION_FOUND, "", now_s);
    return actions->outcome;
}

START_TEST(flow_t49_works_after_2038_and_2106)
{
    static const int64_t years[] = {
        ((int64_t)1 << 31) - 2, ((int64_t)1 << 31) + 5, 4102444800,
        ((int64_t)1 << 32) + 5, ((int64_t)1 << 40),
    };
    int64_t now_s = years[_i];
    log_in_at(now_s);
    ck_assert_int_eq(ask_at(now_s + 10), FLOW_ALLOWED);
    ck_assert_int_eq(ask_at(now_s + 24 * HOUR_S), FLOW_SENT_TO_LOGIN);
}
END_TEST

/* The store counts idleness by its own clock; here the end of the session is
 * all that a jump can reach. */
START_TEST(flow_t49_sessions_outlive_a_jump_of_the_clock)
{
    log_in_at(NOW_S);
    ck_assert_int_eq(ask_at(NOW_S - HOUR_S), FLOW_ALLOWED);
    ck_assert_int_eq(ask_at(NOW_S), FLOW_ALLOWED);
    ck_assert_int_eq(ask_at(NOW_S - 10 * 365 * 24 * (int64_t)HOUR_S),
                     FLOW_ALLOWED);
    ck_assert_int_eq(ask_at(NOW_S + 24 * HOUR_S), FLOW_SENT_TO_LOGIN);
}
END_TEST

/* A login over a jump ends in a session or in a page, never in a circle. */
START_TEST(flow_t49_a_login_over_a_jump_of_the_clock_ends)
{
    static const int64_t jumps[] = { -HOUR_S, -60, 60, HOUR_S };
    int64_t now_s = NOW_S + jumps[_i];
    begin_at(NOW_S);
    come_back_at(now_s);
    if (last()->kind == FLOW_ACTION_REPLY) {
        ck_assert_int_eq(actions->outcome, FLOW_LOGIN_FAILED);
        ck_assert_int_eq(last()->reply.status, 400);
        ck_assert_ptr_null(reply_header("Location"));
        return;
    }
    /* The provider's clock did not jump. */
    finish_at(now_s, NOW_S);
    if (last()->kind == FLOW_ACTION_SESSION_PUT)
        answer(FLOW_EVENT_SESSION_DONE, "", now_s);
    ck_assert(actions->outcome == FLOW_LOGGED_IN ||
              actions->outcome == FLOW_LOGIN_FAILED);
    ck_assert(jumps[_i] < -60 || jumps[_i] > 60 ||
              actions->outcome == FLOW_LOGGED_IN);
}
END_TEST

/* A minute between the two clocks is forgiven, more is not. */
START_TEST(flow_t49_a_token_may_be_a_minute_off)
{
    static const struct {
        int64_t off_s;
        enum flow_outcome outcome;
    } rows[] = {
        { -359, FLOW_WAITING },
        { -361, FLOW_LOGIN_FAILED },
        { 60, FLOW_WAITING },
        { 61, FLOW_LOGIN_FAILED },
    };
    begin_at(NOW_S);
    come_back_at(NOW_S);
    finish_at(NOW_S, NOW_S + rows[_i].off_s);
    ck_assert_int_eq(actions->outcome, rows[_i].outcome);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_clock");
    TCase *tcase = tcase_create("clock");
    tcase_add_checked_fixture(tcase, visit_setup, visit_teardown);
    tcase_add_loop_test(tcase, flow_t49_works_after_2038_and_2106, 0, 5);
    tcase_add_test(tcase, flow_t49_sessions_outlive_a_jump_of_the_clock);
    tcase_add_loop_test(tcase, flow_t49_a_login_over_a_jump_of_the_clock_ends,
                        0, 4);
    tcase_add_loop_test(tcase, flow_t49_a_token_may_be_a_minute_off, 0, 4);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
