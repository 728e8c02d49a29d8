/* SPDX-License-Identifier: Apache-2.0
 * What the token endpoint answers to a job, and what is written of it. */
#include "tests/unit/oauth/job.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

START_TEST(refresh_replaces_what_is_new_and_keeps_what_is_ours)
{
    job_walk_to_token(DUE_S);
    job_tell_tokens("RS256", "k1",
                    WELL "\"preferred_username\":\"zora\",\"sid\":\"s\","
                         "\"realm_access\":{\"roles\":[\"reader\"]},");
    ck_assert_int_eq(last()->session.ttl_s, 0); /* it is no use of it */
    struct session session = job_kept();
    ck_assert(span_equal_text(session.sub, "u-1"));
    ck_assert(span_equal_text(session.preferred_username, "zora"));
    ck_assert(span_equal_text(session.email, "z@x.test"));
    ck_assert(span_equal_text(session.roles, "reader"));
    ck_assert(span_equal_text(session.groups, "")); /* taken away */
    ck_assert(span_equal_text(session.refresh_token, "r2"));
    ck_assert_int_eq(session.created_s, NOW_S);
    ck_assert_int_eq(session.expires_s, NOW_S + 28800);
    ck_assert_int_eq(session.refreshed_s, DUE_S);
    ck_assert_int_eq(session.access_expires_s, DUE_S + 600);
    ck_assert_int_eq(session.serial, 1);
    ck_assert(span_equal_text(session.nonce, nonce));
    job_tell(FLOW_EVENT_SESSION_DONE, "");
    job_check_end(FLOW_REFRESHED, LOCK_DONE);
    ck_assert_ptr_null(actions->cause);
    ck_assert_ptr_nonnull(actions->session);
    ck_assert_str_eq(text_of(actions->store_key), stored_key);
}
END_TEST

/* T39: no refresh token on refresh (the old one stays), no ID token. */
START_TEST(refresh_takes_an_answer_with_an_access_token_alone)
{
    job_walk_to_token(OVER_S);
    job_tell(FLOW_EVENT_FETCHED,
             "{\"token_type\":\"bearer\",\"access_token\":\"a2\"}");
    struct session session = job_kept();
    ck_assert(span_equal_text(session.refresh_token, "r1"));
    ck_assert(span_equal_text(session.roles, "admin"));
    ck_assert_int_eq(session.access_expires_s, OVER_S + 300);
    ck_assert_uint_gt(session.id_token.size, 0);
}
END_TEST

START_TEST(refresh_ends_the_session_when_the_provider_says_so)
{
    job_walk_to_token(OVER_S);
    job_tell_status(400, "{\"error\":\"invalid_grant\","
                         "\"error_description\":\"User disabled\"}");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_DEL);
    ck_assert_str_eq(text_of(last()->session.key), stored_key);
    job_tell(FLOW_EVENT_SESSION_DONE, "");
    job_check_end(FLOW_REFRESH_ENDED, LOCK_DONE);
    ck_assert_ptr_nonnull(strstr(actions->cause->text, "User disabled"));
    /* and is in the list of the user's sessions no more */
    ck_assert_uint_eq(actions->count, 3);
    ck_assert_int_eq(actions->items[0].kind, FLOW_ACTION_INDEX_DEL);
    ck_assert(actions->items[0].is_background);
    ck_assert(span_equal(actions->items[0].index.field,
                         span_of(stored_key + strlen("azimuth:session:"))));
    job_walk_to_token(OVER_S);
    job_tell_status(400, "{\"error\":\"invalid_grant\"}");
    job_tell(FLOW_EVENT_SESSION_FAILED, "refused");
    job_check_end(FLOW_REFRESH_FAILED, LOCK_FAILED);
}
END_TEST

/* T13 */
START_TEST(refresh_ends_the_session_for_an_id_token_of_another)
{
    static const struct {
        const char *alg;
        const char *claims;
    } rows[] = {
        { "none", WELL },
        { "RS256", "\"iss\":\"" ISSUER "\",\"sub\":\"u-2\"," },
        { "RS256", "\"iss\":\"https://evil.test\",\"sub\":\"u-1\"," },
        { "RS256", WELL "\"nonce\":\"another\"," },
        { "RS256", WELL "\"nonce\":7," },
        { "RS256", WELL "\"typ\":\"Refresh\"," },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        job_walk_to_token(OVER_S);
        job_tell_tokens(rows[i].alg, "k1", rows[i].claims);
        ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_DEL);
        job_tell(FLOW_EVENT_SESSION_DONE, "");
        job_check_end(FLOW_REFRESH_ENDED, LOCK_DONE);
        ck_assert_int_eq(actions->cause->code, OAUTH_ETOKEN);
    }
    job_walk_to_token(OVER_S);
    char *same = forge_text(WELL "\"nonce\":\"%s\",", nonce);
    job_tell_tokens("RS256", "k1", same);
    free(same);
    (void)job_kept();
}
END_TEST

/* T39: the session is not touched, and nobody tries again at once. */
START_TEST(refresh_fails_without_harm)
{
    static const struct {
        int status;
        const char *body;
    } rows[] = {
        { 500, "oops" },
        { 503, "" },
        { 429, "" },
        { 200, "<html>" },
        { 204, "" },
        { 302, "" },
        { 401, "{\"error\":\"invalid_client\"}" },
        { 400, "{\"error\":\"unauthorized_client\"}" },
        { 200, "{\"access_token\":\"a\"}" },
        { 200, "{\"token_type\":\"mac\",\"access_token\":\"a\"}" },
        { 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\","
               "\"expires_in\":-1}" },
        { 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\","
               "\"expires_in\":\"3600\"}" },
        { 200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\","
               "\"expires_in\":1e18}" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        job_walk_to_token(OVER_S);
        job_tell_status(rows[i].status, rows[i].body);
        job_check_end(FLOW_REFRESH_FAILED, LOCK_FAILED);
        ck_assert_int_eq(actions->items[0].session.ttl_s, 6);
        ck_assert_ptr_nonnull(actions->cause);
    }
    job_walk_to_token(OVER_S);
    job_tell(FLOW_EVENT_FETCH_FAILED, "timeout");
    job_check_end(FLOW_REFRESH_FAILED, LOCK_FAILED);
}
END_TEST

START_TEST(refresh_fetches_the_keys_once_more_for_an_unknown_kid)
{
    job_walk_to_token(OVER_S);
    job_tell_tokens("RS256", "k2", WELL);
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_JWKS);
    char *jwks = forge_jwks(pkey, "k2");
    job_tell(FLOW_EVENT_FETCHED, jwks);
    free(jwks);
    (void)job_kept();
    job_tell(FLOW_EVENT_SESSION_DONE, "");
    job_check_end(FLOW_REFRESHED, LOCK_DONE);
}
END_TEST

/* Who the tokens are about cannot be told now. The old refresh token is spent
 * at a provider that rotates: the new one is kept, and nothing else. */
static void
check_unproven(void)
{
    struct session session = job_kept();
    ck_assert(span_equal_text(session.refresh_token, "r2"));
    ck_assert(span_equal_text(session.roles, "admin"));
    ck_assert_int_eq(session.access_expires_s, OVER_S);
    ck_assert_int_eq(session.refreshed_s, NOW_S);
    job_tell(FLOW_EVENT_SESSION_DONE, "");
    job_check_end(FLOW_REFRESH_FAILED, LOCK_FAILED);
    ck_assert_ptr_nonnull(actions->cause);
}

START_TEST(refresh_keeps_the_new_token_when_no_key_fits)
{
    job_walk_to_token(OVER_S);
    job_tell_tokens("RS256", "k2", WELL);
    job_tell(FLOW_EVENT_FETCH_FAILED, "refused");
    check_unproven();
    job_walk_to_token(OVER_S);
    job_tell_tokens("RS256", "k3", WELL);
    char *jwks = forge_jwks(pkey, "k1");
    job_tell(FLOW_EVENT_FETCHED, jwks);
    free(jwks);
    check_unproven();
    job_walk_to_token(OVER_S);
    job_tell_tokens("RS256", "k3", WELL); /* just looked for in vain */
    check_unproven();
}
END_TEST

/* T49: the provider's clock and ours are an hour apart. */
START_TEST(refresh_keeps_the_new_token_when_the_clocks_disagree)
{
    job_walk_to_token(OVER_S);
    job_now_s = NOW_S + 7200;
    char *token = job_id_token("RS256", "k1", WELL);
    job_now_s = OVER_S;
    char *body =
        forge_text("{\"token_type\":\"Bearer\",\"access_token\":\"a2\","
                   "\"expires_in\":600,\"refresh_token\":\"r2\","
                   "\"id_token\":\"%s\"}",
                   token);
    job_tell(FLOW_EVENT_FETCHED, body);
    check_unproven();
    ck_assert_int_eq(actions->cause->code, OAUTH_ECLOCK);
    free(body);
    body = forge_text("{\"token_type\":\"Bearer\",\"access_token\":\"a2\","
                      "\"id_token\":\"%s\"}",
                      token);
    job_walk_to_token(OVER_S);
    job_tell(FLOW_EVENT_FETCHED, body); /* not rotated: nothing to be kept */
    job_check_end(FLOW_REFRESH_FAILED, LOCK_FAILED);
    free(body);
    free(token);
}
END_TEST

/* T45 */
START_TEST(refresh_does_not_revive_a_session)
{
    job_walk_to_token(OVER_S);
    job_tell_tokens("RS256", "k1", WELL);
    ck_assert_int_eq(last()->session.mode, FLOW_PUT_REPLACE);
    job_tell(FLOW_EVENT_SESSION_CONFLICT, "");
    job_check_end(FLOW_REFRESH_NEEDLESS, LOCK_DONE);
    ck_assert_ptr_null(actions->cause);
}
END_TEST

START_TEST(refresh_writes_again_until_the_store_is_back)
{
    int64_t waited_ms = 0;
    job_walk_to_token(OVER_S);
    job_tell_tokens("RS256", "k1", WELL);
    for (int i = 0; i < 3; i++) {
        job_tell(FLOW_EVENT_SESSION_FAILED, "timeout");
        ck_assert_int_eq(last()->kind, FLOW_ACTION_WAIT);
        job_tell(FLOW_EVENT_WAITED, "");
        ck_assert(span_equal_text(job_kept().refresh_token, "r2"));
    }
    job_tell(FLOW_EVENT_SESSION_DONE, "");
    job_check_end(FLOW_REFRESHED, LOCK_DONE);
    job_walk_to_token(NOW_S + 3000);
    job_tell_tokens("RS256", "k1", WELL);
    for (;;) {
        job_tell(FLOW_EVENT_SESSION_FAILED, "timeout");
        if (last()->kind != FLOW_ACTION_WAIT)
            break;
        waited_ms += last()->wait_ms;
        ck_assert_int_lt(waited_ms, 20000);
        job_tell(FLOW_EVENT_WAITED, "");
    }
    ck_assert_int_ge(waited_ms, 3000);
    job_check_end(FLOW_REFRESH_FAILED, LOCK_FAILED);
    ck_assert_int_eq(actions->cause->code, OAUTH_ESTORE);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_renew");
    TCase *tcase = tcase_create("flow_renew");
    tcase_add_checked_fixture(tcase, job_setup, job_teardown);
    tcase_add_test(tcase, refresh_replaces_what_is_new_and_keeps_what_is_ours);
    tcase_add_test(tcase, refresh_takes_an_answer_with_an_access_token_alone);
    tcase_add_test(tcase, refresh_ends_the_session_when_the_provider_says_so);
    tcase_add_test(tcase, refresh_ends_the_session_for_an_id_token_of_another);
    tcase_add_test(tcase, refresh_fails_without_harm);
    tcase_add_test(tcase,
                   refresh_fetches_the_keys_once_more_for_an_unknown_kid);
    tcase_add_test(tcase, refresh_keeps_the_new_token_when_no_key_fits);
    tcase_add_test(tcase, refresh_keeps_the_new_token_when_the_clocks_disagree);
    tcase_add_test(tcase, refresh_does_not_revive_a_session);
    tcase_add_test(tcase, refresh_writes_again_until_the_store_is_back);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
