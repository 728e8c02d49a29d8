/* SPDX-License-Identifier: Apache-2.0
 * Who may not, and why: a page for people, JSON for scripts and machines. */
#include "oauth/flow_move.h"

#include "oauth/refusal.h"

#include <assert.h>

/* One or two sentences for a person, by code. */
static const char *
text_of(enum oauth_code code)
{
    switch (code) {
    case OAUTH_EREQUEST:
    case OAUTH_ESTATE:
        return "This answer belongs to no login that was begun in this "
               "browser, or that login was finished or is too old.";
    case OAUTH_ECODE:
        return "The login took too long or was finished already.";
    case OAUTH_EREFUSED:
        return "The login was refused or cancelled at the identity provider.";
    case OAUTH_ELOOP:
        return "You were logged in several times within a minute, but the "
               "session was lost each time. The cookies of this site may be "
               "blocked, or the session store loses its data.";
    case OAUTH_ETOKEN:
    case OAUTH_ECLOCK:
    case OAUTH_EKEY:
        return "The identity provider gave an answer that cannot be trusted.";
    case OAUTH_EDOCUMENT:
        return "The identity provider gave an answer that does not fit. The "
               "settings here and there may differ.";
    case OAUTH_EPROVIDER:
        return "The identity provider does not answer as it should right now.";
    case OAUTH_ESTORE:
        return "The session store cannot be reached right now, so nobody can "
               "be let in.";
    case OAUTH_EFORBIDDEN:
        return "You are logged in, but may not do this.";
    case OAUTH_ENOTFOUND:
        return "There is nothing at this address.";
    case OAUTH_EMETHOD:
        return "This address cannot be used in that way.";
    case OAUTH_ENOSESSION:
    case OAUTH_EEXPIRED:
    case OAUTH_ECOOKIE:
        return "You are not logged in any more, and what you sent was not "
               "processed. Log in, go back and send it again.";
    case OAUTH_ECSRF:
        return "This did not come from a page of ours, or the page was of "
               "another session. Load the page again.";
    case OAUTH_EBODY:
    case OAUTH_ELOGOUT:
        return "What was sent is not what this address takes.";
    case OAUTH_OK:
    case OAUTH_ENOCREDENTIAL:
    case OAUTH_EBEARER:
    case OAUTH_ESCOPE:
    case OAUTH_ECONFIG:
    case OAUTH_ELIMIT:
    case OAUTH_ENOMEM:
    case OAUTH_EINTERNAL:
        break;
    }
    return "Something went wrong on our side.";
}

static const char *
methods_of(enum flow_route route)
{
    switch (route) {
    case FLOW_ROUTE_SIGN_OUT:
        return "GET, POST";
    case FLOW_ROUTE_SESSIONS:
        return "GET, HEAD, POST";
    case FLOW_ROUTE_CALLBACK:
    case FLOW_ROUTE_FRONT_LOGOUT:
        return "GET";
    case FLOW_ROUTE_BACK_LOGOUT:
        return "POST";
    case FLOW_ROUTE_PAGE:
    case FLOW_ROUTE_START:
    case FLOW_ROUTE_AUTH:
    case FLOW_ROUTE_GATE:
    case FLOW_ROUTE_USERINFO:
    case FLOW_ROUTE_SIGNED_OUT:
    case FLOW_ROUTE_UNKNOWN:
        break;
    }
    return "GET, HEAD";
}

static void
add_allow_header(struct flow *flow, struct flow_reply *reply, int status)
{
    if (status == 405)
        flow_add_header(reply, "Allow", span_of(methods_of(flow->route)));
}

static struct flow_reply *
last_reply(struct flow *flow)
{
    return &flow->actions.items[flow->actions.count - 1].reply;
}

/* The link leads to where the login was to end. What failed on our side or the
 * provider's is tried again: who comes to it may never have been logged in. */
static void
reply_page(struct flow *flow, enum flow_outcome outcome)
{
    int status = error_http_status(flow->cause.code);
    struct span rd = { NULL, 0 };
    if (flow->slot != NULL)
        rd = flow_slot_rd(flow);
    else if (flow->route == FLOW_ROUTE_PAGE || flow->route == FLOW_ROUTE_GATE)
        rd = flow->target;
    struct page page = {
        .title = status >= 500 ? "Not available" : "Not logged in",
        .text = text_of(flow->cause.code),
        .detail = span_of(flow->cause.text),
        .link_text = "Log in again",
        .link_url = flow_start_url(flow, rd),
    };
    if (rd.size > 0 && status >= 500) {
        page.link_text = "Try again";
        if (flow->slot == NULL)
            page.link_url = flow_own_url(flow, flow->target);
    }
    if (flow->cause.code == OAUTH_ENOTFOUND ||
        flow->cause.code == OAUTH_EMETHOD) {
        page.title = "Not found";
        page.link_text = "Home";
        page.link_url = flow_own_url(flow, flow->config.home_path);
    }
    flow_reply_page(flow, status, &page, outcome);
    if (status == 401)
        flow_add_header(last_reply(flow), "WWW-Authenticate",
                        span_of("Cookie realm=\"azimuth\""));
    add_allow_header(flow, last_reply(flow), status);
}

void
flow_reply_cause(struct flow *flow, enum flow_outcome outcome)
{
    assert(flow->cause.code != OAUTH_OK);
    int status = error_http_status(flow->cause.code);
    bool is_call = flow->kind == REQUEST_CALL ||
                   flow->route == FLOW_ROUTE_AUTH ||
                   flow->route == FLOW_ROUTE_USERINFO ||
                   flow->route == FLOW_ROUTE_BACK_LOGOUT;
    if (!is_call) {
        reply_page(flow, outcome);
        return;
    }
    struct refusal refusal = {
        .cause = &flow->cause,
        .scope = flow->config.bearer_scopes,
        .is_bearer = flow->is_bearer,
        .is_grpc = flow->is_grpc,
    };
    if (status == 401 && !flow->is_bearer)
        refusal.login_url = flow_start_url(flow, (struct span){ NULL, 0 });
    refusal_fill(&refusal, &flow->arena,
                 flow_begin_reply(flow, status, outcome));
    add_allow_header(flow, last_reply(flow), status);
}

/* A person without the right role may sign out and come back as somebody
 * else; a redirect to the login would bring the same person back at once. */
void
flow_reply_forbidden(struct flow *flow)
{
    if (flow->kind == REQUEST_CALL || flow->route == FLOW_ROUTE_AUTH) {
        flow_reply_cause(flow, FLOW_FORBIDDEN);
        return;
    }
    const struct page page = {
        .title = "Not allowed",
        .text = text_of(flow->cause.code),
        .detail = span_of(flow->cause.text),
        .link_text = "Sign out",
        .link_url = flow_own_url(flow, span_of(FLOW_PREFIX "sign_out")),
        .link_is_form = true,
    };
    flow_reply_page(flow, 403, &page, FLOW_FORBIDDEN);
}

void
flow_reply_store_down(struct flow *flow, const struct flow_event *event)
{
    flow_fail_with(flow, OAUTH_ESTORE, "the session store cannot be reached",
                   event);
    flow_reply_cause(flow, FLOW_STORE_DOWN);
}
