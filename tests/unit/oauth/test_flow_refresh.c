/* SPDX-License-Identifier: Apache-2.0
 * The job up to the token endpoint: its lock, the record, the documents. */
#include "tests/unit/oauth/job.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

START_TEST(refresh_waits_while_another_does_it)
{
    log_in("");
    job_visit(OVER_S);
    job_begin();
    job_tell(FLOW_EVENT_SESSION_CONFLICT, "");
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
        job_check_lock(last());
        job_tell(FLOW_EVENT_SESSION_FOUND, LOCK_RUNNING);
        ck_assert_int_eq(last()->kind, FLOW_ACTION_WAIT);
        ck_assert_int_gt(last()->wait_ms, 0);
        job_tell(FLOW_EVENT_WAITED, "");
    }
    job_tell(FLOW_EVENT_SESSION_FOUND, LOCK_DONE);
    job_check_end(FLOW_REFRESH_NEEDLESS, NULL);
}
END_TEST

START_TEST(refresh_does_not_wait_for_ever)
{
    int64_t waited_ms = 0;
    log_in("");
    job_visit(OVER_S);
    job_begin();
    job_tell(FLOW_EVENT_SESSION_CONFLICT, "");
    for (;;) {
        job_tell(FLOW_EVENT_SESSION_FOUND, LOCK_RUNNING);
        if (last()->kind != FLOW_ACTION_WAIT)
            break;
        waited_ms += last()->wait_ms;
        ck_assert_int_lt(waited_ms, 10000);
        job_tell(FLOW_EVENT_WAITED, "");
    }
    ck_assert_int_ge(waited_ms, 4000);
    job_check_end(FLOW_REFRESH_FAILED, NULL);
}
END_TEST

START_TEST(refresh_keeps_the_pause_after_a_failure)
{
    log_in("");
    job_visit(OVER_S);
    job_begin();
    job_tell(FLOW_EVENT_SESSION_CONFLICT, "");
    job_tell(FLOW_EVENT_SESSION_FOUND, LOCK_FAILED);
    job_check_end(FLOW_REFRESH_FAILED, NULL);
    ck_assert_ptr_null(actions->cause); /* it was logged by who had it */
    job_visit(OVER_S);
    job_begin();
    job_tell(FLOW_EVENT_SESSION_CONFLICT, "");
    job_tell(FLOW_EVENT_SESSION_MISSING, "");
    job_check_end(FLOW_REFRESH_NEEDLESS, NULL);
}
END_TEST

/* The job came a moment after another one had ended. */
START_TEST(refresh_looks_again_under_the_lock)
{
    job_walk_to_token(OVER_S);
    job_tell_tokens("RS256", "k1", WELL);
    static char old[65536];
    size_t old_size = stored_size;
    memcpy(old, stored, stored_size);
    (void)job_kept();
    static char new[65536];
    size_t new_size = stored_size;
    memcpy(new, stored, stored_size);
    memcpy(stored, old, old_size);
    stored_size = old_size;
    job_visit(OVER_S);
    job_begin();
    job_tell(FLOW_EVENT_SESSION_DONE, "");
    memcpy(stored, new, new_size);
    stored_size = new_size;
    job_tell_record();
    job_check_end(FLOW_REFRESH_NEEDLESS, LOCK_DONE);
}
END_TEST

START_TEST(refresh_leaves_what_is_gone_or_forged_to_the_next_request)
{
    for (int i = 0; i < 3; i++) {
        log_in("");
        job_visit(OVER_S);
        job_begin();
        job_tell(FLOW_EVENT_SESSION_DONE, "");
        if (i == 0)
            job_tell(FLOW_EVENT_SESSION_MISSING, "");
        else if (i == 1)
            job_tell(FLOW_EVENT_SESSION_FOUND, "no record of ours");
        else {
            job_now_s = NOW_S + 28800;
            job_tell_record();
        }
        job_check_end(FLOW_REFRESH_NEEDLESS, LOCK_DONE);
        ck_assert_ptr_null(actions->cause);
    }
}
END_TEST

START_TEST(refresh_gives_up_while_the_store_is_down)
{
    for (int i = 0; i < 3; i++) {
        log_in("");
        job_visit(OVER_S);
        job_begin();
        if (i == 1)
            job_tell(FLOW_EVENT_SESSION_CONFLICT, "");
        if (i == 2)
            job_tell(FLOW_EVENT_SESSION_DONE, "");
        job_tell(FLOW_EVENT_SESSION_FAILED, "refused");
        job_check_end(FLOW_REFRESH_FAILED, i == 2 ? LOCK_FAILED : NULL);
        ck_assert_int_eq(actions->cause->code, OAUTH_ESTORE);
    }
}
END_TEST

START_TEST(refresh_sends_the_refresh_token_with_the_client)
{
    job_walk_to_token(DUE_S);
    const struct flow_fetch *fetch = &last()->fetch;
    ck_assert(fetch->is_post);
    ck_assert_str_eq(text_of(fetch->url), ISSUER "/token");
    ck_assert_str_eq(text_of(fetch->body),
                     "grant_type=refresh_token&refresh_token=r1");
    ck_assert_ptr_nonnull(
        header_of(fetch->headers, fetch->header_count, "Authorization"));
    config.client_secret = span_of("");
    job_walk_to_token(DUE_S);
    ck_assert_str_eq(text_of(last()->fetch.body),
                     "grant_type=refresh_token&refresh_token=r1"
                     "&client_id=" CLIENT);
}
END_TEST

/* A provider that was not asked for a while; a job that nobody waits for. */
START_TEST(refresh_fetches_the_documents_first)
{
    int64_t later_s = NOW_S + 25 * 3600;
    config.lifetime_s = 48 * 3600;
    log_in("");
    job_visit(later_s);
    job_begin();
    job_tell(FLOW_EVENT_SESSION_DONE, "");
    job_tell_record();
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_DISCOVERY);
    job_tell(FLOW_EVENT_FETCHED,
             "{\"issuer\":\"" ISSUER "\","
             "\"authorization_endpoint\":\"" ISSUER "/auth\","
             "\"token_endpoint\":\"" ISSUER "/token\","
             "\"jwks_uri\":\"" ISSUER "/certs\"}");
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_JWKS);
    char *jwks = forge_jwks(pkey, "k1");
    job_tell(FLOW_EVENT_FETCHED, jwks);
    free(jwks);
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_TOKEN);
}
END_TEST

START_TEST(refresh_fails_when_nothing_is_known_of_the_provider)
{
    for (int i = 0; i < 2; i++) {
        log_in("");
        job_new_provider();
        job_visit(OVER_S);
        job_begin();
        job_tell(FLOW_EVENT_SESSION_DONE, "");
        job_tell_record();
        if (i == 1)
            answer_discovery();
        job_tell(FLOW_EVENT_FETCH_FAILED, "refused");
        job_check_end(FLOW_REFRESH_FAILED, LOCK_FAILED);
        ck_assert_int_eq(actions->cause->code, OAUTH_EPROVIDER);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_refresh");
    TCase *tcase = tcase_create("flow_refresh");
    tcase_add_checked_fixture(tcase, job_setup, job_teardown);
    tcase_add_test(tcase, refresh_waits_while_another_does_it);
    tcase_add_test(tcase, refresh_does_not_wait_for_ever);
    tcase_add_test(tcase, refresh_keeps_the_pause_after_a_failure);
    tcase_add_test(tcase, refresh_looks_again_under_the_lock);
    tcase_add_test(tcase,
                   refresh_leaves_what_is_gone_or_forged_to_the_next_request);
    tcase_add_test(tcase, refresh_gives_up_while_the_store_is_down);
    tcase_add_test(tcase, refresh_sends_the_refresh_token_with_the_client);
    tcase_add_test(tcase, refresh_fetches_the_documents_first);
    tcase_add_test(tcase, refresh_fails_when_nothing_is_known_of_the_provider);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
