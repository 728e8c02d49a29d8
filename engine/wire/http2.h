/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_WIRE_HTTP2_H
#define ENGINE_WIRE_HTTP2_H

#include "engine/wire/loop.h"

#include <nghttp2/nghttp2.h>

/* gRPC over HTTP/2 (RFC 9113, prior knowledge) by nghttp2: one session per
 * connection, watched by the connection's loop; one stream per call. Everything
 * runs on the loop's thread. */

struct http2_stream;

struct http2_connection {
    uv_poll_t poll;
    struct loop *loop;
    struct http2_connection *prev, *next;
    int fd;
    nghttp2_session *session;
    struct http2_stream *streams; /* open, or given up and still running */
    unsigned calls;               /* their number */
    uint8_t *out; /* what the socket did not take yet; NULL: nothing */
    size_t out_size, out_sent;
    int events;            /* what its poll waits for */
    bool is_noticed;       /* the peer knows that the drain began */
    bool is_ending;        /* no new calls; closed when the last one is over */
    bool is_closed;        /* its handle is being closed */
    uint64_t idle_from_ms; /* since when there has been no call */
    uint64_t end_from_ms;
    uint64_t control_ms; /* when the budget of control frames was looked at */
    uint64_t control_budget;
};

/* ---- http2.c: connections ---- */

/* Serves an accepted socket; closes it when memory is out. */
void http2_add(struct loop *loop, int fd);

/* Ends what is idle or too slow, and during the drain what is done. */
void http2_sweep(struct loop *loop, uint64_t now_ms);

/* Tells every peer to begin no more calls. */
void http2_begin_drain(struct loop *loop);

/* Closes every connection of a loop that ends. */
void http2_close_all(struct loop *loop);

/* Sends what can be sent; the connection may be closed after it. */
void http2_pump(struct http2_connection *connection);

/* A call of the connection is over for us. */
void http2_call_ended(struct http2_connection *connection);

/* ---- http2_session.c: what nghttp2 calls ---- */

/* A session of `connection`; NULL when memory is out. */
nghttp2_session *http2_session_new(struct http2_connection *connection);

/* ---- http2_stream.c: the life of a call ---- */

/* A call that begins; NULL when memory is out. */
struct http2_stream *http2_stream_new(struct http2_connection *connection,
                                      int32_t id);

/* One header, pseudo-headers too. False: memory is out. */
bool http2_stream_header(struct http2_stream *stream, struct span name,
                         struct span value);

/* The headers are complete; bytes of the body; its end. */
void http2_stream_begin(struct http2_stream *stream);
void http2_stream_data(struct http2_stream *stream, const uint8_t *data,
                       size_t size);
void http2_stream_end(struct http2_stream *stream);

/* nghttp2 has closed it: answered, or given up by the peer or by us. */
void http2_stream_closed(struct http2_stream *stream);

/* Resets calls that are too slow to arrive or to be read; true: some. */
bool http2_streams_sweep(struct http2_connection *connection, uint64_t now_ms);

/* Gives every call of a connection up that is being closed. */
void http2_streams_abandon(struct http2_connection *connection);

#endif /* ENGINE_WIRE_HTTP2_H */
