/* SPDX-License-Identifier: Apache-2.0
 * Frames to calls. nghttp2 checks the protocol, limits concurrent streams,
 * queued acknowledgements and CONTINUATION frames; here is what it leaves to
 * us: frames that cost the peer nothing and move no call are counted against a
 * budget, so that floods of resets, PINGs, SETTINGS or empty DATA end the
 * connection (RFC 9113 section 10.5). */
#include "engine/wire/http2.h"

#include <assert.h>

/* Control frames at once, and more of them per second. */
#define CONTROL_BURST 1000u
#define CONTROL_PER_S 100u

/* How much of a call, and of all calls of a connection, a peer may send before
 * we have taken what came (RFC 9113 section 5.2). */
#define STREAM_WINDOW_SIZE     (1 << 20)
#define CONNECTION_WINDOW_SIZE (4 << 20)

static struct http2_stream *
stream_of(nghttp2_session *session, int32_t id)
{
    return id == 0 ? NULL : nghttp2_session_get_stream_user_data(session, id);
}

/* One control frame out of the budget. False: it is used up. */
static bool
control_take(struct http2_connection *connection)
{
    uint64_t now_ms = loop_now_ms();
    uint64_t more = (now_ms - connection->control_ms) * CONTROL_PER_S / 1000;
    if (more > 0) {
        connection->control_ms = now_ms;
        connection->control_budget += more;
        if (connection->control_budget > CONTROL_BURST)
            connection->control_budget = CONTROL_BURST;
    }
    if (connection->control_budget == 0)
        return false;
    connection->control_budget--;
    return true;
}

static bool
is_control(const nghttp2_frame *frame)
{
    uint8_t flags = frame->hd.flags;
    switch (frame->hd.type) {
    case NGHTTP2_DATA:
        return frame->hd.length == 0 && (flags & NGHTTP2_FLAG_END_STREAM) == 0;
    case NGHTTP2_HEADERS:
    case NGHTTP2_WINDOW_UPDATE:
        return false;
    default:
        return (flags & NGHTTP2_FLAG_ACK) == 0;
    }
}

static int
on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame,
                 void *user_data)
{
    struct http2_connection *connection = user_data;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0; /* trailers of a request */
    struct http2_stream *stream = NULL;
    if (connection->calls < WIRE_STREAMS_MAX)
        stream = http2_stream_new(connection, frame->hd.stream_id);
    if (stream != NULL)
        return nghttp2_session_set_stream_user_data(
            session, frame->hd.stream_id, stream);
    /* Calls that were given up still run: without this they were no limit. */
    if (!control_take(connection))
        return nghttp2_session_terminate_session(session,
                                                 NGHTTP2_ENHANCE_YOUR_CALM);
    return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE,
                                     frame->hd.stream_id,
                                     NGHTTP2_REFUSED_STREAM);
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame,
          const uint8_t *name, size_t name_size, const uint8_t *value,
          size_t value_size, uint8_t flags, void *user_data)
{
    (void)flags;
    (void)user_data;
    struct http2_stream *stream = stream_of(session, frame->hd.stream_id);
    if (stream == NULL || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct span name_span = { (const char *)name, name_size };
    struct span value_span = { (const char *)value, value_size };
    return http2_stream_header(stream, name_span, value_span)
               ? 0
               : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct http2_connection *connection = user_data;
    if (is_control(frame) && !control_take(connection))
        return nghttp2_session_terminate_session(session,
                                                 NGHTTP2_ENHANCE_YOUR_CALM);
    struct http2_stream *stream = stream_of(session, frame->hd.stream_id);
    if (stream == NULL ||
        (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS &&
        frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        http2_stream_begin(stream);
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        http2_stream_end(stream);
    return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t id,
        const uint8_t *data, size_t size, void *user_data)
{
    (void)flags;
    (void)user_data;
    struct http2_stream *stream = stream_of(session, id);
    if (stream != NULL)
        http2_stream_data(stream, data, size);
    return 0;
}

/* Whoever was answered before the end of what he sends may stop. */
static int
on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    (void)user_data;
    int32_t id = frame->hd.stream_id;
    if (frame->hd.type != NGHTTP2_HEADERS ||
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0 ||
        nghttp2_session_get_stream_remote_close(session, id) != 0)
        return 0;
    return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id,
                                     NGHTTP2_NO_ERROR);
}

static int
on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code,
                void *user_data)
{
    (void)error_code;
    (void)user_data;
    struct http2_stream *stream = stream_of(session, id);
    if (stream != NULL)
        http2_stream_closed(stream);
    return 0;
}

static nghttp2_session *
session_make(struct http2_connection *connection,
             const nghttp2_session_callbacks *callbacks)
{
    nghttp2_session *session = NULL;
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, WIRE_STREAMS_MAX },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW_SIZE },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, WIRE_HEADER_SIZE_MAX },
    };
    if (nghttp2_session_server_new(&session, callbacks, connection) != 0)
        return NULL;
    if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings,
                                sizeof(settings) / sizeof(settings[0])) != 0 ||
        nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                              CONNECTION_WINDOW_SIZE) != 0) {
        nghttp2_session_del(session);
        return NULL;
    }
    return session;
}

nghttp2_session *
http2_session_new(struct http2_connection *connection)
{
    nghttp2_session_callbacks *callbacks;
    connection->control_ms = loop_now_ms();
    connection->control_budget = CONTROL_BURST;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks,
                                                            on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
                                                              on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks,
                                                           on_stream_close);
    nghttp2_session *session = session_make(connection, callbacks);
    nghttp2_session_callbacks_del(callbacks);
    return session;
}
