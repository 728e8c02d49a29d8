/* SPDX-License-Identifier: Apache-2.0
 * Sign-out: the record is deleted first, then the browser is sent to end the
 * provider's session. Whatever is down, the cookie goes. Everywhere means all
 * sessions of this user; it takes a POST and a session that says who. */
#include "oauth/flow_move.h"

#include "oauth/logout.h"
#include "oauth/url.h"

#include <assert.h>

/* Another site's page asks: a person has to confirm by a button of ours. */
static void
confirm(struct flow *flow)
{
    error_set(&flow->cause, OAUTH_ECSRF,
              "a sign-out has to come from a page of this site (Origin)");
    if (flow->is_script) {
        flow->kind = REQUEST_CALL;
        flow_reply_cause(flow, FLOW_REFUSED);
        return;
    }
    const struct page page = {
        .title = "Sign out?",
        .text = "Another site asked to sign you out. You are still logged in.",
        .link_text = "Sign out",
        .link_url = flow_own_url(flow, span_of(FLOW_PREFIX "sign_out")),
        .link_is_form = true,
    };
    flow_reply_page(flow, error_http_status(OAUTH_ECSRF), &page, FLOW_REFUSED);
}

/* Everything of ours is gone: on to `url`. A script has to go there itself.
 * After a form a redirect would still be the form's: the policy of the page
 * that holds it (form-action) knows no provider. A page of ours goes on. */
static void
say_goodbye(struct flow *flow, struct span url)
{
    if (!flow->is_script && !flow->is_form) {
        flow_redirect(flow, url, FLOW_SIGNED_OUT);
        return;
    }
    if (!flow->is_script) {
        const struct page page = {
            .title = "Signed out",
            .text = "You are signed out of this site. One moment.",
            .link_text = "Continue",
            .link_url = url,
            .forward_url = url,
        };
        flow_reply_page(flow, 200, &page, FLOW_SIGNED_OUT);
        return;
    }
    struct bytes body;
    bytes_init(&body, PAGE_SIZE_MAX);
    bytes_add_text(&body, "{\"signed_out\":true,\"logout_url\":\"");
    bytes_add_span(&body, url); /* percent-encoded: no quote inside */
    bytes_add_text(&body, "\"}\n");
    flow_reply_json(flow, &body, FLOW_SIGNED_OUT);
}

static struct span
return_url(struct flow *flow)
{
    if (flow->config.logout_url.size > 0)
        return flow->config.logout_url;
    return flow_own_url(flow, span_of("/"));
}

static struct span
new_state(struct flow *flow)
{
    struct bytes state;
    bytes_init(&state, LOGOUT_STATE_SIZE);
    if (logout_state(flow->config.ring, flow->now_s, &state) != OAUTH_OK)
        state.is_failed = true;
    return flow_keep(flow, &state);
}

static void
send_to_logout(struct flow *flow)
{
    const struct provider_metadata *metadata =
        provider_metadata(flow->provider);
    assert(metadata != NULL);
    if (metadata->end_session_endpoint == NULL) {
        say_goodbye(flow, return_url(flow));
        return;
    }
    struct bytes url;
    const struct logout_request request = {
        .endpoint = metadata->end_session_endpoint,
        .client_id = flow->config.client_id,
        .id_token = flow->session.id_token,
        .return_url = return_url(flow),
        .state = new_state(flow),
    };
    bytes_init(&url, LOGOUT_URL_SIZE_MAX);
    logout_url(&request, &url);
    say_goodbye(flow, flow_keep(flow, &url));
}

static void
find_logout(struct flow *flow)
{
    if (provider_wants(flow->provider, PROVIDER_DISCOVERY, flow->now_s))
        flow_ask_document(flow, PROVIDER_DISCOVERY, FLOW_AT_LEAVE_ADDRESS);
    else
        send_to_logout(flow);
}

/* Nobody knows whose session this was: here it is over, elsewhere nothing can
 * be ended, and that must not look like success. */
static void
leave_unknown(struct flow *flow)
{
    if (!flow->is_everywhere) {
        find_logout(flow);
        return;
    }
    error_set(&flow->cause, OAUTH_ENOSESSION,
              "signed out in this browser only: there was no session that "
              "could say whose the others are");
    flow_reply_cause(flow, FLOW_DENIED);
}

/* Reads whether all of the user's sessions are meant; false when the flow is
 * over: who asks for more than this browser must not get less unawares. */
static bool
take_everywhere(struct flow *flow, struct span query)
{
    struct bytes value;
    bytes_init(&value, 16);
    enum url_param found = url_param(query, "everywhere", &value);
    flow->is_everywhere =
        found == URL_PARAM_FOUND && span_equal_text(bytes_span(&value), "1");
    bytes_release(&value);
    if (found != URL_PARAM_ABSENT && !flow->is_everywhere)
        error_set(&flow->cause, OAUTH_ELOGOUT,
                  "everywhere is not there once as everywhere=1");
    else if (flow->is_everywhere && !flow->is_form)
        error_set(&flow->cause, OAUTH_EMETHOD,
                  "a sign-out everywhere needs a POST");
    else
        return true;
    flow_reply_cause(flow, FLOW_REFUSED);
    return false;
}

void
flow_leave(struct flow *flow, const struct flow_request *request)
{
    struct span value;
    flow->kind = flow->is_script ? REQUEST_CALL : REQUEST_PAGE;
    flow->is_form = span_equal_text(request->method, "POST");
    if (!request_is_own(request, flow->config.base_url)) {
        flow->drops_cookie = false;
        confirm(flow);
        return;
    }
    if (!take_everywhere(flow, request->query))
        return;
    flow->cause = (struct error){ 0 }; /* a bad cookie: it goes anyway */
    flow->drops_cookie = true;
    if (cookie_find(request->cookies, request->cookie_count,
                    span_of(flow->login_name), &value) != COOKIE_ABSENT)
        flow->login_cookie = flow_set_cookie(
            flow, flow->login_name, span_of(""), 0,
            flow->config.cookie_same_site == FLOW_NONE ? FLOW_NONE : FLOW_LAX);
    if (flow->has_ticket)
        flow_ask_session(flow, FLOW_AT_LEAVE);
    else
        leave_unknown(flow);
}

static void
store_down(struct flow *flow, const struct flow_event *event)
{
    flow_fail_with(flow, OAUTH_ESTORE,
                   "signed out in this browser only: the session store cannot "
                   "be reached",
                   event);
    flow_reply_cause(flow, FLOW_STORE_DOWN);
}

static void
ask_roster(struct flow *flow)
{
    flow_ask_index(flow, span_of(flow->roster.key), FLOW_AT_LEAVE_ROSTER);
}

void
flow_on_leave(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        store_down(flow, event);
        return;
    }
    if (event->kind == FLOW_EVENT_SESSION_MISSING) {
        leave_unknown(flow);
        return;
    }
    if (!flow_open_session(flow, event->record))
        flow->cause = (struct error){ 0 };
    if (flow->is_everywhere && flow->session.sub.size > 0 &&
        flow_find_roster(flow))
        ask_roster(flow);
    else
        flow_ask_delete(flow, FLOW_AT_LEAVE_DEL);
}

void
flow_on_leave_roster(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        store_down(flow, event);
        return;
    }
    flow_read_roster(flow, event);
    flow_end_add(flow, roster_field(span_of(flow->store_key)));
    for (size_t i = 0; i < flow->roster.count; i++)
        flow_end_add(flow, flow->roster.entries[i].field);
    flow_end_all(flow, flow_has_more(flow) ? ask_roster : find_logout);
}

void
flow_on_leave_del(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        store_down(flow, event);
        return;
    }
    if (flow->session.sub.size > 0 && flow_find_roster(flow))
        flow_forget_entry(flow, span_of(flow->roster.key),
                          roster_field(span_of(flow->store_key)));
    leave_unknown(flow);
}

void
flow_on_leave_address(struct flow *flow, const struct flow_event *event)
{
    if (flow_take_document(flow, PROVIDER_DISCOVERY, event)) {
        send_to_logout(flow);
        return;
    }
    if (flow->is_script) {
        say_goodbye(flow, return_url(flow));
        return;
    }
    const struct page page = {
        .title = "Signed out here",
        .text = "You are signed out of this site. The identity provider could "
                "not be reached, so you may still be logged in there.",
        .detail = span_of(flow->cause.text),
        .link_text = "Log in again",
        .link_url = flow_start_url(flow, (struct span){ NULL, 0 }),
    };
    flow_reply_page(flow, 200, &page, FLOW_SIGNED_OUT);
}

void
flow_signed_out(struct flow *flow, const struct flow_request *request)
{
    struct bytes state;
    flow->cause = (struct error){ 0 }; /* no session is wanted here */
    bytes_init(&state, LOGOUT_STATE_SIZE);
    bool is_ours =
        url_param(request->query, "state", &state) == URL_PARAM_FOUND &&
        !bytes_failed(&state) &&
        logout_state_fits(flow->config.ring, bytes_span(&state), flow->now_s);
    bytes_release(&state);
    if (!is_ours) {
        flow_redirect(flow, flow_own_url(flow, flow->config.home_path),
                      FLOW_REFUSED);
        return;
    }
    const struct page page = {
        .title = "Signed out",
        .text = "You are signed out of this site and of the identity "
                "provider.",
        .link_text = "Log in again",
        .link_url = flow_start_url(flow, (struct span){ NULL, 0 }),
    };
    flow_reply_page(flow, 200, &page, FLOW_ALLOWED);
}
