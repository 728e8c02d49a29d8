/* SPDX-License-Identifier: Apache-2.0
 * When a session's tokens are to be refreshed, seen from a request: near the
 * end of the access token's life in the background, past it first. Without an
 * answer in time the session goes on as it is, unless the configuration says
 * that it must not. */
#include "oauth/flow_move.h"

#define CLOCK_BACK_S  60  /* refreshed in the future: the clock was set back */
#define UNSAID_LIFE_S 300 /* of a token whose end was not said */

/* RFC 6749 section 5.1 lets a provider keep the end for itself. A session that
 * can be refreshed must still be, or it would outlive its user there. */
int64_t
flow_access_end(const struct flow *flow, struct span refresh_token)
{
    if (flow->tokens.expires_in_s > 0)
        return flow->now_s + flow->tokens.expires_in_s;
    return refresh_token.size > 0 ? flow->now_s + UNSAID_LIFE_S : 0;
}

/* When the session's tokens were given to us. */
static int64_t
begin_of(const struct session *session)
{
    return session->refreshed_s != 0 ? session->refreshed_s
                                     : session->created_s;
}

static int64_t
due_of(const struct flow *flow)
{
    const struct session *session = &flow->session;
    int64_t begin_s = begin_of(session);
    int64_t life_s = session->access_expires_s - begin_s;
    if (life_s <= 0)
        return session->access_expires_s;
    return begin_s + life_s * flow->config.refresh_at / 100;
}

/* Whether the configuration cares for the end of the access token at all. */
static bool
is_watched(const struct flow *flow)
{
    return flow->config.refresh != FLOW_REFRESH_OFF &&
           flow->session.access_expires_s != 0;
}

enum flow_need
flow_session_needs(const struct flow *flow)
{
    const struct session *session = &flow->session;
    if (!is_watched(flow) || session->refresh_token.size == 0)
        return FLOW_NEED_NOTHING;
    if (flow->now_s >= session->access_expires_s)
        return FLOW_NEED_NOW;
    if (flow->now_s >= due_of(flow) ||
        flow->now_s < begin_of(session) - CLOCK_BACK_S)
        return FLOW_NEED_SOON;
    return FLOW_NEED_NOTHING;
}

int64_t
flow_fresh_until(const struct flow *flow)
{
    if (!is_watched(flow))
        return 0;
    if (flow->session.refresh_token.size > 0 && flow->now_s < due_of(flow))
        return due_of(flow);
    if (flow->now_s < flow->session.access_expires_s)
        return flow->session.access_expires_s;
    return 0;
}

/* The access token may be over here: that is only the provider's business,
 * or it is ours. */
static void
admit_as_is(struct flow *flow)
{
    bool is_over =
        is_watched(flow) && flow->now_s >= flow->session.access_expires_s;
    if (!is_over || flow->config.refresh != FLOW_REFRESH_REQUIRED) {
        flow_admit(flow);
    } else if (flow->session.refresh_token.size == 0) {
        error_set(&flow->cause, OAUTH_EEXPIRED,
                  "the access token is over and there is no refresh token");
        flow_deny(flow);
    } else {
        error_set(&flow->cause, OAUTH_EPROVIDER,
                  "the session could not be refreshed at the provider");
        flow_reply_cause(flow, FLOW_PROVIDER_DOWN);
    }
}

void
flow_go_on(struct flow *flow)
{
    switch (flow_session_needs(flow)) {
    case FLOW_NEED_NOW:
        flow_ask_refresh(flow, FLOW_AT_REFRESH);
        return;
    case FLOW_NEED_SOON:
        flow_refresh_behind(flow);
        break;
    case FLOW_NEED_NOTHING:
        break;
    }
    admit_as_is(flow);
}

void
flow_on_refresh(struct flow *flow, const struct flow_event *event)
{
    (void)event;
    /* Also after a refresh that failed: it took a while, and the session may
     * have been ended meanwhile. */
    flow_ask_session(flow, FLOW_AT_AGAIN);
}

void
flow_on_again(struct flow *flow, const struct flow_event *event)
{
    if (flow_take_session(flow, event))
        admit_as_is(flow);
}
