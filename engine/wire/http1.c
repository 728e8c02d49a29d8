/* SPDX-License-Identifier: Apache-2.0
 * HTTP/1.1 by libmicrohttpd: its daemon calls here. on_completed() frees an
 * exchange, whatever became of the client, or on_connection() when the daemon
 * gave the request up by itself; a suspended connection is never completed
 * before it was resumed. */
#include "engine/wire/http1_exchange.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void
http1_connection_enter(struct connection *connection,
                       enum connection_phase phase, uint64_t size)
{
    connection->phase = phase;
    connection->phase_size = size;
    connection->phase_start_ms = loop_now_ms();
}

/* Frees a request that the daemon began and gave up without a word, as it does
 * when the arguments of its address do not fit into its memory. */
static void
connection_drop_exchange(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    connection->exchange = NULL;
    if (exchange != NULL)
        http1_exchange_free(exchange);
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
    connection->exchange = http1_exchange_new(loop, connection, mhd, uri);
    return connection->exchange;
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
    http1_connection_enter(exchange->connection, CONNECTION_IDLE, 0);
    if (reason == MHD_REQUEST_TERMINATED_COMPLETED_OK)
        http1_end_half_closed(exchange->connection);
    http1_exchange_free(exchange);
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
        http1_connection_enter(connection, CONNECTION_IDLE, 0);
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
        return http1_exchange_begin(exchange, method, version);
    if (exchange->state == EXCHANGE_ADMITTED)
        return http1_exchange_admitted(exchange);
    if (*size > 0) {
        size_t given = *size;
        *size = 0;
        return http1_exchange_receive(exchange, data, given);
    }
    switch (exchange->state) {
    case EXCHANGE_BODY:
        return http1_exchange_start(exchange);
    case EXCHANGE_DISCARD:
    case EXCHANGE_ANSWERED: /* resumed: finished by the executor */
        return http1_exchange_answer(exchange);
    case EXCHANGE_NEW:
    case EXCHANGE_ADMITTED:
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
