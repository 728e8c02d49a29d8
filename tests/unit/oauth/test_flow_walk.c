/* SPDX-License-Identifier: Apache-2.0
 * Thousands of flows that get any request and any answer that the door allows,
 * in any order: whatever browser, provider and store do, a flow ends in a
 * verdict, no assertion stops the worker, and nobody passes without a record
 * or a token that is good. The walks are the same in each run. */
#include "tests/unit/oauth/famine.h"

#include "oauth/form.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define WALKS          20000
#define STEP_COUNT_MAX 1000

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* What is good stands first, and comes up most. */
#define PICK(array) ((array)[draw(3) > 0 ? 0 : draw(COUNT(array))])

static uint64_t random_state = 1;

/* 0 to limit - 1 (xorshift). */
static size_t
draw(size_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)(random_state >> 11) % limit;
}

/* What the world may say: made once, while nothing walks. */
static char *tokens[4]; /* of the token endpoint: good, unknown key, ... */
static char *bearers[3];
static char *forms[4];
static char *callbacks[3];
static char *key_sets[2];
static char cookies[3][4096]; /* session, login, junk */
static char record[65536];
static size_t record_size;
static struct session_ticket ticket;
static struct flow_entry entries[FLOW_INDEX_COUNT_MAX];
static size_t entry_count;
static bool was_good; /* the walk saw a record or a token that is good */

static char *
forge_claims(const char *kid, const char *claims)
{
    char *header = forge_text("{\"alg\":\"RS256\",\"kid\":\"%s\"}", kid);
    char *payload = forge_text("{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\","
                               "\"exp\":%d,\"iat\":%d%s}",
                               NOW_S + 300, NOW_S, claims);
    char *token = forge_token(pkey, "RS256", header, payload);
    free(header);
    free(payload);
    return token;
}

static char *
forge_answer(char *token)
{
    char *text = forge_text("{\"token_type\":\"Bearer\",\"access_token\":\"a\","
                            "\"expires_in\":60,\"refresh_token\":\"r\","
                            "\"id_token\":\"%s\"}",
                            token);
    free(token);
    return text;
}

static char *
forge_logout(const char *kid, const char *whom)
{
    char *claims = forge_text(
        ",\"jti\":\"j\",%s,\"events\":{\"http://schemas.openid.net/event/"
        "backchannel-logout\":{}}",
        whom);
    char *token = forge_claims(kid, claims);
    char *form = forge_text("logout_token=%s", token);
    free(token);
    free(claims);
    return form;
}

static void
keep_cookie(size_t at, struct span line)
{
    size_t size = strcspn(text_of(line), ";");
    memcpy(cookies[at], line.data, size);
    cookies[at][size] = '\0';
}

/* A login that only waits for its callback, and a session with its list. */
static void
prepare_browser(void)
{
    make_texts();
    keep_cookie(1, last()->reply.cookies[0]);
    callbacks[0] = forge_text("state=%s&code=c", state);
    callbacks[1] = forge_text("state=%s&error=server_error", state);
    callbacks[2] = forge_text("code=c");
    tokens[0] = token_text;
    for (int i = 0; i < 3; i++) {
        memset(jar, 0, sizeof(jar));
        begin_login("");
        come_back("code=c0de");
        walk_to_token();
        answer_token("k1", ",\"sid\":\"s-1\"");
        store_put(last());
        answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
        ck_assert_int_eq(actions->outcome, FLOW_LOGGED_IN);
    }
    memcpy(cookies[0], jar[0], sizeof(cookies[0]));
    memcpy(cookies[2], "__Host-azimuth=junk", sizeof("__Host-azimuth=junk"));
    ck_assert_int_eq(
        session_ticket_parse(ring, span_of(strchr(jar[0], '=') + 1), &ticket),
        OAUTH_OK);
    memcpy(record, stored, stored_size);
    record_size = stored_size;
    for (; entry_count < roster_count; entry_count++)
        entries[entry_count] = roster[entry_count];
    entries[entry_count].field = span_of("user");
    entries[entry_count++].value = span_of(roster_key_text);
    while (entry_count < FLOW_INDEX_COUNT_MAX)
        entries[entry_count++] = (struct flow_entry){
            span_of("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            entries[0].value
        };
}

static char *
forge_form(const char *action)
{
    struct bytes token;
    bytes_init(&token, FORM_TOKEN_SIZE);
    ck_assert_int_eq(form_token(ring, &ticket, span_of(action), &token),
                     OAUTH_OK);
    char *form = forge_text("end=%.*s", (int)token.size, token.data);
    bytes_release(&token);
    return form;
}

static void
prepare(void)
{
    key_sets[0] = jwks_text = forge_jwks(pkey, "k1");
    key_sets[1] = forge_jwks(pkey, "k2");
    prepare_browser();
    tokens[1] = forge_answer(forge_claims("k1", ",\"sub\":\"u-1\""));
    tokens[2] = forge_answer(forge_claims("k2", ",\"sub\":\"u-1\""));
    tokens[3] = forge_answer(forge_claims("k1", ",\"sub\":\"u-2\""));
    bearers[0] = forge_claims("k1", ",\"sub\":\"b\",\"typ\":\"Bearer\"");
    bearers[1] = forge_claims("k2", ",\"sub\":\"b\",\"typ\":\"Bearer\"");
    bearers[2] = forge_text("opaque");
    forms[0] = forge_logout("k1", "\"sub\":\"u-1\"");
    forms[1] = forge_logout("k2", "\"sid\":\"s-1\"");
    forms[2] = forge_form("end others");
    forms[3] = forge_text("end=AAAA");
}

static void
answer_fetch(const struct flow_fetch *fetch, struct flow_event *event)
{
    static const char *const discoveries[] = {
        DISCOVERY_TEXT "}",
        DISCOVERY_TEXT ",\"pushed_authorization_request_endpoint\":\"" ISSUER
                       "/par\"}",
        "{}",
    };
    static const char *const pushes[] = {
        "{\"request_uri\":\"urn:x\",\"expires_in\":60}", "{}"
    };
    static const char *const introspections[] = {
        "{\"active\":true,\"sub\":\"u\",\"aud\":\"" CLIENT "\"}",
        "{\"active\":false}", "[]"
    };
    static const int statuses[] = { 200, 200, 200, 200, 400, 500 };
    const char *body = "{\"error\":\"invalid_grant\"}";
    event->kind = draw(8) == 0 ? FLOW_EVENT_FETCH_FAILED : FLOW_EVENT_FETCHED;
    if (event->kind == FLOW_EVENT_FETCH_FAILED) {
        event->failure = span_of("refused");
        return;
    }
    if (fetch->kind == FLOW_FETCH_DISCOVERY)
        body = PICK(discoveries);
    else if (fetch->kind == FLOW_FETCH_JWKS)
        body = PICK(key_sets);
    else if (fetch->kind == FLOW_FETCH_PUSH)
        body = PICK(pushes);
    else if (fetch->kind == FLOW_FETCH_INTROSPECTION)
        body = PICK(introspections);
    else if (draw(5) > 0)
        body = PICK(tokens);
    event->fetched.status = PICK(statuses);
    event->fetched.body = span_of(body);
}

static void
answer_get(struct flow_event *event)
{
    static const char *const texts[] = { "", "1", "2", "3", "junk" };
    event->kind = FLOW_EVENT_SESSION_FOUND;
    if (draw(2) > 0) {
        event->record = (struct span){ record, record_size };
        was_good = true;
    } else if (draw(2) > 0) {
        event->record = span_of(PICK(texts));
    } else {
        event->kind = FLOW_EVENT_SESSION_MISSING;
    }
}

/* One of the events that the table of flow.h knows for `action`. */
static void
answer_any(const struct flow_action *action, struct flow_event *event)
{
    static const int64_t jumps[] = { 0, 0, 0, 1, 55, 400, 30000, 90000, -7200 };
    *event = (struct flow_event){ .kind = FLOW_EVENT_SESSION_DONE,
                                  .now_s = NOW_S + PICK(jumps) };
    if (action->kind == FLOW_ACTION_FETCH) {
        answer_fetch(&action->fetch, event);
    } else if (action->kind == FLOW_ACTION_REFRESH) {
        event->kind = FLOW_EVENT_REFRESHED;
    } else if (action->kind == FLOW_ACTION_WAIT) {
        event->kind = FLOW_EVENT_WAITED;
    } else if (draw(10) == 0) {
        event->kind = FLOW_EVENT_SESSION_FAILED;
        event->failure = span_of("Valkey: timed out");
    } else if (action->kind == FLOW_ACTION_SESSION_GET) {
        answer_get(event);
    } else if (action->kind == FLOW_ACTION_INDEX_GET) {
        event->kind = FLOW_EVENT_INDEX_FOUND;
        event->index.entries = entries;
        event->index.count = draw(4) == 0 ? draw(entry_count + 1) : draw(5);
    } else if (action->kind == FLOW_ACTION_SESSION_PUT && draw(6) == 0) {
        event->kind = FLOW_EVENT_SESSION_CONFLICT;
    }
}

static void
walk_any(struct flow_event event)
{
    static const unsigned char seed[FLOW_SEED_SIZE] = { 42 };
    size_t count = 0;
    flow_free(flow);
    flow = flow_create(&config, provider, seed);
    ck_assert_ptr_nonnull(flow);
    for (actions = flow_step(flow, &event); !flow_is_verdict(last());
         actions = flow_step(flow, &event)) {
        ck_assert_uint_lt(count++, STEP_COUNT_MAX);
        answer_any(last(), &event);
    }
    if (last()->kind == FLOW_ACTION_ALLOW)
        ck_assert(was_good);
}

static struct require_table conditions;
static struct require_rules rules = { .table = &conditions };

static void
send_any(void)
{
    static const char *const paths[] = {
        "/x",
        "/oauth2/start",
        "/oauth2/callback",
        "/oauth2/callback",
        "/oauth2/auth",
        "/oauth2/gate/x",
        "/oauth2/sign_out",
        "/oauth2/userinfo",
        "/oauth2/signed_out",
        "/oauth2/sessions",
        "/oauth2/backchannel_logout",
        "/oauth2/frontchannel_logout",
        "/oauth2/none",
    };
    static const char *const methods[] = { "GET", "GET", "POST", "HEAD" };
    static const char *const queries[] = { "", "rd=/a", "everywhere=1",
                                           "iss=" ISSUER "&sid=s-1" };
    static const char *const modes[] = { "navigate", "navigate", "cors" };
    struct span sent[2] = { span_of(PICK(cookies)), span_of(cookies[1]) };
    struct flow_request request =
        browser(paths[draw(COUNT(paths))], queries[draw(COUNT(queries))]);
    if (span_equal_text(request.path, "/oauth2/callback"))
        request.query = span_of(PICK(callbacks));
    request.method = span_of(methods[draw(COUNT(methods))]);
    request.sec_fetch_mode = span_of(PICK(modes));
    request.content_type = span_of("application/x-www-form-urlencoded");
    request.body = span_of(forms[draw(COUNT(forms))]);
    request.cookies = sent;
    request.cookie_count = draw(6) > 0 ? 2 : draw(2);
    request.rules = draw(6) == 0 ? &rules : NULL;
    char *authorization = NULL;
    if (draw(5) == 0) {
        request.bearer = span_of(PICK(bearers));
        authorization = forge_text("Bearer %.*s", (int)request.bearer.size,
                                   request.bearer.data);
        request.authorization = span_of(authorization);
        was_good = true;
    }
    walk_any((struct flow_event){
        .kind = FLOW_EVENT_REQUEST, .now_s = NOW_S, .request = &request });
    free(authorization);
}

START_TEST(flow_ends_in_a_verdict_whatever_the_world_does)
{
    size_t outcomes[FLOW_OUTCOME_COUNT] = { 0 };
    prepare();
    config.has_front_logout = true;
    struct span word = span_of("role=nobody");
    ck_assert_int_eq(
        require_add(&conditions, &word, 1, &rules.items[rules.count++], NULL),
        OAUTH_OK);
    config.conditions = &conditions;
    for (size_t i = 0; i < WALKS; i++) {
        if (draw(4) == 0)
            new_provider();
        config.introspects = draw(2) > 0;
        config.refresh = (enum flow_refresh_mode)draw(3);
        config.refresh_at = (int)draw(101);
        config.push = (enum flow_push)draw(3);
        was_good = false;
        if (draw(6) == 0)
            walk_any((struct flow_event){ .kind = FLOW_EVENT_REFRESH,
                                          .now_s = NOW_S + 50,
                                          .ticket = &ticket });
        else
            send_any();
        outcomes[actions->outcome]++;
    }
    for (int i = FLOW_WAITING + 1; i < FLOW_FAILED; i++) {
        if (i != FLOW_PREFLIGHT) /* no question belongs to it */
            ck_assert_msg(outcomes[i] > 0, "no walk ended %s",
                          flow_outcome_name((enum flow_outcome)i));
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_walk");
    TCase *tcase = tcase_create("flow_walk");
    tcase_add_checked_fixture(tcase, visit_setup, visit_teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, flow_ends_in_a_verdict_whatever_the_world_does);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
