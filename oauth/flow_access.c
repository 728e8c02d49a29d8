/* SPDX-License-Identifier: Apache-2.0
 * The request: which endpoint, which cookie, and who may pass. Without a
 * session a person is sent to the login, a machine gets 401. */
#include "oauth/flow_move.h"

#include "oauth/refusal.h"
#include "oauth/url.h"

#include <assert.h>
#include <string.h>

static enum flow_route
route_of(struct span path)
{
    static const struct {
        const char *path;
        enum flow_route route;
    } routes[] = {
        { FLOW_PREFIX "start", FLOW_ROUTE_START },
        { FLOW_PREFIX "callback", FLOW_ROUTE_CALLBACK },
        { FLOW_PREFIX "auth", FLOW_ROUTE_AUTH },
        { FLOW_GATE, FLOW_ROUTE_GATE },
        { FLOW_PREFIX "sign_out", FLOW_ROUTE_SIGN_OUT },
        { FLOW_PREFIX "userinfo", FLOW_ROUTE_USERINFO },
        { FLOW_PREFIX "signed_out", FLOW_ROUTE_SIGNED_OUT },
        { FLOW_PREFIX "sessions", FLOW_ROUTE_SESSIONS },
        { FLOW_PREFIX "backchannel_logout", FLOW_ROUTE_BACK_LOGOUT },
        { FLOW_PREFIX "frontchannel_logout", FLOW_ROUTE_FRONT_LOGOUT },
    };
    if (!span_starts(path, FLOW_PREFIX))
        return FLOW_ROUTE_PAGE;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (span_equal_text(path, routes[i].path))
            return routes[i].route;
    }
    if (span_starts(path, FLOW_GATE "/"))
        return FLOW_ROUTE_GATE;
    return FLOW_ROUTE_UNKNOWN;
}

/* Reads our session cookie. A bad one is as good as none, and is cleared by
 * whatever reply follows. */
static void
read_cookie(struct flow *flow, const struct flow_request *request)
{
    struct span value = { NULL, 0 };
    enum cookie_found found =
        cookie_find(request->cookies, request->cookie_count,
                    span_of(flow->cookie_name), &value);
    flow->drops_cookie = found != COOKIE_ABSENT;
    if (found != COOKIE_FOUND)
        return;
    if (session_ticket_parse(flow->config.ring, value, &flow->ticket) !=
            OAUTH_OK ||
        session_store_key(&flow->ticket, flow->store_key) != OAUTH_OK) {
        error_set(&flow->cause, OAUTH_ECOOKIE,
                  "the session cookie is forged, cut or of an old secret");
        return;
    }
    flow->has_ticket = true;
    flow->drops_cookie = false;
}

static bool
method_fits(enum flow_route route, const struct flow_request *request)
{
    bool is_get = span_equal_text(request->method, "GET");
    bool is_post = span_equal_text(request->method, "POST");
    switch (route) {
    case FLOW_ROUTE_START:
    case FLOW_ROUTE_USERINFO:
    case FLOW_ROUTE_SIGNED_OUT:
        return request_is_read(request);
    case FLOW_ROUTE_CALLBACK:
    case FLOW_ROUTE_FRONT_LOGOUT:
        return is_get;
    case FLOW_ROUTE_SIGN_OUT:
        return is_get || is_post;
    case FLOW_ROUTE_SESSIONS:
        return request_is_read(request) || is_post;
    case FLOW_ROUTE_BACK_LOGOUT:
        return is_post;
    case FLOW_ROUTE_PAGE:
    case FLOW_ROUTE_AUTH:
    case FLOW_ROUTE_GATE:
    case FLOW_ROUTE_UNKNOWN:
        return true;
    }
    return true;
}

size_t
flow_body_size_max(struct span method, struct span path)
{
    enum flow_route route = route_of(path);
    bool wants =
        span_equal_text(method, "POST") &&
        (route == FLOW_ROUTE_SESSIONS || route == FLOW_ROUTE_BACK_LOGOUT);
    return wants ? FLOW_BODY_SIZE_MAX : 0;
}

void
flow_deny(struct flow *flow)
{
    flow->drops_cookie = flow->drops_cookie || flow->has_ticket;
    if (flow->cause.code == OAUTH_OK)
        error_set(&flow->cause, OAUTH_ENOSESSION, "there is no session");
    if (flow->kind == REQUEST_PAGE &&
        (flow->route == FLOW_ROUTE_PAGE || flow->route == FLOW_ROUTE_GATE ||
         flow->route == FLOW_ROUTE_SESSIONS)) {
        if (flow->cause.code == OAUTH_ENOSESSION)
            flow->cause = (struct error){ 0 };
        /* A login never leads back below our own prefix. */
        struct span rd = flow->target;
        if (flow->route == FLOW_ROUTE_SESSIONS)
            rd = (struct span){ NULL, 0 };
        flow_redirect(flow, flow_start_url(flow, rd), FLOW_SENT_TO_LOGIN);
        return;
    }
    flow_reply_cause(flow, FLOW_DENIED);
}

static void
route(struct flow *flow, const struct flow_request *request)
{
    switch (flow->route) {
    case FLOW_ROUTE_START:
        flow_login_begin(flow, request);
        return;
    case FLOW_ROUTE_CALLBACK:
        flow_login_back(flow, request);
        return;
    case FLOW_ROUTE_SIGN_OUT:
        flow_leave(flow, request);
        return;
    case FLOW_ROUTE_SIGNED_OUT:
        flow_signed_out(flow, request);
        return;
    case FLOW_ROUTE_SESSIONS:
        flow_sessions(flow, request);
        return;
    case FLOW_ROUTE_BACK_LOGOUT:
        flow_logout_back(flow, request);
        return;
    case FLOW_ROUTE_FRONT_LOGOUT:
        flow_logout_front(flow, request);
        return;
    case FLOW_ROUTE_PAGE:
    case FLOW_ROUTE_AUTH:
    case FLOW_ROUTE_GATE:
    case FLOW_ROUTE_USERINFO:
        if (flow->is_bearer)
            flow_bearer(flow, request);
        else if (!flow->has_ticket)
            flow_deny(flow);
        else if (flow->route == FLOW_ROUTE_USERINFO)
            flow_ask_session(flow, FLOW_AT_SESSION);
        else
            flow_ask_live_session(flow, FLOW_AT_SESSION);
        return;
    case FLOW_ROUTE_UNKNOWN:
        error_set(&flow->cause, OAUTH_ENOTFOUND,
                  "there is no such address below " FLOW_PREFIX);
        flow_reply_cause(flow, FLOW_REFUSED);
        return;
    }
}

/* Copies what a login should come back to: the path as written, without its
 * query where that would be too long. */
static void
keep_target(struct flow *flow, struct span target)
{
    if (target.size > URL_RD_SIZE_MAX) {
        const char *query = memchr(target.data, '?', target.size);
        target.size = query != NULL ? (size_t)(query - target.data) : 0;
    }
    if (target.size == 0 || target.size > URL_RD_SIZE_MAX ||
        target.data[0] != '/')
        target = span_of("/");
    flow->target.data = arena_strndup(&flow->arena, target.data, target.size);
    flow->target.size = flow->target.data == NULL ? 0 : target.size;
}

/* What another gateway was asked for: the path behind ours (Envoy puts it
 * there), else X-Forwarded-Uri (Traefik). It only becomes the rd of a login,
 * which is checked like every other. A form that was sent must not be answered
 * as if it were a page that was asked for. */
static struct span
gate_target(struct flow *flow, const struct flow_request *request)
{
    struct span target = request->target;
    if (request->forwarded_method.size > 0 && flow->kind == REQUEST_PAGE &&
        !span_equal_text(request->forwarded_method, "GET") &&
        !span_equal_text(request->forwarded_method, "HEAD"))
        flow->kind = REQUEST_FORM;
    if (span_starts(target, FLOW_GATE "/")) {
        target.data += sizeof(FLOW_GATE) - 1;
        target.size -= sizeof(FLOW_GATE) - 1;
        return target;
    }
    return request->forwarded_uri;
}

static bool
takes_token(enum flow_route route)
{
    return route == FLOW_ROUTE_PAGE || route == FLOW_ROUTE_AUTH ||
           route == FLOW_ROUTE_GATE || route == FLOW_ROUTE_USERINFO;
}

/* Whether a claim rule for this request does not hold: the cause says which,
 * and nothing of other rules. */
static bool
breaks_rule(struct flow *flow, const struct require_bits *bits)
{
    const struct require_rule *rule = NULL;
    struct bytes text;
    if (flow->route != FLOW_ROUTE_USERINFO)
        rule = require_broken(flow->rules, flow->method, bits);
    if (rule == NULL)
        return false;
    bytes_init(&text, 2 * OAUTH_ERROR_TEXT_SIZE);
    require_describe(flow->rules->table, rule, &text);
    error_set(&flow->cause, OAUTH_EFORBIDDEN, "this needs %s",
              bytes_failed(&text) ? "a role that you do not have" : text.data);
    bytes_release(&text);
    return true;
}

void
flow_admit(struct flow *flow)
{
    if (!flow_see(flow))
        flow_reply_cause(flow, FLOW_FAILED);
    else if (breaks_rule(flow, &flow->seen.bits))
        flow_reply_forbidden(flow);
    else if (flow->route == FLOW_ROUTE_AUTH || flow->route == FLOW_ROUTE_GATE)
        flow_reply_auth(flow);
    else if (flow->route == FLOW_ROUTE_USERINFO)
        flow_reply_user(flow);
    else
        flow_allow(flow);
}

void
flow_on_request(struct flow *flow, const struct flow_event *event)
{
    const struct flow_request *request = event->request;
    flow->route = route_of(request->path);
    flow->kind = request_kind(request);
    flow->is_script = request_is_script(request);
    flow->is_bearer = request->bearer.data != NULL && takes_token(flow->route);
    if (flow->is_bearer)
        flow->kind = REQUEST_CALL;
    /* A refusal in gRPC's shape is a 200: never where another gateway takes
     * that for leave to pass. */
    flow->is_grpc = flow->is_bearer && flow->route == FLOW_ROUTE_PAGE &&
                    refusal_is_grpc(request->content_type);
    flow->rules = request->rules;
    /* Behind auth_request the method that is meant is not known for sure. */
    flow->method =
        flow->route == FLOW_ROUTE_AUTH || flow->route == FLOW_ROUTE_GATE
            ? REQUIRE_EVERY_METHOD
            : require_method(request->method);
    flow->request_id.data = arena_strndup(
        &flow->arena, request->request_id.data, request->request_id.size);
    flow->request_id.size =
        flow->request_id.data == NULL ? 0 : request->request_id.size;
    keep_target(flow, flow->route == FLOW_ROUTE_GATE
                          ? gate_target(flow, request)
                          : request->target);
    if (request_is_preflight(request)) {
        flow_reply_empty(flow, 204, FLOW_PREFLIGHT);
        return;
    }
    if (!method_fits(flow->route, request)) {
        error_set(&flow->cause, OAUTH_EMETHOD,
                  "this address does not take that method");
        flow_reply_cause(flow, FLOW_REFUSED);
        return;
    }
    if (request->memory != NULL && !request->memory->is_refused &&
        breaks_rule(flow, &request->memory->bits)) {
        flow_reply_forbidden(flow);
        return;
    }
    read_cookie(flow, request);
    route(flow, request);
}

bool
flow_open_session(struct flow *flow, struct span record)
{
    assert(flow->has_ticket);
    bytes_wipe(&flow->plain); /* of a session that was read before */
    flow->session = (struct session){ 0 };
    enum oauth_code code = session_open(flow->config.ring, &flow->ticket,
                                        record, &flow->plain, &flow->session);
    /* One ring and one store serve several providers: whoever logged in at
     * one of them is nobody to the others. */
    if (code == OAUTH_OK &&
        (!span_equal(flow->session.issuer, flow->config.issuer) ||
         !span_equal(flow->session.audience, flow->config.client_id)))
        code = OAUTH_ECOOKIE;
    if (code == OAUTH_OK && !session_is_expired(&flow->session, flow->now_s))
        return true;
    if (code == OAUTH_OK) {
        error_set(&flow->cause, OAUTH_EEXPIRED, "the session is over");
    } else {
        flow->session = (struct session){ 0 };
        error_set(&flow->cause, code,
                  "the stored session does not open: changed, swapped, of "
                  "another version or of another provider");
    }
    return false;
}

bool
flow_take_session(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        flow_reply_store_down(flow, event);
        return false;
    }
    if (event->kind == FLOW_EVENT_SESSION_MISSING) {
        flow->session = (struct session){ 0 };
        error_set(&flow->cause, OAUTH_EEXPIRED, "the session is over");
        flow_deny(flow);
        return false;
    }
    if (flow_open_session(flow, event->record))
        return true;
    if (flow->cause.code == OAUTH_EEXPIRED)
        flow_delete_key_behind(flow, span_of(flow->store_key));
    flow->session = (struct session){ 0 };
    if (flow->cause.code == OAUTH_ENOMEM)
        flow_reply_cause(flow, FLOW_FAILED);
    else
        flow_deny(flow);
    return false;
}

void
flow_on_session(struct flow *flow, const struct flow_event *event)
{
    if (flow_take_session(flow, event))
        flow_go_on(flow);
}
