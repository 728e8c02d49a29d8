/* SPDX-License-Identifier: Apache-2.0
 * The answer of a call: headers, messages, trailers; or, when it failed, all in
 * one block of headers. nghttp2 asks for the bytes when the peer's window has
 * room. */
#include "engine/wire/http2_stream.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define ERROR_TEXT_SIZE_MAX ((size_t)8 << 10) /* of a grpc-message */

static nghttp2_nv
header_make(const char *name, const char *value)
{
    union {
        const char *text;
        uint8_t *bytes;
    } n = { name }, v = { value };
    return (nghttp2_nv){ n.bytes, v.bytes, strlen(name), strlen(value),
                         NGHTTP2_NV_FLAG_NONE };
}

#define HEADERS_MAX (REPLY_HEADERS_MAX + 6)

/* The one header block of a failed call: headers and trailers at once. A
 * response that has begun can only be cut. */
static int
submit_error(struct http2_stream *stream, int status, struct span text)
{
    char number[8];
    struct bytes message;
    nghttp2_nv headers[HEADERS_MAX];
    size_t count = 0;
    nghttp2_session *session = stream->connection->session;
    if (stream->is_responding)
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream->id,
                                         NGHTTP2_INTERNAL_ERROR);
    snprintf(number, sizeof(number), "%d", status);
    bytes_init(&message, ERROR_TEXT_SIZE_MAX);
    grpc_message_write(&message, text);
    headers[count++] = header_make(":status", "200");
    headers[count++] = header_make("content-type", "application/grpc");
    headers[count++] = header_make("grpc-status", number);
    if (message.size > 0 && !bytes_failed(&message))
        headers[count++] = header_make("grpc-message", message.data);
    for (unsigned i = 0; i < stream->reply.headers_count; i++)
        headers[count++] = header_make(stream->reply.headers[i].name,
                                       stream->reply.headers[i].value);
    int rc = nghttp2_submit_response(session, stream->id, headers, count, NULL);
    bytes_release(&message);
    return rc;
}

static ssize_t
on_read(nghttp2_session *session, int32_t id, uint8_t *data, size_t size,
        uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    (void)user_data;
    struct http2_stream *stream = source->ptr;
    struct span parts[] = { bytes_span(&stream->out),
                            bytes_span(&stream->reply.body) };
    size_t done = 0, skip = stream->out_sent;
    for (unsigned i = 0; i < 2; i++) {
        size_t from = skip < parts[i].size ? skip : parts[i].size;
        size_t more = parts[i].size - from;
        if (more > size - done)
            more = size - done;
        if (more > 0)
            memcpy(data + done, parts[i].data + from, more);
        done += more;
        skip -= from;
    }
    stream->out_sent += done;
    bool is_empty = stream->out_sent == parts[0].size + parts[1].size;
    if (!stream->is_complete)
        return done == 0 ? NGHTTP2_ERR_DEFERRED : (ssize_t)done;
    if (!is_empty)
        return (ssize_t)done;
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    nghttp2_nv status = header_make("grpc-status", "0");
    if (nghttp2_submit_trailer(session, id, &status, 1) != 0)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return (ssize_t)done;
}

/* Begins the response, or goes on with it. */
static int
submit_messages(struct http2_stream *stream, bool is_gzip)
{
    nghttp2_session *session = stream->connection->session;
    if (stream->is_responding) {
        nghttp2_session_resume_data(session, stream->id);
        return 0; /* it fails when data are on their way already */
    }
    nghttp2_nv headers[5];
    size_t count = 0;
    headers[count++] = header_make(":status", "200");
    headers[count++] = header_make("content-type", "application/grpc");
    headers[count++] =
        header_make("server", stream->loop->wire->options.server);
    headers[count++] = header_make("grpc-accept-encoding", "identity,gzip");
    if (is_gzip)
        headers[count++] = header_make("grpc-encoding", "gzip");
    nghttp2_data_provider provider = { .source.ptr = stream,
                                       .read_callback = on_read };
    stream->is_responding = true;
    return nghttp2_submit_response(session, stream->id, headers, count,
                                   &provider);
}

static void
reply_refuse(struct http2_stream *stream, enum refusal refusal, uint64_t size,
             uint64_t limit)
{
    const struct handler *handler = &stream->loop->wire->options.handler;
    reply_reset(&stream->reply);
    handler->refuse(handler->ctx, refusal, size, limit, &stream->reply);
}

static void
reply_charge(struct http2_stream *stream)
{
    struct wire *wire = stream->loop->wire;
    uint64_t size = stream->reply.body.size;
    if (bytes_failed(&stream->reply.body))
        reply_refuse(stream, REFUSAL_MEMORY, 0, REPLY_BODY_SIZE_MAX);
    else if (!charge_reply(&stream->charge, wire, size))
        reply_refuse(stream, REFUSAL_REPLY_MEMORY, size,
                     wire->options.replies_size_max);
}

void
http2_stream_answer(struct http2_stream *stream)
{
    int rc;
    reply_charge(stream);
    struct reply *reply = &stream->reply;
    stream->is_complete = true;
    http2_stream_enter(stream, STREAM_ANSWERED, reply->body.size);
    if (reply->grpc_status != GRPC_OK) {
        rc = submit_error(stream, reply->grpc_status, bytes_span(&reply->body));
    } else {
        uint8_t prefix[GRPC_PREFIX_SIZE];
        grpc_prefix_write(prefix, stream->is_reply_gzip,
                          (uint32_t)reply->body.size);
        bytes_add(&stream->out, prefix, sizeof(prefix));
        rc = submit_messages(stream, stream->is_reply_gzip);
    }
    http2_stream_forget(stream);
    if (rc != 0 || bytes_failed(&stream->out))
        nghttp2_submit_rst_stream(stream->connection->session,
                                  NGHTTP2_FLAG_NONE, stream->id,
                                  NGHTTP2_INTERNAL_ERROR);
}

void
http2_stream_refuse(struct http2_stream *stream, enum refusal refusal,
                    uint64_t size, uint64_t limit)
{
    reply_refuse(stream, refusal, size, limit);
    http2_stream_answer(stream);
}

void
http2_stream_finish(struct http2_stream *stream)
{
    assert(stream->is_complete);
    http2_stream_enter(stream, STREAM_ANSWERED, stream->out.size);
    if (submit_messages(stream, false) != 0)
        nghttp2_submit_rst_stream(stream->connection->session,
                                  NGHTTP2_FLAG_NONE, stream->id,
                                  NGHTTP2_INTERNAL_ERROR);
}

void
http2_stream_message(struct http2_stream *stream)
{
    uint8_t prefix[GRPC_PREFIX_SIZE];
    struct reply *reply = &stream->reply;
    assert(stream->is_stream && reply->grpc_status == GRPC_OK);
    /* What has been sent is dropped, so that `out` holds what is left. */
    if (stream->out_sent == stream->out.size) {
        bytes_release(&stream->out);
        stream->out_sent = 0;
    }
    grpc_prefix_write(prefix, false, (uint32_t)reply->body.size);
    bytes_add(&stream->out, prefix, sizeof(prefix));
    bytes_add_span(&stream->out, bytes_span(&reply->body));
    reply_reset(reply);
    if (bytes_failed(&stream->out) || submit_messages(stream, false) != 0)
        nghttp2_submit_rst_stream(stream->connection->session,
                                  NGHTTP2_FLAG_NONE, stream->id,
                                  NGHTTP2_INTERNAL_ERROR);
}
