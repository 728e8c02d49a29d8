/* SPDX-License-Identifier: Apache-2.0
 * Verdicts: what the upstream or the client gets to see. Every reply of ours
 * is uncacheable; every page is locked down by its policy; a script always
 * gets JSON. */
#include "oauth/flow_move.h"

#include "oauth/refusal.h"
#include "oauth/roles.h"
#include "oauth/url.h"

#include <assert.h>
#include <string.h>

#define COOKIE_TEXT_SIZE_MAX (COOKIE_VALUE_SIZE_MAX + 512)
#define HEADER_TEXT_SIZE_MAX 4096

struct span
flow_keep(struct flow *flow, struct bytes *bytes)
{
    struct span kept = { NULL, bytes->size };
    if (bytes_failed(bytes))
        flow->arena.is_failed = true;
    else
        kept.data = arena_strndup(&flow->arena, bytes->data, bytes->size);
    if (kept.data == NULL)
        kept = span_of("");
    bytes_wipe(bytes);
    return kept;
}

struct span
flow_set_cookie(struct flow *flow, const char *name, struct span value,
                int64_t max_age_s, enum flow_same_site same_site)
{
    struct bytes text;
    const struct cookie_policy policy = {
        .name = span_of(name),
        .domain = flow->config.cookie_domain,
        .same_site = same_site == FLOW_LAX      ? COOKIE_LAX
                     : same_site == FLOW_STRICT ? COOKIE_STRICT
                                                : COOKIE_NONE,
    };
    bytes_init(&text, COOKIE_TEXT_SIZE_MAX);
    cookie_format(&policy, value, max_age_s, &text);
    return flow_keep(flow, &text);
}

static void
add_header(struct flow_reply *reply, const char *name, struct span value)
{
    assert(reply->header_count < FLOW_HEADER_COUNT_MAX);
    reply->headers[reply->header_count++] =
        (struct flow_header){ span_of(name), value };
}

static struct flow_action *
add_verdict(struct flow *flow, enum flow_action_kind kind,
            enum flow_outcome outcome)
{
    assert(flow->actions.count < FLOW_ACTION_COUNT_MAX);
    struct flow_action *action = &flow->actions.items[flow->actions.count++];
    *action = (struct flow_action){ .kind = kind };
    flow->actions.outcome = outcome;
    flow->state = FLOW_OVER;
    return action;
}

static struct flow_reply *
begin(struct flow *flow, int status, enum flow_outcome outcome)
{
    struct flow_reply *reply =
        &add_verdict(flow, FLOW_ACTION_REPLY, outcome)->reply;
    reply->status = status;
    add_header(reply, "Cache-Control", span_of("no-store"));
    if (flow->login_cookie.size > 0)
        reply->cookies[reply->cookie_count++] = flow->login_cookie;
    if (flow->new_cookie.size > 0)
        reply->cookies[reply->cookie_count++] = flow->new_cookie;
    else if (flow->drops_cookie)
        reply->cookies[reply->cookie_count++] =
            flow_set_cookie(flow, flow->cookie_name, span_of(""), 0,
                            flow->config.cookie_same_site);
    if (status == 503)
        add_header(reply, "Retry-After", span_of("5"));
    return reply;
}

/* Appends `text` fit for a header: printable ASCII as it is, the rest and
 * '%' percent-encoded, `list` making the commas inside items safe, too. */
static void
add_encoded(struct bytes *out, struct span text, bool is_list)
{
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (is_list && c == '\n')
            bytes_add_char(out, ',');
        else if (c < 0x20 || c >= 0x7f || c == '%' || (is_list && c == ','))
            bytes_addf(out, "%%%02X", (unsigned)c);
        else
            bytes_add_char(out, (char)c);
    }
}

static void
add_identity(struct flow *flow, struct flow_header *headers, size_t *count,
             const char *name, struct span text)
{
    struct bytes value;
    bool is_list = strcmp(name, "X-Auth-Request-Groups") == 0;
    if (text.size == 0)
        return;
    bytes_init(&value, 8 * HEADER_TEXT_SIZE_MAX);
    add_encoded(&value, text, is_list);
    assert(*count < FLOW_HEADER_COUNT_MAX);
    headers[(*count)++] =
        (struct flow_header){ span_of(name), flow_keep(flow, &value) };
}

static void
add_identities(struct flow *flow, struct span signed_identity,
               struct flow_header *headers, size_t *count)
{
    const struct session *session = &flow->session;
    struct bytes groups;
    bytes_init(&groups, 2 * ROLES_SIZE_MAX);
    roles_merge(session->roles, &groups);
    roles_merge(session->groups, &groups);
    add_identity(flow, headers, count, "X-Auth-Request-User", session->sub);
    add_identity(flow, headers, count, "X-Auth-Request-Preferred-Username",
                 session->preferred_username);
    add_identity(flow, headers, count, "X-Auth-Request-Email", session->email);
    add_identity(flow, headers, count, "X-Auth-Request-Name", session->name);
    add_identity(flow, headers, count, "X-Auth-Request-Groups",
                 flow_keep(flow, &groups));
    if (signed_identity.size > 0)
        headers[(*count)++] = (struct flow_header){ span_of(FLOW_SIGNED_HEADER),
                                                    signed_identity };
    assert(*count <= FLOW_HEADER_COUNT_MAX);
}

bool
flow_see(struct flow *flow)
{
    struct flow_allow *seen = &flow->seen;
    struct span signed_identity = { NULL, 0 };
    assert(flow->session.sub.size > 0);
    if (!flow_sign(flow, &signed_identity))
        return false;
    seen->header_count = 0;
    add_identities(flow, signed_identity, seen->headers, &seen->header_count);
    if (flow->config.conditions != NULL)
        seen->bits = require_evaluate(flow->config.conditions, &flow->session);
    return true;
}

void
flow_allow(struct flow *flow)
{
    assert(flow->seen.header_count > 0);
    add_verdict(flow, FLOW_ACTION_ALLOW, FLOW_ALLOWED)->allow = flow->seen;
}

/* Envoy writes over the headers that it is given: a name that is missing here
 * would be the client's own word. */
static void
add_empty_identities(struct flow_reply *reply)
{
    static const char *const names[] = {
        "X-Auth-Request-User",   "X-Auth-Request-Preferred-Username",
        "X-Auth-Request-Email",  "X-Auth-Request-Name",
        "X-Auth-Request-Groups",
    };
    size_t first = reply->header_count;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        bool is_there = false;
        for (size_t k = 0; k < first; k++)
            is_there =
                is_there || span_equal_text(reply->headers[k].name, names[i]);
        if (!is_there)
            add_header(reply, names[i], span_of(""));
    }
}

void
flow_reply_auth(struct flow *flow)
{
    /* Envoy lets a request pass by 200 and by nothing else. */
    int status = flow->route == FLOW_ROUTE_GATE ? 200 : 202;
    struct flow_reply *reply = begin(flow, status, FLOW_ALLOWED);
    assert(flow->seen.header_count > 0);
    assert(reply->header_count + flow->seen.header_count <=
           FLOW_HEADER_COUNT_MAX);
    for (size_t i = 0; i < flow->seen.header_count; i++)
        reply->headers[reply->header_count++] = flow->seen.headers[i];
    if (flow->route == FLOW_ROUTE_GATE)
        add_empty_identities(reply);
}

void
flow_reply_empty(struct flow *flow, int status, enum flow_outcome outcome)
{
    begin(flow, status, outcome);
}

void
flow_redirect(struct flow *flow, struct span url, enum flow_outcome outcome)
{
    struct flow_reply *reply = begin(flow, 302, outcome);
    add_header(reply, "Location", url);
    add_header(reply, "Referrer-Policy", span_of("no-referrer"));
}

static void
set_json(struct flow *flow, struct flow_reply *reply, struct bytes *body)
{
    reply->content_type = span_of("application/json");
    reply->body = flow_keep(flow, body);
    add_header(reply, "X-Content-Type-Options", span_of("nosniff"));
}

void
flow_reply_json(struct flow *flow, struct bytes *body,
                enum flow_outcome outcome)
{
    set_json(flow, begin(flow, 200, outcome), body);
}

void
flow_reply_user(struct flow *flow)
{
    struct bytes body;
    bytes_init(&body, PAGE_SIZE_MAX * 2);
    page_json_user(&flow->session, &body);
    flow_reply_json(flow, &body, FLOW_ALLOWED);
}

static void
set_html(struct flow *flow, struct flow_reply *reply, struct bytes *body,
         struct span policy)
{
    reply->content_type = span_of("text/html; charset=utf-8");
    reply->body = flow_keep(flow, body);
    add_header(reply, "Content-Security-Policy", policy);
    add_header(reply, "X-Content-Type-Options", span_of("nosniff"));
    add_header(reply, "Referrer-Policy", span_of("no-referrer"));
}

void
flow_reply_page(struct flow *flow, int status, const struct page *page,
                enum flow_outcome outcome)
{
    struct bytes body;
    bytes_init(&body, PAGE_SIZE_MAX);
    struct page own = *page;
    own.request_id = flow->request_id;
    page_html(&own, &body);
    set_html(flow, begin(flow, status, outcome), &body, span_of(PAGE_CSP));
}

void
flow_reply_html(struct flow *flow, struct bytes *body,
                enum flow_outcome outcome)
{
    set_html(flow, begin(flow, 200, outcome), body, span_of(PAGE_CSP));
}

void
flow_reply_frame(struct flow *flow, enum flow_outcome outcome)
{
    struct bytes body;
    struct bytes policy;
    struct url issuer;
    const struct page page = {
        .title = "Signed out",
        .text = "What the identity provider asked to end is over here.",
    };
    bytes_init(&body, PAGE_SIZE_MAX);
    bytes_init(&policy, HEADER_TEXT_SIZE_MAX);
    page_html(&page, &body);
    bytes_add_text(&policy, PAGE_CSP_BUT_FRAMES "frame-ancestors ");
    if (url_parse(flow->config.issuer, &issuer)) {
        bytes_add_span(&policy, issuer.scheme);
        bytes_add_text(&policy, "://");
        bytes_add_span(&policy, issuer.authority);
    }
    set_html(flow, begin(flow, 200, outcome), &body, flow_keep(flow, &policy));
}

struct span
flow_own_url(struct flow *flow, struct span rd)
{
    struct bytes url;
    if (rd.size == 0 || rd.data[0] != '/')
        return rd;
    bytes_init(&url, URL_SIZE_MAX);
    bytes_add_span(&url, flow->config.base_url);
    bytes_add_span(&url, rd);
    return flow_keep(flow, &url);
}

struct span
flow_start_url(struct flow *flow, struct span rd)
{
    struct bytes url;
    assert(rd.size <= URL_RD_SIZE_MAX);
    bytes_init(&url, URL_SIZE_MAX + 3 * URL_RD_SIZE_MAX);
    bytes_add_span(&url, flow->config.base_url);
    bytes_add_text(&url, FLOW_PREFIX "start");
    if (rd.size > 0 && !span_equal_text(rd, "/")) {
        bytes_add_text(&url, "?rd=");
        url_encode(rd, &url);
    }
    return flow_keep(flow, &url);
}

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
    case OAUTH_EDOCUMENT:
        return "The identity provider gave an answer that cannot be trusted.";
    case OAUTH_EPROVIDER:
        return "The identity provider cannot be reached right now.";
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
        add_header(reply, "Allow", span_of(methods_of(flow->route)));
}

static struct flow_reply *
last_reply(struct flow *flow)
{
    return &flow->actions.items[flow->actions.count - 1].reply;
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
        flow_reply_failed_login(flow, outcome);
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
    refusal_fill(&refusal, &flow->arena, begin(flow, status, outcome));
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
flow_reply_failed_login(struct flow *flow, enum flow_outcome outcome)
{
    int status = error_http_status(flow->cause.code);
    struct span rd = { NULL, 0 };
    if (flow->slot != NULL)
        rd = (struct span){ flow->slot->rd, flow->slot->rd_size };
    else if (flow->route == FLOW_ROUTE_PAGE || flow->route == FLOW_ROUTE_GATE)
        rd = flow->target;
    struct page page = {
        .title = status >= 500 ? "Not available" : "Not logged in",
        .text = text_of(flow->cause.code),
        .detail = span_of(flow->cause.text),
        .link_text = "Log in again",
        .link_url = flow_start_url(flow, rd),
    };
    if (rd.size > 0 && flow->slot == NULL && status >= 500) {
        page.link_text = "Try again";
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
        add_header(last_reply(flow), "WWW-Authenticate",
                   span_of("Cookie realm=\"azimuth\""));
    add_allow_header(flow, last_reply(flow), status);
}

void
flow_reply_static(struct flow *flow)
{
    static const struct flow_reply reply = {
        .status = 500,
        .content_type = { "text/plain", sizeof("text/plain") - 1 },
        .body = { "out of memory\n", sizeof("out of memory\n") - 1 },
        .headers = { { { "Cache-Control", sizeof("Cache-Control") - 1 },
                       { "no-store", sizeof("no-store") - 1 } } },
        .header_count = 1,
    };
    error_memory(&flow->cause);
    flow->actions.count = 1;
    flow->actions.items[0] =
        (struct flow_action){ .kind = FLOW_ACTION_REPLY, .reply = reply };
    flow->actions.outcome = FLOW_FAILED;
    flow->state = FLOW_OVER;
}
