/* SPDX-License-Identifier: Apache-2.0
 * The whole door with failing memory: logins, visits, tokens and jobs are
 * walked again and again while the n-th allocation fails. Each walk ends in an
 * honest answer: no crash, no leak, no way in. */
#include "tests/unit/oauth/famine.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

START_TEST(flow_answers_honestly_whatever_allocation_fails)
{
    jwks_text = forge_jwks(pkey, "k1");
    make_texts();
    struct flow_request start = browser("/oauth2/start", "rd=/x");
    fail_each(&start, 302, "start");
    const char *line = text_of(last()->reply.cookies[0]);
    memcpy(jar[1], line, strcspn(line, ";"));
    struct span cookies[2] = { span_of(jar[1]), { NULL, 0 } };
    char *query = forge_text("state=%s&code=c", state);
    struct flow_request back = browser("/oauth2/callback", query);
    back.cookies = cookies;
    back.cookie_count = 1;
    fail_each(&back, 302, "callback");
    line = text_of(last()->reply.cookies[1]);
    memcpy(jar[0], line, strcspn(line, ";"));
    cookies[0] = span_of(jar[0]);
    struct flow_request info = browser("/oauth2/userinfo", "");
    info.cookies = cookies;
    info.cookie_count = 1;
    fail_each(&info, 200, "userinfo");
    struct flow_request leave = browser("/oauth2/sign_out", "");
    leave.cookies = cookies;
    leave.cookie_count = 1;
    fail_each(&leave, 302, "sign_out");
    discovery_text = DISCOVERY_TEXT
        ",\"pushed_authorization_request_endpoint\":\"" ISSUER "/par\"}";
    fail_each(&start, 302, "pushed start");
    free(query);
    free(token_text);
    free(jwks_text);
}
END_TEST

/* The same for tokens, with a rule to be named and nothing to be remembered
 * of what failed for want of memory. */
START_TEST(flow_judges_tokens_honestly_whatever_allocation_fails)
{
    static struct require_table table;
    static struct require_rules rules;
    struct span word = span_of("role=admin");
    jwks_text = forge_jwks(pkey, "k1");
    char *payload = forge_text(
        "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"sub\":\"u\","
        "\"typ\":\"Bearer\",\"roles\":[\"a\"],\"exp\":%d,\"iat\":%d}",
        NOW_S + 300, NOW_S);
    char *token = forge_token(pkey, "RS256",
                              "{\"alg\":\"RS256\",\"kid\":\"k1\"}", payload);
    char *header = forge_text("Bearer %s", token);
    struct flow_request request = browser("/oauth2/auth", "");
    request.authorization = span_of(header);
    request.bearer = span_of(token);
    fail_each(&request, 202, "token");
    ck_assert_int_eq(
        require_add(&table, &word, 1, &rules.items[rules.count++], NULL),
        OAUTH_OK);
    rules.table = &table;
    config.conditions = &table;
    request.rules = &rules;
    fail_each(&request, 403, "rule");
    ck_assert_ptr_nonnull(actions->seen);
    config.introspects = true;
    request.authorization = span_of("Bearer opaque");
    request.bearer = span_of("opaque");
    request.rules = NULL;
    fail_each(&request, 202, "introspection");
    free(header);
    free(token);
    free(payload);
    free(jwks_text);
}
END_TEST

/* Without memory nobody gets in: ALLOW only with the whole identity. */
START_TEST(flow_allows_nobody_by_half)
{
    log_in("");
    struct span cookie = span_of(jar[0]);
    struct flow_request request = browser("/dashboard", "");
    request.cookies = &cookie;
    request.cookie_count = 1;
    for (size_t n = 1; n < WALK_COUNT_MAX; n++) {
        has_failed = false;
        countdown = n;
        const struct flow_action *action = walk(&request);
        countdown = 0;
        if (action != NULL && action->kind == FLOW_ACTION_ALLOW) {
            ck_assert_str_eq(header_of(action->allow.headers,
                                       action->allow.header_count,
                                       "X-Auth-Request-User"),
                             "u-1");
            ck_assert_str_eq(header_of(action->allow.headers,
                                       action->allow.header_count,
                                       "X-Auth-Request-Groups"),
                             "admin,a%2Cb,c");
            ck_assert_ptr_nonnull(header_of(action->allow.headers,
                                            action->allow.header_count,
                                            "X-Azimuth-Identity"));
        }
        if (!has_failed) {
            ck_assert_int_eq(action->kind, FLOW_ACTION_ALLOW);
            ck_assert_uint_gt(n, 3);
            return;
        }
    }
    ck_abort_msg("memory never stopped failing");
}
END_TEST

/* With everything that a request may need memory for. */
static struct assertion_key *signing_key;

static void
setup(void)
{
    static const unsigned char secret[ASSERTION_KEY_SIZE] = { 1 };
    static const struct rights_rule rule = {
        RIGHTS_OF_ANY, { NULL, 0 }, RIGHTS_READ, { "docs", 4 }
    };
    visit_setup();
    ck_assert_int_eq(assertion_key_create(secret, &signing_key), OAUTH_OK);
    config.assertion_key = signing_key;
    config.rights = &rule;
    config.right_count = 1;
}

static void
teardown(void)
{
    visit_teardown();
    assertion_key_free(signing_key);
}
static char *
forge_refresh(void)
{
    char *payload = forge_text("{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\","
                               "\"sub\":\"u-1\",\"exp\":%d,\"iat\":%d}",
                               NOW_S + 300, NOW_S);
    char *token = forge_token(pkey, "RS256",
                              "{\"alg\":\"RS256\",\"kid\":\"k1\"}", payload);
    char *text = forge_text("{\"token_type\":\"Bearer\","
                            "\"access_token\":\"a2\",\"refresh_token\":"
                            "\"r2\",\"id_token\":\"%s\"}",
                            token);
    free(token);
    free(payload);
    return text;
}

/* A job that lacks memory fails and says so; the session stays. */
START_TEST(flow_job_fails_without_harm_whatever_allocation_fails)
{
    struct session_ticket ticket;
    jwks_text = forge_jwks(pkey, "k1");
    token_text = forge_refresh();
    log_in("");
    const char *cookie = strchr(jar[0], '=') + 1;
    ck_assert_int_eq(session_ticket_parse(ring, span_of(cookie), &ticket),
                     OAUTH_OK);
    config.refresh_at = 1; /* due a few seconds after the login */
    static char record[sizeof(stored)];
    size_t record_size = stored_size;
    memcpy(record, stored, stored_size);
    enum flow_outcome outcome = FLOW_REFRESH_FAILED;
    size_t n = 1;
    for (; n < WALK_COUNT_MAX && outcome != FLOW_REFRESHED; n++) {
        memcpy(stored, record, record_size);
        stored_size = record_size;
        new_provider();
        has_failed = false;
        countdown = n;
        const struct flow_action *action =
            walk_from((struct flow_event){ .kind = FLOW_EVENT_REFRESH,
                                           .now_s = NOW_S + 10,
                                           .ticket = &ticket });
        countdown = 0;
        if (action == NULL)
            continue;
        ck_assert_int_eq(action->kind, FLOW_ACTION_END);
        outcome = actions->outcome;
        ck_assert(outcome == FLOW_REFRESHED ||
                  (outcome == FLOW_REFRESH_FAILED && has_failed &&
                   actions->cause != NULL));
    }
    ck_assert_uint_gt(n, 10);
    ck_assert_uint_lt(n, WALK_COUNT_MAX);
    free(token_text);
    free(jwks_text);
}
END_TEST
int
main(void)
{
    Suite *suite = suite_create("oauth/flow_memory");
    TCase *tcase = tcase_create("flow_memory");
    tcase_set_timeout(tcase, 120); /* thousands of walks, maybe in valgrind */
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, flow_answers_honestly_whatever_allocation_fails);
    tcase_add_test(tcase,
                   flow_judges_tokens_honestly_whatever_allocation_fails);
    tcase_add_test(tcase, flow_allows_nobody_by_half);
    tcase_add_test(tcase,
                   flow_job_fails_without_harm_whatever_allocation_fails);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
