/* SPDX-License-Identifier: Apache-2.0
 * A request with a token, from the header to the verdict. */
#include "tests/unit/oauth/visit.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static char header[8192];
static struct require_table table;
static struct require_rules rules;

static void
setup(void)
{
    visit_setup();
    memset(&table, 0, sizeof(table));
    memset(&rules, 0, sizeof(rules));
    rules.table = &table;
}

static void
require(const char *word)
{
    struct span words = span_of(word);
    ck_assert_int_eq(
        require_add(&table, &words, 1, &rules.items[rules.count++], NULL),
        OAUTH_OK);
    config.conditions = &table;
}

static struct flow_request
with_token(const char *path, const char *token)
{
    struct flow_request request = browser(path, "");
    size_t size = strlen(token);
    ck_assert_uint_lt(size, sizeof(header) - 8);
    memcpy(header, "Bearer ", 7);
    memcpy(header + 7, token, size + 1);
    request.authorization = span_of(header);
    request.bearer = span_of(header + 7);
    request.rules = rules.count > 0 ? &rules : NULL;
    return request;
}

/* A token of the provider, sent to `path`; `more` goes behind its claims. */
static void
send_token(const char *path, const char *kid, const char *more)
{
    char *head = forge_text("{\"alg\":\"RS256\",\"kid\":\"%s\"}", kid);
    char *payload = forge_text("{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT
                               "\",\"sub\":\"robot\","
                               "\"typ\":\"Bearer\",\"exp\":%d,\"iat\":%d%s}",
                               NOW_S + 300, NOW_S, more);
    char *token = forge_token(pkey, "RS256", head, payload);
    struct flow_request request = with_token(path, token);
    send_request(&request, NOW_S);
    free(token);
    free(payload);
    free(head);
}

static void
expect_refusal(int status, const char *error)
{
    ck_assert_int_eq(last()->kind, FLOW_ACTION_REPLY);
    ck_assert_int_eq(last()->reply.status, status);
    ck_assert_ptr_null(reply_header("Location"));
    ck_assert_ptr_nonnull(strstr(text_of(last()->reply.body), error));
    ck_assert_ptr_null(strstr(text_of(last()->reply.body), "login_url"));
}

START_TEST(flow_bearer_fetches_keys_once_and_allows)
{
    send_token("/x", "k1", "");
    answer_discovery();
    answer_jwks();
    ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
    ck_assert_str_eq(header_of(last()->allow.headers,
                               last()->allow.header_count,
                               "X-Auth-Request-User"),
                     "robot");
    ck_assert_ptr_nonnull(actions->seen);
    ck_assert_uint_eq(actions->store_key.size, 0);
    ck_assert_int_eq(actions->session->expires_s, NOW_S + 360);
    send_token("/x", "k1", "");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
}
END_TEST

/* T4: an unknown kid may fetch the keys, but not again and again. */
START_TEST(flow_bearer_looks_for_an_unknown_key_within_bounds)
{
    send_token("/x", "k1", "");
    answer_discovery();
    answer_jwks();
    int fetch_count = 0;
    for (int i = 0; i < 100; i++) {
        char kid[16];
        snprintf(kid, sizeof(kid), "new-%d", i);
        send_token("/x", kid, "");
        if (last()->kind == FLOW_ACTION_FETCH) {
            fetch_count++;
            answer_jwks();
        }
        expect_refusal(401, "invalid_token");
        ck_assert(!actions->is_memorable);
    }
    ck_assert_int_ge(fetch_count, 1);
    ck_assert_int_le(fetch_count, 10);
    send_token("/x", "k1", "");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
}
END_TEST

START_TEST(flow_bearer_asks_nobody_about_nonsense)
{
    static const char *const tokens[] = { "opaque", "e30.e30.e30", "e30.x",
                                          "eyJhbGciOiJub25lIn0.e30." };
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        struct flow_request request = with_token("/x", tokens[i]);
        send_request(&request, NOW_S);
        expect_refusal(401, "invalid_token");
        ck_assert_ptr_nonnull(
            strstr(reply_header("WWW-Authenticate"), "Bearer realm="));
        ck_assert_int_eq(actions->outcome, FLOW_DENIED);
    }
}
END_TEST

START_TEST(flow_bearer_says_when_the_provider_is_down)
{
    send_token("/x", "k1", "");
    answer(FLOW_EVENT_FETCH_FAILED, "refused", NOW_S);
    expect_refusal(503, "provider_down");
    ck_assert_ptr_nonnull(reply_header("Retry-After"));
    send_token("/x", "k1", "");
    answer_discovery();
    answer(FLOW_EVENT_FETCH_FAILED, "refused", NOW_S);
    expect_refusal(503, "provider_down");
    send_token("/x", "k1", "");
    answer_jwks();
    ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
    send_token("/x", "k2", "");
    answer(FLOW_EVENT_FETCH_FAILED, "refused", NOW_S);
    expect_refusal(503, "provider_down");
}
END_TEST

START_TEST(flow_bearer_remembers_what_stays_bad)
{
    send_token("/x", "k1", ",\"cnf\":{}");
    answer_discovery();
    answer_jwks();
    expect_refusal(401, "bound to a key");
    ck_assert(actions->is_memorable);
    const struct flow_memory memory = { .is_refused = true,
                                        .text = span_of("as before") };
    struct flow_request request = with_token("/x", "e30.e30.e30");
    request.memory = &memory;
    send_request(&request, NOW_S);
    expect_refusal(401, "as before");
    ck_assert(!actions->is_memorable);
}
END_TEST

START_TEST(flow_bearer_holds_tokens_against_scope_and_rules)
{
    config.bearer_scopes = span_of("read");
    send_token("/x", "k1", "");
    answer_discovery();
    answer_jwks();
    expect_refusal(403, "insufficient_scope");
    ck_assert_int_eq(actions->outcome, FLOW_FORBIDDEN);
    config.bearer_scopes = span_of("");
    require("role=writer");
    send_token("/x", "k1", ",\"roles\":[\"reader\"]");
    expect_refusal(403, "this needs role=writer");
    ck_assert_ptr_nonnull(actions->seen);
    ck_assert_uint_eq(actions->seen->bits.words[0], 0);
    send_token("/x", "k1", ",\"roles\":[\"writer\"]");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
    ck_assert_uint_eq(last()->allow.bits.words[0], 1);
}
END_TEST

/* The bits of a warm session are enough to refuse: no store is asked. */
START_TEST(flow_refuses_a_warm_session_by_its_bits)
{
    require("role=admin");
    require("role=writer");
    log_in("");
    struct flow_request request = browser("/x", "");
    request.rules = &rules;
    send_request(&request, NOW_S);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 403);
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.body), "this needs role=writer"));
    ck_assert_ptr_null(strstr(text_of(last()->reply.body), "admin"));
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.body), "/oauth2/sign_out"));
    const struct flow_memory memory = { .bits = actions->seen->bits };
    ck_assert_uint_eq(memory.bits.words[0], 1);
    request.memory = &memory;
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 403);
    request.rules = NULL;
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
}
END_TEST

/* Behind another gateway, too, a person is told what is the matter: logging in
 * again would bring the same person back. */
START_TEST(flow_gate_tells_who_lacks_a_role)
{
    require("role=writer");
    log_in("");
    struct flow_request request = browser("/oauth2/gate/x", "");
    request.rules = &rules;
    send_request(&request, NOW_S);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 403);
    ck_assert_int_eq(actions->outcome, FLOW_FORBIDDEN);
    const char *body = text_of(last()->reply.body);
    ck_assert_ptr_nonnull(strstr(body, "/oauth2/sign_out"));
    ck_assert_ptr_null(strstr(body, "Not logged in"));
    ck_assert_ptr_null(strstr(body, "/oauth2/start"));
    request.path = span_of("/oauth2/auth");
    send_request(&request, NOW_S);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 403);
    ck_assert(span_equal_text(last()->reply.content_type, "application/json"));
}
END_TEST

START_TEST(flow_bearer_answers_the_endpoints)
{
    send_token("/oauth2/auth", "k1", "");
    answer_discovery();
    answer_jwks();
    ck_assert_int_eq(last()->reply.status, 202);
    ck_assert_str_eq(reply_header("X-Auth-Request-User"), "robot");
    send_token("/oauth2/userinfo", "k1", "");
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.body), "\"sub\":\"robot\""));
    require("role=writer");
    send_token("/oauth2/auth", "k1", "");
    ck_assert_int_eq(last()->reply.status, 403);
    send_token("/oauth2/userinfo", "k1", "");
    ck_assert_int_eq(last()->reply.status, 200);
}
END_TEST

START_TEST(flow_bearer_speaks_grpc)
{
    struct flow_request request = with_token("/q", "opaque");
    request.content_type = span_of("application/grpc");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 200);
    ck_assert_str_eq(reply_header("grpc-status"), "16");
}
END_TEST

START_TEST(flow_bearer_introspects_opaque_tokens)
{
    config.introspects = true;
    struct flow_request request = with_token("/x", "op/aque+=");
    send_request(&request, NOW_S);
    answer_discovery();
    const struct flow_fetch *fetch = &last()->fetch;
    ck_assert_int_eq(last()->kind, FLOW_ACTION_FETCH);
    ck_assert_int_eq(fetch->kind, FLOW_FETCH_INTROSPECTION);
    ck_assert(fetch->is_post);
    ck_assert_str_eq(text_of(fetch->url), ISSUER "/introspect");
    ck_assert_str_eq(text_of(fetch->body), "token=op%2Faque%2B%3D&"
                                           "token_type_hint=access_token");
    ck_assert_str_eq(text_of(fetch->share), "op/aque+=");
    ck_assert_ptr_nonnull(
        header_of(fetch->headers, fetch->header_count, "Authorization"));
    answer(FLOW_EVENT_FETCHED,
           "{\"active\":true,\"sub\":\"robot\",\"aud\":\"" CLIENT "\"}", NOW_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
    send_request(&request, NOW_S);
    answer(FLOW_EVENT_FETCHED, "{\"active\":false}", NOW_S);
    expect_refusal(401, "not active");
    ck_assert(actions->is_memorable);
    send_request(&request, NOW_S);
    answer_status(500, "");
    expect_refusal(503, "provider_down");
    ck_assert(!actions->is_memorable);
    send_request(&request, NOW_S);
    answer(FLOW_EVENT_FETCH_FAILED, "too large", NOW_S);
    expect_refusal(503, "too large");
}
END_TEST

START_TEST(flow_bearer_needs_an_endpoint_to_introspect)
{
    config.introspects = true;
    struct flow_request request = with_token("/x", "opaque");
    send_request(&request, NOW_S);
    answer(FLOW_EVENT_FETCHED,
           "{\"issuer\":\"" ISSUER "\","
           "\"authorization_endpoint\":\"" ISSUER "/auth\","
           "\"token_endpoint\":\"" ISSUER "/token\","
           "\"jwks_uri\":\"" ISSUER "/certs\"}",
           NOW_S);
    expect_refusal(502, "offers no introspection");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_bearer");
    TCase *tcase = tcase_create("flow_bearer");
    tcase_add_checked_fixture(tcase, setup, visit_teardown);
    tcase_add_test(tcase, flow_bearer_fetches_keys_once_and_allows);
    tcase_add_test(tcase, flow_bearer_looks_for_an_unknown_key_within_bounds);
    tcase_add_test(tcase, flow_bearer_asks_nobody_about_nonsense);
    tcase_add_test(tcase, flow_bearer_says_when_the_provider_is_down);
    tcase_add_test(tcase, flow_bearer_remembers_what_stays_bad);
    tcase_add_test(tcase, flow_bearer_holds_tokens_against_scope_and_rules);
    tcase_add_test(tcase, flow_refuses_a_warm_session_by_its_bits);
    tcase_add_test(tcase, flow_gate_tells_who_lacks_a_role);
    tcase_add_test(tcase, flow_bearer_answers_the_endpoints);
    tcase_add_test(tcase, flow_bearer_speaks_grpc);
    tcase_add_test(tcase, flow_bearer_introspects_opaque_tokens);
    tcase_add_test(tcase, flow_bearer_needs_an_endpoint_to_introspect);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
