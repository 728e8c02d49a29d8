/* SPDX-License-Identifier: Apache-2.0
 * HTTP/2 connections of a loop: reading, writing and their end. What a peer
 * sends is parsed at once and counted against limits, and what it does not read
 * stays in at most one buffer per connection: nghttp2 is asked for more only
 * when that is empty. */
#include "engine/wire/http2.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_TURNS_MAX 8 /* before other connections get their turn */

/* From here on there is no room for another frame. */
#define OUTPUT_FULL_SIZE (LOOP_OUTPUT_SIZE - ((size_t)20 << 10))

/* How long a peer that was told goodbye may still take. */
#define END_GRACE_MS 2000

static void
on_closed(uv_handle_t *handle)
{
    struct http2_connection *connection = handle->data;
    free(connection->out);
    free(connection);
}

static void
connection_close(struct http2_connection *connection)
{
    struct loop *loop = connection->loop;
    if (connection->is_closed)
        return;
    connection->is_closed = true;
    http2_streams_abandon(connection);
    nghttp2_session_del(connection->session);
    connection->session = NULL;
    if (connection->prev != NULL)
        connection->prev->next = connection->next;
    else
        loop->http2_connections = connection->next;
    if (connection->next != NULL)
        connection->next->prev = connection->prev;
    unsigned before = atomic_fetch_sub(&loop->connections_count, 1);
    assert(before > 0);
    (void)before;
    uv_poll_stop(&connection->poll);
    uv_close((uv_handle_t *)&connection->poll, on_closed);
    close(connection->fd);
}

/* Moves frames of nghttp2 into the loop's buffer. False: the session is
 * broken. */
static bool
output_fill(struct http2_connection *connection, size_t *ret_size)
{
    uint8_t *output = connection->loop->output;
    size_t filled = 0;
    while (filled < OUTPUT_FULL_SIZE) {
        const uint8_t *data = NULL;
        ssize_t size = nghttp2_session_mem_send(connection->session, &data);
        if (size == 0)
            break;
        if (size < 0 || (size_t)size > LOOP_OUTPUT_SIZE - filled)
            return false;
        memcpy(output + filled, data, (size_t)size);
        filled += (size_t)size;
    }
    *ret_size = filled;
    return true;
}

/* Gives bytes to the socket. False: it is broken. */
static bool
send_some(const struct http2_connection *connection, const uint8_t *data,
          size_t size, size_t *ret_sent)
{
    *ret_sent = 0;
    while (*ret_sent < size) {
        ssize_t sent = send(connection->fd, data + *ret_sent, size - *ret_sent,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN;
        *ret_sent += (size_t)sent;
    }
    return true;
}

/* Sends what is left from before. False as above. */
static bool
send_rest(struct http2_connection *connection)
{
    size_t sent;
    if (connection->out == NULL)
        return true;
    if (!send_some(connection, connection->out + connection->out_sent,
                   connection->out_size - connection->out_sent, &sent))
        return false;
    connection->out_sent += sent;
    if (connection->out_sent < connection->out_size)
        return true;
    free(connection->out);
    connection->out = NULL;
    return true;
}

/* Keeps what the socket did not take. */
static bool
keep_rest(struct http2_connection *connection, const uint8_t *data, size_t size)
{
    connection->out = malloc(size);
    if (connection->out == NULL)
        return false;
    memcpy(connection->out, data, size);
    connection->out_size = size;
    connection->out_sent = 0;
    return true;
}

/* All that can be sent now. False: the connection is broken. */
static bool
send_all(struct http2_connection *connection)
{
    const uint8_t *output = connection->loop->output;
    bool is_well = send_rest(connection);
    while (is_well && connection->out == NULL) {
        size_t size = 0, sent = 0;
        is_well = output_fill(connection, &size);
        if (!is_well || size == 0)
            break;
        is_well = send_some(connection, output, size, &sent);
        if (is_well && sent < size)
            is_well = keep_rest(connection, output + sent, size - sent);
    }
    return is_well;
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void
watch(struct http2_connection *connection, int events)
{
    if (connection->events == events)
        return;
    connection->events = events;
    if (uv_poll_start(&connection->poll, events, on_poll) != 0)
        connection_close(connection);
}

void
http2_pump(struct http2_connection *connection)
{
    if (connection->is_closed)
        return;
    if (!send_all(connection)) {
        connection_close(connection);
        return;
    }
    if (connection->out != NULL)
        watch(connection, UV_READABLE | UV_WRITABLE);
    else if (nghttp2_session_want_read(connection->session) == 0 ||
             (connection->is_ending && connection->calls == 0))
        connection_close(connection);
    else
        watch(connection, UV_READABLE);
}

/* Reads what is there. False: the peer is gone or breaks the protocol. */
static bool
connection_read(struct http2_connection *connection)
{
    uint8_t *data = connection->loop->input;
    for (unsigned i = 0; i < READ_TURNS_MAX; i++) {
        ssize_t size =
            recv(connection->fd, data, LOOP_INPUT_SIZE, MSG_DONTWAIT);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return errno == EAGAIN;
        if (size == 0)
            return false;
        ssize_t taken =
            nghttp2_session_mem_recv(connection->session, data, (size_t)size);
        if (taken < 0)
            return false;
        if ((size_t)size < LOOP_INPUT_SIZE)
            return true;
    }
    return true;
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
    struct http2_connection *connection = poll->data;
    bool is_well = status >= 0;
    if (is_well && (events & UV_READABLE) != 0)
        is_well = connection_read(connection);
    /* Also after an error: nghttp2 may have a GOAWAY to say why. */
    http2_pump(connection);
    if (!is_well)
        connection_close(connection);
}

void
http2_add(struct loop *loop, int fd)
{
    struct http2_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL ||
        uv_poll_init(&loop->uv, &connection->poll, fd) != 0) {
        free(connection);
        close(fd);
        atomic_fetch_sub(&loop->connections_count, 1);
        atomic_fetch_add(&loop->wire->connections_refused, 1);
        return;
    }
    connection->poll.data = connection;
    connection->loop = loop;
    connection->fd = fd;
    connection->idle_from_ms = loop_now_ms();
    connection->next = loop->http2_connections;
    if (loop->http2_connections != NULL)
        loop->http2_connections->prev = connection;
    loop->http2_connections = connection;
    connection->session = http2_session_new(connection);
    if (connection->session == NULL) {
        connection_close(connection);
        return;
    }
    if (loop->is_draining)
        http2_begin_drain(loop);
    http2_pump(connection);
}

/* No more calls: GOAWAY with the last one that is answered. */
static void
connection_end(struct http2_connection *connection, uint64_t now_ms)
{
    if (connection->is_ending)
        return;
    connection->is_ending = true;
    connection->end_from_ms = now_ms;
    int rc = nghttp2_submit_goaway(
        connection->session, NGHTTP2_FLAG_NONE,
        nghttp2_session_get_last_proc_stream_id(connection->session),
        NGHTTP2_NO_ERROR, NULL, 0);
    http2_pump(connection);
    if (rc != 0)
        connection_close(connection);
}

void
http2_begin_drain(struct loop *loop)
{
    struct http2_connection *next;
    for (struct http2_connection *connection = loop->http2_connections;
         connection != NULL; connection = next) {
        next = connection->next;
        if (connection->is_noticed)
            continue;
        connection->is_noticed = true;
        if (nghttp2_submit_shutdown_notice(connection->session) == 0)
            http2_pump(connection);
    }
}

void
http2_sweep(struct loop *loop, uint64_t now_ms)
{
    unsigned idle_ms = loop->wire->options.idle_timeout_ms;
    struct http2_connection *next;
    for (struct http2_connection *connection = loop->http2_connections;
         connection != NULL; connection = next) {
        next = connection->next;
        if (http2_streams_sweep(connection, now_ms))
            http2_pump(connection);
        if (connection->is_closed)
            continue;
        bool is_idle = connection->calls == 0 &&
                       now_ms >= connection->idle_from_ms + idle_ms;
        if (is_idle && !connection->is_ending)
            atomic_fetch_add(&loop->wire->connections_timedout, 1);
        /* A drain's second word comes a turn after the notice, so that calls
         * that were on their way are still taken. */
        if (is_idle || (loop->is_draining && connection->is_noticed))
            connection_end(connection, now_ms);
        if (connection->is_closed || !connection->is_ending ||
            connection->calls > 0)
            continue;
        if (now_ms >= connection->end_from_ms + END_GRACE_MS)
            connection_close(connection);
        else
            http2_pump(connection);
    }
}

void
http2_close_all(struct loop *loop)
{
    while (loop->http2_connections != NULL)
        connection_close(loop->http2_connections);
}

void
http2_call_ended(struct http2_connection *connection)
{
    assert(connection->calls > 0);
    connection->calls--;
    if (connection->calls == 0)
        connection->idle_from_ms = loop_now_ms();
}
