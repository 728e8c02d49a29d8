/* SPDX-License-Identifier: Apache-2.0
 * /oauth2/sessions: its user sees where they are logged in and ends what they
 * do not know. A POST has to come from a page of ours and carry a form's
 * token, which is made for this very session: it names one session, or all
 * the others, and is worth nothing to anybody else. Sessions that are gone
 * leave the list when it is looked at. */
#include "oauth/flow_move.h"

#include "oauth/form.h"
#include "oauth/page_sessions.h"
#include "oauth/url.h"

#include <assert.h>

#define ACTION_SIZE_MAX 64

static struct span
own_field(struct flow *flow)
{
    return roster_field(span_of(flow->store_key));
}

/* What a form's token stands for: the end of this session; no field: of all
 * but the one that asks. */
static void
add_action(struct bytes *out, struct span field)
{
    bytes_init(out, ACTION_SIZE_MAX);
    bytes_add_text(out, field.size > 0 ? "end " : "end others");
    bytes_add_span(out, field);
}

static struct span
token_of(struct flow *flow, struct span field)
{
    struct bytes action;
    struct bytes token;
    add_action(&action, field);
    bytes_init(&token, FORM_TOKEN_SIZE);
    if (bytes_failed(&action) ||
        form_token(flow->config.ring, &flow->ticket, bytes_span(&action),
                   &token) != OAUTH_OK)
        token.is_failed = true;
    bytes_release(&action);
    return flow_keep(flow, &token);
}

static bool
form_says(struct flow *flow, struct span field)
{
    struct bytes action;
    add_action(&action, field);
    bool fits = !bytes_failed(&action) &&
                form_token_fits(flow->config.ring, &flow->ticket,
                                bytes_span(&action), flow->form);
    bytes_release(&action);
    return fits;
}

/* ---- the request -------------------------------------------------------- */

/* Takes the form's token; false when the flow is over. */
static bool
take_form(struct flow *flow, const struct flow_request *request)
{
    struct bytes value;
    if (!request_is_own(request, flow->config.base_url)) {
        error_set(&flow->cause, OAUTH_ECSRF,
                  "sessions were to be ended by another site");
    } else if (request->is_body_refused) {
        error_set(&flow->cause, OAUTH_EBODY,
                  "a form has a length of at most %zu bytes",
                  FLOW_BODY_SIZE_MAX);
    } else {
        bytes_init(&value, FORM_TOKEN_SIZE);
        enum url_param found = url_param(request->body, "end", &value);
        bool is_there =
            found == URL_PARAM_FOUND && !bytes_failed(&value) && value.size > 0;
        if (is_there)
            flow->form = flow_copy(flow, bytes_span(&value));
        bytes_release(&value);
        if (is_there)
            return true;
        error_set(&flow->cause, OAUTH_ECSRF, "the form says not what to end");
    }
    flow_reply_cause(flow, FLOW_REFUSED);
    return false;
}

void
flow_sessions(struct flow *flow, const struct flow_request *request)
{
    flow->is_form = span_equal_text(request->method, "POST");
    if (flow->is_form && !flow->is_script)
        flow->kind = REQUEST_FORM;
    if (flow->is_form && !take_form(flow, request))
        return;
    if (flow->has_ticket)
        flow_ask_live_session(flow, FLOW_AT_LIST);
    else
        flow_deny(flow);
}

void
flow_on_list(struct flow *flow, const struct flow_event *event)
{
    if (!flow_take_session(flow, event))
        return;
    if (flow_find_roster(flow))
        flow_ask_index(flow, span_of(flow->roster.key), FLOW_AT_LIST_ROSTER);
    else
        flow_reply_cause(flow, FLOW_FAILED);
}

/* ---- ending ------------------------------------------------------------- */

static void
say_ended(struct flow *flow)
{
    if (!flow->is_script) {
        flow_redirect(flow, flow_own_url(flow, span_of(FLOW_PREFIX "sessions")),
                      FLOW_SESSIONS_ENDED);
        return;
    }
    struct bytes body;
    bytes_init(&body, 64);
    bytes_addf(&body, "{\"ended\":%zu}\n", flow->roster.end_count);
    flow_reply_json(flow, &body, FLOW_SESSIONS_ENDED);
}

static void
end_chosen(struct flow *flow)
{
    struct flow_roster *roster = &flow->roster;
    bool is_others = form_says(flow, (struct span){ NULL, 0 });
    for (size_t i = 0; i < roster->count; i++) {
        struct span field = roster->entries[i].field;
        if (is_others ? !span_equal(field, own_field(flow))
                      : form_says(flow, field))
            flow_end_add(flow, field);
    }
    if (!is_others && roster->end_count == 0) {
        error_set(&flow->cause, OAUTH_ECSRF,
                  "the form is of another session, or what it was to end is "
                  "over already");
        flow_reply_cause(flow, FLOW_REFUSED);
        return;
    }
    flow_end_all(flow, say_ended);
}

/* ---- showing ------------------------------------------------------------ */

static void
show(struct flow *flow)
{
    struct bytes body;
    const struct flow_roster *roster = &flow->roster;
    struct page_session *items =
        arena_calloc(&flow->arena, roster->count + 1, sizeof(*items));
    if (items == NULL) {
        flow_reply_static(flow);
        return;
    }
    struct page_sessions page = {
        .items = items,
        .list_url = flow_own_url(flow, span_of(FLOW_PREFIX "sessions")),
        .sign_out_url = flow_own_url(flow, span_of(FLOW_PREFIX "sign_out")),
    };
    items[page.count++] = (struct page_session){
        .created_s = flow->session.created_s,
        .expires_s = flow->session.expires_s,
        .is_own = true,
    };
    for (size_t i = 0; i < roster->count; i++) {
        const struct roster_entry *entry = &roster->entries[i];
        bool is_own = span_equal(entry->field, own_field(flow));
        struct page_session *item = is_own ? items : &items[page.count++];
        item->is_own = is_own;
        item->created_s = entry->created_s;
        item->expires_s = entry->expires_s;
        item->address = entry->address;
        item->agent = entry->agent;
        if (!is_own)
            item->token = token_of(flow, entry->field);
    }
    if (page.count > 1)
        page.others_token = token_of(flow, (struct span){ NULL, 0 });
    bytes_init(&body, PAGE_SESSIONS_SIZE_MAX);
    if (flow->is_script) {
        page_sessions_json(&page, &body);
        flow_reply_json(flow, &body, FLOW_ALLOWED);
    } else {
        page_sessions_html(&page, &body);
        flow_reply_html(flow, &body, FLOW_ALLOWED);
    }
}

/* Asks whether the next session of the list is still alive. */
static void
probe_next(struct flow *flow)
{
    struct flow_roster *roster = &flow->roster;
    struct bytes key;
    while (roster->at < roster->count &&
           span_equal(roster->entries[roster->at].field, own_field(flow)))
        roster->at++;
    if (roster->at == roster->count) {
        show(flow);
        return;
    }
    bytes_init(&key, SESSION_STORE_KEY_SIZE_MAX);
    roster_store_key(roster->entries[roster->at].field, &key);
    flow_ask_key(flow, flow_keep(flow, &key), FLOW_AT_LIST_PROBE);
}

void
flow_on_list_roster(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        flow_reply_store_down(flow, event);
        return;
    }
    flow_read_roster(flow, event);
    if (flow->is_form)
        end_chosen(flow);
    else
        probe_next(flow);
}

void
flow_on_list_probe(struct flow *flow, const struct flow_event *event)
{
    struct flow_roster *roster = &flow->roster;
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        flow_reply_store_down(flow, event);
        return;
    }
    if (event->kind == FLOW_EVENT_SESSION_FOUND) {
        roster->at++;
    } else {
        struct roster_entry *gone = &roster->entries[roster->at];
        flow_forget_entry(flow, span_of(roster->key), gone->field);
        *gone = roster->entries[--roster->count];
    }
    probe_next(flow);
}
