/* SPDX-License-Identifier: Apache-2.0
 * Off to the provider: the login's request travels in the browser's address,
 * or is pushed first (RFC 9126), so that the browser can neither read nor
 * change it. A push that fails ends the attempt: falling back to the address
 * would let whoever disturbs the call choose the weaker way. */
#include "oauth/flow_move.h"

#include "oauth/authorize.h"
#include "oauth/push.h"

#include <assert.h>
#include <string.h>

static struct authorize_request
request_of(struct flow *flow, const struct provider_metadata *metadata)
{
    return (struct authorize_request){
        .endpoint = metadata->authorization_endpoint,
        .client_id = flow->config.client_id,
        .redirect_uri = flow_own_url(flow, span_of(FLOW_PREFIX "callback")),
        .scope = flow->config.scope,
        .state = flow->state_text,
        .slot = flow->slot,
    };
}

/* Takes `url`. The login counts as begun from here on. */
static void
leave_for(struct flow *flow, struct bytes *url)
{
    struct span rd = flow_slot_rd(flow);
    flow->login_cookie = flow->begun_cookie;
    if (flow->config.keeps_fragment && flow->is_document &&
        memchr(rd.data, '#', rd.size) == NULL)
        flow_reply_leave(flow, flow_keep(flow, url));
    else
        flow_redirect(flow, flow_keep(flow, url), FLOW_LOGIN_STARTED);
}

static bool
is_pushed(const struct flow *flow, const struct provider_metadata *metadata)
{
    if (metadata->requires_push || flow->config.push == FLOW_PUSH_ON)
        return true;
    return flow->config.push == FLOW_PUSH_AUTO &&
           metadata->push_endpoint != NULL;
}

static void
push(struct flow *flow, const struct provider_metadata *metadata)
{
    struct bytes form;
    const struct authorize_request request = request_of(flow, metadata);
    if (metadata->push_endpoint == NULL) {
        error_set(&flow->cause, OAUTH_EDOCUMENT,
                  "the provider offers no pushed authorization requests");
        flow_reply_cause(flow, FLOW_LOGIN_FAILED);
        return;
    }
    bytes_init(&form, AUTHORIZE_URL_SIZE_MAX + ((size_t)16 << 10));
    if (authorize_params(&request, &form) != OAUTH_OK)
        form.is_failed = true;
    const struct flow_call call = {
        .kind = FLOW_FETCH_PUSH,
        .url = metadata->push_endpoint,
        .form = &form,
        .has_id = true,
    };
    if (!flow_ask_call(flow, &call, FLOW_AT_PUSH))
        flow_reply_cause(flow, FLOW_FAILED);
}

void
flow_send_to_provider(struct flow *flow)
{
    struct bytes url;
    const struct provider_metadata *metadata =
        provider_metadata(flow->provider);
    assert(metadata != NULL);
    if (is_pushed(flow, metadata)) {
        push(flow, metadata);
        return;
    }
    const struct authorize_request request = request_of(flow, metadata);
    bytes_init(&url, AUTHORIZE_URL_SIZE_MAX);
    if (authorize_url(&request, &url) != OAUTH_OK)
        url.is_failed = true;
    leave_for(flow, &url);
}

void
flow_on_push(struct flow *flow, const struct flow_event *event)
{
    struct bytes url;
    struct span request_uri;
    const struct provider_metadata *metadata =
        provider_metadata(flow->provider);
    assert(metadata != NULL);
    if (event->kind == FLOW_EVENT_FETCH_FAILED) {
        flow_fail_with(flow, OAUTH_EPROVIDER,
                       "the address for pushed requests failed", event);
        flow_reply_cause(flow, FLOW_PROVIDER_DOWN);
        return;
    }
    enum oauth_code code =
        push_response_parse(event->fetched.status, event->fetched.body,
                            &flow->arena, &request_uri, &flow->cause);
    if (code != OAUTH_OK) {
        flow_reply_cause(flow, code == OAUTH_EPROVIDER ? FLOW_PROVIDER_DOWN
                                                       : FLOW_LOGIN_FAILED);
        return;
    }
    const struct authorize_request request = request_of(flow, metadata);
    bytes_init(&url, AUTHORIZE_URL_SIZE_MAX);
    if (authorize_pushed_url(&request, request_uri, &url) != OAUTH_OK)
        url.is_failed = true;
    leave_for(flow, &url);
}
