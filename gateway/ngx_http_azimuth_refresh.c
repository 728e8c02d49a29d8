/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that this worker is refreshing. A job is a flow that no request
 * owns: whoever asks for one waits for it or goes on, and a client that leaves
 * changes nothing. One job per store key; across workers and machines the lock
 * in the store sees to it that one of the jobs calls the provider.
 * Invariants: a job is in the table from its start to its end, and always
 * waits for something that ends by itself: the store, the provider or a timer.
 * None of these timers is cancelable, so that a worker that leaves brings its
 * jobs to their end first: a refresh token that was spent must be stored. */

#include "gateway/ngx_http_azimuth_edge.h"

#include <openssl/rand.h>

#include <assert.h>

#define REFRESH_JOB_COUNT_MAX  128 /* logins need calls, too: fetch.c */
#define REFRESH_STEP_COUNT_MAX 32  /* without waiting: more is a bug */
#define REFRESH_HASTE_MS       200 /* patience with who failed before */

struct ngx_http_azimuth_refresh_s {
    ngx_rbtree_t tree; /* jobs by store key */
    ngx_rbtree_node_t sentinel;
    ngx_queue_t jobs; /* all of them */
    ngx_uint_t count;
    ngx_log_t *log;
};

typedef struct {
    ngx_str_node_t node; /* in tree; first */
    ngx_queue_t queue;   /* in jobs */
    ngx_queue_t waits;   /* who wants to know */
    ngx_http_azimuth_refresh_t *refresh;
    ngx_http_azimuth_asker_t asker;
    struct flow *flow;
    struct session_ticket ticket; /* secret; until the flow has it */
    ngx_http_azimuth_wait_t wait; /* the job's own question */
    ngx_http_azimuth_question_t question;
    ngx_event_t moment;           /* its start, and WAIT */
    ngx_event_t patience;         /* of those who wait */
    ngx_connection_t timer_owner; /* nginx's debug log reads an fd there */
    u_char key[SESSION_STORE_KEY_SIZE_MAX];
    unsigned is_begun : 1;
    unsigned is_late : 1; /* nobody waits for it any more */
} refresh_job_t;

static void
refresh_event(struct flow_event *event, enum flow_event_kind kind)
{
    ngx_memzero(event, sizeof(*event));
    event->kind = kind;
    event->now_s = ngx_time();
}

static void
refresh_free(refresh_job_t *job)
{
    ngx_http_azimuth_refresh_t *refresh = job->refresh;

    assert(ngx_queue_empty(&job->waits));
    ngx_rbtree_delete(&refresh->tree, &job->node.node);
    ngx_queue_remove(&job->queue);
    refresh->count--;
    ngx_http_azimuth_wait_cancel(&job->wait);
    if (job->moment.posted) {
        ngx_delete_posted_event(&job->moment);
    }
    if (job->moment.timer_set) {
        ngx_del_timer(&job->moment);
    }
    if (job->patience.timer_set) {
        ngx_del_timer(&job->patience);
    }
    flow_free(job->flow);
    ngx_explicit_memzero(&job->ticket, sizeof(job->ticket));
    ngx_free(job);
}

/* ---- the end ------------------------------------------------------------- */

static void
refresh_answer(ngx_queue_t *waits)
{
    struct flow_event event;

    refresh_event(&event, FLOW_EVENT_REFRESHED);
    ngx_http_azimuth_wait_answer(waits, &event);
}

/* Requests wait for a provider that is down once, not each time it is tried
 * again. One session alone whose refresh fails says nothing of the others':
 * two in a row do. */
static void
refresh_note(refresh_job_t *job, const struct flow_actions *actions)
{
    ngx_http_azimuth_provider_t *p = job->asker.provider;

    if (actions->outcome == FLOW_REFRESHED ||
        actions->outcome == FLOW_REFRESH_ENDED) {
        p->is_failing = 0;
        p->has_failed = 0;
    } else if (actions->outcome == FLOW_REFRESH_FAILED &&
               (actions->cause == NULL ||
                actions->cause->code == OAUTH_EPROVIDER)) {
        if (p->has_failed && p->failed_hash != job->node.node.key) {
            p->is_failing = 1;
        }
        p->has_failed = 1;
        p->failed_hash = job->node.node.key;
    }
}

/* Whether the provider lets this session wait in vain, as things stand. */
static int
refresh_is_hopeless(const ngx_http_azimuth_provider_t *p, ngx_uint_t hash)
{
    return p->is_failing || (p->has_failed && p->failed_hash == hash);
}

static void
refresh_end(refresh_job_t *job, const struct flow_actions *actions)
{
    enum flow_outcome outcome = actions->outcome;
    ngx_log_t *log = job->refresh->log;
    ngx_queue_t waits;

    ngx_http_azimuth_edge_refreshed(job->asker.mcf, outcome);
    if (actions->cause != NULL) {
        ngx_http_azimuth_log_to(log, flow_outcome_name(outcome),
                                actions->cause);
    } else if (outcome == FLOW_REFRESHED) {
        ngx_log_error(NGX_LOG_INFO, log, 0, "azimuth: %s",
                      flow_outcome_name(outcome));
    }
    if (outcome != FLOW_REFRESH_FAILED) {
        ngx_http_azimuth_zone_forget(
            job->asker.mcf,
            ngx_http_azimuth_zone_tag(job->asker.mcf,
                                      ngx_http_azimuth_span(job->node.str)));
    }
    refresh_note(job, actions);
    /* Answering may start a new job with the same key, or end this cycle's
     * last request: this one is gone by then. */
    ngx_queue_init(&waits);
    if (!ngx_queue_empty(&job->waits)) {
        ngx_queue_add(&waits, &job->waits);
        ngx_queue_init(&job->waits);
    }
    refresh_free(job);
    refresh_answer(&waits);
}

/* ---- the walk ------------------------------------------------------------ */

static void
refresh_background(refresh_job_t *job, const struct flow_actions *actions)
{
    struct flow_event event;
    size_t i;

    for (i = 0; i + 1 < actions->count; i++) {
        assert(actions->items[i].is_background);
        if (ngx_http_azimuth_ask(&job->asker, &actions->items[i], NULL,
                                 &event) == NGX_OK) {
            ngx_log_error(NGX_LOG_WARN, job->refresh->log, 0,
                          "azimuth: a background write failed: %*s",
                          event.failure.size, event.failure.data);
        }
    }
}

/* Gives the flow one event and carries out what it wants. */
static void
refresh_walk(refresh_job_t *job, struct flow_event *event)
{
    const struct flow_actions *actions;
    const struct flow_action *action;
    struct flow_event answer = *event;
    ngx_uint_t i;

    for (i = 0; i < REFRESH_STEP_COUNT_MAX; i++) {
        actions = flow_step(job->flow, &answer);
        assert(actions->count > 0);
        action = &actions->items[actions->count - 1];
        refresh_background(job, actions);
        if (action->kind == FLOW_ACTION_END) {
            refresh_end(job, actions);
            return;
        }
        assert(!flow_is_verdict(action));
        if (action->kind == FLOW_ACTION_WAIT) {
            ngx_add_timer(&job->moment, (ngx_msec_t)action->wait_ms);
            return;
        }
        if (ngx_http_azimuth_ask(&job->asker, action, &job->wait, &answer) ==
            NGX_AGAIN) {
            ngx_http_azimuth_edge_asked(&job->question, action);
            return;
        }
    }
    assert(0 && "a job goes round in circles");
}

static void
refresh_answered(ngx_http_azimuth_wait_t *wait, struct flow_event *event)
{
    refresh_job_t *job = wait->data;

    ngx_http_azimuth_edge_answered(&job->question, job->asker.mcf,
                                   job->asker.provider, event);
    refresh_walk(job, event);
}

static void
refresh_moment(ngx_event_t *moment)
{
    ngx_connection_t *owner = moment->data;
    refresh_job_t *job = owner->data;
    struct session_ticket ticket;
    struct flow_event event;

    if (job->is_begun) {
        refresh_event(&event, FLOW_EVENT_WAITED);
        refresh_walk(job, &event);
        return;
    }
    job->is_begun = 1;
    ticket = job->ticket;
    ngx_explicit_memzero(&job->ticket, sizeof(job->ticket));
    refresh_event(&event, FLOW_EVENT_REFRESH);
    event.ticket = &ticket;
    refresh_walk(job, &event); /* which may free it */
    ngx_explicit_memzero(&ticket, sizeof(ticket));
}

/* The job goes on, its requests go on without it. */
static void
refresh_late(ngx_event_t *patience)
{
    ngx_connection_t *owner = patience->data;
    refresh_job_t *job = owner->data;
    ngx_queue_t waits;

    job->is_late = 1;
    if (ngx_queue_empty(&job->waits)) {
        return;
    }
    ngx_queue_init(&waits);
    ngx_queue_add(&waits, &job->waits);
    ngx_queue_init(&job->waits);
    refresh_answer(&waits);
}

/* ---- the beginning ------------------------------------------------------- */

static refresh_job_t *
refresh_find(ngx_http_azimuth_refresh_t *refresh, struct span key,
             uint32_t hash)
{
    ngx_str_t text;

    text.data = (u_char *)key.data;
    text.len = key.size;
    return (refresh_job_t *)ngx_str_rbtree_lookup(&refresh->tree, &text, hash);
}

static void
refresh_timer(refresh_job_t *job, ngx_event_t *timer, ngx_event_handler_pt how)
{
    timer->data = &job->timer_owner;
    timer->handler = how;
    timer->log = job->refresh->log;
}

/* Makes a job that begins when everything that happens now is done: whoever
 * asks for it is in the middle of a step of its own. */
static refresh_job_t *
refresh_start(ngx_http_azimuth_refresh_t *refresh,
              const ngx_http_azimuth_asker_t *asker,
              const struct flow_refresh *what, uint32_t hash)
{
    unsigned char seed[FLOW_SEED_SIZE];
    refresh_job_t *job;

    if (refresh->count >= REFRESH_JOB_COUNT_MAX ||
        RAND_bytes(seed, (int)sizeof(seed)) != 1) {
        return NULL;
    }
    job = ngx_calloc(sizeof(*job), refresh->log);
    if (job == NULL) {
        return NULL;
    }
    job->flow =
        flow_create(&asker->provider->flow, asker->provider->provider, seed);
    ngx_explicit_memzero(seed, sizeof(seed));
    if (job->flow == NULL) {
        ngx_free(job);
        return NULL;
    }
    assert(what->key.size <= sizeof(job->key));
    ngx_memcpy(job->key, what->key.data, what->key.size);
    job->ticket = *what->ticket;
    job->refresh = refresh;
    job->asker = *asker;
    job->asker.is_job = 1;
    ngx_queue_init(&job->waits);
    job->wait.handler = refresh_answered;
    job->wait.data = job;
    job->timer_owner.fd = (ngx_socket_t)-1;
    job->timer_owner.data = job;
    refresh_timer(job, &job->moment, refresh_moment);
    refresh_timer(job, &job->patience, refresh_late);

    job->node.str.data = job->key;
    job->node.str.len = what->key.size;
    job->node.node.key = hash;
    ngx_rbtree_insert(&refresh->tree, &job->node.node);
    ngx_queue_insert_tail(&refresh->jobs, &job->queue);
    refresh->count++;
    ngx_add_timer(&job->patience, refresh_is_hopeless(asker->provider, hash)
                                      ? REFRESH_HASTE_MS
                                      : asker->provider->timeout);
    ngx_post_event(&job->moment, &ngx_posted_events);
    return job;
}

static ngx_http_azimuth_refresh_t *
refresh_table(ngx_http_azimuth_main_conf_t *mcf)
{
    ngx_http_azimuth_refresh_t *refresh = mcf->refreshes;

    if (refresh == NULL) {
        refresh = ngx_calloc(sizeof(*refresh), ngx_cycle->log);
        if (refresh == NULL) {
            return NULL;
        }
        refresh->log = ngx_cycle->log;
        ngx_rbtree_init(&refresh->tree, &refresh->sentinel,
                        ngx_str_rbtree_insert_value);
        ngx_queue_init(&refresh->jobs);
        mcf->refreshes = refresh;
    }
    return refresh;
}

ngx_int_t
ngx_http_azimuth_refresh_ask(const ngx_http_azimuth_asker_t *asker,
                             const struct flow_action *action,
                             ngx_http_azimuth_wait_t *wait,
                             struct flow_event *ret_event)
{
    ngx_http_azimuth_refresh_t *refresh = refresh_table(asker->mcf);
    const struct flow_refresh *what = &action->refresh;
    refresh_job_t *job = NULL;
    uint32_t hash;

    if (refresh != NULL) {
        hash = ngx_crc32_short((u_char *)what->key.data, what->key.size);
        job = refresh_find(refresh, what->key, hash);
        if (job == NULL) {
            job = refresh_start(refresh, asker, what, hash);
        }
    }
    if (job == NULL) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "azimuth: a session is not refreshed now: no memory, or "
                      "%d others are",
                      REFRESH_JOB_COUNT_MAX);
    } else if (wait == NULL) {
        return NGX_AGAIN;
    } else if (!job->is_late) {
        ngx_http_azimuth_wait_open(wait, &job->waits);
        return NGX_AGAIN;
    }
    refresh_event(ret_event, FLOW_EVENT_REFRESHED);
    return NGX_OK;
}

void
ngx_http_azimuth_refresh_close(ngx_http_azimuth_refresh_t *refresh)
{
    refresh_job_t *job;

    if (refresh == NULL) {
        return;
    }
    while (!ngx_queue_empty(&refresh->jobs)) {
        job = ngx_queue_data(ngx_queue_head(&refresh->jobs), refresh_job_t,
                             queue);
        while (!ngx_queue_empty(&job->waits)) {
            ngx_http_azimuth_wait_cancel(ngx_queue_data(
                ngx_queue_head(&job->waits), ngx_http_azimuth_wait_t, queue));
        }
        refresh_free(job);
    }
    ngx_free(refresh);
}
