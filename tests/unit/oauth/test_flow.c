/* SPDX-License-Identifier: Apache-2.0
 * The door, driven as the nginx module drives it: requests and answers in,
 * actions out. Covers the whole login, both kinds of denial, every failure of
 * store and provider, replay, fixation, the loop guard and sign-out. */
#include "tests/unit/oauth/forge.h"

#include "oauth/flow.h"
#include "oauth/state.h"
#include "oauth/url.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define NOW_S    1790000000
#define BASE_URL "https://dash.test:8443"
#define ISSUER   "https://idp.test/realms/r"
#define CLIENT   "qdrant-dashboard"
#define ACCESS   "opaque-access-token"

static EVP_PKEY *pkey;
static struct seal_ring *ring;
static struct provider *provider;
static struct flow_config config;
static struct flow *flow;
static const struct flow_actions *actions;
static unsigned char seed[FLOW_SEED_SIZE];

/* What the browser and the store of a test remember. */
static char jar[2][4096];
static char stored_key[128];
static char stored[65536];
static size_t stored_size;

static void
setup(void)
{
    struct span secret = span_of("0123456789abcdef0123456789abcdef");
    ck_assert_int_eq(seal_ring_create(&secret, 1, &ring, NULL), OAUTH_OK);
    struct provider_options options = { .issuer = span_of(ISSUER) };
    ck_assert_int_eq(provider_create(&options, &provider, NULL), OAUTH_OK);
    config = (struct flow_config){
        .base_url = span_of(BASE_URL),
        .issuer = span_of(ISSUER),
        .client_id = span_of(CLIENT),
        .client_secret = span_of("s3cret"),
        .home_path = span_of("/dashboard"),
        .ring = ring,
    };
    ck_assert_int_eq(flow_config_check(&config, NULL), OAUTH_OK);
    if (pkey == NULL)
        pkey = forge_rsa(2048);
    memset(jar, 0, sizeof(jar));
    stored_size = 0;
}

static void
teardown(void)
{
    flow_free(flow);
    flow = NULL;
    provider_free(provider);
    provider = NULL;
    seal_ring_free(ring);
    ring = NULL;
}

static const struct flow_action *
last(void)
{
    return &actions->items[actions->count - 1];
}

static const char *
text_of(struct span span)
{
    static char copies[8][16384];
    static unsigned turn;
    char *copy = copies[turn++ % 8];
    ck_assert_uint_lt(span.size, sizeof(copies[0]));
    memcpy(copy, span.data == NULL ? "" : span.data, span.size);
    copy[span.size] = '\0';
    return copy;
}

static const char *
header_of(const struct flow_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (span_equal_text(headers[i].name, name))
            return text_of(headers[i].value);
    }
    return NULL;
}

static const char *
reply_header(const char *name)
{
    ck_assert_int_eq(last()->kind, FLOW_ACTION_REPLY);
    return header_of(last()->reply.headers, last()->reply.header_count, name);
}

/* Takes the Set-Cookie lines as a browser does. */
static void
keep_cookies(void)
{
    const struct flow_reply *reply = &last()->reply;
    for (size_t i = 0; i < reply->cookie_count; i++) {
        const char *line = text_of(reply->cookies[i]);
        bool is_login = strncmp(line, "__Host-azimuth-login=", 21) == 0;
        ck_assert(is_login || strncmp(line, "__Host-azimuth=", 15) == 0);
        ck_assert_ptr_nonnull(strstr(line, "; Secure; HttpOnly; SameSite="));
        ck_assert_ptr_null(strstr(line, "Domain"));
        size_t size = strcspn(line, ";");
        ck_assert_uint_lt(size, sizeof(jar[0]));
        memcpy(jar[is_login], line, size);
        jar[is_login][size] = '\0';
        if (strstr(line, "Max-Age=0") != NULL)
            jar[is_login][0] = '\0';
    }
}

static struct flow_request
browser(const char *path, const char *query)
{
    struct flow_request request = {
        .method = span_of("GET"),
        .path = span_of(path),
        .target = span_of(path),
        .query = span_of(query),
        .accept = span_of("text/html,application/xhtml+xml,*/*;q=0.8"),
        .sec_fetch_mode = span_of("navigate"),
        .sec_fetch_site = span_of("same-origin"),
    };
    return request;
}

static void
send_request(struct flow_request *request, int64_t now_s)
{
    struct span cookies[2] = { span_of(jar[0]), span_of(jar[1]) };
    if (request->cookies == NULL) {
        request->cookies = cookies;
        request->cookie_count = 2;
    }
    flow_free(flow);
    seed[0]++;
    flow = flow_create(&config, provider, seed);
    ck_assert_ptr_nonnull(flow);
    struct flow_event event = { .kind = FLOW_EVENT_REQUEST,
                                .now_s = now_s,
                                .request = request };
    actions = flow_step(flow, &event);
    if (last()->kind == FLOW_ACTION_REPLY)
        keep_cookies();
}

static void
get(const char *path, const char *query)
{
    struct flow_request request = browser(path, query);
    send_request(&request, NOW_S);
}

static void
answer(enum flow_event_kind kind, const char *text, int64_t now_s)
{
    struct flow_event event = { .kind = kind, .now_s = now_s };
    if (kind == FLOW_EVENT_FETCHED) {
        event.fetched.status = 200;
        event.fetched.body = span_of(text);
    } else if (kind == FLOW_EVENT_SESSION_FOUND) {
        event.record = (struct span){ stored, stored_size };
    } else {
        event.failure = span_of(text);
    }
    actions = flow_step(flow, &event);
    if (last()->kind == FLOW_ACTION_REPLY)
        keep_cookies();
}

static void
answer_status(int status, const char *body)
{
    struct flow_event event = { .kind = FLOW_EVENT_FETCHED, .now_s = NOW_S };
    event.fetched.status = status;
    event.fetched.body = span_of(body);
    actions = flow_step(flow, &event);
    if (last()->kind == FLOW_ACTION_REPLY)
        keep_cookies();
}

static void
answer_discovery(void)
{
    ck_assert_int_eq(last()->kind, FLOW_ACTION_FETCH);
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_DISCOVERY);
    ck_assert_str_eq(text_of(last()->fetch.url),
                     ISSUER "/.well-known/openid-configuration");
    answer(FLOW_EVENT_FETCHED,
           "{\"issuer\":\"" ISSUER "\","
           "\"authorization_endpoint\":\"" ISSUER "/auth\","
           "\"token_endpoint\":\"" ISSUER "/token\","
           "\"jwks_uri\":\"" ISSUER "/certs\","
           "\"end_session_endpoint\":\"" ISSUER "/logout\","
           "\"authorization_response_iss_parameter_supported\":true}",
           NOW_S);
}

static void
answer_jwks(void)
{
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_JWKS);
    char *jwks = forge_jwks(pkey, "k1");
    answer(FLOW_EVENT_FETCHED, jwks, NOW_S);
    free(jwks);
}

/* The value of a parameter in the Location of a redirect. */
static const char *
location_param(const char *name)
{
    const char *location = reply_header("Location");
    struct bytes value;
    ck_assert_ptr_nonnull(location);
    const char *query = strchr(location, '?');
    ck_assert_ptr_nonnull(query);
    bytes_init(&value, 4096);
    ck_assert_int_eq(url_param(span_of(query + 1), name, &value),
                     URL_PARAM_FOUND);
    const char *text = text_of(bytes_span(&value));
    bytes_release(&value);
    return text;
}

static char state[64];
static char nonce[64];

static void
begin_login(const char *query)
{
    get("/oauth2/start", query);
    if (last()->kind == FLOW_ACTION_FETCH)
        answer_discovery();
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_STARTED);
    memcpy(state, location_param("state"), sizeof(state) - 1);
    memcpy(nonce, location_param("nonce"), sizeof(nonce) - 1);
}

static void
come_back(const char *code_or_error)
{
    char *query =
        forge_text("state=%s&%s&iss=https%%3A%%2F%%2Fidp.test%%2Frealms%%2Fr",
                   state, code_or_error);
    get("/oauth2/callback", query);
    free(query);
}

static char *
id_token(const char *kid, const char *more)
{
    char *header = forge_text("{\"alg\":\"RS256\",\"kid\":\"%s\"}", kid);
    char *payload = forge_text(
        "{\"iss\":\"" ISSUER "\",\"aud\":\"" CLIENT "\",\"sub\":\"u-1\","
        "\"preferred_username\":\"zo\xc3\xab\",\"email\":\"z@x.test\","
        "\"name\":\"Zo\xc3\xab <b>\",\"groups\":[\"a,b\",\"c\"],"
        "\"realm_access\":{\"roles\":[\"admin\"]},"
        "\"exp\":%d,\"iat\":%d,\"nonce\":\"%s\"%s}",
        NOW_S + 300, NOW_S, nonce, more);
    char *token = forge_token(pkey, "RS256", header, payload);
    free(header);
    free(payload);
    return token;
}

static void
answer_token(const char *kid, const char *more)
{
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_TOKEN);
    char *token = id_token(kid, more);
    char *body =
        forge_text("{\"token_type\":\"Bearer\",\"access_token\":\"" ACCESS "\","
                   "\"expires_in\":300,\"refresh_token\":\"r1\","
                   "\"id_token\":\"%s\"}",
                   token);
    answer(FLOW_EVENT_FETCHED, body, NOW_S);
    free(token);
    free(body);
}

static void
store_put(const struct flow_action *action)
{
    ck_assert_int_eq(action->kind, FLOW_ACTION_SESSION_PUT);
    ck_assert_uint_le(action->session.value.size, sizeof(stored));
    memcpy(stored, action->session.value.data, action->session.value.size);
    stored_size = action->session.value.size;
    memcpy(stored_key, text_of(action->session.key), sizeof(stored_key) - 1);
}

/* Everything between the callback and the new session. */
static void
walk_to_token(void)
{
    if (last()->kind == FLOW_ACTION_FETCH &&
        last()->fetch.kind == FLOW_FETCH_DISCOVERY)
        answer_discovery();
    if (last()->kind == FLOW_ACTION_FETCH)
        answer_jwks();
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_PUT);
    ck_assert_int_eq(last()->session.mode, FLOW_PUT_NEW);
    ck_assert(span_starts(last()->session.key, "azimuth:login:"));
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
}

static void
log_in(const char *query)
{
    begin_login(query);
    come_back("code=c0de");
    walk_to_token();
    answer_token("k1", "");
    store_put(last());
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_int_eq(actions->outcome, FLOW_LOGGED_IN);
}

START_TEST(flow_logs_a_browser_in_and_lets_it_pass)
{
    get("/dashboard/x", "");
    ck_assert_int_eq(actions->outcome, FLOW_SENT_TO_LOGIN);
    ck_assert_int_eq(last()->reply.status, 302);
    ck_assert_str_eq(reply_header("Location"),
                     BASE_URL "/oauth2/start?rd=%2Fdashboard%2Fx");
    ck_assert_str_eq(reply_header("Cache-Control"), "no-store");
    begin_login("rd=%2Fdashboard%2Fx%3Fa%3D1%23top");
    ck_assert_str_eq(location_param("response_type"), "code");
    ck_assert_str_eq(location_param("redirect_uri"),
                     BASE_URL "/oauth2/callback");
    ck_assert_str_eq(location_param("code_challenge_method"), "S256");
    ck_assert_uint_eq(strlen(location_param("code_challenge")), 43);
    come_back("code=c0de");
    walk_to_token();
    const struct flow_fetch *fetch = &last()->fetch;
    ck_assert(fetch->is_post);
    ck_assert_str_eq(text_of(fetch->url), ISSUER "/token");
    ck_assert_ptr_nonnull(strstr(text_of(fetch->body), "code=c0de"));
    ck_assert_ptr_nonnull(strstr(text_of(fetch->body), "code_verifier="));
    ck_assert_str_eq(
        header_of(fetch->headers, fetch->header_count, "Authorization"),
        "Basic cWRyYW50LWRhc2hib2FyZDpzM2NyZXQ=");
    answer_token("k1", "");
    store_put(last());
    ck_assert(span_starts(last()->session.key, "azimuth:session:"));
    ck_assert_int_eq(last()->session.ttl_s, 1800);
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/dashboard/x?a=1#top");
    ck_assert_uint_le(strlen(jar[0]), 128);

    get("/dashboard/x", "");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
    ck_assert_str_eq(text_of(last()->session.key), stored_key);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
    const struct flow_allow *allow = &last()->allow;
    ck_assert_str_eq(
        header_of(allow->headers, allow->header_count, "X-Auth-Request-User"),
        "u-1");
    ck_assert_str_eq(header_of(allow->headers, allow->header_count,
                               "X-Auth-Request-Preferred-Username"),
                     "zo%C3%AB");
    ck_assert_str_eq(
        header_of(allow->headers, allow->header_count, "X-Auth-Request-Groups"),
        "admin,a%2Cb,c");
}
END_TEST

/* A machine must never be sent to a login page. */
START_TEST(flow_gives_machines_401_json_with_a_login_url)
{
    struct flow_request requests[7];
    for (size_t i = 0; i < 7; i++) {
        requests[i] = browser("/api", "");
        requests[i].sec_fetch_mode = (struct span){ NULL, 0 };
    }
    requests[0].sec_fetch_mode = span_of("cors");
    requests[1].requested_with = span_of("XMLHttpRequest");
    requests[2].accept = span_of("application/json");
    requests[3].method = span_of("POST");
    requests[4].upgrade = span_of("websocket");
    requests[5].accept = (struct span){ NULL, 0 };
    requests[6].authorization = span_of("Bearer x");
    for (size_t i = 0; i < 7; i++) {
        send_request(&requests[i], NOW_S);
        ck_assert_int_eq(last()->reply.status, 401);
        ck_assert_str_eq(text_of(last()->reply.content_type),
                         "application/json");
        ck_assert_ptr_nonnull(strstr(text_of(last()->reply.body),
                                     "\"login_url\":\"" BASE_URL
                                     "/oauth2/start\""));
        ck_assert_ptr_nonnull(reply_header("WWW-Authenticate"));
        ck_assert_ptr_null(reply_header("Location"));
    }
}
END_TEST

START_TEST(flow_answers_preflight_without_a_session_but_no_other_options)
{
    struct flow_request request = browser("/api", "");
    request.method = span_of("OPTIONS");
    request.sec_fetch_mode = span_of("cors");
    request.origin = span_of("https://other.test");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 401);
    request.preflight = span_of("POST");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 204);
}
END_TEST

/* A form that meets the end of a session gets a page, not a redirect that
 * would lose its body silently. */
START_TEST(flow_shows_a_page_to_a_posted_form)
{
    struct flow_request request = browser("/form", "");
    request.method = span_of("POST");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 401);
    ck_assert_ptr_nonnull(strstr(text_of(last()->reply.body), "<html"));
}
END_TEST

START_TEST(flow_auth_endpoint_says_202_or_401)
{
    get("/oauth2/auth", "");
    ck_assert_int_eq(last()->reply.status, 401);
    log_in("");
    get("/oauth2/auth", "");
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 202);
    ck_assert_str_eq(reply_header("X-Auth-Request-User"), "u-1");
}
END_TEST

START_TEST(flow_userinfo_tells_who_is_logged_in)
{
    get("/oauth2/userinfo", "");
    ck_assert_int_eq(last()->reply.status, 401);
    log_in("");
    get("/oauth2/userinfo", "");
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 200);
    const char *body = text_of(last()->reply.body);
    ck_assert_ptr_nonnull(strstr(body, "\"sub\":\"u-1\""));
    ck_assert_ptr_nonnull(strstr(body, "\"email\":\"z@x.test\""));
    ck_assert_ptr_nonnull(strstr(body, "\"roles\":[\"admin\"]"));
    ck_assert_ptr_nonnull(strstr(body, "\"groups\":[\"a,b\",\"c\"]"));
    ck_assert_ptr_nonnull(strstr(body, "\"expires_at\":1790001800"));
    ck_assert_ptr_null(strstr(body, "<b>"));
}
END_TEST

/* T15: nothing may leave the machine before the state is known. */
START_TEST(flow_refuses_a_callback_that_this_browser_did_not_begin)
{
    begin_login("");
    jar[1][0] = '\0';
    come_back("code=c0de");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_REPLY);
    ck_assert_int_eq(last()->reply.status, 400);
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_FAILED);
}
END_TEST

START_TEST(flow_refuses_a_state_that_is_too_old)
{
    begin_login("");
    char *query = forge_text("state=%s&code=c", state);
    struct flow_request request = browser("/oauth2/callback", query);
    send_request(&request, NOW_S + STATE_LIFETIME_S);
    ck_assert_int_eq(last()->reply.status, 400);
    free(query);
}
END_TEST

/* RFC 9207: mix-up. The metadata promises `iss`, so it must be there. */
START_TEST(flow_refuses_a_callback_of_another_issuer)
{
    begin_login("");
    char *query = forge_text("state=%s&code=c&iss=https://evil.test", state);
    get("/oauth2/callback", query);
    free(query);
    ck_assert_int_eq(last()->reply.status, 400);
    begin_login("");
    query = forge_text("state=%s&code=c", state);
    get("/oauth2/callback", query);
    free(query);
    ck_assert_int_eq(last()->reply.status, 400);
}
END_TEST

/* T16 */
START_TEST(flow_refuses_malformed_callbacks)
{
    static const char *const queries[] = {
        "",
        "&&&",
        "code=a",
        "state=a",
        "state=a&state=b&code=c",
        "state=a&code=b&code=c",
        "state=a&code=b&c%6fde=c",
        "state[]=a&state=a&code=c",
        "state=a&code=c&error=e",
        "state=a&error=e&error=f",
        "state=a%00&code=c",
        "state=a&code=%zz",
    };
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        begin_login("");
        get("/oauth2/callback", queries[i]);
        ck_assert_int_eq(last()->kind, FLOW_ACTION_REPLY);
        ck_assert_int_eq(last()->reply.status, 400);
    }
}
END_TEST

START_TEST(flow_escapes_what_the_provider_says)
{
    begin_login("");
    come_back("error=access_denied&error_description=%3Cscript%3E%0d%0aX:y");
    ck_assert_int_eq(last()->reply.status, 403);
    const char *body = text_of(last()->reply.body);
    ck_assert_ptr_nonnull(strstr(body, "access_denied"));
    ck_assert_ptr_null(strstr(body, "<script"));
    ck_assert_ptr_nonnull(strstr(body, "&lt;script&gt;"));
    ck_assert_ptr_nonnull(reply_header("Content-Security-Policy"));
}
END_TEST

/* The cookie forgets the state, the store remembers it: used once. */
START_TEST(flow_uses_a_state_once)
{
    char kept[4096];
    begin_login("");
    memcpy(kept, jar[1], sizeof(kept));
    come_back("code=c0de");
    walk_to_token();
    answer_token("k1", "");
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    jar[0][0] = '\0';
    come_back("code=c0de"); /* the browser's cookie has no such slot */
    ck_assert_int_eq(last()->reply.status, 400);
    memcpy(jar[1], kept, sizeof(kept)); /* a copy of the old cookie has */
    come_back("code=c0de");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_PUT);
    answer(FLOW_EVENT_SESSION_CONFLICT, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 400);
}
END_TEST

/* T20 */
START_TEST(flow_sends_a_replayed_callback_home_when_logged_in)
{
    log_in("");
    come_back("code=c0de");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_REPLAYED);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/dashboard");
    come_back("code=c0de");
    answer(FLOW_EVENT_SESSION_MISSING, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 400);
    ck_assert_str_eq(jar[0], "");
}
END_TEST

/* T19: the id changes, the old session ends. */
START_TEST(flow_gives_a_new_id_at_each_login)
{
    char old_cookie[256];
    char old_key[128];
    log_in("");
    memcpy(old_cookie, jar[0], sizeof(old_cookie));
    memcpy(old_key, stored_key, sizeof(old_key));
    log_in("");
    ck_assert_str_ne(jar[0], old_cookie);
    ck_assert_uint_eq(actions->count, 2);
    ck_assert_int_eq(actions->items[0].kind, FLOW_ACTION_SESSION_DEL);
    ck_assert(actions->items[0].is_background);
    ck_assert_str_eq(text_of(actions->items[0].session.key), old_key);
}
END_TEST

START_TEST(flow_keeps_parallel_tabs_apart)
{
    char first[64];
    begin_login("rd=/one");
    char first_nonce[64];
    memcpy(first, state, sizeof(first));
    memcpy(first_nonce, nonce, sizeof(first_nonce));
    begin_login("rd=/two");
    come_back("code=two");
    walk_to_token();
    answer_token("k1", "");
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/two");
    memcpy(state, first, sizeof(first));
    memcpy(nonce, first_nonce, sizeof(first_nonce));
    come_back("code=one");
    walk_to_token();
    answer_token("k1", "");
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/one");
}
END_TEST

START_TEST(flow_refuses_foreign_rd)
{
    begin_login("rd=https%3A%2F%2Fevil.test%2F");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k1", "");
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/dashboard");
}
END_TEST

/* T11: an ID token of another login. */
START_TEST(flow_refuses_a_token_with_another_nonce)
{
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    nonce[0] = nonce[0] == 'A' ? 'B' : 'A';
    answer_token("k1", "");
    ck_assert_int_eq(last()->reply.status, 502);
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_FAILED);
    ck_assert_str_eq(jar[0], "");
}
END_TEST

START_TEST(flow_fetches_the_keys_once_more_for_an_unknown_kid)
{
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k2", "");
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_JWKS);
    char *jwks = forge_jwks(pkey, "k2");
    answer(FLOW_EVENT_FETCHED, jwks, NOW_S);
    free(jwks);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_PUT);
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_int_eq(actions->outcome, FLOW_LOGGED_IN);
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k3", ""); /* within the minute: no second time */
    ck_assert_int_eq(last()->reply.status, 502);
}
END_TEST

START_TEST(flow_shows_a_page_for_an_expired_code)
{
    begin_login("rd=/x");
    come_back("code=c0de");
    walk_to_token();
    answer_status(400, "{\"error\":\"invalid_grant\","
                       "\"error_description\":\"Code not valid\"}");
    ck_assert_int_eq(last()->reply.status, 400);
    const char *body = text_of(last()->reply.body);
    ck_assert_ptr_nonnull(strstr(body, "Log in again"));
    ck_assert_ptr_nonnull(strstr(body, "/oauth2/start?rd=%2Fx"));
    ck_assert_ptr_null(reply_header("Location"));
}
END_TEST

START_TEST(flow_says_503_with_the_cause_when_the_store_is_down)
{
    log_in("");
    get("/dashboard", "");
    answer(FLOW_EVENT_SESSION_FAILED, "127.0.0.1:6379: refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.body), "127.0.0.1:6379: refused"));
    ck_assert_str_ne(jar[0], ""); /* the session may still be alive */
    begin_login("");
    come_back("code=c0de");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_PUT);
    answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k1", "");
    answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_ptr_null(reply_header("Location"));
}
END_TEST

START_TEST(flow_says_503_when_the_provider_is_down)
{
    get("/oauth2/start", "");
    answer(FLOW_EVENT_FETCH_FAILED, "connect: <refused>", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_int_eq(actions->outcome, FLOW_PROVIDER_DOWN);
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.body), "connect: &lt;refused&gt;"));
    get("/oauth2/start", "");
    answer_status(500, "");
    ck_assert_int_eq(last()->reply.status, 503);
    get("/oauth2/start", "");
    answer_status(200, "{\"issuer\":\"https://evil.test\"}");
    ck_assert_int_eq(last()->reply.status, 502);
    begin_login("");
    come_back("code=c0de");
    walk_to_token();
    answer(FLOW_EVENT_FETCH_FAILED, "timed out", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
}
END_TEST

/* Old documents serve while the provider is away. */
START_TEST(flow_uses_old_documents_when_the_provider_is_away)
{
    begin_login("");
    struct flow_request request = browser("/oauth2/start", "");
    send_request(&request, NOW_S + PROVIDER_FRESH_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_FETCH);
    answer(FLOW_EVENT_FETCH_FAILED, "refused", NOW_S + PROVIDER_FRESH_S);
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_STARTED);
    ck_assert_ptr_nonnull(actions->cause);
    send_request(&request, NOW_S + PROVIDER_FRESH_S + 1);
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_STARTED);
}
END_TEST

/* T22: cleared once, one login, no circle. */
START_TEST(flow_clears_a_session_that_is_gone)
{
    log_in("");
    get("/dashboard", "");
    answer(FLOW_EVENT_SESSION_MISSING, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 302);
    ck_assert_str_eq(jar[0], "");
}
END_TEST

START_TEST(flow_stops_a_login_loop_at_the_third_round)
{
    for (int i = 0; i < 3; i++) {
        log_in("rd=/x");
        jar[0][0] = '\0';
    }
    get("/oauth2/start", "rd=/x");
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_int_eq(actions->cause->code, OAUTH_ELOOP);
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.body), "start?again=1&amp;rd=%2Fx"));
    begin_login("again=1&rd=/x");
}
END_TEST

START_TEST(flow_ends_sessions_by_idleness_and_absolutely)
{
    config.idle_s = 600;
    config.lifetime_s = 3600;
    log_in("");
    struct flow_request request = browser("/dashboard", "");
    for (int64_t now_s = NOW_S + 500; now_s < NOW_S + 3600; now_s += 500) {
        send_request(&request, now_s);
        answer(FLOW_EVENT_SESSION_FOUND, "", now_s);
        ck_assert_int_eq(last()->kind, FLOW_ACTION_ALLOW);
        ck_assert_uint_eq(actions->count, 2);
        ck_assert_int_eq(actions->items[0].session.mode, FLOW_PUT_REPLACE);
        ck_assert_int_gt(actions->items[0].session.ttl_s, 0);
        store_put(&actions->items[0]);
    }
    char last_record[4096];
    memcpy(last_record, stored, sizeof(last_record));
    send_request(&request, NOW_S + 3600);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S + 3600);
    ck_assert_int_eq(last()->reply.status, 302);
    ck_assert_int_eq(actions->items[0].kind, FLOW_ACTION_SESSION_DEL);
    log_in("");
    send_request(&request, NOW_S + 59);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S + 59);
    ck_assert_uint_eq(actions->count, 1); /* no write for each request */
    send_request(&request, NOW_S + 600);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S + 600);
    ck_assert_int_eq(last()->reply.status, 302);
}
END_TEST

/* T21, T42 */
START_TEST(flow_refuses_forged_cookies_and_records)
{
    log_in("");
    char good[256];
    memcpy(good, jar[0], sizeof(good));
    for (size_t i = strlen("__Host-azimuth="); i < strlen(good); i++) {
        memcpy(jar[0], good, sizeof(good));
        jar[0][i] = jar[0][i] == 'A' ? 'B' : 'A';
        get("/dashboard", "");
        ck_assert_int_eq(last()->kind, FLOW_ACTION_REPLY);
        ck_assert_int_eq(last()->reply.status, 302);
        ck_assert_str_eq(jar[0], "");
    }
    for (size_t i = 0; i < stored_size; i++) {
        memcpy(jar[0], good, sizeof(good));
        get("/dashboard", "");
        stored[i] ^= 1;
        answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
        stored[i] ^= 1;
        ck_assert_int_eq(last()->reply.status, 302);
    }
}
END_TEST

START_TEST(flow_signs_out_here_and_at_the_provider)
{
    log_in("");
    get("/oauth2/sign_out", "");
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
    answer(FLOW_EVENT_SESSION_FOUND, "", NOW_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_DEL);
    ck_assert_str_eq(text_of(last()->session.key), stored_key);
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_int_eq(actions->outcome, FLOW_SIGNED_OUT);
    ck_assert_ptr_nonnull(
        strstr(reply_header("Location"), ISSUER "/logout?client_id=" CLIENT));
    ck_assert_str_eq(location_param("post_logout_redirect_uri"), BASE_URL "/");
    ck_assert_uint_gt(strlen(location_param("id_token_hint")), 100);
    ck_assert_str_eq(jar[0], "");
    ck_assert_str_eq(jar[1], "");
}
END_TEST

/* T33 */
START_TEST(flow_does_not_sign_out_for_another_site)
{
    log_in("");
    struct flow_request request = browser("/oauth2/sign_out", "");
    request.sec_fetch_site = span_of("cross-site");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 403);
    ck_assert_str_ne(jar[0], "");
    request.sec_fetch_site = (struct span){ NULL, 0 };
    send_request(&request, NOW_S); /* nothing says where it is from */
    ck_assert_int_eq(last()->reply.status, 403);
    request.referer = span_of("https://dash.test:8443.evil.test/");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 403);
    request.referer = span_of(BASE_URL "/dashboard");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->kind, FLOW_ACTION_SESSION_GET);
    request.method = span_of("DELETE");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 405);
}
END_TEST

START_TEST(flow_gives_a_script_that_signs_out_the_address)
{
    log_in("");
    struct flow_request request = browser("/oauth2/sign_out", "");
    request.method = span_of("POST");
    request.sec_fetch_mode = span_of("cors");
    send_request(&request, NOW_S);
    answer(FLOW_EVENT_SESSION_MISSING, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 200);
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.body), "\"logout_url\":\"" ISSUER));
}
END_TEST

START_TEST(flow_signs_out_here_even_when_all_else_is_down)
{
    log_in("");
    get("/oauth2/sign_out", "");
    answer(FLOW_EVENT_SESSION_FAILED, "refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 503);
    ck_assert_str_eq(jar[0], "");
    struct provider_options options = { .issuer = span_of(ISSUER) };
    provider_free(provider);
    ck_assert_int_eq(provider_create(&options, &provider, NULL), OAUTH_OK);
    get("/oauth2/sign_out", "");
    answer(FLOW_EVENT_FETCH_FAILED, "refused", NOW_S);
    ck_assert_int_eq(last()->reply.status, 200);
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.body), "Signed out here"));
}
END_TEST

START_TEST(flow_refuses_wrong_methods_and_unknown_endpoints)
{
    struct flow_request request = browser("/oauth2/callback", "");
    request.method = span_of("POST");
    send_request(&request, NOW_S);
    ck_assert_int_eq(last()->reply.status, 405);
    ck_assert_str_eq(reply_header("Allow"), "GET");
    get("/oauth2/", "");
    ck_assert_int_eq(last()->reply.status, 404);
    get("/oauth2/start/x", "");
    ck_assert_int_eq(last()->reply.status, 404);
}
END_TEST

/* A Strict cookie is not part of the provider's navigation. */
START_TEST(flow_hands_over_by_a_page_when_the_cookie_is_strict)
{
    config.cookie_same_site = FLOW_STRICT;
    begin_login("rd=/x%3Fa%22b");
    come_back("code=c0de");
    walk_to_token();
    answer_token("k1", "");
    answer(FLOW_EVENT_SESSION_DONE, "", NOW_S);
    ck_assert_int_eq(last()->reply.status, 200);
    ck_assert_ptr_nonnull(strstr(text_of(last()->reply.body),
                                 "content=\"0;url=" BASE_URL "/dashboard\""));
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.cookies[1]), "SameSite=Strict"));
    ck_assert_ptr_nonnull(
        strstr(text_of(last()->reply.cookies[0]), "SameSite=Lax"));
}
END_TEST

START_TEST(flow_survives_an_endless_target)
{
    char *target = forge_text("/%08000d?%08000d", 1, 1);
    struct flow_request request = browser("/x", "");
    request.target = span_of(target);
    send_request(&request, NOW_S);
    ck_assert_str_eq(reply_header("Location"), BASE_URL "/oauth2/start");
    free(target);
}
END_TEST

START_TEST(flow_config_refuses_what_would_be_unsafe)
{
    struct flow_config good = config;
    struct error error;
    config.base_url = span_of("http://dash.test");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config.base_url = span_of("https://dash.test/path");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
    config.issuer = span_of("http://idp.test");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
    config.scope = span_of("profile openidx");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
    config.cookie_same_site = FLOW_NONE;
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config.cookie_domain = span_of(".test");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_OK);
    config.cookie_domain = span_of("ash.test");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
    config.home_path = span_of("//evil.test");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
    config.lifetime_s = 10;
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
    config.client_id = span_of("");
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
    config.ring = NULL;
    ck_assert_int_eq(flow_config_check(&config, &error), OAUTH_ECONFIG);
    config = good;
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/flow");
    TCase *tcase = tcase_create("flow");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, flow_logs_a_browser_in_and_lets_it_pass);
    tcase_add_test(tcase, flow_gives_machines_401_json_with_a_login_url);
    tcase_add_test(
        tcase, flow_answers_preflight_without_a_session_but_no_other_options);
    tcase_add_test(tcase, flow_shows_a_page_to_a_posted_form);
    tcase_add_test(tcase, flow_auth_endpoint_says_202_or_401);
    tcase_add_test(tcase, flow_userinfo_tells_who_is_logged_in);
    tcase_add_test(tcase,
                   flow_refuses_a_callback_that_this_browser_did_not_begin);
    tcase_add_test(tcase, flow_refuses_a_state_that_is_too_old);
    tcase_add_test(tcase, flow_refuses_a_callback_of_another_issuer);
    tcase_add_test(tcase, flow_refuses_malformed_callbacks);
    tcase_add_test(tcase, flow_escapes_what_the_provider_says);
    tcase_add_test(tcase, flow_uses_a_state_once);
    tcase_add_test(tcase, flow_sends_a_replayed_callback_home_when_logged_in);
    tcase_add_test(tcase, flow_gives_a_new_id_at_each_login);
    tcase_add_test(tcase, flow_keeps_parallel_tabs_apart);
    tcase_add_test(tcase, flow_refuses_foreign_rd);
    tcase_add_test(tcase, flow_refuses_a_token_with_another_nonce);
    tcase_add_test(tcase, flow_fetches_the_keys_once_more_for_an_unknown_kid);
    tcase_add_test(tcase, flow_shows_a_page_for_an_expired_code);
    tcase_add_test(tcase, flow_says_503_with_the_cause_when_the_store_is_down);
    tcase_add_test(tcase, flow_says_503_when_the_provider_is_down);
    tcase_add_test(tcase, flow_uses_old_documents_when_the_provider_is_away);
    tcase_add_test(tcase, flow_clears_a_session_that_is_gone);
    tcase_add_test(tcase, flow_stops_a_login_loop_at_the_third_round);
    tcase_add_test(tcase, flow_ends_sessions_by_idleness_and_absolutely);
    tcase_add_test(tcase, flow_refuses_forged_cookies_and_records);
    tcase_add_test(tcase, flow_signs_out_here_and_at_the_provider);
    tcase_add_test(tcase, flow_does_not_sign_out_for_another_site);
    tcase_add_test(tcase, flow_gives_a_script_that_signs_out_the_address);
    tcase_add_test(tcase, flow_signs_out_here_even_when_all_else_is_down);
    tcase_add_test(tcase, flow_refuses_wrong_methods_and_unknown_endpoints);
    tcase_add_test(tcase, flow_hands_over_by_a_page_when_the_cookie_is_strict);
    tcase_add_test(tcase, flow_survives_an_endless_target);
    tcase_add_test(tcase, flow_config_refuses_what_would_be_unsafe);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
