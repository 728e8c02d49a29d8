/* SPDX-License-Identifier: Apache-2.0
 * /oauth2/sessions and the sign-out everywhere: seen and ended by their user
 * alone. */
#include "tests/unit/oauth/visit.h"

#include "oauth/roster.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

/* Three sessions of one user; the jar has the last one. */
static void
three_logins(void)
{
    for (int i = 0; i < 3; i++) {
        memset(jar, 0, sizeof(jar));
        log_in("");
    }
    ck_assert_uint_eq(roster_count, 3);
    holds_roster = true;
}

static void
look(const char *mode)
{
    struct flow_request request = browser("/oauth2/sessions", "");
    request.sec_fetch_mode = span_of(mode);
    send_request(&request, NOW_S);
}

/* The list up to the last verdict; `alive` sessions of the others live. */
static void
walk_list(size_t alive)
{
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
    ck_assert_int_eq(last()->session.ttl_s, 1800);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_str_eq(text_of(last()->index.key), roster_key_text);
    answer_index(roster, 3);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
        ck_assert_int_eq(last()->session.ttl_s, 0);
        ck_assert_str_ne(text_of(last()->session.key), stored_key);
        answer(i < alive ? FLOW_EVENT_SESSION_FOUND
                         : FLOW_EVENT_SESSION_MISSING,
               "", NOW_S);
    }
}

/* The first token behind `name` in the JSON answer. */
static void
take_token(const char *name, char ret_form[64])
{
    const char *text = text_of(last()->reply.body);
    const char *at = strstr(text, name);
    ck_assert_ptr_nonnull(at);
    memcpy(ret_form, "end=", 4);
    memcpy(ret_form + 4, at + strlen(name), 23);
    ck_assert_int_eq(at[strlen(name) + 23], '"');
    ret_form[27] = '\0';
}

static void
post(const char *form, const char *site)
{
    struct flow_request request = browser("/oauth2/sessions", "");
    request.method = span_of("POST");
    request.sec_fetch_site = span_of(site);
    request.body = span_of(form);
    send_request(&request, NOW_S);
}

static void
walk_post(void)
{
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    answer_index(roster, 3);
}

static size_t
walk_ends(void)
{
    size_t count = 0;
    for (; last()->kind == FLOW_ACTION_SESSION_DEL; count++) {
        ck_assert_str_ne(text_of(last()->session.key), stored_key);
        answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
        ck_assert_int_eq(actions->items[0].kind, FLOW_ACTION_INDEX_DEL);
    }
    return count;
}

START_TEST(flow_shows_a_user_the_sessions)
{
    three_logins();
    look("navigate");
    walk_list(2);
    ck_assert_int_eq(actions->outcome, FLOW_ALLOWED);
    const char *text = text_of(last()->reply.body);
    ck_assert_ptr_nonnull(strstr(text, "with 3 sessions"));
    ck_assert_ptr_nonnull(strstr(text, "This browser"));
    ck_assert_ptr_nonnull(strstr(text, "End all other sessions"));
    for (size_t i = 0; i < 3; i++)
        ck_assert_ptr_null(strstr(text, text_of(roster[i].field)));
    ck_assert_ptr_nonnull(strstr(reply_header("Content-Security-Policy"),
                                 "frame-ancestors 'none'"));
}
END_TEST

START_TEST(flow_forgets_entries_whose_session_is_gone)
{
    three_logins();
    look("cors");
    walk_list(1);
    ck_assert_uint_eq(actions->count, 2);
    ck_assert_int_eq(actions->items[0].kind, FLOW_ACTION_INDEX_DEL);
    ck_assert_str_eq(text_of(last()->reply.content_type), "application/json");
    const char *text = text_of(last()->reply.body);
    ck_assert_ptr_nonnull(strstr(text, "\"this\":true"));
    ck_assert_ptr_nonnull(strstr(text, "\"end\":"));
    look("cors");
    walk_list(0);
    ck_assert_ptr_null(strstr(text_of(last()->reply.body), "\"end\":"));
    ck_assert_ptr_null(strstr(text_of(last()->reply.body), "end_others"));
}
END_TEST

/* A session from before there was a list sees itself. */
START_TEST(flow_shows_a_session_that_no_list_has)
{
    three_logins();
    look("cors");
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    answer_index(NULL, 0);
    ck_assert_ptr_nonnull(strstr(text_of(last()->reply.body), "\"this\":true"));
}
END_TEST

START_TEST(flow_ends_the_session_of_a_form)
{
    char form[64];
    three_logins();
    look("cors");
    walk_list(2);
    take_token("\"end\":\"", form);
    post(form, "same-origin");
    walk_post();
    ck_assert_uint_eq(walk_ends(), 1);
    ck_assert_int_eq(last()->reply.status, 302);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/oauth2/sessions");
    ck_assert_int_eq(actions->outcome, FLOW_SESSIONS_ENDED);
    ck_assert_str_ne(jar[0], "");
}
END_TEST

START_TEST(flow_ends_all_other_sessions)
{
    char form[64];
    three_logins();
    look("cors");
    walk_list(2);
    take_token("\"end_others\":\"", form);
    struct flow_request request = browser("/oauth2/sessions", "");
    request.method = span_of("POST");
    request.sec_fetch_mode = span_of("cors");
    request.body = span_of(form);
    send_request(&request, NOW_S);
    walk_post();
    ck_assert_uint_eq(walk_ends(), 2);
    ck_assert_str_eq(text_of(last()->reply.body), "{\"ended\":2}\n");
    /* again: nothing is left, which is what was asked for */
    send_request(&request, NOW_S);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    answer_index(NULL, 0);
    ck_assert_str_eq(text_of(last()->reply.body), "{\"ended\":0}\n");
}
END_TEST

/* T18, T33: no form of another site, of another session, or of nobody. */
START_TEST(flow_refuses_forms_that_are_not_its_own)
{
    static const char *const bad[] = {
        "",
        "end=",
        "end=x",
        "end=%zz",
        "end=AAAAAAAAAAAAAAAAAAAAAAA",
        "go=1",
        "end=1&end=2",
        "end=AAAAAAAAAAAAAAAAAAAAAAAA",
    };
    char form[64];
    three_logins();
    look("cors");
    walk_list(2);
    take_token("\"end\":\"", form);
    post(form, "cross-site");
    ck_assert_int_eq(last()->reply.status, 403);
    post(form, "same-site");
    ck_assert_int_eq(last()->reply.status, 403);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        post(bad[i], "same-origin");
        if (last()->kind != FLOW_ACTION_REPLY)
            walk_post();
        ck_assert_int_eq(last()->reply.status, 403);
    }
    struct flow_request request = browser("/oauth2/sessions", "");
    request.method = span_of("POST");
    request.is_body_refused = true;
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 413);
    holds_roster = false;
    log_in(""); /* the next session of the same user */
    holds_roster = true;
    post(form, "same-origin");
    walk_post();
    ck_assert_int_eq(last()->reply.status, 403);
}
END_TEST

START_TEST(flow_has_no_list_without_a_session)
{
    look("navigate");
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/oauth2/start");
    look("cors");
    ck_assert_int_eq(last()->reply.status, 401);
    three_logins();
    look("navigate");
    answer(FLOW_EVENT_SESSION_MISSING, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 302);
    ck_assert_str_eq(jar[0], "");
    holds_roster = false;
    log_in("");
    stored[20] ^= 1;
    look("cors");
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 401);
    struct flow_request request = browser("/oauth2/sessions", "");
    request.method = span_of("PUT");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 405);
    ck_assert_str_eq(reply_header("Allow"), "GET, HEAD, POST");
}
END_TEST

START_TEST(flow_says_503_when_the_list_cannot_be_read)
{
    three_logins();
    for (int fails_at = 0; fails_at < 3; fails_at++) {
        look("navigate");
        if (fails_at > 0)
            answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
        if (fails_at > 1)
            answer_index(roster, 3);
        answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
        ck_assert_int_eq(last()->reply.status, 503);
        ck_assert_str_ne(jar[0], "");
    }
}
END_TEST

/* ---- everywhere --------------------------------------------------------- */

static void
leave(const char *method)
{
    struct flow_request request = browser("/oauth2/sign_out", "everywhere=1");
    request.method = span_of(method);
    send_request(&request, NOW_S);
}

START_TEST(flow_signs_out_everywhere)
{
    three_logins();
    leave("POST");
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_str_eq(text_of(last()->index.key), roster_key_text);
    answer_index(roster, 2); /* without ourselves: we end, too */
    size_t own_count = 0;
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_DEL);
        own_count += span_equal_text(last()->session.key, stored_key);
        answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    }
    ck_assert_uint_eq(own_count, 1);
    ck_assert_int_eq(last()->reply.status, 200);
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.body), "http-equiv=\"refresh\""));
    ck_assert_int_eq(actions->outcome, FLOW_SIGNED_OUT);
    ck_assert_str_eq(jar[0], "");
}
END_TEST

/* What asks for more than one browser must not end as a sign-out of one. */
START_TEST(flow_reads_everywhere_like_any_parameter)
{
    static const char *const bad[] = { "everywhere=yes", "everywhere",
                                       "everywhere=1&everywhere=0",
                                       "everywhere=1%00" };
    three_logins();
    struct flow_request request = browser("/oauth2/sign_out", "");
    request.method = span_of("POST");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        request.query = span_of(bad[i]);
        send_request(&request, NOW_S);
        ck_assert_int_eq(last()->reply.status, 400);
        ck_assert_str_ne(jar[0], "");
    }
    request.query = span_of("x=y&everywhere=1");
    send_request(&request, NOW_S);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_INDEX_GET);
}
END_TEST

START_TEST(flow_signs_out_everywhere_for_a_known_user_by_post)
{
    leave("POST");
    ck_assert_int_eq(last()->reply.status, 401);
    three_logins();
    leave("GET");
    ck_assert_int_eq(last()->reply.status, 405);
    ck_assert_str_ne(jar[0], "");
    leave("POST");
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    holds_roster = false;
    log_in("");
    holds_roster = true;
    leave("POST");
    answer(FLOW_EVENT_SESSION_MISSING, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 401);
    ck_assert_str_eq(jar[0], "");
    holds_roster = false;
    log_in("");
    stored[20] ^= 1;
    leave("POST");
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_DEL);
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 401);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_sessions");
    TCase *tcase = tcase_create("flow_sessions");
    tcase_add_checked_fixture(tcase, visit_setup, visit_teardown);
    tcase_add_test(tcase, flow_shows_a_user_the_sessions);
    tcase_add_test(tcase, flow_forgets_entries_whose_session_is_gone);
    tcase_add_test(tcase, flow_shows_a_session_that_no_list_has);
    tcase_add_test(tcase, flow_ends_the_session_of_a_form);
    tcase_add_test(tcase, flow_ends_all_other_sessions);
    tcase_add_test(tcase, flow_refuses_forms_that_are_not_its_own);
    tcase_add_test(tcase, flow_has_no_list_without_a_session);
    tcase_add_test(tcase, flow_says_503_when_the_list_cannot_be_read);
    tcase_add_test(tcase, flow_signs_out_everywhere);
    tcase_add_test(tcase, flow_reads_everywhere_like_any_parameter);
    tcase_add_test(tcase, flow_signs_out_everywhere_for_a_known_user_by_post);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
