/* SPDX-License-Identifier: Apache-2.0
 * A message on its way through the handler, on the loop or on the executor,
 * where it is uncompressed and its answer compressed, too. */
#include "engine/wire/http2_stream.h"

#include <assert.h>
#include <stddef.h>

/* Puts the message in the place of its compressed form. */
static bool
message_inflate(struct http2_stream *stream)
{
    const struct wire_options *options = &stream->loop->wire->options;
    const struct handler *handler = &options->handler;
    enum refusal refusal = REFUSAL_MESSAGE;
    uint64_t limit = options->body_size_max;
    if (!stream->is_compressed)
        return true;
    if (grpc_gunzip(bytes_span(&stream->body), &stream->inflated)) {
        stream->request.body = bytes_span(&stream->inflated);
        if (charge_body(&stream->charge, stream->loop->wire,
                        stream->inflated.size))
            return true;
        refusal = REFUSAL_BODY_MEMORY;
        limit = options->bodies_size_max;
    } else if (bytes_failed(&stream->inflated)) {
        refusal = REFUSAL_BODY_SIZE;
    }
    handler->refuse(handler->ctx, refusal, 0, limit, &stream->reply);
    return false;
}

/* Whoever compresses what he sends gets compressed answers. */
static void
reply_deflate(struct http2_stream *stream)
{
    struct bytes packed;
    struct reply *reply = &stream->reply;
    if (!stream->is_compressed || reply->grpc_status != GRPC_OK ||
        bytes_failed(&reply->body))
        return;
    bytes_init(&packed, REPLY_BODY_SIZE_MAX);
    if (!grpc_gzip(bytes_span(&reply->body), &packed)) {
        bytes_release(&packed);
        return; /* it goes out as it is */
    }
    bytes_release(&reply->body);
    reply->body = packed;
    stream->is_reply_gzip = true;
}

static void
stream_work(struct executor_task *task)
{
    struct http2_stream *stream = (struct http2_stream *)(void *)task;
    const struct handler *handler = &stream->loop->wire->options.handler;
    struct request *request = &stream->request;
    bool is_due = !atomic_load(&stream->is_given_up);
    if (is_due && !stream->is_started && message_inflate(stream)) {
        stream->is_started = true;
        is_due = handler->start(handler->ctx, request, &stream->reply) ==
                 HANDLER_DEFER;
    } else if (!stream->is_started) {
        is_due = false;
    }
    if (is_due)
        handler->finish(handler->ctx, request, &stream->reply);
    reply_deflate(stream);
    loop_finish(stream->loop, &stream->completion);
}

static void
stream_resume(struct completion *completion)
{
    struct http2_stream *stream =
        (struct http2_stream *)(void *)((char *)completion -
                                        offsetof(struct http2_stream,
                                                 completion));
    struct http2_connection *connection = stream->connection;
    assert(stream->state == STREAM_RUNNING);
    stream->state = STREAM_ANSWERED;
    if (connection == NULL || stream->is_gone) {
        http2_stream_free(stream);
        return;
    }
    http2_stream_answer(stream);
    http2_pump(connection);
}

static void
stream_submit(struct http2_stream *stream)
{
    struct wire *wire = stream->loop->wire;
    stream->task.run = stream_work;
    stream->completion.resume = stream_resume;
    stream->state = STREAM_RUNNING;
    stream->loop->working++;
    if (executor_submit(wire->executor, &stream->task))
        return;
    stream->loop->working--;
    stream->state = STREAM_BODY;
    http2_stream_refuse(stream, REFUSAL_BUSY, 0, wire->options.in_flight_max);
}

void
http2_stream_start(struct http2_stream *stream)
{
    const struct handler *handler = &stream->loop->wire->options.handler;
    struct request *request = &stream->request;
    request->body = bytes_span(&stream->body);
    request->start_ns = loop_now_ns();
    if (stream->is_compressed || stream->body.size > WIRE_LOOP_MESSAGE_SIZE) {
        stream_submit(stream);
        return;
    }
    stream->is_started = true;
    if (handler->start(handler->ctx, request, &stream->reply) == HANDLER_DEFER)
        stream_submit(stream);
    else
        http2_stream_answer(stream);
}

void
http2_stream_continue(struct http2_stream *stream)
{
    const struct handler *handler = &stream->loop->wire->options.handler;
    struct request *request = &stream->request;
    request->body = bytes_span(&stream->body);
    request->start_ns = loop_now_ns();
    stream->is_started = true;
    enum handler_step step =
        handler->start(handler->ctx, request, &stream->reply);
    assert(step == HANDLER_DONE);
    (void)step;
    if (stream->reply.grpc_status != GRPC_OK) {
        http2_stream_answer(stream);
        return;
    }
    handler->release(handler->ctx, request);
    stream->is_started = false;
    http2_stream_message(stream);
    http2_stream_drop_body(stream);
    stream->prefix_size = 0;
}
