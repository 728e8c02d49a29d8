/* SPDX-License-Identifier: Apache-2.0
 * The provider ends sessions. Back-channel (OpenID Connect Back-Channel Logout
 * 1.0): it posts a logout token; its word is checked like any token of it, and
 * the sessions of the user, or those of one session there, are deleted one by
 * one. The use of a token is noted when all is done: what failed half-way may
 * be repeated, and until then a copy can only do the same again. Front-channel
 * (Front-Channel Logout 1.0): its page loads ours in a frame, which ends the
 * session of this very browser if iss and sid name it. */
#include "oauth/flow_move.h"

#include "base/base64.h"
#include "oauth/url.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define FORM_TYPE "application/x-www-form-urlencoded"

static void
refuse(struct flow *flow)
{
    if (flow->cause.code == OAUTH_ENOMEM) {
        flow_reply_cause(flow, FLOW_FAILED);
        return;
    }
    flow->cause.code = OAUTH_ELOGOUT;
    flow_reply_cause(flow, FLOW_REFUSED);
}

/* A decoded form or query value into the flow; false when it is not there
 * exactly once. */
static bool
take_param(struct flow *flow, struct span text, const char *name,
           struct span *ret_value)
{
    struct bytes value;
    bytes_init(&value, URL_QUERY_SIZE_MAX);
    enum url_param found = url_param(text, name, &value);
    *ret_value = flow_keep(flow, &value);
    return found == URL_PARAM_FOUND && ret_value->size > 0;
}

/* A key of the roster for `id`, in the flow; empty when it failed, and the
 * flow is over then. */
static struct span
find_key(struct flow *flow, enum roster_kind kind, struct span id)
{
    char key[ROSTER_KEY_SIZE_MAX];
    const struct roster_name name = flow_name(flow, id);
    enum oauth_code code = roster_key(kind, &name, key);
    if (code != OAUTH_OK) {
        error_set(&flow->cause, code, "a key of the session store failed");
        flow_reply_cause(flow, FLOW_FAILED);
        return (struct span){ NULL, 0 };
    }
    struct span copy = flow_copy(flow, span_of(key));
    if (copy.size == 0)
        flow_reply_static(flow);
    return copy;
}

/* ---- back-channel ------------------------------------------------------- */

/* The token is good: was it used before? */
static void
ask_mark(struct flow *flow)
{
    struct span key = find_key(flow, ROSTER_LOGOUT, flow->logout_token.jti);
    if (key.size > 0)
        flow_ask_key(flow, key, FLOW_AT_LOGOUT_MARK);
}

static void judge(struct flow *flow);

/* Asks for whatever of the provider is missing, then judges. */
static void
prepare(struct flow *flow)
{
    enum provider_document document = PROVIDER_DISCOVERY;
    if (!provider_wants(flow->provider, document, flow->now_s))
        document = PROVIDER_JWKS;
    if (!provider_wants(flow->provider, document, flow->now_s)) {
        judge(flow);
        return;
    }
    flow->logout_document = document;
    flow_ask_document(flow, document, FLOW_AT_LOGOUT_KEYS);
}

static void
judge(struct flow *flow)
{
    const struct logout_token_rules rules = {
        .issuer = flow->config.issuer,
        .client_id = flow->config.client_id,
        .jwks = provider_jwks(flow->provider),
        .algs = flow->config.algs,
        .skew_s = flow->config.skew_s,
        .now_s = flow->now_s,
    };
    assert(rules.jwks != NULL);
    enum oauth_code code = logout_token_check(
        flow->logout, &rules, &flow->arena, &flow->logout_token, &flow->cause);
    if (code == OAUTH_OK) {
        flow->cause = (struct error){ 0 };
        ask_mark(flow);
    } else if (code == OAUTH_EKEY && !flow->has_new_keys &&
               flow_may_ask_for_key(flow, flow->logout, CLIENT_SAYS)) {
        flow->has_new_keys = true;
        flow->logout_document = PROVIDER_JWKS;
        flow_ask_document(flow, PROVIDER_JWKS, FLOW_AT_LOGOUT_KEYS);
    } else {
        refuse(flow);
    }
}

void
flow_logout_back(struct flow *flow, const struct flow_request *request)
{
    struct span type = request->content_type;
    flow->kind = REQUEST_CALL;
    flow->drops_cookie = false; /* whatever cookie came, it is no browser's */
    if (request->is_body_refused) {
        error_set(&flow->cause, OAUTH_EBODY,
                  "a logout token's form has a length of at most %zu bytes",
                  FLOW_BODY_SIZE_MAX);
        flow_reply_cause(flow, FLOW_REFUSED);
        return;
    }
    if (!span_starts(type, FORM_TYPE)) {
        error_set(&flow->cause, OAUTH_ELOGOUT, "the body is no " FORM_TYPE);
        refuse(flow);
        return;
    }
    if (!take_param(flow, request->body, "logout_token", &flow->logout)) {
        error_set(&flow->cause, OAUTH_ELOGOUT,
                  "there is not exactly one logout_token");
        refuse(flow);
        return;
    }
    if (logout_token_look(flow->logout, &flow->cause) != OAUTH_OK)
        refuse(flow);
    else
        prepare(flow);
}

void
flow_on_logout_keys(struct flow *flow, const struct flow_event *event)
{
    if (!flow_take_document(flow, flow->logout_document, event))
        flow_reply_cause(flow, FLOW_PROVIDER_DOWN);
    else if (flow->has_new_keys)
        judge(flow);
    else
        prepare(flow);
}

static void
answer_back(struct flow *flow)
{
    flow_reply_empty(flow, 200, FLOW_ENDED_BY_PROVIDER);
}

/* Everything is done: now the token is used up. */
static void
note_use(struct flow *flow)
{
    struct span key = find_key(flow, ROSTER_LOGOUT, flow->logout_token.jti);
    if (key.size == 0)
        return;
    struct flow_session *put = flow_ask_put(flow, FLOW_AT_LOGOUT_DONE);
    put->key = key;
    put->value = span_of("1");
    put->ttl_s = LOGOUT_TOKEN_MARK_S;
    put->mode = FLOW_PUT_NEW;
}

static void
ask_roster(struct flow *flow)
{
    flow_ask_index(flow, span_of(flow->roster.key), FLOW_AT_LOGOUT_ROSTER);
}

void
flow_on_logout_mark(struct flow *flow, const struct flow_event *event)
{
    const struct logout_token *token = &flow->logout_token;
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        flow_reply_store_down(flow, event);
        return;
    }
    if (event->kind == FLOW_EVENT_SESSION_FOUND) {
        error_set(&flow->cause, OAUTH_ELOGOUT,
                  "the logout token was used before");
        refuse(flow);
        return;
    }
    if (token->sub.size > 0) {
        struct span key = find_key(flow, ROSTER_USER, token->sub);
        if (key.size == 0)
            return;
        memcpy(flow->roster.key, key.data, key.size + 1);
        ask_roster(flow);
        return;
    }
    struct span key = find_key(flow, ROSTER_SID, token->sid);
    if (key.size > 0)
        flow_ask_index(flow, key, FLOW_AT_LOGOUT_SID);
}

void
flow_on_logout_sid(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        flow_reply_store_down(flow, event);
        return;
    }
    for (size_t i = 0; i < event->index.count; i++) {
        struct span key = event->index.entries[i].value;
        if (!span_starts(key, "azimuth:user:") ||
            key.size >= sizeof(flow->roster.key))
            continue;
        memcpy(flow->roster.key, key.data, key.size);
        flow->roster.key[key.size] = '\0';
        ask_roster(flow);
        return;
    }
    note_use(flow); /* a session that nobody has any more */
}

/* Whether the logout is about this session. One that began without a sid may
 * be any session of its user there. */
static bool
is_meant(const struct flow *flow, const struct roster_entry *entry,
         const unsigned char *sid_hash)
{
    static const unsigned char none[ROSTER_HASH_SIZE];
    const struct logout_token *token = &flow->logout_token;
    if (token->sid.size == 0 || flow_has_more(flow))
        return true;
    if (!entry->is_open)
        return false;
    return CRYPTO_memcmp(entry->sid_hash, sid_hash, ROSTER_HASH_SIZE) == 0 ||
           (token->sub.size > 0 &&
            CRYPTO_memcmp(entry->sid_hash, none, ROSTER_HASH_SIZE) == 0);
}

void
flow_on_logout_roster(struct flow *flow, const struct flow_event *event)
{
    unsigned char sid_hash[ROSTER_HASH_SIZE] = { 0 };
    const struct logout_token *token = &flow->logout_token;
    const struct roster_name name = flow_name(flow, token->sid);
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        flow_reply_store_down(flow, event);
        return;
    }
    if (token->sid.size > 0 && roster_sid_hash(&name, sid_hash) != OAUTH_OK) {
        error_memory(&flow->cause);
        flow_reply_cause(flow, FLOW_FAILED);
        return;
    }
    flow_read_roster(flow, event);
    for (size_t i = 0; i < flow->roster.count; i++) {
        const struct roster_entry *entry = &flow->roster.entries[i];
        if (is_meant(flow, entry, sid_hash))
            flow_end_add(flow, entry->field);
    }
    flow_end_all(flow, flow_has_more(flow) ? ask_roster : note_use);
}

void
flow_on_logout_done(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_FAILED)
        flow_reply_store_down(flow, event);
    else
        answer_back(flow);
}

/* ---- front-channel ------------------------------------------------------ */

/* The sessions are not told apart: the frame's page looks the same whether
 * there was one or not. */
static void
answer_front(struct flow *flow)
{
    flow_reply_frame(flow, flow->roster.end_count > 0 ? FLOW_ENDED_BY_PROVIDER
                                                      : FLOW_REFUSED);
}

void
flow_logout_front(struct flow *flow, const struct flow_request *request)
{
    struct span issuer;
    flow->drops_cookie = false;
    if (!flow->config.has_front_logout) {
        error_set(&flow->cause, OAUTH_ENOTFOUND,
                  "front-channel logout is not enabled");
        flow_reply_cause(flow, FLOW_REFUSED);
        return;
    }
    if (!take_param(flow, request->query, "iss", &issuer) ||
        !take_param(flow, request->query, "sid", &flow->logout_token.sid) ||
        !span_equal(issuer, flow->config.issuer)) {
        error_set(&flow->cause, OAUTH_ELOGOUT,
                  "a logout names our issuer as iss, and a sid");
        flow_reply_cause(flow, FLOW_REFUSED);
        return;
    }
    if (flow->has_ticket)
        flow_ask_session(flow, FLOW_AT_FRONT);
    else
        answer_front(flow);
}

void
flow_on_front(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        flow_reply_store_down(flow, event);
        return;
    }
    if (event->kind != FLOW_EVENT_SESSION_FOUND ||
        !flow_open_session(flow, event->record) ||
        flow->session.sid.size != flow->logout_token.sid.size ||
        CRYPTO_memcmp(flow->session.sid.data, flow->logout_token.sid.data,
                      flow->session.sid.size) != 0) {
        flow->cause = (struct error){ 0 };
        answer_front(flow);
        return;
    }
    flow->drops_cookie = true;
    if (!flow_find_roster(flow)) {
        flow_reply_cause(flow, FLOW_FAILED);
        return;
    }
    flow_end_add(flow, roster_field(span_of(flow->store_key)));
    flow_end_all(flow, answer_front);
}

/* ---- for the log --------------------------------------------------------- */

void
flow_tell_ended(struct flow *flow)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    struct bytes text;
    struct span sid = flow->logout_token.sid;
    flow->actions.ended_sub = (struct span){ NULL, 0 };
    flow->actions.ended_sid = (struct span){ NULL, 0 };
    if (flow->actions.outcome != FLOW_ENDED_BY_PROVIDER)
        return;
    flow->actions.ended_sub = flow->logout_token.sub;
    if (sid.size == 0 ||
        EVP_Digest(sid.data, sid.size, hash, &size, EVP_sha256(), NULL) != 1)
        return;
    bytes_init(&text, 64);
    base64_encode((struct span){ (const char *)hash, size }, &text);
    if (!bytes_failed(&text)) {
        memcpy(flow->sid_digest, text.data, FLOW_DIGEST_SIZE);
        flow->actions.ended_sid = span_of(flow->sid_digest);
    }
    bytes_release(&text);
}
