/* SPDX-License-Identifier: Apache-2.0
 * From code to session: token endpoint, ID token, a new ticket. The session's
 * id is always new; nothing of a session from before is taken over. */
#include "oauth/flow_move.h"

#include "oauth/base64.h"
#include "oauth/idtoken.h"
#include "oauth/pkce.h"

#include <assert.h>
#include <openssl/crypto.h>

void
flow_exchange_code(struct flow *flow)
{
    const struct provider_metadata *metadata =
        provider_metadata(flow->provider);
    assert(metadata != NULL);
    struct bytes verifier;
    struct bytes body;
    struct bytes authorization;
    bytes_init(&verifier, PKCE_TEXT_SIZE);
    bytes_init(&body, (size_t)16 << 10);
    bytes_init(&authorization, 4096);
    pkce_verifier(flow->slot->pkce, &verifier);
    const struct token_client client = { flow->config.client_id,
                                         flow->config.client_secret };
    const struct token_exchange exchange = {
        .code = flow->back.code,
        .verifier = bytes_span(&verifier),
        .redirect_uri = flow_own_url(flow, span_of(FLOW_PREFIX "callback")),
    };
    token_exchange_format(metadata, &client, &exchange, &body, &authorization);
    struct flow_action *action = &flow->actions.items[flow->actions.count++];
    *action = (struct flow_action){ .kind = FLOW_ACTION_FETCH };
    struct flow_fetch *fetch = &action->fetch;
    const char *url = metadata->token_endpoint;
    char *copy = arena_strndup(&flow->arena, url, span_of(url).size);
    fetch->kind = FLOW_FETCH_TOKEN;
    fetch->url = copy == NULL ? span_of("") : span_of(copy);
    fetch->is_post = true;
    fetch->headers[fetch->header_count++] =
        (struct flow_header){ span_of("Accept"), span_of("application/json") };
    fetch->headers[fetch->header_count++] =
        (struct flow_header){ span_of("Content-Type"),
                              span_of("application/x-www-form-urlencoded") };
    if (authorization.size > 0)
        fetch->headers[fetch->header_count++] =
            (struct flow_header){ span_of("Authorization"),
                                  flow_keep(flow, &authorization) };
    fetch->body = flow_keep(flow, &body);
    bytes_wipe(&authorization);
    bytes_wipe(&verifier);
    flow->state = FLOW_AT_TOKEN;
}

/* Fills in what is ours: times, tokens, for whom it is. */
static void
complete_session(struct flow *flow, struct session *session)
{
    int64_t now_s = flow->now_s;
    session->created_s = now_s;
    session->expires_s = now_s + flow->config.lifetime_s;
    if (flow->tokens.expires_in_s > 0)
        session->access_expires_s = now_s + flow->tokens.expires_in_s;
    session->issuer = flow->config.issuer;
    session->audience = flow->config.client_id;
    session->id_token = flow->tokens.id_token;
    session->refresh_token = flow->tokens.refresh_token;
    if (session->refresh_token.size > SESSION_FIELD_SIZE_MAX)
        session->refresh_token = (struct span){ NULL, 0 };
}

static void
format_cookie(struct flow *flow)
{
    struct bytes text;
    bytes_init(&text, SESSION_TICKET_TEXT_SIZE);
    if (session_ticket_format(flow->config.ring, &flow->new_ticket, &text) !=
        OAUTH_OK)
        text.is_failed = true;
    struct span value = flow_keep(flow, &text);
    flow->new_cookie =
        flow_set_cookie(flow, flow->cookie_name, value, flow->config.lifetime_s,
                        flow->config.cookie_same_site);
}

/* The user is known and the session has its place in the list: its record
 * into the store. */
void
flow_keep_session(struct flow *flow)
{
    struct bytes record;
    unsigned char nonce[SEAL_NONCE_SIZE];
    flow_draw(flow, nonce, sizeof(nonce));
    bytes_init(&record, SESSION_RECORD_SIZE_MAX + SEAL_OVERHEAD_SIZE);
    enum oauth_code code = session_seal(flow->config.ring, &flow->new_ticket,
                                        &flow->session, nonce, &record);
    if (code != OAUTH_OK) {
        bytes_wipe(&record);
        flow->session = (struct session){ 0 };
        error_set(&flow->cause, code, "the session cannot be sealed");
        flow_reply_cause(flow, FLOW_FAILED);
        return;
    }
    format_cookie(flow);
    struct flow_session *put = flow_ask_put(flow, FLOW_AT_KEEP);
    put->key = span_of(flow->new_store_key);
    put->value = flow_keep(flow, &record);
    put->ttl_s = flow->config.idle_s < flow->config.lifetime_s
                     ? flow->config.idle_s
                     : flow->config.lifetime_s;
    put->mode = FLOW_PUT_NEW;
}

/* Verifies the ID token with the keys at hand. */
static void
judge_token(struct flow *flow)
{
    struct bytes nonce;
    struct session session = { 0 };
    bytes_init(&nonce, 64);
    base64_encode((struct span){ (const char *)flow->slot->nonce,
                                 sizeof(flow->slot->nonce) },
                  &nonce);
    const struct idtoken_rules rules = {
        .issuer = flow->config.issuer,
        .client_id = flow->config.client_id,
        .nonce = bytes_span(&nonce),
        .access_token = flow->tokens.access_token,
        .code = flow->back.code,
        .jwks = provider_jwks(flow->provider),
        .now_s = flow->now_s,
    };
    enum oauth_code code =
        bytes_failed(&nonce)
            ? error_memory(&flow->cause)
            : idtoken_check(flow->tokens.id_token, &rules, &flow->arena,
                            &session, &flow->cause);
    if (code == OAUTH_OK)
        idtoken_add_access_roles(&rules, &flow->arena, &session);
    bytes_wipe(&nonce);
    if (code == OAUTH_OK) {
        flow->cause = (struct error){ 0 };
        complete_session(flow, &session);
        flow->session = session;
        flow_enter_roster(flow);
    } else if (code == OAUTH_EKEY && flow->state == FLOW_AT_TOKEN &&
               provider_may_refetch(flow->provider, flow->now_s)) {
        flow_ask_document(flow, PROVIDER_JWKS, FLOW_AT_NEW_KEYS);
    } else {
        flow_reply_cause(flow, FLOW_LOGIN_FAILED);
    }
}

void
flow_on_token(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_FETCH_FAILED) {
        flow_fail_with(flow, OAUTH_EPROVIDER, "the token endpoint failed",
                       event);
        flow_reply_cause(flow, FLOW_PROVIDER_DOWN);
        return;
    }
    enum oauth_code code =
        token_response_parse(event->fetched.status, event->fetched.body,
                             &flow->arena, &flow->tokens, &flow->cause);
    if (code == OAUTH_EPROVIDER) {
        flow_reply_cause(flow, FLOW_PROVIDER_DOWN);
    } else if (code != OAUTH_OK) {
        flow_reply_cause(flow, FLOW_LOGIN_FAILED);
    } else if (flow->tokens.id_token.size == 0) {
        error_set(&flow->cause, OAUTH_ETOKEN,
                  "the token answer has no id_token; is openid in the scope?");
        flow_reply_cause(flow, FLOW_LOGIN_FAILED);
    } else {
        judge_token(flow);
    }
}

void
flow_on_new_keys(struct flow *flow, const struct flow_event *event)
{
    enum oauth_code code = OAUTH_EPROVIDER;
    if (event->kind == FLOW_EVENT_FETCHED)
        code =
            provider_put(flow->provider, PROVIDER_JWKS, event->fetched.status,
                         event->fetched.body, flow->now_s, &flow->cause);
    else
        flow_fail_with(flow, OAUTH_EPROVIDER, "the provider cannot be reached",
                       event);
    if (code == OAUTH_OK)
        judge_token(flow);
    else
        flow_reply_cause(flow, FLOW_PROVIDER_DOWN);
}
