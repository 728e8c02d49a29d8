/* SPDX-License-Identifier: Apache-2.0
 * Who may pass: people, machines, preflights, forged and aged sessions. */
#include "tests/unit/oauth/visit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

/* A machine must never be sent to a login page. */
START_TEST(flow_gives_machines_401_json_with_a_login_url)
{
    struct flow_request requests[7];
    for (size_t i = 0; i < 7; i++) {
        requests[i] = browser("/api", "");
        requests[i].sec_fetch_mode = (struct span){ NULL, 0 };
    }
    requests[0].sec_fetch_mode = span_of("cors");
    requests[1].requested_with = span_of("XMLHttpRequest");
    requests[2].accept = span_of("application/json");
    requests[3].method = span_of("POST");
    requests[4].upgrade = span_of("websocket");
    requests[5].accept = (struct span){ NULL, 0 };
    requests[6].authorization = span_of("Bearer x");
    for (size_t i = 0; i < 7; i++) {
        send_request(&requests[i], NOW_S);
        ck_assert_int_eq(last()->reply.status, 401);
        ck_assert_str_eq(text_of(last()->reply.content_type),
                         "application/json");
        ck_assert_ptr_nonnull(strstr(text_of(last()->reply.body),
                                     "\"login_url\":\"" BASE_URL
                                     "/oauth2/start\""));
        ck_assert_ptr_nonnull(reply_header("WWW-Authenticate"));
        ck_assert_ptr_null(reply_header("Location"));
    }
}
END_TEST

START_TEST(flow_answers_preflight_without_a_session_but_no_other_options)
{
    struct flow_request request = browser("/api", "");
    request.method = span_of("OPTIONS");
    request.sec_fetch_mode = span_of("cors");
    request.origin = span_of("https://other.test");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 401);
    request.preflight = span_of("POST");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 204);
}
END_TEST

/* A form that meets the end of a session gets a page, not a redirect that
 * would lose its body silently. */
START_TEST(flow_shows_a_page_to_a_posted_form)
{
    struct flow_request request = browser("/form", "");
    request.method = span_of("POST");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 401);
    ck_assert_ptr_nonnull(strstr(text_of(last()->reply.body), "<html"));
}
END_TEST

START_TEST(flow_auth_endpoint_says_202_or_401)
{
    get("/oauth2/auth", "");
    ck_assert_int_eq(last()->reply.status, 401);
    log_in("");
    get("/oauth2/auth", "");
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 202);
    ck_assert_str_eq(reply_header("X-Auth-Request-User"), "u-1");
}
END_TEST

static void
gate(const char *path, const char *uri, const char *method)
{
    struct flow_request request = browser(path, "");
    request.forwarded_uri = span_of(uri);
    request.forwarded_method = span_of(method);
    send_request(&request, NOW_S);
}

/* Other gateways ask at /oauth2/gate; what they say decides where a login
 * comes back to and nothing else. */
START_TEST(flow_gate_sends_pages_to_the_login)
{
    static const char *const back[][3] = {
        { "/oauth2/gate", "/a?b=c", "?rd=%2Fa%3Fb%3Dc" },
        { "/oauth2/gate/a?b=c", "/evil", "?rd=%2Fa%3Fb%3Dc" },
        { "/oauth2/gate", "", "" },
        { "/oauth2/gate", "https://evil.test/", "" },
    };
    for (size_t i = 0; i < sizeof(back) / sizeof(back[0]); i++) {
        gate(back[i][0], back[i][1], "GET");
        ck_assert_int_eq(last()->reply.status, 302);
        ck_assert_str_eq(strstr(reply_header("Location"), "/start") + 6,
                         back[i][2]);
    }
    gate("/oauth2/gate", "/form", "POST");
    ck_assert_int_eq(last()->reply.status, 401);
    ck_assert_ptr_null(reply_header("Location"));
    log_in("");
    get("/oauth2/gate/any/path", "");
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 200);
    ck_assert_str_eq(reply_header("X-Auth-Request-User"), "u-1");
    get("/oauth2/gateway", "");
    ck_assert_int_eq(last()->reply.status, 404);
}
END_TEST

START_TEST(flow_pages_name_the_request)
{
    struct flow_request request = browser("/oauth2/nothing", "");
    request.request_id = span_of("0123456789abcdef");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 404);
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.body), "0123456789abcdef"));
}
END_TEST

/* gRPC's shape of a refusal is a 200, which other gateways take for a pass. */
START_TEST(flow_refuses_by_status_whatever_the_content_type)
{
    static const char *const paths[] = { "/oauth2/auth", "/oauth2/gate",
                                         "/oauth2/gate/x", "/oauth2/userinfo",
                                         "/dashboard" };
    for (size_t i = 0; i < 2 * sizeof(paths) / sizeof(paths[0]); i++) {
        struct flow_request request = browser(paths[i / 2], "");
        request.method = span_of("POST");
        if (i / 2 < 4)
            request.method = span_of("GET");
        request.content_type = span_of("application/grpc");
        if (i % 2 == 1 && i / 2 < 4)
            request.bearer = span_of("a.b.c");
        send_request(&request, NOW_S);
        while (last()->kind == FLOW_ACTION_FETCH)
            answer(FLOW_EVENT_FETCH_FAILED, "refused", NOW_S);
        ck_assert_int_eq(last()->kind, FLOW_ACTION_REPLY);
        ck_assert_int_ge(last()->reply.status, 300);
    }
}
END_TEST

/* One key ring and one store serve several providers. */
START_TEST(flow_refuses_a_session_of_another_provider_or_client)
{
    log_in("");
    const struct flow_config own = config;
    config.client_id = span_of("another-client");
    get("/oauth2/auth", "");
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 401);
    config = own;
    log_in("");
    config.issuer = span_of("https://idp.test/realms/other");
    get("/oauth2/auth", "");
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 401);
}
END_TEST

START_TEST(flow_userinfo_tells_who_is_logged_in)
{
    get("/oauth2/userinfo", "");
    ck_assert_int_eq(last()->reply.status, 401);
    log_in("");
    get("/oauth2/userinfo", "");
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 200);
    const char *body = text_of(last()->reply.body);
    ck_assert_ptr_nonnull(strstr(body, "\"sub\":\"u-1\""));
    ck_assert_ptr_nonnull(strstr(body, "\"email\":\"z@x.test\""));
    ck_assert_ptr_nonnull(strstr(body, "\"roles\":[\"admin\"]"));
    ck_assert_ptr_nonnull(strstr(body, "\"groups\":[\"a,b\",\"c\"]"));
    ck_assert_ptr_nonnull(strstr(body, "\"expires_at\":1790028800"));
    ck_assert_ptr_null(strstr(body, "<b>"));
}
END_TEST

/* T22: cleared once, one login, no circle. */
START_TEST(flow_clears_a_session_that_is_gone)
{
    log_in("");
    get("/dashboard", "");
    answer(FLOW_EVENT_SESSION_MISSING, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 302);
    ck_assert_str_eq(jar[0], "");
}
END_TEST

/* Idleness is the store's time to live: each request that counts as use asks
 * for the record and moves it on, and never writes the record. */
START_TEST(flow_ends_sessions_by_idleness_and_absolutely)
{
    config.idle_s = 600;
    config.lifetime_s = 3600;
    config.refresh = FLOW_REFRESH_OFF;
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k1", "");
    ck_assert_int_eq(last()->session.ttl_s, 600);
    store_put(last());
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    struct flow_request request = browser("/dashboard", "");
    for (int64_t now_s = NOW_S; now_s < NOW_S + 3600; now_s += 500) {
        send_request(&request, now_s);
        ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
        ck_assert_int_eq(last()->session.ttl_s, 600);
        answer(FLOW_EVENT_SESSION_FOUND, "", now_s);
        ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
        ck_assert_uint_eq(actions->count, 1);
        ck_assert_str_eq(text_of(actions->store_key), stored_key);
    }
    send_request(&request, NOW_S + 3600);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S + 3600);
    ck_assert_int_eq(last()->reply.status, 302);
    ck_assert_int_eq(actions->items[0].kind, FLOW_ACTION_SESSION_DEL);
}
END_TEST

/* A page that asks who is logged in, now and then, does not keep anybody
 * logged in. */
START_TEST(flow_userinfo_is_no_use_of_the_session)
{
    log_in("");
    get("/oauth2/userinfo", "");
    ck_assert_int_eq(last()->session.ttl_s, 0);
    get("/oauth2/auth", "");
    ck_assert_int_eq(last()->session.ttl_s, 1800);
}
END_TEST

/* T21, T42 */
START_TEST(flow_refuses_forged_cookies_and_records)
{
    log_in("");
    char good[256];
    memcpy(good, jar[0], sizeof(good));
    for (size_t i = strlen("__Host-azimuth="); i < strlen(good); i++) {
        memcpy(jar[0], good, sizeof(good));
        jar[0][i] = jar[0][i] == 'A' ? 'B' : 'A';
        get("/dashboard", "");
        ck_assert_int_eq(last()->kind, FLOW_ACTION_REPLY);
        ck_assert_int_eq(last()->reply.status, 302);
        ck_assert_str_eq(jar[0], "");
    }
    for (size_t i = 0; i < stored_size; i++) {
        memcpy(jar[0], good, sizeof(good));
        get("/dashboard", "");
        stored[i] ^= 1;
        answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
        stored[i] ^= 1;
        ck_assert_int_eq(last()->reply.status, 302);
    }
}
END_TEST

START_TEST(flow_refuses_wrong_methods_and_unknown_endpoints)
{
    struct flow_request request = browser("/oauth2/callback", "");
    request.method = span_of("POST");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 405);
    ck_assert_str_eq(reply_header("Allow"), "GET");
    get("/oauth2/", "");
    ck_assert_int_eq(last()->reply.status, 404);
    get("/oauth2/start/x", "");
    ck_assert_int_eq(last()->reply.status, 404);
}
END_TEST

START_TEST(flow_survives_an_endless_target)
{
    char *target = forge_text("/%08000d?%08000d", 1, 1);
    struct flow_request request = browser("/x", "");
    request.target = span_of(target);
    send_request(&request, NOW_S);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/oauth2/start");
    free(target);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_access");
    TCase *tcase = tcase_create("flow_access");
    tcase_add_checked_fixture(tcase, visit_setup, visit_teardown);
    tcase_add_test(tcase, flow_gives_machines_401_json_with_a_login_url);
    tcase_add_test(
        tcase, flow_answers_preflight_without_a_session_but_no_other_options);
    tcase_add_test(tcase, flow_shows_a_page_to_a_posted_form);
    tcase_add_test(tcase, flow_auth_endpoint_says_202_or_401);
    tcase_add_test(tcase, flow_gate_sends_pages_to_the_login);
    tcase_add_test(tcase, flow_pages_name_the_request);
    tcase_add_test(tcase, flow_refuses_by_status_whatever_the_content_type);
    tcase_add_test(tcase, flow_refuses_a_session_of_another_provider_or_client);
    tcase_add_test(tcase, flow_userinfo_tells_who_is_logged_in);
    tcase_add_test(tcase, flow_clears_a_session_that_is_gone);
    tcase_add_test(tcase, flow_ends_sessions_by_idleness_and_absolutely);
    tcase_add_test(tcase, flow_userinfo_is_no_use_of_the_session);
    tcase_add_test(tcase, flow_refuses_forged_cookies_and_records);
    tcase_add_test(tcase, flow_refuses_wrong_methods_and_unknown_endpoints);
    tcase_add_test(tcase, flow_survives_an_endless_target);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
