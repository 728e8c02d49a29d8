/* SPDX-License-Identifier: Apache-2.0
 * HTTP/1.1 by libmicrohttpd. An exchange is born with the request line
 * (on_uri), fills its body, and then either answers on the loop or is
 * suspended while the executor works:
 *   NEW -> BODY -> RUNNING -> ANSWERED      DISCARD -> ANSWERED (refused)
 * on_completed() frees it, whatever became of the client, or on_connection()
 * when the daemon gave the request up by itself; a suspended connection is
 * never completed before it was resumed. */
#include "engine/wire/loop.h"

#include "base/budget.h"
#include "engine/wire/framing.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum exchange_state {
    EXCHANGE_NEW,
    EXCHANGE_BODY,
    EXCHANGE_DISCARD, /* refused; the body is read and dropped */
    EXCHANGE_RUNNING,
    EXCHANGE_ANSWERED
};

struct exchange {
    struct executor_task task; /* first: executor hands it back */
    struct completion completion;
    struct loop *loop;
    struct MHD_Connection *mhd;
    struct connection *connection;
    enum exchange_state state;
    bool is_counted; /* in in_flight */
    bool is_started; /* the handler has seen it */
    bool is_last;    /* close the connection after the answer */
    uint64_t declared_size;
    uint64_t received_size;
    uint64_t charged_size; /* in bodies_size */
    uint64_t reply_size;   /* in replies_size */
    struct bytes body;
    char *target;
    struct request request;
    struct reply reply;
};

static void
connection_enter(struct connection *connection, enum connection_phase phase,
                 uint64_t size)
{
    connection->phase = phase;
    connection->phase_size = size;
    connection->phase_start_ms = loop_now_ms();
}

static const char *
exchange_header(const struct request *request, const char *name)
{
    const char *base = (const char *)request;
    const struct exchange *exchange =
        (const struct exchange *)(const void *)(base - offsetof(struct exchange,
                                                                request));
    return MHD_lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, name);
}

/* The target without scheme and host, which a client may send as to a proxy
 * (RFC 9112 section 3.2.2). */
static const char *
origin_form(const char *target)
{
    static const char scheme[] = "http://";
    if (strncasecmp(target, scheme, sizeof(scheme) - 1) != 0)
        return target;
    target += sizeof(scheme) - 1;
    return target + strcspn(target, "/?");
}

static void
exchange_target(struct exchange *exchange)
{
    const char *target = origin_form(exchange->target);
    const char *mark = strchr(target, '?');
    size_t size = strlen(target);
    size_t path_size = mark == NULL ? size : (size_t)(mark - target);
    exchange->request.path = (struct span){ target, path_size };
    if (mark != NULL)
        exchange->request.query =
            (struct span){ mark + 1, size - path_size - 1 };
}

static void
body_release(struct exchange *exchange)
{
    atomic_fetch_sub(&exchange->loop->wire->bodies_size,
                     exchange->charged_size);
    exchange->charged_size = 0;
    bytes_release(&exchange->body);
}

/* Frees all that making the answer took, before a slow client reads it. */
static void
exchange_forget_request(struct exchange *exchange)
{
    struct wire *wire = exchange->loop->wire;
    if (exchange->is_started)
        wire->options.handler.release(wire->options.handler.ctx,
                                      &exchange->request);
    exchange->is_started = false;
    arena_release(&exchange->request.arena);
    body_release(exchange);
}

static void
exchange_free(struct exchange *exchange)
{
    struct wire *wire = exchange->loop->wire;
    assert(exchange->state != EXCHANGE_RUNNING);
    exchange_forget_request(exchange);
    if (exchange->is_counted)
        atomic_fetch_sub(&wire->in_flight, 1);
    atomic_fetch_sub(&wire->replies_size, exchange->reply_size);
    reply_release(&exchange->reply);
    free(exchange->target);
    free(exchange);
}

/* Frees a request that the daemon began and gave up without a word, as it does
 * when the arguments of its address do not fit into its memory. */
static void
connection_drop_exchange(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    connection->exchange = NULL;
    if (exchange != NULL)
        exchange_free(exchange);
}

static void *
on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct loop *loop = cls;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (info == NULL || info->socket_context == NULL)
        return NULL;
    struct connection *connection = info->socket_context;
    connection_drop_exchange(connection);
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL)
        return NULL;
    exchange->target = strdup(uri);
    if (exchange->target == NULL) {
        free(exchange);
        return NULL;
    }
    exchange->loop = loop;
    exchange->mhd = mhd;
    exchange->connection = connection;
    connection->exchange = exchange;
    exchange_target(exchange);
    bytes_init(&exchange->body, loop->wire->options.body_size_max);
    reply_init(&exchange->reply);
    arena_init(&exchange->request.arena, loop->wire->options.arena_size_max);
    arena_bind(&exchange->request.arena, &budget_requests);
    exchange->request.header = exchange_header;
    return exchange;
}

void
http1_end_half_closed(const struct connection *connection)
{
    char byte;
    if (recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
        shutdown(connection->fd, SHUT_RD);
}

static void
on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
             enum MHD_RequestTerminationCode reason)
{
    (void)cls;
    (void)mhd;
    struct exchange *exchange = *con_cls;
    *con_cls = NULL;
    if (exchange == NULL)
        return;
    exchange->connection->exchange = NULL;
    connection_enter(exchange->connection, CONNECTION_IDLE, 0);
    if (reason == MHD_REQUEST_TERMINATED_COMPLETED_OK)
        http1_end_half_closed(exchange->connection);
    exchange_free(exchange);
}

static void
on_connection(void *cls, struct MHD_Connection *mhd, void **socket_context,
              enum MHD_ConnectionNotificationCode code)
{
    struct loop *loop = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        struct connection *connection = calloc(1, sizeof(*connection));
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
        *socket_context = connection;
        if (connection == NULL || info == NULL)
            return; /* on_uri() then refuses each request */
        connection->fd = info->connect_fd;
        connection_enter(connection, CONNECTION_IDLE, 0);
        connection->next = loop->connections;
        if (loop->connections != NULL)
            loop->connections->prev = connection;
        loop->connections = connection;
        return;
    }
    struct connection *connection = *socket_context;
    unsigned before = atomic_fetch_sub(&loop->connections_count, 1);
    assert(before > 0);
    (void)before;
    if (connection == NULL)
        return;
    connection_drop_exchange(connection);
    if (connection->prev != NULL)
        connection->prev->next = connection->next;
    else
        loop->connections = connection->next;
    if (connection->next != NULL)
        connection->next->prev = connection->prev;
    free(connection);
}

static enum request_method
method_of(const char *name)
{
    static const struct {
        const char *name;
        enum request_method method;
    } methods[] = {
        { "GET", REQUEST_GET },         { "HEAD", REQUEST_HEAD },
        { "PUT", REQUEST_PUT },         { "POST", REQUEST_POST },
        { "PATCH", REQUEST_PATCH },     { "DELETE", REQUEST_DELETE },
        { "OPTIONS", REQUEST_OPTIONS },
    };
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(name, methods[i].name) == 0)
            return methods[i].method;
    }
    return REQUEST_OTHER;
}

static void
exchange_refuse(struct exchange *exchange, enum refusal refusal, uint64_t limit)
{
    const struct handler *handler = &exchange->loop->wire->options.handler;
    uint64_t size = exchange->declared_size > exchange->received_size
                        ? exchange->declared_size
                        : exchange->received_size;
    reply_reset(&exchange->reply);
    handler->refuse(handler->ctx, refusal, size, limit, &exchange->reply);
    exchange->state = EXCHANGE_DISCARD;
    body_release(exchange);
}

static struct MHD_Response *
response_of(struct reply *reply)
{
    struct MHD_Response *response;
    if (reply->file >= 0) {
        response = MHD_create_response_from_fd64(reply->file_size, reply->file);
        if (response != NULL)
            reply->file = -1; /* the response owns it now */
        return response;
    }
    size_t size = reply->body.size;
    char *data = bytes_take(&reply->body);
    if (data == NULL)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    response =
        MHD_create_response_from_buffer_with_free_callback(size, data, free);
    if (response == NULL)
        free(data);
    return response;
}

static void
reply_refuse(struct exchange *exchange, enum refusal refusal, uint64_t limit)
{
    const struct handler *handler = &exchange->loop->wire->options.handler;
    uint64_t size = exchange->reply.body.size;
    reply_reset(&exchange->reply);
    handler->refuse(handler->ctx, refusal, size, limit, &exchange->reply);
}

/* Answers stay in memory until their clients have read them: all together are
 * bounded, as the bodies are. */
static void
reply_charge(struct exchange *exchange)
{
    struct wire *wire = exchange->loop->wire;
    uint64_t limit = wire->options.replies_size_max;
    if (bytes_failed(&exchange->reply.body))
        reply_refuse(exchange, REFUSAL_MEMORY, REPLY_BODY_SIZE_MAX);
    uint64_t size = exchange->reply.body.size;
    uint64_t all = atomic_fetch_add(&wire->replies_size, size) + size;
    if (all > limit && size > WIRE_SMALL_REPLY_SIZE) {
        atomic_fetch_sub(&wire->replies_size, size);
        reply_refuse(exchange, REFUSAL_REPLY_MEMORY, limit);
        return;
    }
    exchange->reply_size = size;
}

static enum MHD_Result
exchange_answer(struct exchange *exchange)
{
    struct wire *wire = exchange->loop->wire;
    struct reply *reply = &exchange->reply;
    reply_charge(exchange);
    assert(reply->status >= 200 && reply->status <= 599);
    uint64_t size = reply->file >= 0 ? reply->file_size : reply->body.size;
    struct MHD_Response *response = response_of(reply);
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, "Server", wire->options.server);
    if (reply->content_type != NULL)
        MHD_add_response_header(response, "Content-Type", reply->content_type);
    for (unsigned i = 0; i < reply->headers_count; i++)
        MHD_add_response_header(response, reply->headers[i].name,
                                reply->headers[i].value);
    if (exchange->is_last || exchange->loop->is_draining)
        MHD_add_response_header(response, "Connection", "close");
    exchange->state = EXCHANGE_ANSWERED;
    connection_enter(exchange->connection, CONNECTION_REPLY, size);
    enum MHD_Result result =
        MHD_queue_response(exchange->mhd, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    exchange_forget_request(exchange);
    return result;
}

static void
exchange_work(struct executor_task *task)
{
    struct exchange *exchange = (struct exchange *)(void *)task;
    const struct handler *handler = &exchange->loop->wire->options.handler;
    handler->finish(handler->ctx, &exchange->request, &exchange->reply);
    loop_finish(exchange->loop, &exchange->completion);
}

static void
exchange_resume(struct completion *completion)
{
    struct exchange *exchange =
        (struct exchange *)(void *)((char *)completion -
                                    offsetof(struct exchange, completion));
    assert(exchange->state == EXCHANGE_RUNNING);
    exchange->state = EXCHANGE_ANSWERED;
    MHD_resume_connection(exchange->mhd);
}

/* The body is complete: let the handler answer, here or on the executor. */
static enum MHD_Result
exchange_start(struct exchange *exchange)
{
    struct wire *wire = exchange->loop->wire;
    const struct handler *handler = &wire->options.handler;
    exchange->request.body = bytes_span(&exchange->body);
    exchange->request.start_ns = loop_now_ns();
    exchange->is_started = true;
    exchange->connection->phase = CONNECTION_WORKING;
    if (handler->start(handler->ctx, &exchange->request, &exchange->reply) ==
        HANDLER_DONE)
        return exchange_answer(exchange);
    exchange->task.run = exchange_work;
    exchange->completion.resume = exchange_resume;
    exchange->state = EXCHANGE_RUNNING;
    MHD_suspend_connection(exchange->mhd);
    exchange->loop->working++;
    if (executor_submit(wire->executor, &exchange->task))
        return MHD_YES;
    exchange->loop->working--;
    exchange_refuse(exchange, REFUSAL_BUSY, wire->options.in_flight_max);
    MHD_resume_connection(exchange->mhd);
    return MHD_YES;
}

/* Bodies up to this size are not moved while they grow. It is address space
 * until the bytes come, which are what is counted. */
#define BODY_EXPECTED_MAX ((size_t)8 << 20)

static void
body_expect(struct exchange *exchange)
{
    size_t size = exchange->declared_size < BODY_EXPECTED_MAX
                      ? (size_t)exchange->declared_size
                      : BODY_EXPECTED_MAX;
    /* A failure is seen when the bytes come. */
    if (size > 0)
        (void)bytes_reserve(&exchange->body, size);
}

/* The header is complete. A reply given here goes out before the body (and
 * instead of "100 Continue"); the connection ends after it. */
static enum MHD_Result
exchange_begin(struct exchange *exchange, const char *method,
               const char *version)
{
    struct wire *wire = exchange->loop->wire;
    const struct wire_options *options = &wire->options;
    exchange->request.method = method_of(method);
    exchange->state = EXCHANGE_BODY;
    exchange->is_counted = true;
    connection_enter(exchange->connection, CONNECTION_BODY, 0);
    uint64_t in_flight = atomic_fetch_add(&wire->in_flight, 1);
    const char *length = MHD_lookup_connection_value(
        exchange->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    const char *expect = MHD_lookup_connection_value(
        exchange->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT);
    if (length != NULL)
        exchange->declared_size = strtoull(length, NULL, 10);
    bool is_clear = framing_is_clear(exchange->mhd, version);
    if (!is_clear)
        exchange_refuse(exchange, REFUSAL_FRAMING, 0);
    else if (in_flight >= options->in_flight_max)
        exchange_refuse(exchange, REFUSAL_BUSY, options->in_flight_max);
    else if (exchange->declared_size > options->body_size_max)
        exchange_refuse(exchange, REFUSAL_BODY_SIZE, options->body_size_max);
    else
        body_expect(exchange);
    if (exchange->state != EXCHANGE_DISCARD)
        return MHD_YES;
    if (is_clear && expect == NULL &&
        exchange->declared_size <= WIRE_DISCARD_SIZE_MAX)
        return MHD_YES; /* the answer follows the dropped body */
    exchange->is_last = true;
    return exchange_answer(exchange);
}

/* A body without end: the daemon takes no answer in the middle of one, so it
 * is written past it, and the connection ends. */
static enum MHD_Result
exchange_abort(struct exchange *exchange)
{
    struct reply *reply = &exchange->reply;
    char head[256];
    int size = snprintf(head, sizeof(head),
                        "HTTP/1.1 %d Error\r\nContent-Type: %s\r\n"
                        "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                        reply->status,
                        reply->content_type != NULL ? reply->content_type
                                                    : "text/plain",
                        reply->body.size);
    if (size > 0 && (size_t)size < sizeof(head) &&
        send(exchange->connection->fd, head, (size_t)size,
             MSG_NOSIGNAL | MSG_DONTWAIT) == size &&
        send(exchange->connection->fd, reply->body.data, reply->body.size,
             MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return MHD_NO;
    shutdown(exchange->connection->fd, SHUT_WR);
    return MHD_NO;
}

static enum MHD_Result
exchange_receive(struct exchange *exchange, const char *data, size_t size)
{
    struct wire *wire = exchange->loop->wire;
    exchange->received_size += size;
    exchange->connection->phase_size = exchange->received_size;
    if (exchange->state == EXCHANGE_DISCARD)
        return exchange->received_size > WIRE_DISCARD_SIZE_MAX
                   ? exchange_abort(exchange)
                   : MHD_YES;
    assert(exchange->state == EXCHANGE_BODY);
    if (exchange->received_size > wire->options.body_size_max) {
        exchange_refuse(exchange, REFUSAL_BODY_SIZE,
                        wire->options.body_size_max);
        return MHD_YES;
    }
    exchange->charged_size += size;
    uint64_t all = atomic_fetch_add(&wire->bodies_size, size) + size;
    bool has_room = all <= wire->options.bodies_size_max ||
                    exchange->charged_size <= WIRE_SMALL_BODY_SIZE;
    if (has_room)
        bytes_add(&exchange->body, data, size);
    if (!has_room || bytes_failed(&exchange->body))
        exchange_refuse(exchange, REFUSAL_BODY_MEMORY,
                        wire->options.bodies_size_max);
    return MHD_YES;
}

static enum MHD_Result
on_request(void *cls, struct MHD_Connection *mhd, const char *url,
           const char *method, const char *version, const char *data,
           size_t *size, void **con_cls)
{
    (void)cls;
    (void)mhd;
    (void)url;
    struct exchange *exchange = *con_cls;
    if (exchange == NULL)
        return MHD_NO;
    if (exchange->state == EXCHANGE_NEW)
        return exchange_begin(exchange, method, version);
    if (*size > 0) {
        size_t given = *size;
        *size = 0;
        return exchange_receive(exchange, data, given);
    }
    switch (exchange->state) {
    case EXCHANGE_BODY:
        return exchange_start(exchange);
    case EXCHANGE_DISCARD:
    case EXCHANGE_ANSWERED: /* resumed: finished by the executor */
        return exchange_answer(exchange);
    case EXCHANGE_NEW:
    case EXCHANGE_RUNNING:
        break;
    }
    assert(!"a suspended connection was called");
    return MHD_NO;
}

/* Paths stay as sent: api decodes them, after splitting at '/'. */
static size_t
on_unescape(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls;
    (void)mhd;
    return strlen(text);
}

/* What the daemon says about single bad requests is no news. */
static void
on_log(void *cls, const char *format, va_list args)
{
    (void)cls;
    (void)format;
    (void)args;
}

struct MHD_Daemon *
http1_start(struct loop *loop)
{
    const struct wire_options *options = &loop->wire->options;
    unsigned idle_s = (options->idle_timeout_ms + 999) / 1000;
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
            MHD_USE_ERROR_LOG,
        0, NULL, NULL, on_request, loop, MHD_OPTION_EXTERNAL_LOGGER, on_log,
        NULL, MHD_OPTION_URI_LOG_CALLBACK, on_uri, loop,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, loop,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, loop,
        MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL,
        MHD_OPTION_CONNECTION_LIMIT, options->connections_max,
        MHD_OPTION_CONNECTION_TIMEOUT, idle_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)WIRE_HEADER_SIZE_MAX,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}
