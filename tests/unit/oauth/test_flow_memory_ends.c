/* SPDX-License-Identifier: Apache-2.0
 * Ends of sessions, and logins that end others, with failing memory. */
#include "tests/unit/oauth/famine.h"

#include "oauth/roster.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

/* A logout that is answered with 200 has ended every session it is about,
 * whatever memory did meanwhile. */
static void
end_all(const struct flow_request *request, size_t count)
{
    for (size_t n = 1; n < WALK_COUNT_MAX; n++) {
        new_provider();
        has_failed = false;
        countdown = n;
        const struct flow_action *action = walk(request);
        countdown = 0;
        if (action != NULL && action->reply.status < 400)
            ck_assert_uint_eq(delete_count, count);
        if (!has_failed) {
            ck_assert_int_eq(action->reply.status, 200);
            ck_assert_uint_gt(n, 3);
            return;
        }
    }
    ck_abort_msg("memory never stopped failing");
}

START_TEST(flow_never_says_ended_what_is_not)
{
    for (int i = 0; i < 3; i++) {
        memset(jar, 0, sizeof(jar));
        log_in("");
    }
    ck_assert_uint_eq(roster_count, 3);
    jwks_text = forge_jwks(pkey, "k1");
    char *payload =
        forge_text("{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"iat\":%d,"
                   "\"jti\":\"j\",\"sub\":\"u-1\",\"events\":{\"http://"
                   "schemas.openid.net/event/backchannel-logout\":{}}}",
                   NOW_S);
    char *token = forge_token(pkey, "RS256",
                              "{\"alg\":\"RS256\",\"kid\":\"k1\"}", payload);
    char *form = forge_text("logout_token=%s", token);
    struct span cookie = span_of(jar[0]);
    struct flow_request request = browser("/oauth2/backchannel_logout", "");
    request.method = span_of("POST");
    request.content_type = span_of("application/x-www-form-urlencoded");
    request.body = span_of(form);
    end_all(&request, 3);
    request = browser("/oauth2/sign_out", "everywhere=1");
    request.method = span_of("POST");
    request.cookies = &cookie;
    request.cookie_count = 1;
    end_all(&request, 3);
    request = browser("/oauth2/sessions", "");
    request.cookies = &cookie;
    request.cookie_count = 1;
    end_all(&request, 0);
    free(form);
    free(token);
    free(payload);
    free(jwks_text);
}
END_TEST

/* The largest list: many have to end for one more login. */
static void
fill_index(void)
{
    static struct flow_entry entries[FLOW_INDEX_COUNT_MAX];
    static char fields[FLOW_INDEX_COUNT_MAX][ROSTER_FIELD_SIZE + 1];
    static char value[16];
    int64_t created_s = NOW_S - 1;
    int64_t expires_s = NOW_S + 100;
    memcpy(value, &created_s, 8); /* little endian, as all we run on */
    memcpy(value + 8, &expires_s, 8);
    for (size_t i = 0; i < FLOW_INDEX_COUNT_MAX; i++) {
        memset(fields[i], 'A', ROSTER_FIELD_SIZE);
        fields[i][0] = (char)('A' + i / 26);
        fields[i][1] = (char)('A' + i % 26);
        entries[i].field = (struct span){ fields[i], ROSTER_FIELD_SIZE };
        entries[i].value = (struct span){ value, sizeof(value) };
    }
    full_index = entries;
    full_index_count = FLOW_INDEX_COUNT_MAX;
}

START_TEST(flow_makes_room_for_a_login_whatever_allocation_fails)
{
    jwks_text = forge_jwks(pkey, "k1");
    make_texts();
    const char *line = text_of(last()->reply.cookies[0]);
    memcpy(jar[1], line, strcspn(line, ";"));
    struct span cookie = span_of(jar[1]);
    char *query = forge_text("state=%s&code=c", state);
    struct flow_request back = browser("/oauth2/callback", query);
    back.cookies = &cookie;
    back.cookie_count = 1;
    fill_index();
    fail_each(&back, 302, "callback with a full list");
    ck_assert_uint_eq(delete_count,
                      FLOW_INDEX_COUNT_MAX - ROSTER_SESSION_COUNT_MAX + 1);
    free(query);
    free(token_text);
    free(jwks_text);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_memory_ends");
    TCase *tcase = tcase_create("flow_memory_ends");
    tcase_set_timeout(tcase, 120); /* thousands of walks, maybe in valgrind */
    tcase_add_checked_fixture(tcase, visit_setup, visit_teardown);
    tcase_add_test(tcase, flow_never_says_ended_what_is_not);
    tcase_add_test(tcase,
                   flow_makes_room_for_a_login_whatever_allocation_fails);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
