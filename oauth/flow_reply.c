/* SPDX-License-Identifier: Apache-2.0
 * Replies: what the client gets to see. Every one of ours is uncacheable;
 * every page is locked down by its policy. */
#include "oauth/flow_move.h"

#include "oauth/page_leave.h"
#include "oauth/url.h"

#include <assert.h>

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

void
flow_add_header(struct flow_reply *reply, const char *name, struct span value)
{
    assert(reply->header_count < FLOW_HEADER_COUNT_MAX);
    reply->headers[reply->header_count++] =
        (struct flow_header){ span_of(name), value };
}

struct flow_action *
flow_add_verdict(struct flow *flow, enum flow_action_kind kind,
                 enum flow_outcome outcome)
{
    assert(flow->actions.count < FLOW_ACTION_COUNT_MAX);
    struct flow_action *action = &flow->actions.items[flow->actions.count++];
    *action = (struct flow_action){ .kind = kind };
    flow->actions.outcome = outcome;
    flow->state = FLOW_OVER;
    return action;
}

struct flow_reply *
flow_begin_reply(struct flow *flow, int status, enum flow_outcome outcome)
{
    struct flow_reply *reply =
        &flow_add_verdict(flow, FLOW_ACTION_REPLY, outcome)->reply;
    reply->status = status;
    flow_add_header(reply, "Cache-Control", span_of("no-store"));
    if (flow->login_cookie.size > 0)
        reply->cookies[reply->cookie_count++] = flow->login_cookie;
    if (flow->new_cookie.size > 0)
        reply->cookies[reply->cookie_count++] = flow->new_cookie;
    else if (flow->drops_cookie)
        reply->cookies[reply->cookie_count++] =
            flow_set_cookie(flow, flow->cookie_name, span_of(""), 0,
                            flow->config.cookie_same_site);
    if (status == 503)
        flow_add_header(reply, "Retry-After", span_of("5"));
    return reply;
}

void
flow_reply_empty(struct flow *flow, int status, enum flow_outcome outcome)
{
    flow_begin_reply(flow, status, outcome);
}

void
flow_redirect(struct flow *flow, struct span url, enum flow_outcome outcome)
{
    struct flow_reply *reply = flow_begin_reply(flow, 302, outcome);
    flow_add_header(reply, "Location", url);
    flow_add_header(reply, "Referrer-Policy", span_of("no-referrer"));
}

static void
set_json(struct flow *flow, struct flow_reply *reply, struct bytes *body)
{
    reply->content_type = span_of("application/json");
    reply->body = flow_keep(flow, body);
    flow_add_header(reply, "X-Content-Type-Options", span_of("nosniff"));
}

void
flow_reply_json(struct flow *flow, struct bytes *body,
                enum flow_outcome outcome)
{
    set_json(flow, flow_begin_reply(flow, 200, outcome), body);
}

void
flow_reply_user(struct flow *flow)
{
    struct bytes body;
    bytes_init(&body, PAGE_SIZE_MAX * 2);
    page_json_user(&flow->session, &body);
    flow_reply_json(flow, &body, FLOW_ALLOWED);
}

/* A form of a page without referrers is sent with "Origin: null" (Fetch
 * standard, section 3.2): browsers without Sec-Fetch-Site could not prove any
 * more that it is ours. Pages without a form may stand at a callback's URL. */
static const char with_form[] = "same-origin";
static const char without_form[] = "no-referrer";

static void
set_html(struct flow *flow, struct flow_reply *reply, struct bytes *body,
         struct span policy, const char *referrer)
{
    reply->content_type = span_of("text/html; charset=utf-8");
    reply->body = flow_keep(flow, body);
    flow_add_header(reply, "Content-Security-Policy", policy);
    flow_add_header(reply, "X-Content-Type-Options", span_of("nosniff"));
    flow_add_header(reply, "Referrer-Policy", span_of(referrer));
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
    set_html(flow, flow_begin_reply(flow, status, outcome), &body,
             span_of(PAGE_CSP), page->link_is_form ? with_form : without_form);
}

void
flow_reply_html(struct flow *flow, struct bytes *body,
                enum flow_outcome outcome)
{
    set_html(flow, flow_begin_reply(flow, 200, outcome), body,
             span_of(PAGE_CSP), with_form);
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
    set_html(flow, flow_begin_reply(flow, 200, outcome), &body,
             flow_keep(flow, &policy), without_form);
}

/* `rd` NULL: without. */
static struct span
start_url(struct flow *flow, const char *name, const struct span *rd)
{
    struct bytes url;
    bytes_init(&url, URL_SIZE_MAX + 3 * URL_RD_SIZE_MAX);
    bytes_add_span(&url, flow->config.base_url);
    bytes_add_text(&url, FLOW_PREFIX "start");
    if (name != NULL)
        bytes_addf(&url, "?%s=1", name);
    if (rd != NULL) {
        assert(rd->size <= URL_RD_SIZE_MAX);
        bytes_add_text(&url, name != NULL ? "&rd=" : "?rd=");
        url_encode(*rd, &url);
    }
    return flow_keep(flow, &url);
}

void
flow_reply_leave(struct flow *flow, struct span url)
{
    struct bytes body;
    struct bytes policy;
    struct span rd = flow_slot_rd(flow);
    const struct page_leave page = {
        .url = url,
        .keep = start_url(flow, flow->slot->is_retry ? "retry" : NULL, &rd),
        .room = URL_RD_SIZE_MAX - rd.size,
    };
    bytes_init(&body, PAGE_SIZE_MAX + 9 * url.size);
    bytes_init(&policy, HEADER_TEXT_SIZE_MAX);
    page_leave_html(&page, &body);
    if (!page_leave_policy(&policy))
        policy.is_failed = true;
    set_html(flow, flow_begin_reply(flow, 200, FLOW_LOGIN_STARTED), &body,
             flow_keep(flow, &policy), without_form);
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
flow_slot_rd(const struct flow *flow)
{
    return (struct span){ flow->slot->rd, flow->slot->rd_size };
}

struct span
flow_start_url(struct flow *flow, struct span rd)
{
    return flow_start_url_as(flow, NULL, rd);
}

struct span
flow_start_url_as(struct flow *flow, const char *name, struct span rd)
{
    bool is_home = rd.size == 0 || span_equal_text(rd, "/");
    return start_url(flow, name, is_home ? NULL : &rd);
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
