/* SPDX-License-Identifier: Apache-2.0
 * One request of HTTP/1.1. It is born with the request line, fills its body,
 * and then either answers on the loop or is suspended while the executor works:
 *   NEW -> BODY -> RUNNING -> ANSWERED      DISCARD -> ANSWERED (refused)
 *    '-> RUNNING -> ADMITTED -> BODY or DISCARD (asked before the body) */
#include "engine/wire/http1_exchange.h"

#include "base/budget.h"
#include "engine/wire/framing.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

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
    if (strncasecmp(target, "http://", 7) == 0)
        target += 7;
    else if (strncasecmp(target, "https://", 8) == 0)
        target += 8;
    else
        return target;
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

void
http1_exchange_drop_body(struct exchange *exchange)
{
    charge_drop_body(&exchange->charge, exchange->loop->wire);
    bytes_release(&exchange->body);
}

/* Frees all that making the answer took, before a slow client reads it. */
void
http1_exchange_forget_request(struct exchange *exchange)
{
    struct wire *wire = exchange->loop->wire;
    if (exchange->is_started)
        wire->options.handler.release(wire->options.handler.ctx,
                                      &exchange->request);
    exchange->is_started = false;
    if (exchange->request.has_body_file)
        close(exchange->request.body_file);
    exchange->request.has_body_file = false;
    arena_release(&exchange->request.arena);
    http1_exchange_drop_body(exchange);
}

void
http1_exchange_free(struct exchange *exchange)
{
    struct wire *wire = exchange->loop->wire;
    assert(exchange->state != EXCHANGE_RUNNING);
    http1_exchange_forget_request(exchange);
    if (exchange->is_counted)
        atomic_fetch_sub(&wire->in_flight, 1);
    charge_drop_reply(&exchange->charge, wire);
    reply_release(&exchange->reply);
    free(exchange->target);
    free(exchange);
}

struct exchange *
http1_exchange_new(struct loop *loop, struct connection *connection,
                   struct MHD_Connection *mhd, const char *target)
{
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL)
        return NULL;
    exchange->target = strdup(target);
    if (exchange->target == NULL) {
        free(exchange);
        return NULL;
    }
    exchange->loop = loop;
    exchange->mhd = mhd;
    exchange->connection = connection;
    exchange_target(exchange);
    bytes_init(&exchange->body, loop->wire->options.body_size_max);
    reply_init(&exchange->reply);
    arena_init(&exchange->request.arena, loop->wire->options.arena_size_max);
    arena_bind(&exchange->request.arena, &budget_requests);
    exchange->request.header = exchange_header;
    return exchange;
}

/* ---- running ---- */

void
http1_exchange_defer(struct exchange *exchange,
                     void (*run)(struct executor_task *task),
                     void (*resume)(struct completion *completion))
{
    struct wire *wire = exchange->loop->wire;
    assert(exchange->state != EXCHANGE_RUNNING);
    exchange->task.run = run;
    exchange->completion.resume = resume;
    exchange->state = EXCHANGE_RUNNING;
    MHD_suspend_connection(exchange->mhd);
    exchange->loop->working++;
    if (executor_submit(wire->executor, &exchange->task))
        return;
    exchange->loop->working--;
    http1_exchange_refuse(exchange, REFUSAL_BUSY, wire->options.in_flight_max);
    MHD_resume_connection(exchange->mhd);
}

struct exchange *
http1_exchange_of(struct completion *completion)
{
    return (struct exchange *)(void *)((char *)completion -
                                       offsetof(struct exchange, completion));
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
    struct exchange *exchange = http1_exchange_of(completion);
    assert(exchange->state == EXCHANGE_RUNNING);
    exchange->state = EXCHANGE_ANSWERED;
    MHD_resume_connection(exchange->mhd);
}

/* The body is complete: let the handler answer, here or on the executor. */
enum MHD_Result
http1_exchange_start(struct exchange *exchange)
{
    struct wire *wire = exchange->loop->wire;
    const struct handler *handler = &wire->options.handler;
    exchange->request.body = bytes_span(&exchange->body);
    exchange->request.start_ns = loop_now_ns();
    exchange->is_started = true;
    exchange->connection->phase = CONNECTION_WORKING;
    if (handler->start(handler->ctx, &exchange->request, &exchange->reply) ==
        HANDLER_DONE)
        return http1_exchange_answer(exchange);
    http1_exchange_defer(exchange, exchange_work, exchange_resume);
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

/* ---- receiving ---- */

static enum refusal
size_refusal(const struct exchange *exchange)
{
    return exchange->request.has_body_file ? REFUSAL_FILE_SIZE
                                           : REFUSAL_BODY_SIZE;
}

static void
body_place(struct exchange *exchange, enum handler_body place)
{
    if (place == HANDLER_BODY_REFUSED)
        exchange->state = EXCHANGE_DISCARD;
    else if (exchange->declared_size > exchange->size_max)
        http1_exchange_refuse(exchange, size_refusal(exchange),
                              exchange->size_max);
    else if (place == HANDLER_BODY_MEMORY)
        body_expect(exchange);
}

/* Whether the answer to what is refused may follow the dropped body. */
static bool
drops_body(const struct exchange *exchange)
{
    const char *expect = MHD_lookup_connection_value(
        exchange->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_EXPECT);
    return expect == NULL && exchange->declared_size <= WIRE_DISCARD_SIZE_MAX;
}

static void
admit_work(struct executor_task *task)
{
    struct exchange *exchange = (struct exchange *)(void *)task;
    const struct handler *handler = &exchange->loop->wire->options.handler;
    exchange->place = handler->admit(handler->ctx, &exchange->request,
                                     &exchange->reply, &exchange->size_max);
    loop_finish(exchange->loop, &exchange->completion);
}

/* The daemon calls once more as if the header had just come. */
static void
admit_resume(struct completion *completion)
{
    struct exchange *exchange = http1_exchange_of(completion);
    assert(exchange->state == EXCHANGE_RUNNING);
    exchange->state = EXCHANGE_ADMITTED;
    MHD_resume_connection(exchange->mhd);
}

/* What is refused is answered before the body, or after it was dropped. */
static enum MHD_Result
begin_end(struct exchange *exchange, bool is_clear)
{
    if (exchange->state != EXCHANGE_DISCARD ||
        (is_clear && drops_body(exchange)))
        return MHD_YES;
    exchange->is_last = true;
    return http1_exchange_answer(exchange);
}

/* Asks the handler where the body goes. */
static enum MHD_Result
body_ask(struct exchange *exchange)
{
    const struct handler *handler = &exchange->loop->wire->options.handler;
    enum handler_body place = HANDLER_BODY_MEMORY;
    exchange->size_max = exchange->loop->wire->options.body_size_max;
    if (handler->begin != NULL) {
        exchange->request.start_ns = loop_now_ns();
        exchange->is_started = true;
        place = handler->begin(handler->ctx, &exchange->request,
                               &exchange->reply, &exchange->size_max);
    }
    if (place == HANDLER_BODY_LATER) {
        exchange->connection->phase = CONNECTION_WORKING;
        http1_exchange_defer(exchange, admit_work, admit_resume);
        /* Refused: that is told as what admit() refuses, in the next call. */
        if (exchange->state == EXCHANGE_DISCARD) {
            exchange->place = HANDLER_BODY_REFUSED;
            exchange->state = EXCHANGE_ADMITTED;
        }
        return MHD_YES;
    }
    body_place(exchange, place);
    return begin_end(exchange, true);
}

enum MHD_Result
http1_exchange_admitted(struct exchange *exchange)
{
    assert(exchange->state == EXCHANGE_ADMITTED);
    exchange->state = EXCHANGE_BODY;
    http1_connection_enter(exchange->connection, CONNECTION_BODY, 0);
    body_place(exchange, exchange->place);
    return begin_end(exchange, true);
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

/* The header is complete. A reply given here goes out before the body (and
 * instead of "100 Continue"); the connection ends after it. */
enum MHD_Result
http1_exchange_begin(struct exchange *exchange, const char *method,
                     const char *version)
{
    struct wire *wire = exchange->loop->wire;
    const struct wire_options *options = &wire->options;
    exchange->request.method = method_of(method);
    exchange->state = EXCHANGE_BODY;
    exchange->is_counted = true;
    http1_connection_enter(exchange->connection, CONNECTION_BODY, 0);
    uint64_t in_flight = atomic_fetch_add(&wire->in_flight, 1);
    const char *length = MHD_lookup_connection_value(
        exchange->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (length != NULL)
        exchange->declared_size = strtoull(length, NULL, 10);
    bool is_clear = framing_is_clear(exchange->mhd, version);
    if (is_clear && in_flight < options->in_flight_max)
        return body_ask(exchange);
    if (!is_clear)
        http1_exchange_refuse(exchange, REFUSAL_FRAMING, 0);
    else
        http1_exchange_refuse(exchange, REFUSAL_BUSY, options->in_flight_max);
    return begin_end(exchange, is_clear);
}

enum MHD_Result
http1_exchange_receive(struct exchange *exchange, const char *data, size_t size)
{
    struct wire *wire = exchange->loop->wire;
    exchange->received_size += size;
    exchange->connection->phase_size = exchange->received_size;
    if (exchange->state == EXCHANGE_DISCARD)
        return exchange->received_size > WIRE_DISCARD_SIZE_MAX
                   ? http1_exchange_abort(exchange)
                   : MHD_YES;
    assert(exchange->state == EXCHANGE_BODY);
    if (exchange->received_size > exchange->size_max) {
        http1_exchange_refuse(exchange, size_refusal(exchange),
                              exchange->size_max);
        return MHD_YES;
    }
    bool has_room = charge_body(&exchange->charge, wire, size);
    if (has_room)
        bytes_add(&exchange->body, data, size);
    if (!has_room || bytes_failed(&exchange->body))
        http1_exchange_refuse(exchange, REFUSAL_BODY_MEMORY,
                              wire->options.bodies_size_max);
    else if (exchange->request.has_body_file &&
             exchange->body.size >= FILE_PIECE_SIZE)
        http1_exchange_store(exchange);
    return MHD_YES;
}
