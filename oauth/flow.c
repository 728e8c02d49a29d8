/* SPDX-License-Identifier: Apache-2.0
 * The door: creation, the transition table, one step. The table is the whole
 * life of a request; after each move the invariants are checked.
 *
 *   START -> SESSION -> over                        page, auth, userinfo
 *   START -> [RETRY] -> [BEGIN] -> [PUSH] -> over   start
 *   START -> [DISCOVERY] -> [KEYS] -> MARK -> TOKEN -> [NEW_KEYS] -> ROSTER
 *         -> [END...] -> KEEP -> [SID] -> ENTRY -> over   callback; else
 *            [REPLAY] -> over                       callback without a login
 *   START -> SESSION -> REFRESH -> AGAIN -> over    the session was due first
 *   START -> JOB_...                                flow_refresh.c
 *   START -> [BEARER_ADDRESS] -> [BEARER_KEYS] -> [BEARER_NEW_KEYS] -> over
 *            [BEARER_ADDRESS] -> BEARER_ANSWER -> over      a bearer token
 *   START -> [LEAVE -> LEAVE_DEL] -> [LEAVE_ADDRESS] -> over      sign_out
 *         -> LEAVE -> LEAVE_ROSTER -> END... -> [LEAVE_ADDRESS] everywhere
 *   START -> [LOGOUT_KEYS...] -> LOGOUT_MARK -> [LOGOUT_SID]
 *         -> LOGOUT_ROSTER -> END... -> LOGOUT_DONE -> over     back-channel
 *   START -> FRONT -> [END] -> over                            front-channel
 *   START -> LIST -> LIST_ROSTER -> LIST_PROBE... | END... -> over  sessions
 * In brackets: only when needed. Every state may end in a reply. */
#include "oauth/flow_move.h"

#include "oauth/url.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BIT(n)       (UINT64_C(1) << (n))

const char *const flow_identity_headers[] = {
    "X-Auth-Request-User",
    "X-Auth-Request-Preferred-Username",
    "X-Auth-Request-Email",
    "X-Auth-Request-Name",
    "X-Auth-Request-Groups",
    "X-Auth-Request-Access-Token",
    "X-Auth-Request-Redirect",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-Access-Token",
    FLOW_SIGNED_HEADER,
    NULL,
};

#define SESSION_ANSWERS                                                        \
    (BIT(FLOW_EVENT_SESSION_FOUND) | BIT(FLOW_EVENT_SESSION_MISSING) |         \
     BIT(FLOW_EVENT_SESSION_FAILED))
#define PUT_ANSWERS                                                            \
    (BIT(FLOW_EVENT_SESSION_DONE) | BIT(FLOW_EVENT_SESSION_CONFLICT) |         \
     BIT(FLOW_EVENT_SESSION_FAILED))
#define DEL_ANSWERS                                                            \
    (BIT(FLOW_EVENT_SESSION_DONE) | BIT(FLOW_EVENT_SESSION_FAILED))
#define INDEX_ANSWERS                                                          \
    (BIT(FLOW_EVENT_INDEX_FOUND) | BIT(FLOW_EVENT_SESSION_FAILED))
#define FETCH_ANSWERS (BIT(FLOW_EVENT_FETCHED) | BIT(FLOW_EVENT_FETCH_FAILED))

#define REFRESH_ANSWERS BIT(FLOW_EVENT_REFRESHED)
#define WAIT_ANSWERS    BIT(FLOW_EVENT_WAITED)

static void
flow_on_start(struct flow *flow, const struct flow_event *event)
{
    if (event->kind == FLOW_EVENT_REFRESH)
        flow_refresh_begin(flow, event);
    else
        flow_on_request(flow, event);
}

/* By state: which events may come, what handles them, where it may lead. */
static const struct {
    uint64_t events;
    flow_move *move;
    uint64_t next; /* besides FLOW_OVER */
} moves[FLOW_STATE_COUNT] = {
    [FLOW_AT_START] = { BIT(FLOW_EVENT_REQUEST) | BIT(FLOW_EVENT_REFRESH),
                        flow_on_start,
                        BIT(FLOW_AT_SESSION) | BIT(FLOW_AT_BEGIN) |
                            BIT(FLOW_AT_PUSH) | BIT(FLOW_AT_RETRY) |
                            BIT(FLOW_AT_REPLAY) | BIT(FLOW_AT_DISCOVERY) |
                            BIT(FLOW_AT_KEYS) | BIT(FLOW_AT_MARK) |
                            BIT(FLOW_AT_JOB_LOCK) | BIT(FLOW_AT_LEAVE) |
                            BIT(FLOW_AT_LEAVE_ADDRESS) |
                            BIT(FLOW_AT_LOGOUT_KEYS) |
                            BIT(FLOW_AT_LOGOUT_MARK) | BIT(FLOW_AT_FRONT) |
                            BIT(FLOW_AT_LIST) | BIT(FLOW_AT_BEARER_ADDRESS) |
                            BIT(FLOW_AT_BEARER_KEYS) |
                            BIT(FLOW_AT_BEARER_NEW_KEYS) |
                            BIT(FLOW_AT_BEARER_ANSWER) },
    [FLOW_AT_SESSION] = { SESSION_ANSWERS, flow_on_session,
                          BIT(FLOW_AT_REFRESH) },
    [FLOW_AT_REFRESH] = { REFRESH_ANSWERS, flow_on_refresh,
                          BIT(FLOW_AT_AGAIN) },
    [FLOW_AT_AGAIN] = { SESSION_ANSWERS, flow_on_again, 0 },
    [FLOW_AT_JOB_LOCK] = { PUT_ANSWERS, flow_on_job_lock,
                           BIT(FLOW_AT_JOB_OTHER) | BIT(FLOW_AT_JOB_SESSION) },
    [FLOW_AT_JOB_OTHER] = { SESSION_ANSWERS, flow_on_job_other,
                            BIT(FLOW_AT_JOB_PAUSE) },
    [FLOW_AT_JOB_PAUSE] = { WAIT_ANSWERS, flow_on_job_pause,
                            BIT(FLOW_AT_JOB_OTHER) },
    [FLOW_AT_JOB_SESSION] = { SESSION_ANSWERS, flow_on_job_session,
                              BIT(FLOW_AT_JOB_DISCOVERY) |
                                  BIT(FLOW_AT_JOB_KEYS) |
                                  BIT(FLOW_AT_JOB_TOKEN) },
    [FLOW_AT_JOB_DISCOVERY] = { FETCH_ANSWERS, flow_on_job_document,
                                BIT(FLOW_AT_JOB_KEYS) |
                                    BIT(FLOW_AT_JOB_TOKEN) },
    [FLOW_AT_JOB_KEYS] = { FETCH_ANSWERS, flow_on_job_document,
                           BIT(FLOW_AT_JOB_TOKEN) },
    [FLOW_AT_JOB_TOKEN] = { FETCH_ANSWERS, flow_on_job_token,
                            BIT(FLOW_AT_JOB_NEW_KEYS) | BIT(FLOW_AT_JOB_KEEP) |
                                BIT(FLOW_AT_JOB_DEL) },
    [FLOW_AT_JOB_NEW_KEYS] = { FETCH_ANSWERS, flow_on_job_new_keys,
                               BIT(FLOW_AT_JOB_KEEP) | BIT(FLOW_AT_JOB_DEL) },
    [FLOW_AT_JOB_KEEP] = { PUT_ANSWERS, flow_on_job_keep,
                           BIT(FLOW_AT_JOB_RETRY) },
    [FLOW_AT_JOB_RETRY] = { WAIT_ANSWERS, flow_on_job_retry,
                            BIT(FLOW_AT_JOB_KEEP) },
    [FLOW_AT_JOB_DEL] = { DEL_ANSWERS, flow_on_job_del, 0 },
    [FLOW_AT_BEGIN] = { FETCH_ANSWERS, flow_on_begin, BIT(FLOW_AT_PUSH) },
    [FLOW_AT_RETRY] = { SESSION_ANSWERS, flow_on_retry,
                        BIT(FLOW_AT_BEGIN) | BIT(FLOW_AT_PUSH) },
    [FLOW_AT_PUSH] = { FETCH_ANSWERS, flow_on_push, 0 },
    [FLOW_AT_REPLAY] = { SESSION_ANSWERS, flow_on_replay, 0 },
    [FLOW_AT_DISCOVERY] = { FETCH_ANSWERS, flow_on_discovery,
                            BIT(FLOW_AT_KEYS) | BIT(FLOW_AT_MARK) },
    [FLOW_AT_KEYS] = { FETCH_ANSWERS, flow_on_keys, BIT(FLOW_AT_MARK) },
    [FLOW_AT_MARK] = { PUT_ANSWERS, flow_on_mark,
                       BIT(FLOW_AT_TOKEN) | BIT(FLOW_AT_REPLAY) },
    [FLOW_AT_TOKEN] = { FETCH_ANSWERS, flow_on_token,
                        BIT(FLOW_AT_NEW_KEYS) | BIT(FLOW_AT_ROSTER) },
    [FLOW_AT_NEW_KEYS] = { FETCH_ANSWERS, flow_on_new_keys,
                           BIT(FLOW_AT_ROSTER) },
    [FLOW_AT_ROSTER] = { INDEX_ANSWERS, flow_on_roster,
                         BIT(FLOW_AT_END) | BIT(FLOW_AT_KEEP) },
    [FLOW_AT_KEEP] = { PUT_ANSWERS, flow_on_keep,
                       BIT(FLOW_AT_SID) | BIT(FLOW_AT_ENTRY) },
    [FLOW_AT_SID] = { DEL_ANSWERS, flow_on_sid, BIT(FLOW_AT_ENTRY) },
    [FLOW_AT_ENTRY] = { DEL_ANSWERS, flow_on_entry, 0 },
    [FLOW_AT_LEAVE] = { SESSION_ANSWERS, flow_on_leave,
                        BIT(FLOW_AT_LEAVE_DEL) | BIT(FLOW_AT_LEAVE_ROSTER) |
                            BIT(FLOW_AT_LEAVE_ADDRESS) },
    [FLOW_AT_LEAVE_DEL] = { DEL_ANSWERS, flow_on_leave_del,
                            BIT(FLOW_AT_LEAVE_ADDRESS) },
    [FLOW_AT_LEAVE_ROSTER] = { INDEX_ANSWERS, flow_on_leave_roster,
                               BIT(FLOW_AT_END) },
    [FLOW_AT_LEAVE_ADDRESS] = { FETCH_ANSWERS, flow_on_leave_address, 0 },
    [FLOW_AT_END] = { DEL_ANSWERS, flow_on_end,
                      BIT(FLOW_AT_END) | BIT(FLOW_AT_KEEP) |
                          BIT(FLOW_AT_LEAVE_ROSTER) |
                          BIT(FLOW_AT_LEAVE_ADDRESS) |
                          BIT(FLOW_AT_LOGOUT_ROSTER) |
                          BIT(FLOW_AT_LOGOUT_DONE) },
    [FLOW_AT_LOGOUT_KEYS] = { FETCH_ANSWERS, flow_on_logout_keys,
                              BIT(FLOW_AT_LOGOUT_KEYS) |
                                  BIT(FLOW_AT_LOGOUT_MARK) },
    [FLOW_AT_LOGOUT_MARK] = { SESSION_ANSWERS, flow_on_logout_mark,
                              BIT(FLOW_AT_LOGOUT_SID) |
                                  BIT(FLOW_AT_LOGOUT_ROSTER) },
    [FLOW_AT_LOGOUT_SID] = { INDEX_ANSWERS, flow_on_logout_sid,
                             BIT(FLOW_AT_LOGOUT_ROSTER) |
                                 BIT(FLOW_AT_LOGOUT_DONE) },
    [FLOW_AT_LOGOUT_ROSTER] = { INDEX_ANSWERS, flow_on_logout_roster,
                                BIT(FLOW_AT_END) | BIT(FLOW_AT_LOGOUT_DONE) },
    [FLOW_AT_LOGOUT_DONE] = { PUT_ANSWERS, flow_on_logout_done, 0 },
    [FLOW_AT_FRONT] = { SESSION_ANSWERS, flow_on_front, BIT(FLOW_AT_END) },
    [FLOW_AT_LIST] = { SESSION_ANSWERS, flow_on_list,
                       BIT(FLOW_AT_LIST_ROSTER) },
    [FLOW_AT_LIST_ROSTER] = { INDEX_ANSWERS, flow_on_list_roster,
                              BIT(FLOW_AT_LIST_PROBE) | BIT(FLOW_AT_END) },
    [FLOW_AT_LIST_PROBE] = { SESSION_ANSWERS, flow_on_list_probe,
                             BIT(FLOW_AT_LIST_PROBE) },
    [FLOW_AT_BEARER_ADDRESS] = { FETCH_ANSWERS, flow_on_bearer_address,
                                 BIT(FLOW_AT_BEARER_KEYS) |
                                     BIT(FLOW_AT_BEARER_NEW_KEYS) |
                                     BIT(FLOW_AT_BEARER_ANSWER) },
    [FLOW_AT_BEARER_KEYS] = { FETCH_ANSWERS, flow_on_bearer_keys,
                              BIT(FLOW_AT_BEARER_NEW_KEYS) },
    [FLOW_AT_BEARER_NEW_KEYS] = { FETCH_ANSWERS, flow_on_bearer_new_keys, 0 },
    [FLOW_AT_BEARER_ANSWER] = { FETCH_ANSWERS, flow_on_bearer_answer, 0 },
    [FLOW_OVER] = { 0, NULL, 0 },
};

_Static_assert(FLOW_STATE_COUNT <= 64, "a state is a bit of the table");

bool
flow_is_verdict(const struct flow_action *action)
{
    return action->kind == FLOW_ACTION_ALLOW ||
           action->kind == FLOW_ACTION_REPLY || action->kind == FLOW_ACTION_END;
}

const char *
flow_outcome_name(enum flow_outcome outcome)
{
    static const char *const names[] = {
#define X(code, name) name,
        FLOW_OUTCOMES(X)
#undef X
    };
    assert((size_t)outcome < COUNT(names));
    return names[outcome];
}

void
flow_draw(struct flow *flow, void *ret, size_t size)
{
    unsigned char block[EVP_MAX_MD_SIZE];
    unsigned block_size = 0;
    assert(size <= 32);
    flow->draw_count++;
    const void *done = HMAC(EVP_sha256(), flow->seed, sizeof(flow->seed),
                            (const unsigned char *)&flow->draw_count,
                            sizeof(flow->draw_count), block, &block_size);
    assert(done != NULL && size <= block_size);
    memcpy(ret, block, size);
    OPENSSL_cleanse(block, sizeof(block));
}

/* A question leads to a state that waits for its answer, a verdict ends the
 * flow, and nothing follows either. */
static void
check_actions(const struct flow *flow)
{
    const struct flow_actions *actions = &flow->actions;
    assert(actions->count >= 1 && actions->count <= FLOW_ACTION_COUNT_MAX);
    for (size_t i = 0; i < actions->count; i++) {
        bool is_last = i + 1 == actions->count;
        assert(actions->items[i].is_background == !is_last);
        assert(is_last || !flow_is_verdict(&actions->items[i]));
    }
    const struct flow_action *last = &actions->items[actions->count - 1];
    assert(flow_is_verdict(last) == (flow->state == FLOW_OVER));
    assert((actions->outcome == FLOW_WAITING) == (flow->state != FLOW_OVER));
}

/* The key of flow->session: after a login that of the new one, whatever
 * cookie came along. */
static struct span
key_of_session(const struct flow *flow)
{
    if (flow->session.sub.size == 0 || flow->is_bearer)
        return (struct span){ NULL, 0 };
    if (flow->new_store_key[0] != '\0')
        return span_of(flow->new_store_key);
    return span_of(flow->has_ticket ? flow->store_key : "");
}

const struct flow_actions *
flow_step(struct flow *flow, const struct flow_event *event)
{
    enum flow_state before = flow->state;
    assert(before < FLOW_OVER);
    assert((moves[before].events & BIT(event->kind)) != 0);
    flow->now_s = event->now_s;
    flow->actions.count = 0;
    flow->actions.outcome = FLOW_WAITING;
    flow->actions.is_memorable = false;
    moves[before].move(flow, event);
    if (arena_failed(&flow->arena)) {
        flow->seen.header_count = 0; /* it may have only half of them */
        flow->actions.is_memorable = false;
        if (!flow->is_job) {
            flow_reply_static(flow);
        } else if (flow->state != FLOW_OVER) {
            error_memory(&flow->cause);
            flow_refresh_end(flow, FLOW_REFRESH_FAILED);
        }
    }
    /* Only now: a move that lacked memory may have gone astray. */
    assert(flow->state == FLOW_OVER ||
           (moves[before].next & BIT(flow->state)) != 0);
    flow->actions.cause = flow->cause.code == OAUTH_OK ? NULL : &flow->cause;
    flow->actions.session = flow->session.sub.size > 0 ? &flow->session : NULL;
    flow->actions.store_key = key_of_session(flow);
    flow_tell_ended(flow);
    flow->actions.fresh_until_s =
        flow->actions.session != NULL ? flow_fresh_until(flow) : 0;
    flow->actions.seen = flow->seen.header_count > 0 ? &flow->seen : NULL;
    check_actions(flow);
    return &flow->actions;
}

static void
set_default(struct span *field, const char *text)
{
    if (field->size == 0)
        *field = span_of(text);
}

static void
set_cookie_names(struct flow *flow)
{
    const char *prefix =
        flow->config.cookie_domain.size > 0 ? "__Secure-" : "__Host-";
    size_t prefix_size = strlen(prefix);
    struct span name = flow->config.cookie_name;
    assert(name.size <= COOKIE_NAME_SIZE_MAX / 2);
    memcpy(flow->cookie_name, prefix, prefix_size);
    memcpy(flow->cookie_name + prefix_size, name.data, name.size);
    flow->cookie_name[prefix_size + name.size] = '\0';
    memcpy(flow->login_name, flow->cookie_name, prefix_size + name.size);
    memcpy(flow->login_name + prefix_size + name.size, FLOW_LOGIN_SUFFIX,
           sizeof(FLOW_LOGIN_SUFFIX));
}

struct flow *
flow_create(const struct flow_config *config, struct provider *provider,
            const unsigned char *seed)
{
    assert(config->ring != NULL && provider != NULL);
    struct flow *flow = calloc(1, sizeof(*flow));
    if (flow == NULL)
        return NULL;
    flow->config = *config;
    flow->provider = provider;
    memcpy(flow->seed, seed, sizeof(flow->seed));
    arena_init(&flow->arena, FLOW_MEMORY_SIZE_MAX);
    bytes_init(&flow->plain, SESSION_RECORD_SIZE_MAX);
    set_default(&flow->config.scope, "openid profile email");
    set_default(&flow->config.home_path, "/");
    set_default(&flow->config.cookie_name, "azimuth");
    if (flow->config.idle_s == 0)
        flow->config.idle_s = 1800;
    if (flow->config.lifetime_s == 0)
        flow->config.lifetime_s = 28800;
    if (flow->config.refresh_at == 0)
        flow->config.refresh_at = 80;
    if (flow->config.refresh_wait_s == 0)
        flow->config.refresh_wait_s = 6;
    set_cookie_names(flow);
    return flow;
}

void
flow_free(struct flow *flow)
{
    if (flow == NULL)
        return;
    flow_drop_logins(flow);
    if (flow->slot != NULL)
        OPENSSL_cleanse(flow->slot, sizeof(*flow->slot));
    bytes_wipe(&flow->plain);
    arena_wipe(&flow->arena);
    OPENSSL_cleanse(flow, sizeof(*flow));
    free(flow);
}
