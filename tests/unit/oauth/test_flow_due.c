/* SPDX-License-Identifier: Apache-2.0
 * When a request asks for a refresh, and what it does with the end of it. */
#include "tests/unit/oauth/job.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

START_TEST(refresh_is_asked_for_in_the_background_from_80_percent_on)
{
    log_in("");
    job_visit(DUE_S - 1);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
    ck_assert_uint_eq(actions->count, 1);
    ck_assert_int_eq(actions->fresh_until_s, DUE_S);
    job_visit(DUE_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
    ck_assert_uint_eq(actions->count, 2);
    ck_assert_int_eq(actions->items[0].kind, FLOW_ACTION_REFRESH);
    ck_assert(actions->items[0].is_background);
    ck_assert_int_eq(actions->fresh_until_s, OVER_S);
    config.refresh_at = 50;
    job_visit(NOW_S + 149);
    ck_assert_uint_eq(actions->count, 1);
    job_visit(NOW_S + 150);
    ck_assert_uint_eq(actions->count, 2);
}
END_TEST

START_TEST(refresh_comes_first_once_the_token_is_over)
{
    log_in("");
    job_visit(OVER_S);
    ck_assert_uint_eq(actions->count, 1);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_REFRESH);
    ck_assert_int_eq(actions->outcome, FLOW_WAITING);
    ck_assert_int_eq(actions->fresh_until_s, 0);
    struct flow_event event = { .kind = FLOW_EVENT_REFRESHED, .now_s = OVER_S };
    actions = flow_step(flow, &event);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
    ck_assert_int_eq(last()->session.ttl_s, 0);
    answer(FLOW_EVENT_SESSION_FOUND, "", OVER_S); /* it failed: as it is */
    ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
    ck_assert_uint_eq(actions->count, 1);
}
END_TEST

START_TEST(refresh_of_auth_and_userinfo_comes_first_too)
{
    static const char *const paths[] = { "/oauth2/auth", "/oauth2/userinfo" };
    log_in("");
    for (size_t i = 0; i < 2; i++) {
        struct flow_request request = browser(paths[i], "");
        send_request(&request, OVER_S);
        answer(FLOW_EVENT_SESSION_FOUND, "", OVER_S);
        ck_assert_int_eq(last()->kind, FLOW_ACTION_REFRESH);
        struct flow_event event = { .kind = FLOW_EVENT_REFRESHED,
                                    .now_s = OVER_S };
        actions = flow_step(flow, &event);
        ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
        answer(FLOW_EVENT_SESSION_FOUND, "", OVER_S);
        ck_assert_int_eq(last()->reply.status, i == 0 ? 202 : 200);
    }
}
END_TEST

/* What the request finds when it looks again. */
START_TEST(refresh_is_followed_by_a_new_look)
{
    static const struct {
        enum flow_event_kind found;
        int status;
    } rows[] = {
        { FLOW_EVENT_SESSION_MISSING, 302 },
        { FLOW_EVENT_SESSION_FAILED, 503 },
    };
    for (size_t i = 0; i < 2; i++) {
        log_in("");
        job_visit(OVER_S);
        struct flow_event event = { .kind = FLOW_EVENT_REFRESHED,
                                    .now_s = OVER_S };
        actions = flow_step(flow, &event);
        answer(rows[i].found, "refused", OVER_S);
        ck_assert_int_eq(last()->reply.status, rows[i].status);
    }
}
END_TEST

START_TEST(refresh_can_be_required)
{
    config.refresh = FLOW_REFRESH_REQUIRED;
    log_in("");
    job_visit(OVER_S - 1);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
    ck_assert_int_eq(actions->fresh_until_s, OVER_S);
    job_visit(OVER_S);
    struct flow_event event = { .kind = FLOW_EVENT_REFRESHED, .now_s = OVER_S };
    actions = flow_step(flow, &event);
    answer(FLOW_EVENT_SESSION_FOUND, "", OVER_S);
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_int_eq(actions->outcome, FLOW_PROVIDER_DOWN);
}
END_TEST

/* A login whose token answer is `body`, with %s for the ID token. */
static void
log_in_with(const char *format)
{
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    job_now_s = NOW_S;
    char *more = forge_text(WELL "\"nonce\":\"%s\",", nonce);
    char *token = job_id_token("RS256", "k1", more);
    char *body = forge_text("{\"token_type\":\"Bearer\",\"access_token\":\"a\""
                            "%s,\"id_token\":\"%s\"}",
                            format, token);
    answer(FLOW_EVENT_FETCHED, body, NOW_S);
    store_put(last());
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    free(more);
    free(token);
    free(body);
}

START_TEST(refresh_needs_a_refresh_token)
{
    log_in_with(",\"expires_in\":300");
    job_visit(OVER_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
    ck_assert_uint_eq(actions->count, 1);
    ck_assert_int_eq(actions->fresh_until_s, 0);
    config.refresh = FLOW_REFRESH_REQUIRED;
    job_visit(OVER_S);
    ck_assert_int_eq(last()->reply.status, 302); /* a new login */
    log_in_with("");
    job_visit(OVER_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
    ck_assert_uint_eq(actions->count, 1);
}
END_TEST

/* A session that is never due would outlive its user at the provider. */
START_TEST(refresh_comes_after_five_minutes_when_no_end_is_said)
{
    static const char *const answers[] = {
        ",\"refresh_token\":\"r1\"",
        ",\"refresh_token\":\"r1\",\"expires_in\":0",
    };
    for (size_t i = 0; i < 2; i++) {
        log_in_with(answers[i]);
        job_visit(NOW_S + 239);
        ck_assert_uint_eq(actions->count, 1);
        job_visit(NOW_S + 240);
        ck_assert_int_eq(actions->items[0].kind, FLOW_ACTION_REFRESH);
        job_visit(NOW_S + 300);
        ck_assert_int_eq(last()->kind, FLOW_ACTION_REFRESH);
    }
}
END_TEST

START_TEST(refresh_can_be_off)
{
    config.refresh = FLOW_REFRESH_OFF;
    log_in("");
    job_visit(OVER_S + 1000);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
    ck_assert_uint_eq(actions->count, 1);
    ck_assert_int_eq(actions->fresh_until_s, 0);
}
END_TEST

/* T49: an hour back and an hour forth. */
START_TEST(refresh_sets_the_times_right_after_the_clock_was_set)
{
    log_in("");
    job_visit(NOW_S - 60); /* clocks of two hosts may differ so far */
    ck_assert_uint_eq(actions->count, 1);
    job_visit(NOW_S - 3600);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
    ck_assert_int_eq(actions->items[0].kind, FLOW_ACTION_REFRESH);
    job_begin();
    job_tell(FLOW_EVENT_SESSION_DONE, "");
    job_tell_record();
    job_tell_documents();
    job_tell_tokens("RS256", "k1", WELL);
    struct session session = job_kept();
    ck_assert_int_eq(session.refreshed_s, NOW_S - 3600);
    ck_assert_int_eq(session.access_expires_s, NOW_S - 3000);
    job_visit(NOW_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_REFRESH);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_due");
    TCase *tcase = tcase_create("flow_due");
    tcase_add_checked_fixture(tcase, job_setup, job_teardown);
    tcase_add_test(tcase,
                   refresh_is_asked_for_in_the_background_from_80_percent_on);
    tcase_add_test(tcase, refresh_comes_first_once_the_token_is_over);
    tcase_add_test(tcase, refresh_of_auth_and_userinfo_comes_first_too);
    tcase_add_test(tcase, refresh_is_followed_by_a_new_look);
    tcase_add_test(tcase, refresh_can_be_required);
    tcase_add_test(tcase, refresh_needs_a_refresh_token);
    tcase_add_test(tcase, refresh_comes_after_five_minutes_when_no_end_is_said);
    tcase_add_test(tcase, refresh_can_be_off);
    tcase_add_test(tcase, refresh_sets_the_times_right_after_the_clock_was_set);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
