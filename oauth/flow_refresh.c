/* SPDX-License-Identifier: Apache-2.0
 * The job that refreshes one session; no request owns it.
 *
 *   START -> LOCK -> SESSION -> [DISCOVERY] -> [KEYS] -> TOKEN -> flow_renew.c
 *   START -> LOCK -> OTHER [-> PAUSE -> OTHER ...] -> over   another does it
 *
 * Invariant: only who has the lock calls the provider, once, and only when the
 * record read under the lock is still due. */
#include "oauth/flow_move.h"

#include "base/base64.h"

#include <assert.h>
#include <string.h>

#define SESSION_PREFIX "azimuth:session:"
#define LOCK_PREFIX    "azimuth:refresh:"
_Static_assert(sizeof(LOCK_PREFIX) == sizeof(SESSION_PREFIX),
               "a lock's key is the session's with another prefix");

/* What a lock says. It outlives its job: a failed one keeps others from trying
 * again at once, a finished one tells those who wait. A running one says whose
 * it is: a job that was so late that its lock was over, and is another's by
 * now, must not end that. */
#define LOCK_RUNNING "1 "
#define LOCK_ID_SIZE 16
#define LOCK_FAILED  "2"
#define LOCK_DONE    "3"

/* Longer than all calls of a job together: discovery, keys, token, keys again,
 * and the attempts to write the record. */
#define LOCK_CALL_COUNT 6
#define LOCK_DONE_S     1

#define PAUSE_MIN_MS  50
#define PAUSE_MAX_MS  200
#define WAITED_MAX_MS 5000

void
flow_refresh_end(struct flow *flow, enum flow_outcome outcome)
{
    bool is_failed = outcome == FLOW_REFRESH_FAILED;
    flow->actions.count = 0;
    if (outcome == FLOW_REFRESH_ENDED && flow_find_roster(flow))
        flow_forget_entry(flow, span_of(flow->roster.key),
                          roster_field(span_of(flow->store_key)));
    if (flow->has_lock) {
        struct flow_session *put = flow_ask_put(flow, FLOW_OVER);
        put->key = span_of(flow->lock_key);
        put->value = span_of(is_failed ? LOCK_FAILED : LOCK_DONE);
        put->ttl_s = is_failed ? flow->config.refresh_wait_s : LOCK_DONE_S;
        put->mode = FLOW_PUT_MATCH;
        put->expected = span_of(flow->lock_value);
        flow->actions.items[flow->actions.count - 1].is_background = true;
    }
    flow->actions.items[flow->actions.count++] =
        (struct flow_action){ .kind = FLOW_ACTION_END };
    flow->actions.outcome = outcome;
    flow->state = FLOW_OVER;
}

void
flow_refresh_lose_store(struct flow *flow, const struct flow_event *event)
{
    flow_fail_with(flow, OAUTH_ESTORE, "the session store cannot be reached",
                   event);
    flow_refresh_end(flow, FLOW_REFRESH_FAILED);
}

static bool
name_lock(struct flow *flow)
{
    unsigned char id[LOCK_ID_SIZE];
    struct bytes text;
    flow_draw(flow, id, sizeof(id));
    bytes_init(&text, sizeof(flow->lock_value) - 1);
    bytes_add_text(&text, LOCK_RUNNING);
    base64_encode((struct span){ (const char *)id, sizeof(id) }, &text);
    bool is_good = !bytes_failed(&text);
    if (is_good)
        memcpy(flow->lock_value, text.data, text.size); /* zeroed behind */
    bytes_release(&text);
    return is_good;
}

void
flow_refresh_begin(struct flow *flow, const struct flow_event *event)
{
    flow->is_job = true;
    flow->ticket = *event->ticket;
    flow->has_ticket = true;
    if (session_store_key(&flow->ticket, flow->store_key) != OAUTH_OK) {
        error_set(&flow->cause, OAUTH_EINTERNAL, "SHA-256 failed");
        flow_refresh_end(flow, FLOW_REFRESH_FAILED);
        return;
    }
    assert(span_starts(span_of(flow->store_key), SESSION_PREFIX));
    memcpy(flow->lock_key, flow->store_key, sizeof(flow->lock_key));
    memcpy(flow->lock_key, LOCK_PREFIX, sizeof(LOCK_PREFIX) - 1);
    if (!name_lock(flow)) {
        error_memory(&flow->cause);
        flow_refresh_end(flow, FLOW_REFRESH_FAILED);
        return;
    }
    struct flow_session *put = flow_ask_put(flow, FLOW_AT_JOB_LOCK);
    put->key = span_of(flow->lock_key);
    put->value = span_of(flow->lock_value);
    put->ttl_s = LOCK_CALL_COUNT * flow->config.refresh_wait_s;
    put->mode = FLOW_PUT_NEW;
}

/* ---- another does it ----------------------------------------------------- */

static void
ask_lock(struct flow *flow)
{
    flow_ask_session(flow, FLOW_AT_JOB_OTHER);
    flow->actions.items[flow->actions.count - 1].session.key =
        span_of(flow->lock_key);
}

void
flow_on_job_lock(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        flow_refresh_lose_store(flow, event);
    } else if (event->kind == FLOW_EVENT_SESSION_CONFLICT) {
        ask_lock(flow);
    } else {
        flow->has_lock = true;
        flow_ask_session(flow, FLOW_AT_JOB_SESSION);
    }
}

void
flow_on_job_other(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        flow_refresh_lose_store(flow, event);
    } else if (event->kind == FLOW_EVENT_SESSION_MISSING ||
               span_equal_text(event->record, LOCK_DONE)) {
        flow_refresh_end(flow, FLOW_REFRESH_NEEDLESS);
    } else if (!span_starts(event->record, LOCK_RUNNING) ||
               flow->waited_ms >= WAITED_MAX_MS) {
        flow_refresh_end(flow, FLOW_REFRESH_FAILED);
    } else {
        int64_t ms =
            flow->waited_ms < PAUSE_MIN_MS ? PAUSE_MIN_MS : flow->waited_ms;
        ms = ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : ms;
        flow->waited_ms += ms;
        flow_ask_moment(flow, ms, FLOW_AT_JOB_PAUSE);
    }
}

void
flow_on_job_pause(struct flow *flow, const struct flow_event *event)
{
    (void)event;
    ask_lock(flow);
}

/* ---- asking the provider ------------------------------------------------- */

static void
ask_provider(struct flow *flow)
{
    struct bytes form;
    bytes_init(&form, (size_t)64 << 10);
    token_refresh_form(flow->session.refresh_token, &form);
    const struct flow_call call = {
        .kind = FLOW_FETCH_TOKEN,
        .url = provider_metadata(flow->provider)->token_endpoint,
        .form = &form,
    };
    if (!flow_ask_call(flow, &call, FLOW_AT_JOB_TOKEN))
        flow_refresh_end(flow, FLOW_REFRESH_FAILED);
}

/* Fetches whatever of the provider is missing; then the tokens. */
static void
prepare(struct flow *flow)
{
    if (flow->state < FLOW_AT_JOB_DISCOVERY &&
        provider_wants(flow->provider, PROVIDER_DISCOVERY, flow->now_s))
        flow_ask_document(flow, PROVIDER_DISCOVERY, FLOW_AT_JOB_DISCOVERY);
    else if (flow->state < FLOW_AT_JOB_KEYS &&
             provider_wants(flow->provider, PROVIDER_JWKS, flow->now_s))
        flow_ask_document(flow, PROVIDER_JWKS, FLOW_AT_JOB_KEYS);
    else
        ask_provider(flow);
}

void
flow_on_job_session(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_SESSION_FAILED) {
        flow_refresh_lose_store(flow, event);
        return;
    }
    /* What is gone or does not open is for the next request to judge. */
    bool is_open = event->kind == FLOW_EVENT_SESSION_FOUND &&
                   flow_open_session(flow, event->record);
    if (flow->cause.code == OAUTH_ENOMEM) {
        flow_refresh_end(flow, FLOW_REFRESH_FAILED);
    } else if (!is_open || flow_session_needs(flow) == FLOW_NEED_NOTHING) {
        flow->cause = (struct error){ 0 };
        flow_refresh_end(flow, FLOW_REFRESH_NEEDLESS);
    } else {
        prepare(flow);
    }
}

void
flow_on_job_document(struct flow *flow, const struct flow_event *event)
{
    enum provider_document document = flow->state == FLOW_AT_JOB_DISCOVERY
                                          ? PROVIDER_DISCOVERY
                                          : PROVIDER_JWKS;
    if (flow_take_document(flow, document, event))
        prepare(flow);
    else
        flow_refresh_end(flow, FLOW_REFRESH_FAILED);
}
