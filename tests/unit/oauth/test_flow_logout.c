/* SPDX-License-Identifier: Apache-2.0
 * The provider ends sessions: back-channel with a token, front-channel with a
 * frame. T44. */
#include "tests/unit/oauth/visit.h"

#include "oauth/roster.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define FORM "application/x-www-form-urlencoded"

static char *body;

/* A body with a token; `ids` are its sub and sid. */
static char *
body_of(const char *kid, const char *ids)
{
    char *header = forge_text("{\"alg\":\"RS256\",\"kid\":\"%s\"}", kid);
    char *payload = forge_text(
        "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"iat\":%d,"
        "\"jti\":\"j-1\",\"events\":{\"http://schemas.openid.net/event/"
        "backchannel-logout\":{}}%s}",
        NOW_S, ids);
    char *token = forge_token(pkey, "RS256", header, payload);
    char *text = forge_text("logout_token=%s", token);
    free(header);
    free(payload);
    free(token);
    return text;
}

static void
send_body(const char *text, const char *type)
{
    struct flow_request request = {
        .method = span_of("POST"),
        .path = span_of("/oauth2/backchannel_logout"),
        .target = span_of("/oauth2/backchannel_logout"),
        .content_type = span_of(type),
        .body = span_of(text),
    };
    send_request(&request, NOW_S);
}

/* Posts a token and brings the provider's documents. */
static void
post(const char *ids)
{
    holds_roster = true;
    free(body);
    body = body_of("k1", ids);
    send_body(body, FORM);
    while (last()->kind == FLOW_ACTION_FETCH) {
        if (last()->fetch.kind == FLOW_FETCH_DISCOVERY)
            answer_discovery();
        else
            answer_jwks();
    }
}

static void
ck_refused(int status)
{
    ck_assert_int_eq(last()->kind, FLOW_ACTION_REPLY);
    ck_assert_int_eq(last()->reply.status, status);
    ck_assert_str_eq(text_of(last()->reply.content_type), "application/json");
    ck_assert_str_eq(reply_header("Cache-Control"), "no-store");
    ck_assert_uint_eq(last()->reply.cookie_count, 0);
}

/* Two sessions of one user, in the same session there or not. */
static void
two_logins(const char *first, const char *second)
{
    for (int i = 0; i < 2; i++) {
        begin_login("");
        come_back("code=c0de");
        walk_to_token();
        answer_token("k1", i == 0 ? first : second);
        store_put(last());
        answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
        memset(jar, 0, sizeof(jar));
    }
    ck_assert_uint_eq(roster_count, 2);
}

static void
expect_end_of(size_t i)
{
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_DEL);
    ck_assert(!last()->is_background);
    ck_assert(span_equal(roster_field(last()->session.key), roster[i].field));
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_int_eq(actions->items[0].kind, FLOW_ACTION_INDEX_DEL);
    ck_assert(span_equal(actions->items[0].index.field, roster[i].field));
    ck_assert_str_eq(text_of(actions->items[0].index.key), roster_key_text);
}

static void
expect_done(void)
{
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_PUT);
    ck_assert(span_starts(last()->session.key, "azimuth:logout:"));
    ck_assert_int_eq(last()->session.mode, FLOW_PUT_NEW);
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 200);
    ck_assert_str_eq(reply_header("Cache-Control"), "no-store");
    ck_assert_int_eq(actions->outcome, FLOW_ENDED_BY_PROVIDER);
}

static void
expect_mark(void)
{
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
    ck_assert(span_starts(last()->session.key, "azimuth:logout:"));
    ck_assert_int_eq(last()->session.ttl_s, 0);
    answer(FLOW_EVENT_SESSION_MISSING, "", NOW_S);
}

START_TEST(flow_ends_the_sessions_of_one_session_there)
{
    two_logins(",\"sid\":\"s-1\"", ",\"sid\":\"s-2\"");
    post(",\"sub\":\"u-1\",\"sid\":\"s-2\"");
    expect_mark();
    ck_assert_str_eq(text_of(last()->index.key), roster_key_text);
    answer_index(roster, 2);
    expect_end_of(1);
    expect_done();
}
END_TEST

START_TEST(flow_ends_all_sessions_of_a_user)
{
    two_logins("", ",\"sid\":\"s-2\"");
    post(",\"sub\":\"u-1\"");
    expect_mark();
    answer_index(roster, 2);
    expect_end_of(0);
    expect_end_of(1);
    expect_done();
}
END_TEST

START_TEST(flow_finds_the_user_of_a_sid)
{
    two_logins(",\"sid\":\"s-1\"", ",\"sid\":\"s-1\"");
    post(",\"sid\":\"s-1\"");
    expect_mark();
    ck_assert_int_eq(last()->kind, FLOW_ACTION_INDEX_GET);
    ck_assert_str_eq(text_of(last()->index.key), sid_key_text);
    answer_index(&sid_entry, 1);
    ck_assert_str_eq(text_of(last()->index.key), roster_key_text);
    answer_index(roster, 2);
    expect_end_of(0);
    expect_end_of(1);
    expect_done();
}
END_TEST

/* A sid that nobody has, or whose key others wrote: nothing to end. */
START_TEST(flow_is_content_when_there_is_nothing_to_end)
{
    struct flow_entry bad = { span_of("user"), span_of("azimuth:session:x") };
    post(",\"sid\":\"s-1\"");
    expect_mark();
    answer_index(NULL, 0);
    expect_done();
    post(",\"sid\":\"s-1\"");
    expect_mark();
    answer_index(&bad, 1);
    expect_done();
    char far[200] = "azimuth:user:";
    memset(far + 13, 'x', sizeof(far) - 13);
    bad.value = (struct span){ far, sizeof(far) };
    post(",\"sid\":\"s-1\"");
    expect_mark();
    answer_index(&bad, 1);
    expect_done();
    post(",\"sub\":\"nobody\"");
    expect_mark();
    answer_index(NULL, 0);
    expect_done();
}
END_TEST

/* An entry that does not open belongs to the user, but to no sid. */
START_TEST(flow_ends_what_does_not_open_with_all_alone)
{
    two_logins("", "");
    struct flow_entry bad[2] = { roster[0], roster[1] };
    bad[0].value = span_of("short");
    post(",\"sub\":\"u-1\",\"sid\":\"s-1\"");
    expect_mark();
    answer_index(bad, 2);
    expect_end_of(1); /* it has no sid */
    expect_done();
    post(",\"sid\":\"s-1\"");
    expect_mark();
    const struct flow_entry user = { span_of("user"),
                                     span_of(roster_key_text) };
    answer_index(&user, 1);
    answer_index(bad, 2);
    expect_done();
    post(",\"sub\":\"u-1\"");
    expect_mark();
    answer_index(bad, 2);
    expect_end_of(0);
    expect_end_of(1);
    expect_done();
}
END_TEST

START_TEST(flow_takes_a_logout_token_once)
{
    post(",\"sub\":\"u-1\"");
    stored_size = 1;
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_refused(400);
    ck_assert_ptr_nonnull(strstr(text_of(last()->reply.body), "used before"));
    /* two copies at the same time did the same */
    post(",\"sub\":\"u-1\"");
    expect_mark();
    answer_index(NULL, 0);
    answer(FLOW_EVENT_SESSION_CONFLICT, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 200);
}
END_TEST

START_TEST(flow_refuses_improper_logout_requests)
{
    static const char *const bodies[] = {
        "",
        "logout_token=",
        "logout_token=x",
        "token=x",
        "=",
        "logout_token=%0",
        "logout_token=a.b.c&logout_token=a.b.c",
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        send_body(bodies[i], FORM);
        ck_refused(400);
    }
    body = body_of("k1", ",\"sub\":\"u-1\"");
    send_body(body, "application/json");
    ck_refused(400);
    struct flow_request request = browser("/oauth2/backchannel_logout", "");
    send_request(&request, NOW_S);
    ck_refused(405);
    ck_assert_str_eq(reply_header("Allow"), "POST");
    request.method = span_of("POST");
    request.is_body_refused = true;
    send_request(&request, NOW_S);
    ck_refused(413);
    post(""); /* neither sub nor sid */
    ck_refused(400);
    ck_assert_int_eq(actions->cause->code, OAUTH_ELOGOUT);
}
END_TEST

START_TEST(flow_says_503_when_a_logout_cannot_be_done)
{
    send_body("", FORM);
    free(body);
    body = body_of("k1", ",\"sub\":\"u-1\"");
    send_body(body, FORM);
    answer(FLOW_EVENT_FETCH_FAILED, "refused", NOW_S);
    ck_refused(503);
    post(",\"sub\":\"u-1\"");
    answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
    ck_refused(503);
    post(",\"sid\":\"s-1\"");
    expect_mark();
    answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
    ck_refused(503);
    post(",\"sub\":\"u-1\"");
    expect_mark();
    answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
    ck_refused(503);
    post(",\"sub\":\"u-1\"");
    expect_mark();
    answer_index(NULL, 0);
    answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
    ck_refused(503);
    holds_roster = false;
    two_logins("", "");
    post(",\"sub\":\"u-1\"");
    expect_mark();
    answer_index(roster, 2);
    expect_end_of(0);
    answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
    ck_refused(503);
    ck_assert_int_eq(actions->items[0].kind, FLOW_ACTION_REPLY);
}
END_TEST

START_TEST(flow_fetches_keys_once_more_for_a_logout)
{
    post(",\"sub\":\"u-1\"");
    free(body);
    body = body_of("k2", ",\"sub\":\"u-1\"");
    send_body(body, FORM);
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_JWKS);
    char *jwks = forge_jwks(pkey, "k2");
    answer(FLOW_EVENT_FETCHED, jwks, NOW_S);
    free(jwks);
    expect_mark();
    free(body);
    body = body_of("k3", ",\"sub\":\"u-1\"");
    send_body(body, FORM);
    jwks = forge_jwks(pkey, "k2");
    answer(FLOW_EVENT_FETCHED, jwks, NOW_S);
    free(jwks);
    ck_refused(400);
    send_body(body, FORM); /* just looked for in vain */
    ck_refused(400);
}
END_TEST

START_TEST(flow_gives_up_on_a_kid_that_stays_unknown)
{
    post(",\"sub\":\"u-1\"");
    free(body);
    body = body_of("k2", ",\"sub\":\"u-1\"");
    send_body(body, FORM);
    answer_jwks(); /* the same again */
    ck_refused(400);
}
END_TEST

START_TEST(flow_says_503_when_the_new_keys_do_not_come)
{
    post(",\"sub\":\"u-1\"");
    free(body);
    body = body_of("k2", ",\"sub\":\"u-1\"");
    send_body(body, FORM);
    if (_i == 0)
        answer(FLOW_EVENT_FETCH_FAILED, "refused", NOW_S);
    else
        answer_status(500, "");
    ck_refused(503);
}
END_TEST

START_TEST(flow_asks_for_bodies_of_forms_alone)
{
    ck_assert_uint_eq(flow_body_size_max(span_of("POST"),
                                         span_of("/oauth2/backchannel_logout")),
                      FLOW_BODY_SIZE_MAX);
    ck_assert_uint_eq(
        flow_body_size_max(span_of("POST"), span_of("/oauth2/sessions")),
        FLOW_BODY_SIZE_MAX);
    ck_assert_uint_eq(
        flow_body_size_max(span_of("GET"), span_of("/oauth2/sessions")), 0);
    ck_assert_uint_eq(
        flow_body_size_max(span_of("POST"), span_of("/oauth2/sign_out")), 0);
    ck_assert_uint_eq(
        flow_body_size_max(span_of("POST"), span_of("/collections")), 0);
}
END_TEST

/* ---- front-channel ------------------------------------------------------ */

#define FRONT_QUERY "iss=https%%3A%%2F%%2Fidp.test%%2Frealms%%2Fr&sid=%s"

static void
get_front(const char *sid)
{
    char *query = forge_text(FRONT_QUERY, sid);
    get("/oauth2/frontchannel_logout", query);
    free(query);
}

static void
log_in_with_sid(void)
{
    config.has_front_logout = true;
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k1", ",\"sid\":\"s-1\"");
    store_put(last());
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
}

START_TEST(flow_ends_the_session_of_the_frames_browser)
{
    log_in_with_sid();
    get_front("s-1");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    expect_end_of(0);
    ck_assert_int_eq(last()->reply.status, 200);
    ck_assert_ptr_nonnull(strstr(reply_header("Content-Security-Policy"),
                                 "frame-ancestors https://idp.test"));
    ck_assert_int_eq(actions->outcome, FLOW_ENDED_BY_PROVIDER);
    ck_assert_str_eq(jar[0], "");
}
END_TEST

START_TEST(flow_leaves_the_session_that_a_frame_does_not_name)
{
    log_in_with_sid();
    get_front("s-2");
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 200);
    ck_assert_str_ne(jar[0], "");
    get_front("s-1");
    answer(FLOW_EVENT_SESSION_MISSING, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 200);
    get_front("s-1");
    answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_str_ne(jar[0], "");
    get("/oauth2/frontchannel_logout", "iss=https://idp.test/&sid=s-1");
    ck_assert_int_eq(last()->reply.status, 400);
    get("/oauth2/frontchannel_logout", "sid=s-1");
    ck_assert_int_eq(last()->reply.status, 400);
    get_front("");
    ck_assert_int_eq(last()->reply.status, 400);
    jar[0][0] = '\0';
    get_front("s-1");
    ck_assert_int_eq(last()->reply.status, 200);
    config.has_front_logout = false;
    get_front("s-1");
    ck_assert_int_eq(last()->reply.status, 404);
}
END_TEST

static void
teardown(void)
{
    free(body);
    body = NULL;
    visit_teardown();
}

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_logout");
    TCase *tcase = tcase_create("flow_logout");
    tcase_add_checked_fixture(tcase, visit_setup, teardown);
    tcase_add_test(tcase, flow_ends_the_sessions_of_one_session_there);
    tcase_add_test(tcase, flow_ends_all_sessions_of_a_user);
    tcase_add_test(tcase, flow_finds_the_user_of_a_sid);
    tcase_add_test(tcase, flow_is_content_when_there_is_nothing_to_end);
    tcase_add_test(tcase, flow_ends_what_does_not_open_with_all_alone);
    tcase_add_test(tcase, flow_takes_a_logout_token_once);
    tcase_add_test(tcase, flow_refuses_improper_logout_requests);
    tcase_add_test(tcase, flow_says_503_when_a_logout_cannot_be_done);
    tcase_add_test(tcase, flow_fetches_keys_once_more_for_a_logout);
    tcase_add_test(tcase, flow_gives_up_on_a_kid_that_stays_unknown);
    tcase_add_loop_test(tcase, flow_says_503_when_the_new_keys_do_not_come, 0,
                        2);
    tcase_add_test(tcase, flow_asks_for_bodies_of_forms_alone);
    tcase_add_test(tcase, flow_ends_the_session_of_the_frames_browser);
    tcase_add_test(tcase, flow_leaves_the_session_that_a_frame_does_not_name);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
