/* SPDX-License-Identifier: Apache-2.0
 * From code to session: token endpoint and ID token. Nothing of a session from
 * before is taken over. */
#include "oauth/flow_move.h"

#include "base/base64.h"
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
    struct bytes form;
    bytes_init(&verifier, PKCE_TEXT_SIZE);
    bytes_init(&form, (size_t)24 << 10);
    pkce_verifier(flow->slot->pkce, &verifier);
    const struct token_exchange exchange = {
        .code = flow->back.code,
        .verifier = bytes_span(&verifier),
        .redirect_uri = flow_own_url(flow, span_of(FLOW_PREFIX "callback")),
    };
    token_exchange_form(&exchange, &form);
    form.is_failed = form.is_failed || bytes_failed(&verifier);
    bytes_wipe(&verifier);
    const struct flow_call call = {
        .kind = FLOW_FETCH_TOKEN,
        .url = metadata->token_endpoint,
        .form = &form,
    };
    if (!flow_ask_call(flow, &call, FLOW_AT_TOKEN))
        flow_reply_cause(flow, FLOW_FAILED);
}

/* Fills in what is ours: times, tokens, for whom it is. */
static void
complete_session(struct flow *flow, struct session *session)
{
    int64_t now_s = flow->now_s;
    session->created_s = now_s;
    session->refreshed_s = now_s;
    session->expires_s = now_s + flow->config.lifetime_s;
    session->issuer = flow->config.issuer;
    session->audience = flow->config.client_id;
    session->id_token = flow->tokens.id_token;
    session->refresh_token = flow->tokens.refresh_token;
    if (session->refresh_token.size > SESSION_FIELD_SIZE_MAX)
        session->refresh_token = (struct span){ NULL, 0 };
    session->access_expires_s = flow_access_end(flow, session->refresh_token);
}

bool
flow_may_ask_for_key(struct flow *flow, struct span token,
                     enum provider_source source)
{
    struct jws jws;
    if (jws_parse(token, &jws, NULL) != OAUTH_OK)
        return false;
    struct span kid = span_of(jws.has_kid ? jws.kid : "");
    bool is_allowed =
        provider_may_refetch(flow->provider, kid, source, flow->now_s);
    jws_release(&jws);
    return is_allowed;
}

/* The new session's id, which is always a new one; then its place in the list
 * of its user. */
static void
choose_ticket(struct flow *flow)
{
    flow_draw(flow, flow->new_ticket.id, sizeof(flow->new_ticket.id));
    flow_draw(flow, flow->new_ticket.key, sizeof(flow->new_ticket.key));
    enum oauth_code code =
        session_store_key(&flow->new_ticket, flow->new_store_key);
    if (code != OAUTH_OK)
        error_set(&flow->cause, code, "the session's key failed");
    if (code != OAUTH_OK || !flow_find_roster(flow)) {
        flow->session = (struct session){ 0 };
        flow_reply_cause(flow, FLOW_FAILED);
        return;
    }
    flow_ask_index(flow, span_of(flow->roster.key), FLOW_AT_ROSTER);
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
        .claim_names = flow->config.claim_names,
        .nonce = bytes_span(&nonce),
        .access_token = flow->tokens.access_token,
        .code = flow->back.code,
        .jwks = provider_jwks(flow->provider),
        .algs = flow->config.algs,
        .skew_s = flow->config.skew_s,
        .now_s = flow->now_s,
    };
    enum oauth_code code =
        bytes_failed(&nonce)
            ? error_memory(&flow->cause)
            : idtoken_check(flow->tokens.id_token, &rules, &flow->arena,
                            &session, &flow->cause);
    if (code == OAUTH_OK)
        idtoken_add_access_roles(&rules, &flow->arena, &session);
    if (code == OAUTH_OK)
        session.nonce = flow_keep(flow, &nonce);
    bytes_wipe(&nonce);
    if (code == OAUTH_OK) {
        flow->cause = (struct error){ 0 };
        complete_session(flow, &session);
        flow->session = session;
        choose_ticket(flow);
    } else if (code == OAUTH_EKEY && flow->state == FLOW_AT_TOKEN &&
               flow_may_ask_for_key(flow, flow->tokens.id_token,
                                    PROVIDER_SAYS)) {
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
    if (flow_take_document(flow, PROVIDER_JWKS, event))
        judge_token(flow);
    else
        flow_reply_cause(flow, FLOW_PROVIDER_DOWN);
}
