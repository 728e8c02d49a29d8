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
flow_delete_behind(struct flow *flow)
{
    assert(flow->has_ticket);
    struct flow_action *action = add(flow, FLOW_ACTION_SESSION_DEL);
    action->session.key = span_of(flow->store_key);
    action->is_background = true;
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
    char *data = arena_strndup(&flow->arena, text.data, text.size);
    return (struct span){ data, data == NULL ? 0 : text.size };
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
    flow->state = next;
}

void
flow_fail_with(struct flow *flow, enum oauth_code code, const char *what,
               const struct flow_event *event)
{
    size_t size = event->failure.size > 160 ? 160 : event->failure.size;
    error_set(&flow->cause, code, "%s: %.*s", what, (int)size,
              size > 0 ? event->failure.data : "no reason given");
}

bool
flow_take_document(struct flow *flow, enum provider_document document,
                   const struct flow_event *event)
{
    struct provider *provider = flow->provider;
    /* Another flow may have brought it meanwhile. */
    if (provider_is_fresh(provider, document, flow->now_s))
        return true;
    if (event->kind == FLOW_EVENT_FETCHED) {
        if (provider_put(provider, document, event->fetched.status,
                         event->fetched.body, flow->now_s,
                         &flow->cause) == OAUTH_OK)
            return true;
    } else {
        provider_note_failure(provider, document, flow->now_s);
        flow_fail_with(flow, OAUTH_EPROVIDER, "the provider cannot be reached",
                       event);
    }
    return provider_is_usable(provider, document, flow->now_s);
}
