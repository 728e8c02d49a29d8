/* SPDX-License-Identifier: Apache-2.0
 * One browser, one store and one provider, played for a flow. */
#include "tests/unit/oauth/visit.h"

#include "tests/unit/oauth/forge.h"

#include "oauth/url.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

EVP_PKEY *pkey;
struct seal_ring *ring;
struct provider *provider;
struct flow_config config;
struct flow *flow;
const struct flow_actions *actions;
static unsigned char seed[FLOW_SEED_SIZE];

/* What the browser and the store of a test remember. */
char jar[2][4096];
char stored_key[128];
char stored[65536];
size_t stored_size;

struct flow_entry roster[64];
size_t roster_count;
char roster_key_text[128];
struct flow_entry sid_entry;
char sid_key_text[128];
bool holds_roster;

/* Copies into one of the pieces that live as long as the process. */
static struct span
kept(struct span span)
{
    static char pieces[192][1024];
    static size_t turn;
    char *copy = pieces[turn++ % 192];
    ck_assert_uint_le(span.size, sizeof(pieces[0]));
    memcpy(copy, span.data, span.size);
    return (struct span){ copy, span.size };
}

static void
roster_put(const struct flow_index *index)
{
    struct flow_entry entry;
    ck_assert_int_gt(index->ttl_s, 0);
    entry.value = kept(index->value);
    entry.field = kept(index->field);
    if (span_starts(index->key, "azimuth:sid:")) {
        sid_entry = entry;
        memcpy(sid_key_text, text_of(index->key), sizeof(sid_key_text));
        return;
    }
    ck_assert(span_starts(index->key, "azimuth:user:"));
    memcpy(roster_key_text, text_of(index->key), sizeof(roster_key_text));
    roster[roster_count++ % 64] = entry;
}

/* Answers questions to an index until another one comes. */
static void
walk_roster(void)
{
    while (!holds_roster && (last()->kind == FLOW_ACTION_INDEX_GET ||
                             last()->kind == FLOW_ACTION_INDEX_PUT)) {
        struct flow_event event = { .kind = FLOW_EVENT_INDEX_FOUND,
                                    .now_s = NOW_S };
        if (last()->kind == FLOW_ACTION_INDEX_PUT) {
            roster_put(&last()->index);
            event.kind = FLOW_EVENT_SESSION_DONE;
        }
        actions = flow_step(flow, &event);
    }
}

void
visit_setup(void)
{
    roster_count = 0;
    holds_roster = false;
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

void
visit_teardown(void)
{
    flow_free(flow);
    flow = NULL;
    provider_free(provider);
    provider = NULL;
    seal_ring_free(ring);
    ring = NULL;
}

const struct flow_action *
last(void)
{
    return &actions->items[actions->count - 1];
}

const char *
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

const char *
header_of(const struct flow_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (span_equal_text(headers[i].name, name))
            return text_of(headers[i].value);
    }
    return NULL;
}

const char *
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

struct flow_request
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

void
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

void
get(const char *path, const char *query)
{
    struct flow_request request = browser(path, query);
    send_request(&request, NOW_S);
}

void
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
    if (last()->kind == FLOW_ACTION_INDEX_PUT &&
        kind == FLOW_EVENT_SESSION_DONE)
        roster_put(&last()->index);
    actions = flow_step(flow, &event);
    walk_roster();
    if (last()->kind == FLOW_ACTION_REPLY)
        keep_cookies();
}

void
answer_index(const struct flow_entry *entries, size_t count)
{
    struct flow_event event = { .kind = FLOW_EVENT_INDEX_FOUND,
                                .now_s = NOW_S };
    ck_assert_int_eq(last()->kind, FLOW_ACTION_INDEX_GET);
    event.index.entries = entries;
    event.index.count = count;
    actions = flow_step(flow, &event);
    if (last()->kind == FLOW_ACTION_REPLY)
        keep_cookies();
}

void
answer_status(int status, const char *body)
{
    struct flow_event event = { .kind = FLOW_EVENT_FETCHED, .now_s = NOW_S };
    event.fetched.status = status;
    event.fetched.body = span_of(body);
    actions = flow_step(flow, &event);
    if (last()->kind == FLOW_ACTION_REPLY)
        keep_cookies();
}

void
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
           "\"introspection_endpoint\":\"" ISSUER "/introspect\","
           "\"end_session_endpoint\":\"" ISSUER "/logout\","
           "\"authorization_response_iss_parameter_supported\":true}",
           NOW_S);
}

void
answer_jwks(void)
{
    ck_assert_int_eq(last()->fetch.kind, FLOW_FETCH_JWKS);
    char *jwks = forge_jwks(pkey, "k1");
    answer(FLOW_EVENT_FETCHED, jwks, NOW_S);
    free(jwks);
}

/* The value of a parameter in the Location of a redirect. */
const char *
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

char state[STATEPARAM_SIZE_MAX + 1];
char nonce[64];

void
begin_login(const char *query)
{
    get("/oauth2/start", query);
    if (last()->kind == FLOW_ACTION_FETCH)
        answer_discovery();
    ck_assert_int_eq(actions->outcome, FLOW_LOGIN_STARTED);
    snprintf(state, sizeof(state), "%s", location_param("state"));
    snprintf(nonce, sizeof(nonce), "%s", location_param("nonce"));
}

void
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

void
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

void
store_put(const struct flow_action *action)
{
    ck_assert_int_eq(action->kind, FLOW_ACTION_SESSION_PUT);
    ck_assert_uint_le(action->session.value.size, sizeof(stored));
    memcpy(stored, action->session.value.data, action->session.value.size);
    stored_size = action->session.value.size;
    memcpy(stored_key, text_of(action->session.key), sizeof(stored_key) - 1);
}

/* Everything between the callback and the new session. */
void
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

void
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
