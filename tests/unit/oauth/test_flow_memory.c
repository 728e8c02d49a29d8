/* SPDX-License-Identifier: Apache-2.0
 * The whole door with failing memory: a login, a visit and a sign-out are
 * walked again and again while the n-th allocation of oauth/ and base/ fails
 * (linked with --wrap, so libraries keep theirs). Each walk ends in an honest
 * answer: no crash, no leak, no way in. */
#include "tests/unit/oauth/visit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define WALK_COUNT_MAX 2000

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strndup(const char *text, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strndup(const char *text, size_t size);

static size_t countdown; /* 0: memory never fails */
static bool has_failed;

static bool
fails(void)
{
    if (countdown == 0 || --countdown > 0)
        return false;
    has_failed = true;
    return true;
}

void *
__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *
__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

char *
__wrap_strndup(const char *text, size_t size)
{
    return fails() ? NULL : __real_strndup(text, size);
}

static size_t delete_count; /* sessions that the last walk ended */

/* Texts of the provider, made while memory is fine. */
static char *jwks_text;
static char *token_text;

#define DISCOVERY_TEXT                                                         \
    "{\"issuer\":\"" ISSUER "\","                                              \
    "\"authorization_endpoint\":\"" ISSUER "/auth\","                          \
    "\"token_endpoint\":\"" ISSUER "/token\","                                 \
    "\"jwks_uri\":\"" ISSUER "/certs\","                                       \
    "\"introspection_endpoint\":\"" ISSUER "/introspect\","                    \
    "\"end_session_endpoint\":\"" ISSUER "/logout\""
static const char *discovery_text = DISCOVERY_TEXT "}";

static const char introspection_text[] =
    "{\"active\":true,\"sub\":\"u\",\"aud\":\"" CLIENT "\"}";

/* Steps a fresh flow to its verdict; the store keeps one record. Returns NULL
 * when there was not even memory for the flow. */
static const struct flow_action *
walk_from(struct flow_event event)
{
    unsigned char seed[FLOW_SEED_SIZE] = { 42 }; /* the same nonce each time */
    flow_free(flow);
    delete_count = 0;
    flow = flow_create(&config, provider, seed);
    if (flow == NULL)
        return NULL;
    for (actions = flow_step(flow, &event); !flow_is_verdict(last());
         actions = flow_step(flow, &event)) {
        const struct flow_action *action = last();
        event.kind = FLOW_EVENT_SESSION_DONE;
        if (action->kind == FLOW_ACTION_FETCH) {
            static const char *texts[5];
            texts[FLOW_FETCH_DISCOVERY] = discovery_text;
            texts[FLOW_FETCH_JWKS] = jwks_text;
            texts[FLOW_FETCH_TOKEN] = token_text;
            texts[FLOW_FETCH_INTROSPECTION] = introspection_text;
            texts[FLOW_FETCH_PUSH] =
                "{\"request_uri\":\"urn:x\",\"expires_in\":60}";
            event.kind = FLOW_EVENT_FETCHED;
            event.fetched.status = 200;
            event.fetched.body = span_of(texts[action->fetch.kind]);
        } else if (action->kind == FLOW_ACTION_INDEX_GET) {
            event.kind = FLOW_EVENT_INDEX_FOUND;
            event.index.entries = roster;
            event.index.count = roster_count;
        } else if (action->kind == FLOW_ACTION_SESSION_DEL) {
            delete_count++;
        } else if (action->kind == FLOW_ACTION_SESSION_GET &&
                   span_starts(action->session.key, "azimuth:logout:")) {
            event.kind = FLOW_EVENT_SESSION_MISSING;
        } else if (action->kind == FLOW_ACTION_SESSION_GET) {
            event.kind = FLOW_EVENT_SESSION_FOUND;
            event.record = (struct span){ stored, stored_size };
        } else if (action->kind == FLOW_ACTION_REFRESH) {
            event.kind = FLOW_EVENT_REFRESHED;
            event.has_changed = false;
        } else if (action->kind == FLOW_ACTION_SESSION_PUT &&
                   span_starts(action->session.key, "azimuth:session:")) {
            size_t kept = countdown; /* Check allocates, too */
            countdown = 0;
            store_put(action);
            countdown = kept;
        }
    }
    return last();
}

static const struct flow_action *
walk(const struct flow_request *request)
{
    return walk_from((struct flow_event){
        .kind = FLOW_EVENT_REQUEST, .now_s = NOW_S, .request = request });
}

/* An honest answer: what was asked for, or a page or JSON with the cause. */
static void
check_answer(const struct flow_action *action, int status, const char *what)
{
    if (action == NULL) {
        ck_assert(has_failed);
        return;
    }
    ck_assert_int_eq(action->kind, FLOW_ACTION_REPLY);
    if (!has_failed) {
        ck_assert_msg(action->reply.status == status, "%s: %d", what,
                      action->reply.status);
        return;
    }
    if (action->reply.status == status)
        return;
    /* 200: "signed out here", where the provider's address is not known */
    ck_assert_msg(action->reply.status >= 400 || action->reply.status == 200,
                  "%s: %d", what, action->reply.status);
    ck_assert_ptr_nonnull(actions->cause);
    /* nor is a good token blamed for it */
    ck_assert_int_ne(actions->cause->code, OAUTH_ETOKEN);
}

static void
make_texts(void)
{
    struct flow_request request = browser("/oauth2/start", "rd=/x");
    const struct flow_action *action = walk(&request);
    check_answer(action, 302, "start");
    const char *place = location_param("nonce");
    char *payload = forge_text(
        "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"sub\":\"u\","
        "\"name\":\"N\",\"roles\":[\"a\"],\"exp\":%d,\"iat\":%d,"
        "\"nonce\":\"%s\"}",
        NOW_S + 300, NOW_S, place);
    char *token = forge_token(pkey, "RS256",
                              "{\"alg\":\"RS256\",\"kid\":\"k1\"}", payload);
    token_text =
        forge_text("{\"token_type\":\"Bearer\",\"access_token\":\"%s\","
                   "\"id_token\":\"%s\"}",
                   token, token);
    memcpy(state, location_param("state"), sizeof(state) - 1);
    free(token);
    free(payload);
}

static void
new_provider(void)
{
    struct provider_options options = { .issuer = span_of(ISSUER) };
    provider_free(provider);
    ck_assert_int_eq(provider_create(&options, &provider, NULL), OAUTH_OK);
}

/* Walks `request` with each allocation failing in turn until none does. */
static void
fail_each(const struct flow_request *request, int status, const char *what)
{
    size_t n = 1;
    for (; n < WALK_COUNT_MAX; n++) {
        new_provider();
        has_failed = false;
        countdown = n;
        const struct flow_action *action = walk(request);
        countdown = 0;
        check_answer(action, status, what);
        if (!has_failed)
            break;
    }
    ck_assert_uint_gt(n, 3);
    ck_assert_uint_lt(n, WALK_COUNT_MAX);
}

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

/* A logout that is answered with 200 has ended every session it is about,
 * whatever memory did meanwhile. */
static void
end_all(const struct flow_request *request, size_t count)
{
    for (size_t n = 1; n < WALK_COUNT_MAX; n++) {
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

int
main(void)
{
    Suite *suite = suite_create("oauth/flow_memory");
    TCase *tcase = tcase_create("flow_memory");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, flow_answers_honestly_whatever_allocation_fails);
    tcase_add_test(tcase,
                   flow_judges_tokens_honestly_whatever_allocation_fails);
    tcase_add_test(tcase, flow_allows_nobody_by_half);
    tcase_add_test(tcase,
                   flow_job_fails_without_harm_whatever_allocation_fails);
    tcase_add_test(tcase, flow_never_says_ended_what_is_not);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
