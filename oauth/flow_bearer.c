/* SPDX-License-Identifier: Apache-2.0
 * A request with a bearer token. A JWT is verified with the provider's keys,
 * anything else is put to its introspection, where that is on. Whoever sends a
 * token is a machine: it gets statuses, never a redirect to a login.
 *
 *   request -> [address] -> [keys] -> [new keys] -> verdict        a JWT
 *   request -> [address] -> introspection -> verdict               opaque */
#include "oauth/flow_move.h"

#include "oauth/accesstoken.h"
#include "oauth/credential.h"

#include <assert.h>

static void
refuse(struct flow *flow, bool is_memorable)
{
    enum oauth_code code = flow->cause.code;
    /* What is wrong with a client's token is no fault of the provider. */
    if (code == OAUTH_ETOKEN || code == OAUTH_EKEY)
        flow->cause.code = OAUTH_EBEARER;
    flow->actions.is_memorable =
        is_memorable && flow->cause.code == OAUTH_EBEARER;
    if (code == OAUTH_EPROVIDER || code == OAUTH_EDOCUMENT)
        flow_reply_cause(flow, FLOW_PROVIDER_DOWN);
    else if (error_http_status(flow->cause.code) >= 500)
        flow_reply_cause(flow, FLOW_FAILED);
    else
        flow_reply_cause(flow,
                         code == OAUTH_ESCOPE ? FLOW_FORBIDDEN : FLOW_DENIED);
}

static struct accesstoken_rules
rules_of(const struct flow *flow)
{
    const struct flow_config *config = &flow->config;
    return (struct accesstoken_rules){
        .basic = { .issuer = config->issuer,
                   .client_id = config->client_id,
                   .claim_names = config->claim_names,
                   .jwks = provider_jwks(flow->provider),
                   .algs = config->algs,
                   .skew_s = config->skew_s,
                   .now_s = flow->now_s },
        .audiences = config->bearer_audiences,
        .clients = config->bearer_clients,
        .scopes = config->bearer_scopes,
        .allows_untyped = config->bearer_allows_untyped,
    };
}

static void
admit(struct flow *flow, const struct session *session)
{
    flow->cause = (struct error){ 0 };
    flow->session = *session;
    flow_admit(flow);
}

static void
judge(struct flow *flow)
{
    const struct accesstoken_rules rules = rules_of(flow);
    struct session session = { 0 };
    enum oauth_code code = accesstoken_check(flow->bearer, &rules, &flow->arena,
                                             &session, &flow->cause);
    if (code == OAUTH_OK)
        admit(flow, &session);
    else if (code == OAUTH_EKEY && flow->state != FLOW_AT_BEARER_NEW_KEYS &&
             flow_may_ask_for_key(flow, flow->bearer, CLIENT_SAYS))
        flow_ask_document(flow, PROVIDER_JWKS, FLOW_AT_BEARER_NEW_KEYS);
    else
        refuse(flow, code != OAUTH_EKEY);
}

static void
introspect(struct flow *flow)
{
    const struct provider_metadata *metadata =
        provider_metadata(flow->provider);
    assert(metadata != NULL);
    if (metadata->introspection_endpoint == NULL) {
        error_set(&flow->cause, OAUTH_EDOCUMENT,
                  "the provider offers no introspection");
        refuse(flow, false);
        return;
    }
    struct bytes form;
    bytes_init(&form, 4 * JWT_SIZE_MAX);
    token_introspection_form(flow->bearer, &form);
    const struct flow_call call = {
        .kind = FLOW_FETCH_INTROSPECTION,
        .url = metadata->introspection_endpoint,
        .form = &form,
        .share = flow->bearer,
    };
    if (!flow_ask_call(flow, &call, FLOW_AT_BEARER_ANSWER))
        refuse(flow, false);
}

/* Goes on with the discovery document at hand. */
static void
look(struct flow *flow)
{
    if (!flow->bearer_is_jwt)
        introspect(flow);
    else if (flow->state != FLOW_AT_BEARER_KEYS &&
             provider_wants(flow->provider, PROVIDER_JWKS, flow->now_s))
        flow_ask_document(flow, PROVIDER_JWKS, FLOW_AT_BEARER_KEYS);
    else
        judge(flow);
}

/* A token that can never be good asks nobody. */
static bool
is_worth_asking(struct flow *flow, const struct flow_memory *memory)
{
    struct jws jws;
    if (memory != NULL && memory->is_refused) {
        error_set(&flow->cause, OAUTH_EBEARER, "%.*s", (int)memory->text.size,
                  memory->text.data);
        return false;
    }
    if (!flow->bearer_is_jwt && flow->config.introspects)
        return true;
    if (jws_parse(flow->bearer, &jws, &flow->cause) != OAUTH_OK)
        return false;
    jws_release(&jws);
    return true;
}

void
flow_bearer(struct flow *flow, const struct flow_request *request)
{
    struct credential credential;
    assert(flow->is_bearer && request->bearer.size > 0);
    flow->bearer.data =
        arena_strndup(&flow->arena, request->bearer.data, request->bearer.size);
    flow->bearer.size = flow->bearer.data == NULL ? 0 : request->bearer.size;
    credential_read(request->authorization, (struct span){ NULL, 0 },
                    &credential);
    flow->bearer_is_jwt = credential.bearer == CREDENTIAL_JWT;
    if (!is_worth_asking(flow, request->memory))
        refuse(flow, false);
    else if (provider_wants(flow->provider, PROVIDER_DISCOVERY, flow->now_s))
        flow_ask_document(flow, PROVIDER_DISCOVERY, FLOW_AT_BEARER_ADDRESS);
    else
        look(flow);
}

void
flow_on_bearer_address(struct flow *flow, const struct flow_event *event)
{
    if (flow_take_document(flow, PROVIDER_DISCOVERY, event))
        look(flow);
    else
        refuse(flow, false);
}

void
flow_on_bearer_keys(struct flow *flow, const struct flow_event *event)
{
    if (flow_take_document(flow, PROVIDER_JWKS, event))
        judge(flow);
    else
        refuse(flow, false);
}

/* Without the new keys nothing can be said of the token: it may be good, so
 * the client is told to come again. */
void
flow_on_bearer_new_keys(struct flow *flow, const struct flow_event *event)
{
    if (flow_take_document(flow, PROVIDER_JWKS, event))
        judge(flow);
    else
        refuse(flow, false);
}

void
flow_on_bearer_answer(struct flow *flow, const struct flow_event *event)
{
    const struct accesstoken_rules rules = rules_of(flow);
    struct session session = { 0 };
    if (event->kind == FLOW_EVENT_FETCH_FAILED) {
        flow_fail_with(flow, OAUTH_EPROVIDER, "introspection failed", event);
        refuse(flow, false);
        return;
    }
    if (accesstoken_read(event->fetched.status, event->fetched.body, &rules,
                         &flow->arena, &session, &flow->cause) == OAUTH_OK)
        admit(flow, &session);
    else
        refuse(flow, true);
}
