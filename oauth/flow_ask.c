/* SPDX-License-Identifier: Apache-2.0
 * Questions to the host: session store and provider documents, and what their
 * answers mean. */
#include "oauth/flow_move.h"

#include <assert.h>

static struct flow_action *
add(struct flow *flow, enum flow_action_kind kind)
{
    assert(flow->actions.count < FLOW_ACTION_COUNT_MAX);
    struct flow_action *action = &flow->actions.items[flow->actions.count++];
    *action = (struct flow_action){ .kind = kind };
    return action;
}

void
flow_ask_session(struct flow *flow, enum flow_state next)
{
    assert(flow->has_ticket);
    struct flow_action *action = add(flow, FLOW_ACTION_SESSION_GET);
    action->session.key = span_of(flow->store_key);
    flow->state = next;
}

void
flow_ask_live_session(struct flow *flow, enum flow_state next)
{
    flow_ask_session(flow, next);
    flow->actions.items[flow->actions.count - 1].session.ttl_s =
        flow->config.idle_s;
}

void
flow_ask_delete(struct flow *flow, enum flow_state next)
{
    assert(flow->has_ticket);
    struct flow_action *action = add(flow, FLOW_ACTION_SESSION_DEL);
    action->session.key = span_of(flow->store_key);
    flow->state = next;
}

void
flow_delete_key_behind(struct flow *flow, struct span key)
{
    struct flow_action *action = add(flow, FLOW_ACTION_SESSION_DEL);
    action->session.key = key;
    action->is_background = true;
}

static struct flow_action *
add_refresh(struct flow *flow)
{
    assert(flow->has_ticket);
    struct flow_action *action = add(flow, FLOW_ACTION_REFRESH);
    action->refresh.key = span_of(flow->store_key);
    action->refresh.ticket = &flow->ticket;
    return action;
}

void
flow_refresh_behind(struct flow *flow)
{
    add_refresh(flow)->is_background = true;
}

void
flow_ask_refresh(struct flow *flow, enum flow_state next)
{
    (void)add_refresh(flow);
    flow->state = next;
}

void
flow_ask_moment(struct flow *flow, int64_t ms, enum flow_state next)
{
    assert(flow->is_job && ms > 0);
    add(flow, FLOW_ACTION_WAIT)->wait_ms = ms;
    flow->state = next;
}

struct flow_session *
flow_ask_put(struct flow *flow, enum flow_state next)
{
    struct flow_action *action = add(flow, FLOW_ACTION_SESSION_PUT);
    flow->state = next;
    return &action->session;
}

void
flow_ask_key(struct flow *flow, struct span key, enum flow_state next)
{
    struct flow_action *action = add(flow, FLOW_ACTION_SESSION_GET);
    action->session.key = key;
    flow->state = next;
}

void
flow_ask_delete_key(struct flow *flow, struct span key, enum flow_state next)
{
    struct flow_action *action = add(flow, FLOW_ACTION_SESSION_DEL);
    action->session.key = key;
    flow->state = next;
}

void
flow_ask_index(struct flow *flow, struct span key, enum flow_state next)
{
    struct flow_action *action = add(flow, FLOW_ACTION_INDEX_GET);
    action->index.key = key;
    flow->state = next;
}

struct flow_index *
flow_ask_index_put(struct flow *flow, enum flow_state next)
{
    struct flow_action *action = add(flow, FLOW_ACTION_INDEX_PUT);
    flow->state = next;
    return &action->index;
}

void
flow_forget_entry(struct flow *flow, struct span key, struct span field)
{
    struct flow_action *action = add(flow, FLOW_ACTION_INDEX_DEL);
    action->index.key = key;
    action->index.field = field;
    action->is_background = true;
}

struct span
flow_copy(struct flow *flow, struct span text)
{
    return arena_span(&flow->arena, text);
}

void
flow_ask_document(struct flow *flow, enum provider_document document,
                  enum flow_state next)
{
    struct flow_action *action = add(flow, FLOW_ACTION_FETCH);
    const char *url = provider_url(flow->provider, document);
    assert(url != NULL);
    char *copy = arena_strndup(&flow->arena, url, span_of(url).size);
    action->fetch = (struct flow_fetch){
        .kind = document == PROVIDER_DISCOVERY ? FLOW_FETCH_DISCOVERY
                                               : FLOW_FETCH_JWKS,
        .url = copy == NULL ? span_of("") : span_of(copy),
        .headers = { { span_of("Accept"), span_of("application/json") } },
        .header_count = 1,
    };
    flow->answer_count = provider_answer_count(flow->provider, document);
    flow->state = next;
}

static void
add_header(struct flow_fetch *fetch, const char *name, struct span value)
{
    assert(fetch->header_count < FLOW_HEADER_COUNT_MAX);
    fetch->headers[fetch->header_count++] =
        (struct flow_header){ span_of(name), value };
}

bool
flow_ask_call(struct flow *flow, const struct flow_call *call,
              enum flow_state next)
{
    struct bytes authorization;
    unsigned char jti[CLIENT_JTI_SIZE];
    const struct flow_config *config = &flow->config;
    const struct client client = {
        .id = config->client_id,
        .secret = config->client_secret,
        .key = config->client_key,
        .method = config->client_method,
        .is_for_endpoint = config->is_aud_endpoint,
    };
    const struct client_call proof = {
        .metadata = provider_metadata(flow->provider),
        .url = span_of(call->url),
        .jti = jti,
        .now_s = flow->now_s,
        .has_id = call->has_id,
    };
    flow_draw(flow, jti, sizeof(jti));
    bytes_init(&authorization, 4096);
    if (client_prove(&client, &proof, call->form, &authorization,
                     &flow->cause) != OAUTH_OK) {
        bytes_wipe(call->form);
        bytes_wipe(&authorization);
        return false;
    }
    struct flow_fetch *fetch = &add(flow, FLOW_ACTION_FETCH)->fetch;
    char *url = arena_strndup(&flow->arena, call->url, proof.url.size);
    fetch->kind = call->kind;
    fetch->share = call->share;
    fetch->url = url == NULL ? span_of("") : span_of(url);
    fetch->is_post = true;
    add_header(fetch, "Accept", span_of("application/json"));
    add_header(fetch, "Content-Type",
               span_of("application/x-www-form-urlencoded"));
    if (authorization.size > 0)
        add_header(fetch, "Authorization", flow_keep(flow, &authorization));
    fetch->body = flow_keep(flow, call->form);
    bytes_wipe(&authorization);
    flow->state = next;
    return true;
}

void
flow_fail_with(struct flow *flow, enum oauth_code code, const char *what,
               const struct flow_event *event)
{
    size_t size = event->failure.size > 160 ? 160 : event->failure.size;
    error_set(&flow->cause, code, "%s: %.*s", what, (int)size,
              size > 0 ? event->failure.data : "no reason given");
}

/* All flows that wait for one fetch get its answer; the first hands it in. */
static const struct error *
put_document(struct flow *flow, enum provider_document document,
             const struct flow_event *event)
{
    struct provider *provider = flow->provider;
    if (provider_answer_count(provider, document) != flow->answer_count)
        return provider_failure(provider, document);
    if (event->kind != FLOW_EVENT_FETCHED) {
        flow_fail_with(flow, OAUTH_EPROVIDER, "the provider cannot be reached",
                       event);
        provider_note_failure(provider, document, flow->now_s, &flow->cause);
    } else if (provider_put(provider, document, event->fetched.status,
                            event->fetched.body, flow->now_s,
                            &flow->cause) == OAUTH_OK) {
        return NULL;
    }
    return provider_failure(provider, document);
}

bool
flow_take_document(struct flow *flow, enum provider_document document,
                   const struct flow_event *event)
{
    const struct error *failure = put_document(flow, document, event);
    if (failure != NULL)
        flow->cause = *failure;
    return failure == NULL;
}
