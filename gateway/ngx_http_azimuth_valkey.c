/* SPDX-License-Identifier: Apache-2.0 */
/* The session store: hiredis' asynchronous client on nginx's events.
 * One pipelined connection per worker, made when first needed and kept. While
 * commands are pending a timer runs that every reply pushes on: when it fires
 * the connection is given up and all of them fail. After a failed attempt the
 * next one waits 50 ms to 2 s; meanwhile questions are refused at once, with
 * the reason. Invariants: context and connection are both NULL or both not;
 * hiredis owns the descriptor, nginx only watches it (level-triggered, since
 * hiredis may leave bytes unread); the timer is armed iff something pends, so
 * that an idle connection never holds up a leaving worker. */

#include "gateway/ngx_http_azimuth_valkey.h"

#include <assert.h>

#define VALKEY_PENDING_MAX  1024
#define VALKEY_RETRY_MIN_MS 50
#define VALKEY_RETRY_MAX_MS 2000

struct ngx_http_azimuth_valkey_s {
    ngx_http_azimuth_valkey_conf_t *conf;
    ngx_log_t *log;
    redisAsyncContext *context;
    ngx_connection_t *connection;
    ngx_event_t timer;
    ngx_connection_t timer_owner; /* nginx's debug log reads an fd there */
    ngx_uint_t pending_count;
    ngx_uint_t failure_count; /* connection attempts since the last good one */
    ngx_msec_t retry_at;
    char cause[AZIMUTH_CAUSE_SIZE];  /* why it was given up */
    char answer[AZIMUTH_CAUSE_SIZE]; /* text of the event being given */
    unsigned is_exiting : 1;
};

typedef struct {
    ngx_http_azimuth_valkey_t *valkey;
    enum flow_action_kind kind;
    ngx_queue_t waits;
} valkey_command_t;

static void
valkey_note(ngx_http_azimuth_valkey_t *v, const char *text)
{
    u_char *end;

    end = ngx_snprintf((u_char *)v->cause, sizeof(v->cause) - 1, "%s", text);
    *end = '\0';
}

/* An attempt failed, or a connection was lost for `text`. */
static void
valkey_failed(ngx_http_azimuth_valkey_t *v, const char *text)
{
    ngx_msec_t delay;
    ngx_uint_t shift;

    valkey_note(v, text);
    shift = ngx_min(v->failure_count, 6);
    v->failure_count++;
    delay =
        ngx_min((ngx_msec_t)VALKEY_RETRY_MIN_MS << shift, VALKEY_RETRY_MAX_MS);
    delay = delay / 2 + (ngx_msec_t)ngx_random() % (delay / 2 + 1);
    v->retry_at = ngx_current_msec + delay;

    if (v->failure_count == 1) {
        ngx_log_error(NGX_LOG_ERR, v->log, 0, "azimuth: Valkey at %V: %s",
                      &v->conf->address, v->cause);
    }
}

/* ---- the event adapter -------------------------------------------------- */

static void
valkey_event(ngx_event_t *event)
{
    ngx_connection_t *c = event->data;
    ngx_http_azimuth_valkey_t *v = c->data;

    if (c->close) {
        /* The worker leaves and nothing pends: nginx closes what is idle. */
        redisAsyncFree(v->context);
        return;
    }
    if (event->write) {
        redisAsyncHandleWrite(v->context);
    } else {
        redisAsyncHandleRead(v->context);
    }
}

static void
valkey_add_read(void *data)
{
    ngx_http_azimuth_valkey_t *v = data;
    ngx_event_t *event = v->connection->read;

    if (!event->active &&
        ngx_add_event(event, NGX_READ_EVENT, NGX_LEVEL_EVENT) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, v->log, 0,
                      "azimuth: Valkey: the descriptor cannot be watched");
    }
}

static void
valkey_del_read(void *data)
{
    ngx_http_azimuth_valkey_t *v = data;
    ngx_event_t *event = v->connection->read;

    if (event->active) {
        (void)ngx_del_event(event, NGX_READ_EVENT, 0);
    }
}

static void
valkey_add_write(void *data)
{
    ngx_http_azimuth_valkey_t *v = data;
    ngx_event_t *event = v->connection->write;

    if (!event->active &&
        ngx_add_event(event, NGX_WRITE_EVENT, NGX_LEVEL_EVENT) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, v->log, 0,
                      "azimuth: Valkey: the descriptor cannot be watched");
    }
}

static void
valkey_del_write(void *data)
{
    ngx_http_azimuth_valkey_t *v = data;
    ngx_event_t *event = v->connection->write;

    if (event->active) {
        (void)ngx_del_event(event, NGX_WRITE_EVENT, 0);
    }
}

/* hiredis is about to close the descriptor: take nginx's hands off it. */
static void
valkey_cleanup(void *data)
{
    ngx_http_azimuth_valkey_t *v = data;
    ngx_connection_t *c = v->connection;

    assert(c != NULL);
    /* hiredis 1.x would call a second time, when a reply callback may have
     * made a new connection already. */
    ngx_memzero(&v->context->ev, sizeof(v->context->ev));
    v->context = NULL;
    v->connection = NULL;
    if (c->read->active) {
        (void)ngx_del_event(c->read, NGX_READ_EVENT, 0);
    }
    if (c->write->active) {
        (void)ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
    }
    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }
    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }
    c->read->closed = 1;
    c->write->closed = 1;
    c->idle = 0;
    ngx_free_connection(c);
    c->fd = (ngx_socket_t)-1;
}

static void
valkey_connected(const redisAsyncContext *context, int status)
{
    ngx_http_azimuth_valkey_t *v = context->data;

    if (status == REDIS_OK) {
        v->failure_count = 0;
        return;
    }
    /* The pending commands are called next, with no reply. */
    valkey_failed(v, context->c.errstr);
}

/* ---- replies ------------------------------------------------------------ */

static void
valkey_event_failed(ngx_http_azimuth_valkey_t *v, struct flow_event *event,
                    const char *text)
{
    u_char *end, *p;

    /* The address is for our log alone: this text gets onto a page. */
    end = ngx_snprintf((u_char *)v->answer, sizeof(v->answer), "Valkey: %s",
                       text);
    for (p = (u_char *)v->answer; p < end; p++) {
        if (*p < 0x20 || *p > 0x7e) {
            *p = '?';
        }
    }
    event->kind = FLOW_EVENT_SESSION_FAILED;
    event->now_s = ngx_time();
    event->failure.data = v->answer;
    event->failure.size = (size_t)(end - (u_char *)v->answer);
}

static void
valkey_judge(valkey_command_t *command, const redisReply *reply,
             struct flow_event *event)
{
    ngx_http_azimuth_valkey_t *v = command->valkey;

    event->now_s = ngx_time();
    if (reply->type == REDIS_REPLY_ERROR) {
        valkey_event_failed(v, event, reply->str);
    } else if (ngx_http_azimuth_valkey_judge(command->kind, reply, event) !=
               NGX_OK) {
        valkey_event_failed(v, event,
                            "an answer that does not fit the question");
    }
}

/* After each reply: push the timer on, or let the connection rest. */
static void
valkey_settle(ngx_http_azimuth_valkey_t *v)
{
    if (v->pending_count > 0) {
        ngx_add_timer(&v->timer, v->conf->timeout);
        return;
    }
    if (v->timer.timer_set) {
        ngx_del_timer(&v->timer);
    }
    if (v->connection != NULL) {
        v->connection->idle = 1;
    }
}

/* The worker leaves: nothing is kept once the answer made no new question. */
static void
valkey_leave(ngx_http_azimuth_valkey_t *v)
{
    if (ngx_exiting && v->pending_count == 0 && v->context != NULL) {
        redisAsyncDisconnect(v->context);
    }
}

static void
valkey_replied(redisAsyncContext *context, void *data, void *private_data)
{
    valkey_command_t *command = private_data;
    ngx_http_azimuth_valkey_t *v = command->valkey;
    struct flow_event event;
    const redisReply *reply = data;

    assert(v->pending_count > 0);
    v->pending_count--;
    valkey_settle(v);

    if (v->is_exiting) {
        while (!ngx_queue_empty(&command->waits)) {
            ngx_http_azimuth_wait_cancel(
                ngx_queue_data(ngx_queue_head(&command->waits),
                               ngx_http_azimuth_wait_t, queue));
        }
        ngx_free(command);
        return;
    }

    ngx_memzero(&event, sizeof(event));
    if (reply != NULL) {
        valkey_judge(command, reply, &event);
    } else {
        if (context->err) {
            valkey_note(v, context->errstr);
        }
        valkey_event_failed(v, &event, v->cause);
    }
    if (event.kind == FLOW_EVENT_SESSION_FAILED &&
        ngx_queue_empty(&command->waits)) {
        ngx_log_error(NGX_LOG_WARN, v->log, 0,
                      "azimuth: nobody waits any more, but %*s",
                      event.failure.size, event.failure.data);
    }
    ngx_http_azimuth_wait_answer(&command->waits, &event);
    ngx_free(command);
    valkey_leave(v);
}

/* Nobody waits: AUTH and SELECT, whose refusal shows in the answers to the
 * commands behind, and what follows a question. */
static void
valkey_noted(redisAsyncContext *context, void *data, void *private_data)
{
    ngx_http_azimuth_valkey_t *v = context->data;
    const redisReply *reply = data;

    (void)private_data;
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        ngx_log_error(NGX_LOG_ERR, v->log, 0, "azimuth: Valkey at %V: %s",
                      &v->conf->address, reply->str);
    }
}

static void
valkey_timeout(ngx_event_t *event)
{
    ngx_connection_t *owner = event->data;
    ngx_http_azimuth_valkey_t *v = owner->data;
    char text[64];
    u_char *end;

    if (v->context == NULL) {
        return;
    }
    end = ngx_snprintf((u_char *)text, sizeof(text) - 1,
                       "no answer within %M ms", v->conf->timeout);
    *end = '\0';
    valkey_failed(v, text);
    redisAsyncFree(v->context);
}

/* ---- connecting --------------------------------------------------------- */

static ngx_int_t
valkey_attach(ngx_http_azimuth_valkey_t *v, redisAsyncContext *context)
{
    ngx_connection_t *c;

    if (fcntl(context->c.fd, F_SETFD, FD_CLOEXEC) == -1) {
        ngx_log_error(NGX_LOG_WARN, v->log, ngx_errno,
                      "azimuth: fcntl(FD_CLOEXEC) failed");
    }
    c = ngx_get_connection(context->c.fd, v->log);
    if (c == NULL) {
        return NGX_ERROR;
    }
    c->data = v;
    c->log = v->log;
    c->read->log = v->log;
    c->write->log = v->log;
    c->read->handler = valkey_event;
    c->write->handler = valkey_event;
    v->connection = c;
    v->context = context;

    context->data = v;
    context->ev.data = v;
    context->ev.addRead = valkey_add_read;
    context->ev.delRead = valkey_del_read;
    context->ev.addWrite = valkey_add_write;
    context->ev.delWrite = valkey_del_write;
    context->ev.cleanup = valkey_cleanup;
    return NGX_OK;
}

static void
valkey_greet(ngx_http_azimuth_valkey_t *v)
{
    const char *argv[3];
    size_t sizes[3];
    char number[NGX_INT_T_LEN + 1];
    int count = 0;

    if (v->conf->password.len > 0) {
        argv[count] = "AUTH";
        sizes[count++] = 4;
        if (v->conf->username.len > 0) {
            argv[count] = (const char *)v->conf->username.data;
            sizes[count++] = v->conf->username.len;
        }
        argv[count] = (const char *)v->conf->password.data;
        sizes[count++] = v->conf->password.len;
        (void)redisAsyncCommandArgv(v->context, valkey_noted, NULL, count, argv,
                                    sizes);
    }
    if (v->conf->database > 0) {
        argv[0] = "SELECT";
        sizes[0] = 6;
        argv[1] = number;
        sizes[1] = (size_t)(ngx_snprintf((u_char *)number, sizeof(number), "%i",
                                         v->conf->database) -
                            (u_char *)number);
        (void)redisAsyncCommandArgv(v->context, valkey_noted, NULL, 2, argv,
                                    sizes);
    }
}

static ngx_int_t
valkey_connect(ngx_http_azimuth_valkey_t *v)
{
    redisAsyncContext *context;

    if (v->conf->path.len > 0) {
        context = redisAsyncConnectUnix((const char *)v->conf->path.data);
    } else {
        context =
            redisAsyncConnect((const char *)v->conf->ip.data, v->conf->port);
    }
    if (context == NULL) {
        valkey_failed(v, "out of memory");
        return NGX_ERROR;
    }
    if (context->err) {
        valkey_failed(v, context->errstr);
        redisAsyncFree(context);
        return NGX_ERROR;
    }
    if (valkey_attach(v, context) != NGX_OK) {
        valkey_failed(v, "worker_connections are not enough");
        redisAsyncFree(context);
        return NGX_ERROR;
    }
    (void)redisAsyncSetConnectCallback(context, valkey_connected);
    valkey_greet(v);
    return NGX_OK;
}

/* ---- asking ------------------------------------------------------------- */

static ngx_int_t
valkey_refuse(ngx_http_azimuth_valkey_t *v, struct flow_event *ret_event,
              const char *text)
{
    ngx_memzero(ret_event, sizeof(*ret_event));
    valkey_event_failed(v, ret_event, text);
    return NGX_OK;
}

static ngx_int_t
valkey_ask(void *data, const struct flow_action *action,
           ngx_http_azimuth_wait_t *wait, struct flow_event *ret_event)
{
    ngx_http_azimuth_valkey_t *v = data;
    valkey_command_t *command;
    ngx_http_azimuth_valkey_command_t line;

    if (v->pending_count >= VALKEY_PENDING_MAX) {
        return valkey_refuse(v, ret_event, "too many requests wait for it");
    }
    if (v->context == NULL) {
        if (v->failure_count > 0 &&
            (ngx_msec_int_t)(v->retry_at - ngx_current_msec) > 0) {
            return valkey_refuse(v, ret_event, v->cause);
        }
        if (valkey_connect(v) != NGX_OK) {
            return valkey_refuse(v, ret_event, v->cause);
        }
    }
    command = ngx_alloc(sizeof(*command), v->log);
    if (command == NULL) {
        return valkey_refuse(v, ret_event, "out of memory");
    }
    command->valkey = v;
    command->kind = action->kind;
    ngx_queue_init(&command->waits);

    ngx_http_azimuth_valkey_ask(action, &line);
    if (redisAsyncCommandArgv(v->context, valkey_replied, command, line.count,
                              line.argv, line.sizes) != REDIS_OK) {
        ngx_free(command);
        return valkey_refuse(v, ret_event, "the connection is closing");
    }
    v->pending_count++;
    v->connection->idle = 0;
    if (!v->timer.timer_set) {
        ngx_add_timer(&v->timer, v->conf->timeout);
    }
    if (wait != NULL) {
        ngx_http_azimuth_wait_open(wait, &command->waits);
    }
    if (ngx_http_azimuth_valkey_follow(action, &line) == NGX_OK) {
        (void)redisAsyncCommandArgv(v->context, valkey_noted, NULL, line.count,
                                    line.argv, line.sizes);
    }
    return NGX_AGAIN;
}

ngx_int_t
ngx_http_azimuth_valkey_peer(ngx_http_azimuth_main_conf_t *mcf,
                             ngx_http_azimuth_peer_t *ret_peer)
{
    ngx_http_azimuth_valkey_t *v = mcf->valkey;

    if (v == NULL) {
        v = ngx_calloc(sizeof(*v), ngx_cycle->log);
        if (v == NULL) {
            return NGX_ERROR;
        }
        v->conf = &mcf->valkey_conf;
        v->log = ngx_cycle->log;
        v->timer_owner.fd = (ngx_socket_t)-1;
        v->timer_owner.data = v;
        v->timer.data = &v->timer_owner;
        v->timer.handler = valkey_timeout;
        v->timer.log = v->log;
        mcf->valkey = v;
    }
    ret_peer->ask = valkey_ask;
    ret_peer->data = v;
    return NGX_OK;
}

void
ngx_http_azimuth_valkey_close(ngx_http_azimuth_valkey_t *v)
{
    if (v == NULL) {
        return;
    }
    v->is_exiting = 1;
    if (v->context != NULL) {
        redisAsyncFree(v->context);
    }
    assert(v->pending_count == 0);
    if (v->timer.timer_set) {
        ngx_del_timer(&v->timer);
    }
    ngx_free(v);
}
