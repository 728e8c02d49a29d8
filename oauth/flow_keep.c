/* SPDX-License-Identifier: Apache-2.0
 * The end of a login: the record of the new session is stored, then listed,
 * and only then the browser gets its cookie.
 *
 *   KEEP -> [SID] -> ENTRY -> over
 *
 * The list comes last: whoever ends the user's sessions meanwhile either finds
 * the entry, and then there is a record to delete, or comes before the login.
 * The other way round the entry would go, and the record come after it: a
 * session that lives and is in no list. A record that is not listed for want
 * of the store, or of the client, is nobody's: its ticket never left us. */
#include "oauth/flow_move.h"

#include <stdlib.h>
#include <string.h>

static void
format_cookie(struct flow *flow)
{
    struct bytes text;
    bytes_init(&text, SESSION_TICKET_TEXT_SIZE);
    if (session_ticket_format(flow->config.ring, &flow->new_ticket, &text) !=
        OAUTH_OK)
        text.is_failed = true;
    struct span value = flow_keep(flow, &text);
    flow->new_cookie =
        flow_set_cookie(flow, flow->cookie_name, value, flow->config.lifetime_s,
                        flow->config.cookie_same_site);
}

void
flow_keep_session(struct flow *flow)
{
    struct bytes record;
    unsigned char nonce[SEAL_NONCE_SIZE];
    flow_draw(flow, nonce, sizeof(nonce));
    bytes_init(&record, SESSION_RECORD_SIZE_MAX + SEAL_OVERHEAD_SIZE);
    enum oauth_code code = session_seal(flow->config.ring, &flow->new_ticket,
                                        &flow->session, nonce, &record);
    if (code != OAUTH_OK) {
        bytes_wipe(&record);
        flow->session = (struct session){ 0 };
        error_set(&flow->cause, code, "the session cannot be sealed");
        flow_reply_cause(flow, FLOW_FAILED);
        return;
    }
    struct flow_session *put = flow_ask_put(flow, FLOW_AT_KEEP);
    put->key = span_of(flow->new_store_key);
    put->value = flow_keep(flow, &record);
    put->ttl_s = flow->config.idle_s < flow->config.lifetime_s
                     ? flow->config.idle_s
                     : flow->config.lifetime_s;
    put->mode = FLOW_PUT_NEW;
}

/* ---- the list ----------------------------------------------------------- */

/* The record is stored, but the login fails: it goes. */
static void
take_back(struct flow *flow)
{
    flow->session = (struct session){ 0 };
    flow_delete_key_behind(flow, span_of(flow->new_store_key));
}

/* Puts the entry of the new session into the list. */
static void
put_entry(struct flow *flow)
{
    struct bytes value;
    unsigned char nonce[SEAL_NONCE_SIZE];
    struct roster_entry entry = {
        .field = roster_field(span_of(flow->new_store_key)),
        .created_s = flow->session.created_s,
        .expires_s = flow->session.expires_s,
        .address = flow->client_address,
        .agent = flow->user_agent,
    };
    const struct roster_name sid = flow_name(flow, flow->session.sid);
    enum oauth_code code = OAUTH_OK;
    if (sid.id.size > 0)
        code = roster_sid_hash(&sid, entry.sid_hash);
    flow_draw(flow, nonce, sizeof(nonce));
    bytes_init(&value, ROSTER_VALUE_SIZE_MAX);
    if (code == OAUTH_OK)
        code = roster_seal(flow->config.ring, span_of(flow->roster.key), &entry,
                           nonce, &value);
    if (code != OAUTH_OK) {
        bytes_release(&value);
        take_back(flow);
        error_set(&flow->cause, code, "the session's entry cannot be sealed");
        flow_reply_cause(flow, FLOW_FAILED);
        return;
    }
    struct flow_index *put = flow_ask_index_put(flow, FLOW_AT_ENTRY);
    put->key = span_of(flow->roster.key);
    put->field = entry.field;
    put->value = flow_keep(flow, &value);
    put->ttl_s = flow->config.lifetime_s;
}

/* The provider's session leads to the user: one field, always the same, so
 * that several sessions here may belong to one session there. */
static void
put_sid(struct flow *flow)
{
    char key[ROSTER_KEY_SIZE_MAX];
    const struct roster_name name = flow_name(flow, flow->session.sid);
    enum oauth_code code = roster_key(ROSTER_SID, &name, key);
    if (code != OAUTH_OK) {
        take_back(flow);
        error_set(&flow->cause, code, "the key of the provider's session");
        flow_reply_cause(flow, FLOW_FAILED);
        return;
    }
    struct flow_index *put = flow_ask_index_put(flow, FLOW_AT_SID);
    put->key = flow_copy(flow, span_of(key));
    put->field = span_of("user");
    put->value = span_of(flow->roster.key);
    put->ttl_s = flow->config.lifetime_s;
}

void
flow_on_keep(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_DONE) {
        if (flow->session.sid.size > 0)
            put_sid(flow);
        else
            put_entry(flow);
        return;
    }
    flow->session = (struct session){ 0 };
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        flow_reply_store_down(flow, event);
        return;
    }
    error_set(&flow->cause, OAUTH_EINTERNAL,
              "a new session's id exists already");
    flow_reply_cause(flow, FLOW_STORE_DOWN);
}

void
flow_on_sid(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        take_back(flow);
        flow_reply_store_down(flow, event);
        return;
    }
    put_entry(flow);
}

/* ---- logged in ---------------------------------------------------------- */

/* Notes, in what was sealed before the wait, that one of them ended well. */
static void
count_login(struct flow *flow)
{
    flow->login = calloc(1, sizeof(*flow->login));
    if (flow->login == NULL)
        return; /* the cookie stays as it was sealed */
    if (state_open(flow->config.ring, flow->login_value, flow->now_s,
                   flow->login) != OAUTH_OK)
        *flow->login = (struct state){ 0 };
    state_count_finished(flow->login, flow->now_s);
    flow_close_logins(flow);
    flow_drop_logins(flow);
}

/* On to the page that the login was begun for. */
static void
arrive(struct flow *flow)
{
    struct span rd = { flow->slot->rd, flow->slot->rd_size };
    struct span url = flow_own_url(flow, rd);
    if (flow->has_ticket) { /* the session before this login ends with it */
        flow_delete_key_behind(flow, span_of(flow->store_key));
        flow_forget_entry(flow, span_of(flow->roster.key),
                          roster_field(span_of(flow->store_key)));
    }
    format_cookie(flow);
    count_login(flow);
    if (flow->config.cookie_same_site != FLOW_STRICT) {
        flow_redirect(flow, url, FLOW_LOGGED_IN);
        return;
    }
    /* A redirect would still be part of the provider's navigation, to which
     * a Strict cookie does not belong: let the page itself go on. */
    const struct page page = {
        .title = "Logged in",
        .text = "One moment.",
        .link_text = "Continue",
        .link_url = url,
        .forward_url = url,
    };
    flow_reply_page(flow, 200, &page, FLOW_LOGGED_IN);
}

void
flow_on_entry(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        take_back(flow);
        flow_reply_store_down(flow, event);
        return;
    }
    arrive(flow);
}
