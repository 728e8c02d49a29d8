/* SPDX-License-Identifier: Apache-2.0
 * One gRPC call. Its message is gathered, handed to the handler on the loop or
 * on the executor, and answered:
 *   HEADERS -> BODY -> RUNNING -> ANSWERED          (refused: -> ANSWERED)
 * A call that the peer gives up while it runs stays until it has run. Calls
 * whose path is a stream (reflection) run on the loop, one message after the
 * other, and stay in BODY until the peer is done. */
#include "engine/wire/http2_stream.h"

#include "base/budget.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* Messages up to this size are not moved while they grow. */
#define BODY_EXPECTED_MAX ((size_t)8 << 20)

/* What nghttp2 counts for a header besides its bytes. */
#define HEADER_EXTRA_SIZE 32

static const struct http2_stream *
stream_of(const struct request *request)
{
    const char *base = (const char *)request;
    return (
        const struct http2_stream *)(const void *)(base -
                                                   offsetof(struct http2_stream,
                                                            request));
}

static const char *
stream_header(const struct request *request, const char *name)
{
    const char *value = NULL;
    for (const struct http2_header *header = stream_of(request)->headers;
         header != NULL; header = header->next) {
        if (strcasecmp(header->name, name) == 0)
            value = header->value; /* the first one that came */
    }
    return value;
}

void
http2_stream_enter(struct http2_stream *stream, enum stream_state state,
                   uint64_t size)
{
    stream->state = state;
    stream->phase_start_ms = loop_now_ms();
    stream->phase_size = size;
}

struct http2_stream *
http2_stream_new(struct http2_connection *connection, int32_t id)
{
    struct loop *loop = connection->loop;
    const struct wire_options *options = &loop->wire->options;
    struct http2_stream *stream = calloc(1, sizeof(*stream));
    if (stream == NULL)
        return NULL;
    stream->loop = loop;
    stream->connection = connection;
    stream->id = id;
    http2_stream_enter(stream, STREAM_HEADERS, 0);
    bytes_init(&stream->body, options->body_size_max);
    bytes_init(&stream->inflated, options->body_size_max);
    bytes_init(&stream->out, WIRE_STREAM_OUT_SIZE_MAX);
    reply_init_grpc(&stream->reply);
    arena_init(&stream->request.arena, options->arena_size_max);
    arena_bind(&stream->request.arena, &budget_requests);
    stream->request.is_grpc = true;
    stream->request.header = stream_header;
    stream->next = connection->streams;
    if (stream->next != NULL)
        stream->next->prev = stream;
    connection->streams = stream;
    connection->calls++;
    return stream;
}

void
http2_stream_drop_body(struct http2_stream *stream)
{
    charge_drop_body(&stream->charge, stream->loop->wire);
    bytes_release(&stream->body);
    bytes_release(&stream->inflated);
}

void
http2_stream_forget(struct http2_stream *stream)
{
    const struct handler *handler = &stream->loop->wire->options.handler;
    if (stream->is_started)
        handler->release(handler->ctx, &stream->request);
    stream->is_started = false;
    stream->headers = NULL;
    arena_release(&stream->request.arena);
    http2_stream_drop_body(stream);
}

void
http2_stream_free(struct http2_stream *stream)
{
    struct wire *wire = stream->loop->wire;
    assert(stream->state != STREAM_RUNNING);
    http2_stream_forget(stream);
    if (stream->is_counted)
        atomic_fetch_sub(&wire->in_flight, 1);
    charge_drop_reply(&stream->charge, wire);
    reply_release(&stream->reply);
    bytes_release(&stream->out);
    if (stream->connection != NULL) {
        if (stream->prev != NULL)
            stream->prev->next = stream->next;
        else
            stream->connection->streams = stream->next;
        if (stream->next != NULL)
            stream->next->prev = stream->prev;
        http2_call_ended(stream->connection);
    }
    free(stream);
}

bool
http2_stream_header(struct http2_stream *stream, struct span name,
                    struct span value)
{
    struct arena *arena = &stream->request.arena;
    stream->headers_size += name.size + value.size + HEADER_EXTRA_SIZE;
    if (stream->headers_size > WIRE_HEADER_SIZE_MAX)
        return true; /* refused when they are complete */
    struct http2_header *header = arena_alloc(arena, sizeof(*header));
    if (header == NULL)
        return false;
    *header = (struct http2_header){
        .next = stream->headers,
        .name = arena_strndup(arena, name.data, name.size),
        .value = arena_strndup(arena, value.data, value.size),
    };
    if (header->name == NULL || header->value == NULL)
        return false;
    stream->headers = header;
    return true;
}

/* ---- receiving ---- */

static void
stream_refuse_message(struct http2_stream *stream)
{
    http2_stream_refuse(stream, REFUSAL_MESSAGE, 0, 0);
}

static bool
is_stream_path(struct span path)
{
    return span_starts(path, "/grpc.reflection.");
}

/* Headers that are no call of gRPC: 405 or 415 and no more, as it asks for. */
static void
stream_reject(struct http2_stream *stream, const char *status)
{
    union {
        const char *text;
        uint8_t *bytes;
    } name = { ":status" }, value = { status };
    nghttp2_nv header = { name.bytes, value.bytes, strlen(name.text),
                          strlen(status), NGHTTP2_NV_FLAG_NONE };
    http2_stream_enter(stream, STREAM_ANSWERED, 0);
    nghttp2_submit_response(stream->connection->session, stream->id, &header, 1,
                            NULL);
}

void
http2_stream_begin(struct http2_stream *stream)
{
    struct wire *wire = stream->loop->wire;
    struct request *request = &stream->request;
    const char *method = stream_header(request, ":method");
    const char *path = stream_header(request, ":path");
    const char *type = stream_header(request, "content-type");
    const char *timeout = stream_header(request, "grpc-timeout");
    uint64_t timeout_ms = 0;
    http2_stream_enter(stream, STREAM_BODY, 0);
    stream->is_counted = true;
    uint64_t in_flight = atomic_fetch_add(&wire->in_flight, 1);
    if (stream->headers_size > WIRE_HEADER_SIZE_MAX) {
        http2_stream_refuse(stream, REFUSAL_HEADERS, stream->headers_size,
                            WIRE_HEADER_SIZE_MAX);
        return;
    }
    if (method == NULL || path == NULL || strcmp(method, "POST") != 0 ||
        type == NULL || strncmp(type, "application/grpc", 16) != 0) {
        bool is_post = method != NULL && strcmp(method, "POST") == 0;
        stream_reject(stream, is_post ? "415" : "405");
        return;
    }
    request->method = REQUEST_POST;
    request->path = span_of(path);
    stream->is_stream = is_stream_path(request->path);
    if (timeout != NULL && grpc_timeout_read(timeout, &timeout_ms))
        request->deadline_ms = loop_now_ms() + timeout_ms;
    if (in_flight >= wire->options.in_flight_max)
        http2_stream_refuse(stream, REFUSAL_BUSY, 0,
                            wire->options.in_flight_max);
}

static void
prefix_complete(struct http2_stream *stream)
{
    uint64_t limit = stream->loop->wire->options.body_size_max;
    if (stream->is_stream && limit > WIRE_STREAM_MESSAGE_SIZE_MAX)
        limit = WIRE_STREAM_MESSAGE_SIZE_MAX; /* they run on the loop */
    const char *encoding = stream_header(&stream->request, "grpc-encoding");
    if (!grpc_prefix_read(stream->prefix, &stream->is_compressed,
                          &stream->message_size) ||
        (stream->is_compressed && stream->is_stream)) {
        stream_refuse_message(stream);
        return;
    }
    if (stream->is_compressed &&
        (encoding == NULL || strcmp(encoding, "gzip") != 0)) {
        http2_stream_refuse(stream, REFUSAL_ENCODING, 0, 0);
        return;
    }
    if (stream->message_size > limit) {
        http2_stream_refuse(stream, REFUSAL_BODY_SIZE, stream->message_size,
                            limit);
        return;
    }
    /* A failure is seen when the bytes come. */
    if (stream->message_size > 0)
        (void)bytes_reserve(&stream->body,
                            stream->message_size < BODY_EXPECTED_MAX
                                ? stream->message_size
                                : BODY_EXPECTED_MAX);
}

static bool
is_message_complete(const struct http2_stream *stream)
{
    return stream->prefix_size == GRPC_PREFIX_SIZE &&
           stream->body.size == stream->message_size;
}

/* Takes what belongs to the message; the rest is another one. */
static size_t
message_take(struct http2_stream *stream, const uint8_t *data, size_t size)
{
    uint64_t limit = stream->loop->wire->options.bodies_size_max;
    size_t more = stream->message_size - stream->body.size;
    if (more > size)
        more = size;
    bool has_room = charge_body(&stream->charge, stream->loop->wire, more);
    if (has_room)
        bytes_add(&stream->body, data, more);
    if (!has_room || bytes_failed(&stream->body))
        http2_stream_refuse(stream, REFUSAL_BODY_MEMORY, 0, limit);
    return more;
}

void
http2_stream_data(struct http2_stream *stream, const uint8_t *data, size_t size)
{
    stream->phase_size += stream->state == STREAM_BODY ? size : 0;
    while (stream->state == STREAM_BODY && size > 0) {
        if (stream->prefix_size < GRPC_PREFIX_SIZE) {
            stream->prefix[stream->prefix_size++] = *data++;
            size--;
            if (stream->prefix_size == GRPC_PREFIX_SIZE)
                prefix_complete(stream);
        } else if (is_message_complete(stream)) {
            stream_refuse_message(stream); /* one is enough */
        } else {
            size_t taken = message_take(stream, data, size);
            data += taken;
            size -= taken;
        }
        if (stream->state == STREAM_BODY && stream->is_stream &&
            is_message_complete(stream))
            http2_stream_continue(stream);
    }
}

void
http2_stream_end(struct http2_stream *stream)
{
    if (stream->state != STREAM_BODY)
        return;
    if (stream->is_stream && stream->prefix_size == 0) {
        stream->is_complete = true;
        http2_stream_finish(stream);
    } else if (is_message_complete(stream)) {
        http2_stream_start(stream);
    } else {
        stream_refuse_message(stream);
    }
}

/* ---- the end ---- */

void
http2_stream_closed(struct http2_stream *stream)
{
    stream->is_gone = true;
    atomic_store(&stream->is_given_up, true);
    if (stream->state != STREAM_RUNNING)
        http2_stream_free(stream);
}

/* The time until which a call may stay as it is; 0: for ever. */
static uint64_t
stream_deadline_ms(const struct http2_stream *stream)
{
    if (stream->state == STREAM_RUNNING)
        return 0;
    return stream->phase_start_ms + WIRE_RATE_GRACE_MS +
           stream->phase_size * 1000 / WIRE_RATE_MIN_PER_S;
}

bool
http2_streams_sweep(struct http2_connection *connection, uint64_t now_ms)
{
    bool is_late = false;
    for (struct http2_stream *stream = connection->streams; stream != NULL;
         stream = stream->next) {
        uint64_t deadline_ms = stream_deadline_ms(stream);
        if (stream->is_gone || deadline_ms == 0 || now_ms < deadline_ms)
            continue;
        is_late = true;
        stream->phase_start_ms = now_ms;
        nghttp2_submit_rst_stream(connection->session, NGHTTP2_FLAG_NONE,
                                  stream->id, NGHTTP2_CANCEL);
        atomic_fetch_add(&connection->loop->wire->connections_timedout, 1);
    }
    return is_late;
}

void
http2_streams_abandon(struct http2_connection *connection)
{
    while (connection->streams != NULL) {
        struct http2_stream *stream = connection->streams;
        connection->streams = stream->next;
        if (stream->next != NULL)
            stream->next->prev = NULL;
        stream->connection = NULL;
        stream->is_gone = true;
        atomic_store(&stream->is_given_up, true);
        if (stream->state != STREAM_RUNNING)
            http2_stream_free(stream);
    }
}
