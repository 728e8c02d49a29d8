/* SPDX-License-Identifier: Apache-2.0
 * gRPC by nghttp2, one call at a time: of an answer the status is looked at
 * and its end. */
#include "bench/load.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PREFIX_SIZE 5u
#define BUFFER_SIZE ((size_t)64 << 10)
#define WINDOW_SIZE (1 << 24)

static bool
grpc_prepare(struct load_target *target)
{
    (void)target;
    return true;
}

static void
grpc_release(struct load_target *target)
{
    (void)target;
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame,
          const uint8_t *name, size_t name_size, const uint8_t *value,
          size_t value_size, uint8_t flags, void *user_data)
{
    static const char status[] = "grpc-status";
    struct load_client *client = user_data;
    (void)session;
    (void)frame;
    (void)flags;
    if (name_size == sizeof(status) - 1 && memcmp(name, status, name_size) == 0)
        client->has_ok = value_size == 1 && *value == '0';
    return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t id,
        const uint8_t *data, size_t size, void *user_data)
{
    struct load_client *client = user_data;
    (void)session;
    (void)flags;
    (void)id;
    (void)data;
    client->answer_size += size;
    return 0;
}

static int
on_close(nghttp2_session *session, int32_t id, uint32_t code, void *user_data)
{
    struct load_client *client = user_data;
    (void)session;
    (void)id;
    (void)code;
    client->is_over = true;
    return 0;
}

static bool
session_open(struct load_client *client)
{
    nghttp2_session_callbacks *callbacks;
    const nghttp2_settings_entry settings[] = {
        { NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_SIZE },
    };
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        return false;
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks,
                                                              on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    int rc = nghttp2_session_client_new(&client->session, callbacks, client);
    nghttp2_session_callbacks_del(callbacks);
    return rc == 0 &&
           nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, settings,
                                   2) == 0 &&
           nghttp2_session_set_local_window_size(
               client->session, NGHTTP2_FLAG_NONE, 0, WINDOW_SIZE) == 0;
}

static bool
grpc_open(struct load_client *client)
{
    if (session_open(client))
        return true;
    fputs("azimuth-bench: no HTTP/2 session\n", stderr);
    return false;
}

static void
grpc_close(struct load_client *client)
{
    nghttp2_session_del(client->session);
}

/* All frames that wait, in one write if they fit. */
static bool
send_frames(struct load_client *client)
{
    static char buffer[BUFFER_SIZE];
    size_t filled = 0;
    for (;;) {
        const uint8_t *data = NULL;
        ssize_t size = nghttp2_session_mem_send(client->session, &data);
        if (size < 0 || (size_t)size > BUFFER_SIZE)
            return false;
        if (filled > 0 && (size == 0 || filled + (size_t)size > BUFFER_SIZE)) {
            if (!load_send_all(client->fd, buffer, filled))
                return false;
            filled = 0;
        }
        if (size == 0)
            return true;
        memcpy(buffer + filled, data, (size_t)size);
        filled += (size_t)size;
    }
}

static ssize_t
on_read(nghttp2_session *session, int32_t id, uint8_t *data, size_t size,
        uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    struct load_client *client = source->ptr;
    struct span body = client->body;
    size_t filled = 0, all = PREFIX_SIZE + body.size;
    (void)session;
    (void)id;
    (void)user_data;
    const uint8_t prefix[PREFIX_SIZE] = { 0, (uint8_t)(body.size >> 24),
                                          (uint8_t)(body.size >> 16),
                                          (uint8_t)(body.size >> 8),
                                          (uint8_t)body.size };
    while (client->body_sent < PREFIX_SIZE && filled < size)
        data[filled++] = prefix[client->body_sent++];
    size_t more = all - client->body_sent;
    if (more > size - filled)
        more = size - filled;
    if (more > 0)
        memcpy(data + filled, body.data + (client->body_sent - PREFIX_SIZE),
               more);
    client->body_sent += more;
    if (client->body_sent == all)
        *flags = NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)(filled + more);
}

static nghttp2_nv
header_of(const char *name, const char *value)
{
    union {
        const char *text;
        uint8_t *bytes;
    } n = { name }, v = { value };
    return (nghttp2_nv){ n.bytes, v.bytes, strlen(name), strlen(value),
                         NGHTTP2_NV_FLAG_NO_COPY_NAME |
                             NGHTTP2_NV_FLAG_NO_COPY_VALUE };
}

static bool
grpc_send(struct load_client *client, size_t at)
{
    const struct load_target *target = client->target;
    const nghttp2_nv headers[] = {
        header_of(":method", "POST"),
        header_of(":scheme", "http"),
        header_of(":path", target->path),
        header_of(":authority", "127.0.0.1"),
        header_of("te", "trailers"),
        header_of("content-type", "application/grpc"),
        header_of("user-agent", "azimuth-bench"),
    };
    nghttp2_data_provider provider = { .source.ptr = client,
                                       .read_callback = on_read };
    client->body = target->bodies->count > 0 ? target->bodies->items[at]
                                             : (struct span){ "", 0 };
    client->body_sent = 0;
    client->answer_size = 0;
    client->has_ok = false;
    client->is_over = false;
    if (nghttp2_submit_request(client->session, NULL, headers,
                               sizeof(headers) / sizeof(headers[0]), &provider,
                               NULL) < 0) {
        fputs("azimuth-bench: no more calls on this connection\n", stderr);
        return false;
    }
    return send_frames(client);
}

static enum load_state
grpc_receive(struct load_client *client)
{
    static uint8_t buffer[BUFFER_SIZE];
    ssize_t got = recv(client->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return LOAD_MORE;
    if (got <= 0 ||
        nghttp2_session_mem_recv(client->session, buffer, (size_t)got) < 0) {
        fputs("azimuth-bench: the server ended the connection\n", stderr);
        return LOAD_FAILED;
    }
    if (!client->is_over)
        return send_frames(client) ? LOAD_MORE : LOAD_FAILED;
    if (client->has_ok)
        return LOAD_DONE; /* what is to be sent goes with the next call */
    fputs("azimuth-bench: a call failed\n", stderr);
    return LOAD_FAILED;
}

const struct load_protocol load_grpc = { "grpc",       grpc_prepare,
                                         grpc_release, grpc_open,
                                         grpc_close,   grpc_send,
                                         grpc_receive };
