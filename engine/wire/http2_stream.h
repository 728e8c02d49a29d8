/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_WIRE_HTTP2_STREAM_H
#define ENGINE_WIRE_HTTP2_STREAM_H

#include "engine/wire/charge.h"
#include "engine/wire/grpc_frame.h"
#include "engine/wire/http2.h"

#include <stdatomic.h>

/* The inside of a call, for http2_stream.c and http2_answer.c. On the loop's
 * thread; while it runs, the executor's thread has request, reply and the
 * bodies. */

enum stream_state {
    STREAM_HEADERS,
    STREAM_BODY,
    STREAM_RUNNING,
    STREAM_ANSWERED
};

struct http2_header {
    const struct http2_header *next;
    const char *name, *value;
};

struct http2_stream {
    struct executor_task task; /* first: executor hands it back */
    struct completion completion;
    struct loop *loop;
    struct http2_connection *connection; /* NULL: it is closed */
    struct http2_stream *prev, *next;
    int32_t id;
    enum stream_state state;
    bool is_gone; /* nghttp2 has closed it */
    atomic_bool is_given_up;
    bool is_counted;    /* in in_flight */
    bool is_started;    /* the handler has seen it */
    bool is_stream;     /* several messages */
    bool is_responding; /* the response has begun */
    bool is_complete;   /* no message follows what is in out and reply */
    bool is_reply_gzip; /* reply.body is compressed */
    size_t headers_size;
    const struct http2_header *headers; /* newest first */
    uint8_t prefix[GRPC_PREFIX_SIZE];
    size_t prefix_size;
    bool is_compressed;
    uint32_t message_size;
    struct bytes body;
    struct bytes inflated;
    struct charge charge;
    uint64_t phase_start_ms; /* since when it is received or sent */
    uint64_t phase_size;
    struct bytes out; /* what goes out before reply.body */
    size_t out_sent;
    struct request request;
    struct reply reply;
};

/* ---- http2_stream.c ---- */

void http2_stream_enter(struct http2_stream *stream, enum stream_state state,
                        uint64_t size);

/* Frees all that making the answer took, before a slow peer reads it. */
void http2_stream_forget(struct http2_stream *stream);

void http2_stream_drop_body(struct http2_stream *stream);

/* Not while it runs. */
void http2_stream_free(struct http2_stream *stream);

/* ---- http2_run.c ---- */

/* The one message is complete: lets the handler answer it. */
void http2_stream_start(struct http2_stream *stream);

/* The same for one of several: answered on the loop, and the next may come. */
void http2_stream_continue(struct http2_stream *stream);

/* ---- http2_answer.c ---- */

/* Sends the reply, whatever it says; the call is over then for us. */
void http2_stream_answer(struct http2_stream *stream);

/* Answers with a refusal. */
void http2_stream_refuse(struct http2_stream *stream, enum refusal refusal,
                         uint64_t size, uint64_t limit);

/* Ends a response of several messages. */
void http2_stream_finish(struct http2_stream *stream);

/* Sends the reply as one of several messages, and empties it. */
void http2_stream_message(struct http2_stream *stream);

#endif /* ENGINE_WIRE_HTTP2_STREAM_H */
