/* SPDX-License-Identifier: Apache-2.0
 * Logins whose request is pushed to the provider first (RFC 9126). */
#include "tests/unit/oauth/visit.h"

#include "oauth/url.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define DISCOVERY                                                              \
    "{\"issuer\":\"" ISSUER "\","                                              \
    "\"authorization_endpoint\":\"" ISSUER "/auth\","                          \
    "\"token_endpoint\":\"" ISSUER "/token\","                                 \
    "\"jwks_uri\":\"" ISSUER "/certs\""
#define PUSH                                                                   \
    DISCOVERY ",\"pushed_authorization_request_endpoint\":\"" ISSUER "/par\""
#define REFERENCE "{\"request_uri\":\"urn:x:a&b\",\"expires_in\":60}"

/* Begins a login at a provider with this discovery document. */
static void
begin(const char *discovery)
{
    get("/oauth2/start", "rd=/deep");
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_DISCOVERY);
    answer(FLOW_EVENT_FETCHED, discovery, NOW_S);
}

static const char *
pushed(const char *name)
{
    struct bytes value;
    bytes_init(&value, 4096);
    ck_assert_int_eq(url_param(last()->fetch.body, name, &value),
                     URL_PARAM_FOUND);
    const char *text = text_of(bytes_span(&value));
    bytes_release(&value);
    return text;
}

START_TEST(flow_pushes_the_request_when_it_is_offered)
{
    begin(PUSH "}");
    const struct flow_fetch *fetch = &last()->fetch;
    ck_assert_int_eq(fetch->kind, FLOW_FETCH_PUSH);
    ck_assert(fetch->is_post);
    ck_assert_str_eq(text_of(fetch->url), ISSUER "/par");
    ck_assert_str_eq(pushed("client_id"), CLIENT);
    ck_assert_str_eq(pushed("response_type"), "code");
    ck_assert_str_eq(pushed("redirect_uri"), BASE_URL "/oauth2/callback");
    ck_assert_str_eq(pushed("code_challenge_method"), "S256");
    ck_assert_ptr_nonnull(
        header_of(fetch->headers, fetch->header_count, "Authorization"));
    snprintf(state, sizeof(state), "%s", pushed("state"));
    snprintf(nonce, sizeof(nonce), "%s", pushed("nonce"));
    answer_status(201, REFERENCE);
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_STARTED);
    /* the browser carries the reference and nothing else */
    ck_assert_str_eq(reply_header("Location"), ISSUER
                     "/auth?client_id=" CLIENT "&request_uri=urn%3Ax%3Aa%26b");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k1", "");
    store_put(last());
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_int_eq(actions->outcome, FLOW_LOGGED_IN);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/deep");
}
END_TEST

START_TEST(flow_pushes_as_it_is_told)
{
    config.push = FLOW_PUSH_OFF;
    begin(PUSH "}");
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_STARTED);
    visit_teardown();
    visit_setup();
    config.push = FLOW_PUSH_OFF; /* but the provider takes nothing else */
    begin(PUSH ",\"require_pushed_authorization_requests\":true}");
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_PUSH);
    visit_teardown();
    visit_setup();
    config.push = FLOW_PUSH_ON;
    begin(DISCOVERY "}");
    ck_assert_int_eq(last()->reply.status, 502);
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_FAILED);
    visit_teardown();
    visit_setup();
    begin(DISCOVERY "}");
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_STARTED);
}
END_TEST

/* No way around it: a disturbed push must not weaken the login. */
START_TEST(flow_does_not_go_on_without_the_push)
{
    static const struct {
        int status;
        const char *body;
        int reply;
        enum flow_outcome outcome;
    } rows[] = {
        { 500, "oops", 503, FLOW_PROVIDER_DOWN },
        { 429, "", 503, FLOW_PROVIDER_DOWN },
        { 201, "<html>", 502, FLOW_LOGIN_FAILED },
        { 201, "{}", 502, FLOW_LOGIN_FAILED },
        { 302, REFERENCE, 502, FLOW_LOGIN_FAILED },
        { 401, "{\"error\":\"invalid_client\"}", 502, FLOW_LOGIN_FAILED },
    };
    begin(PUSH "}");
    answer(FLOW_EVENT_FETCH_FAILED, "refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_int_eq(actions->outcome, FLOW_PROVIDER_DOWN);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        get("/oauth2/start", "");
        ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_PUSH);
        answer_status(rows[i].status, rows[i].body);
        ck_assert_int_eq(last()->reply.status, rows[i].reply);
        ck_assert_int_eq(actions->outcome, rows[i].outcome);
        ck_assert_ptr_null(reply_header("Location"));
        ck_assert_str_eq(jar[1], "");
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_push");
    TCase *tcase = tcase_create("flow_push");
    tcase_add_checked_fixture(tcase, visit_setup, visit_teardown);
    tcase_add_test(tcase, flow_pushes_the_request_when_it_is_offered);
    tcase_add_test(tcase, flow_pushes_as_it_is_told);
    tcase_add_test(tcase, flow_does_not_go_on_without_the_push);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
