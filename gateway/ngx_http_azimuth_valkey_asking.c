/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the session store, over one pipelined line per worker. A question waits
 * until the line is ready, and is sent anew once if its connection is lost
 * before the answer and doing it twice does no harm. While anything pends a
 * timer runs that every reply pushes on: when it fires the connection is given
 * up and all that pends fails. After a failed round of attempts questions are
 * refused at once, with the reason, until the next one is due. Invariants: a
 * command is in `waiting` or in `sent`, and counted; `sent` is empty unless
 * the line is ready; the timer is armed iff something pends, so that an idle
 * connection never holds up a leaving worker. */

#include "gateway/ngx_http_azimuth_valkey.h"

#include <assert.h>

#define VALKEY_PENDING_MAX 1024

typedef struct {
    ngx_queue_t queue;
    ngx_queue_t waits;
    char *bytes; /* hiredis' */
    size_t size;
    uint64_t tag; /* of a session that ends by it; else 0 */
    ngx_msec_t sent_at;
    enum flow_action_kind kind;
    unsigned is_follower : 1; /* nobody waits, no event is made of its reply */
    unsigned is_refused : 1;  /* the server said that it did not do it */
    unsigned is_retried : 1;
    unsigned is_once : 1; /* done twice, it would be answered otherwise */
} valkey_command_t;

/* ---- commands ----------------------------------------------------------- */

static void
valkey_command_free(valkey_command_t *command)
{
    ngx_explicit_memzero(command->bytes, command->size);
    redisFreeCommand(command->bytes);
    ngx_free(command);
}

static valkey_command_t *
valkey_command_new(ngx_http_azimuth_valkey_t *v,
                   ngx_http_azimuth_valkey_command_t *line)
{
    valkey_command_t *command = ngx_calloc(sizeof(*command), v->log);
    int size;

    if (command == NULL) {
        return NULL;
    }
    size = redisFormatCommandArgv(&command->bytes, line->count, line->argv,
                                  line->sizes);
    if (size < 0) {
        ngx_free(command);
        return NULL;
    }
    command->size = (size_t)size;
    ngx_queue_init(&command->waits);
    return command;
}

static int
valkey_may_repeat(const valkey_command_t *command)
{
    return !command->is_retried && (command->is_refused || !command->is_once);
}

/* ---- answers ------------------------------------------------------------ */

/* After each reply: push the timer on, or let the connection rest. */
static void
valkey_settle(ngx_http_azimuth_valkey_t *v)
{
    if (v->pending_count > 0) {
        ngx_add_timer(&v->timer, v->mcf->valkey_conf.timeout);
    } else if (v->timer.timer_set) {
        ngx_del_timer(&v->timer);
    }
}

/* Takes `command` out and gives its answer. */
static void
valkey_finish(ngx_http_azimuth_valkey_t *v, valkey_command_t *command,
              struct flow_event *event)
{
    ngx_queue_remove(&command->queue);
    assert(v->pending_count > 0);
    v->pending_count--;
    v->asking.is_busy = v->pending_count > 0;
    valkey_settle(v);
    /* Once more: it may have come in between the question and its effect. */
    ngx_http_azimuth_zone_forget(v->mcf, command->tag);
    if (event->kind == FLOW_EVENT_SESSION_FAILED &&
        ngx_queue_empty(&command->waits)) {
        ngx_log_error(NGX_LOG_WARN, v->log, 0,
                      "azimuth: nobody waits any more, but %*s",
                      event->failure.size, event->failure.data);
    }
    ngx_http_azimuth_wait_answer(&command->waits, event);
    valkey_command_free(command);
}

static void
valkey_finish_failed(ngx_http_azimuth_valkey_t *v, valkey_command_t *command,
                     const char *text)
{
    struct flow_event event;

    ngx_http_azimuth_valkey_failed(text, &event);
    valkey_finish(v, command, &event);
}

static valkey_command_t *
valkey_first(ngx_queue_t *queue)
{
    return ngx_queue_empty(queue)
               ? NULL
               : ngx_queue_data(ngx_queue_head(queue), valkey_command_t, queue);
}

/* NGX_ERROR: the reply is of a kind that the question never gets. */
static ngx_int_t
valkey_judge(const valkey_command_t *command, const redisReply *reply,
             struct flow_event *ret_event)
{
    /* A follower's answer is a number, as a DEL's is. */
    return ngx_http_azimuth_valkey_judge(
        command->is_follower ? FLOW_ACTION_SESSION_DEL : command->kind, reply,
        ret_event);
}

static void
valkey_replied(ngx_http_azimuth_line_t *line, const redisReply *reply)
{
    ngx_http_azimuth_valkey_t *v = line->data;
    valkey_command_t *command = valkey_first(&v->sent);
    struct flow_event event;
    ngx_int_t rc;

    if (command == NULL) {
        ngx_http_azimuth_line_fail(line, reply->type == REDIS_REPLY_ERROR
                                             ? reply->str
                                             : "an answer to no question");
        return;
    }
    v->states[line->endpoint].latency = ngx_current_msec - command->sent_at;
    if (!ngx_http_azimuth_valkey_is_wrong_place(reply)) {
        ngx_http_azimuth_line_settled(line);
        rc = valkey_judge(command, reply, &event);
        valkey_finish(v, command, &event);
        /* Answers and questions may be out of step: the next answer would be
         * somebody else's session. */
        if (rc != NGX_OK && line->state == AZIMUTH_LINE_READY) {
            ngx_http_azimuth_line_fail(line, AZIMUTH_VALKEY_MISFIT);
        }
        return;
    }
    if (!command->is_retried) {
        command->is_refused = 1; /* and asked again at the next place */
    } else {
        (void)valkey_judge(command, reply, &event);
        valkey_finish(v, command, &event);
    }
    if (line->state == AZIMUTH_LINE_READY) {
        ngx_http_azimuth_line_fail(line, reply->str);
    }
}

static void
valkey_send(ngx_http_azimuth_valkey_t *v, valkey_command_t *command)
{
    ngx_queue_remove(&command->queue);
    ngx_queue_insert_tail(&v->sent, &command->queue);
    command->sent_at = ngx_current_msec;
    if (ngx_http_azimuth_line_send(&v->asking, command->bytes, command->size) !=
        NGX_OK) {
        ngx_http_azimuth_line_fail(&v->asking, "too much waits to be sent");
    }
}

static void
valkey_ready(ngx_http_azimuth_line_t *line)
{
    ngx_http_azimuth_valkey_t *v = line->data;
    valkey_command_t *command;

    while (line->state == AZIMUTH_LINE_READY &&
           (command = valkey_first(&v->waiting)) != NULL) {
        valkey_send(v, command);
    }
}

/* What was sent is asked again or fails; what waits fails when nobody is left
 * to be tried in this round. */
static void
valkey_lost(ngx_http_azimuth_line_t *line)
{
    ngx_http_azimuth_valkey_t *v = line->data;
    int is_over = v->is_late || line->state == AZIMUTH_LINE_DOWN;
    char cause[AZIMUTH_CAUSE_SIZE];
    valkey_command_t *command;
    ngx_queue_t lost, *q;

    /* Handlers may ask, and so change all of this. */
    ngx_memcpy(cause, line->cause, sizeof(cause));
    ngx_queue_init(&lost);
    while (!ngx_queue_empty(&v->sent)) {
        q = ngx_queue_last(&v->sent);
        command = ngx_queue_data(q, valkey_command_t, queue);
        ngx_queue_remove(q);
        if (is_over || !valkey_may_repeat(command)) {
            ngx_queue_insert_head(&lost, q);
        } else {
            command->is_retried = 1;
            ngx_queue_insert_head(&v->waiting, q);
        }
    }
    if (is_over && !ngx_queue_empty(&v->waiting)) {
        ngx_queue_add(&lost, &v->waiting);
        ngx_queue_init(&v->waiting);
    }
    while ((command = valkey_first(&lost)) != NULL) {
        valkey_finish_failed(v, command, cause);
    }
}

static const ngx_http_azimuth_line_events_t valkey_events = { valkey_ready,
                                                              valkey_replied,
                                                              valkey_lost };

static void
valkey_timeout(ngx_event_t *event)
{
    ngx_connection_t *owner = event->data;
    ngx_http_azimuth_valkey_t *v = owner->data;
    ngx_http_azimuth_line_t *line = &v->asking;
    valkey_command_t *command;
    char text[64];
    u_char *end;

    end = ngx_snprintf((u_char *)text, sizeof(text) - 1,
                       "no answer within %M ms", v->mcf->valkey_conf.timeout);
    *end = '\0';
    if (line->state == AZIMUTH_LINE_READY) {
        v->is_late = 1;
        ngx_http_azimuth_line_fail(line, text);
        v->is_late = 0;
        return;
    }
    while ((command = valkey_first(&v->waiting)) != NULL) {
        valkey_finish_failed(v, command, text);
    }
}

/* ---- asking ------------------------------------------------------------- */

static ngx_int_t
valkey_refuse(struct flow_event *ret_event, const char *text)
{
    ngx_http_azimuth_valkey_failed(text, ret_event);
    return NGX_OK;
}

static void
valkey_start_command(ngx_http_azimuth_valkey_t *v, valkey_command_t *command)
{
    v->pending_count++;
    v->asking.is_busy = 1;
    if (!v->timer.timer_set) {
        ngx_add_timer(&v->timer, v->mcf->valkey_conf.timeout);
    }
    ngx_queue_insert_tail(&v->waiting, &command->queue);
}

/* Makes the line, unless it is known to be down. */
static ngx_int_t
valkey_reach(ngx_http_azimuth_valkey_t *v)
{
    ngx_http_azimuth_line_t *line = &v->asking;

    if (line->state != AZIMUTH_LINE_DOWN) {
        return NGX_OK;
    }
    if (line->failure_count > 0 &&
        (ngx_msec_int_t)(line->retry_at - ngx_current_msec) > 0) {
        return NGX_ERROR;
    }
    ngx_http_azimuth_line_open(line);
    return line->state == AZIMUTH_LINE_DOWN ? NGX_ERROR : NGX_OK;
}

ngx_int_t
ngx_http_azimuth_asking_ask(void *data, const struct flow_action *action,
                            ngx_http_azimuth_wait_t *wait,
                            struct flow_event *ret_event)
{
    ngx_http_azimuth_valkey_t *v = data;
    valkey_command_t *command, *follower = NULL;
    ngx_http_azimuth_valkey_command_t line;
    uint64_t tag = 0;

    if (ngx_http_azimuth_valkey_revokes(action)) {
        tag = ngx_http_azimuth_zone_tag(v->mcf, action->session.key);
        ngx_http_azimuth_zone_forget(v->mcf, tag);
    }
    if (v->pending_count >= VALKEY_PENDING_MAX) {
        return valkey_refuse(ret_event, "too many requests wait for it");
    }
    if (valkey_reach(v) != NGX_OK) {
        return valkey_refuse(ret_event, v->asking.cause);
    }
    ngx_http_azimuth_valkey_ask(action, &line);
    command = valkey_command_new(v, &line);
    if (command != NULL &&
        ngx_http_azimuth_valkey_follow(action, &line) == NGX_OK) {
        follower = valkey_command_new(v, &line);
        if (follower == NULL) {
            valkey_command_free(command);
            command = NULL;
        }
    }
    if (command == NULL) {
        return valkey_refuse(ret_event, "out of memory");
    }
    command->kind = action->kind;
    command->tag = tag;
    command->is_once = action->kind == FLOW_ACTION_SESSION_PUT &&
                       action->session.mode == FLOW_PUT_NEW;
    valkey_start_command(v, command);
    if (wait != NULL) {
        ngx_http_azimuth_wait_open(wait, &command->waits);
    }
    if (follower != NULL) {
        follower->is_follower = 1;
        valkey_start_command(v, follower);
    }
    /* Not from here: a link that fails would answer within ask(). */
    if (v->asking.state == AZIMUTH_LINE_READY) {
        ngx_post_event(&v->flush, &ngx_posted_events);
    }
    return NGX_AGAIN;
}

static void
valkey_flush(ngx_event_t *event)
{
    ngx_connection_t *owner = event->data;
    ngx_http_azimuth_valkey_t *v = owner->data;

    valkey_ready(&v->asking);
}

/* ---- a worker's life ---------------------------------------------------- */

void
ngx_http_azimuth_asking_init(ngx_http_azimuth_valkey_t *v)
{
    ngx_queue_init(&v->waiting);
    ngx_queue_init(&v->sent);
    v->timer_owner.fd = (ngx_socket_t)-1;
    v->timer_owner.data = v;
    v->timer.data = v->flush.data = &v->timer_owner;
    v->timer.log = v->flush.log = v->log;
    v->timer.handler = valkey_timeout;
    v->flush.handler = valkey_flush;
    v->asking.events = &valkey_events;
    v->asking.data = v;
    v->asking.conf = &v->mcf->valkey_conf;
    v->asking.states = v->states;
    v->asking.log = v->log;
    ngx_http_azimuth_line_init(&v->asking);
}

static void
valkey_drop(ngx_queue_t *queue)
{
    valkey_command_t *command;

    while ((command = valkey_first(queue)) != NULL) {
        while (!ngx_queue_empty(&command->waits)) {
            ngx_http_azimuth_wait_cancel(
                ngx_queue_data(ngx_queue_head(&command->waits),
                               ngx_http_azimuth_wait_t, queue));
        }
        ngx_queue_remove(&command->queue);
        valkey_command_free(command);
    }
}

void
ngx_http_azimuth_asking_close(ngx_http_azimuth_valkey_t *v)
{
    ngx_http_azimuth_line_close(&v->asking);
    valkey_drop(&v->sent);
    valkey_drop(&v->waiting);
    if (v->timer.timer_set) {
        ngx_del_timer(&v->timer);
    }
    if (v->flush.posted) {
        ngx_delete_posted_event(&v->flush);
    }
}
