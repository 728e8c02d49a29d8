/* SPDX-License-Identifier: Apache-2.0
 * The listening sockets, watched by loops[0], which gives each accepted
 * connection to the loop that has the fewest. We bind ourselves, so that "in
 * use" is an error with a name. When descriptors run out, accepting pauses
 * instead of spinning. */
#include <config.h>

#include "engine/wire/loop.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_BURST_MAX 64
#define ACCEPT_PAUSE_MS  100
#define BACKLOG          1024

static enum engine_code
bind_one(const struct addrinfo *info, int *ret_fd)
{
    int fd = socket(info->ai_family,
                    info->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                    info->ai_protocol);
    if (fd < 0)
        return ENGINE_EUNAVAILABLE;
    int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (info->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 ||
        listen(fd, BACKLOG) != 0) {
        int cause = errno;
        close(fd);
        errno = cause;
        return ENGINE_EUNAVAILABLE;
    }
    *ret_fd = fd;
    return ENGINE_OK;
}

static uint16_t
port_of(int fd)
{
    struct sockaddr_storage address = { 0 };
    socklen_t size = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return 0;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (address.ss_family == AF_INET) {
        memcpy(&v4, &address, sizeof(v4));
        return ntohs(v4.sin_port);
    }
    memcpy(&v6, &address, sizeof(v6));
    return ntohs(v6.sin6_port);
}

static const char *
bind_hint(int cause)
{
    if (cause == EADDRINUSE)
        return "; another process listens there: end it or set ";
    if (cause == EACCES)
        return "; ports below 1024 need privileges";
    if (cause == EADDRNOTAVAIL)
        return "; this machine has no such address: set service.host";
    return "";
}

/* The key of the configuration that names the port. */
static const char *
port_key(enum wire_protocol protocol)
{
    return protocol == WIRE_GRPC ? "service.grpc_port" : "service.http_port";
}

enum engine_code
listener_bind(struct wire *wire, enum wire_protocol protocol,
              struct error *reterr)
{
    assert(wire->listeners_count < WIRE_PROTOCOLS);
    struct listener *listener = &wire->listeners[wire->listeners_count++];
    *listener =
        (struct listener){ .wire = wire, .protocol = protocol, .fd = -1 };
    const char *host = wire->options.host;
    char port[8];
    snprintf(port, sizeof(port), "%u", (unsigned)wire->options.ports[protocol]);
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(host, port, &hints, &list);
    if (rc != 0)
        return error_set(reterr, ENGINE_EUNAVAILABLE, "service.host \"%s\": %s",
                         host, gai_strerror(rc));
    int cause = 0;
    for (struct addrinfo *info = list; info != NULL; info = info->ai_next) {
        if (bind_one(info, &listener->fd) == ENGINE_OK)
            break;
        if (cause == 0)
            cause = errno;
    }
    freeaddrinfo(list);
    if (listener->fd < 0)
        return error_set(reterr, ENGINE_EUNAVAILABLE,
                         "cannot listen on %s port %s: %s%s%s", host, port,
                         strerror(cause), bind_hint(cause),
                         cause == EADDRINUSE ? port_key(protocol) : "");
    listener->port = port_of(listener->fd);
    return ENGINE_OK;
}

static unsigned
open_count(struct loop *loop)
{
    return atomic_load(&loop->connections_count) +
           atomic_load(&loop->lingering_count);
}

static struct loop *
least_loaded(struct wire *wire, unsigned *ret_total)
{
    struct loop *best = &wire->loops[0];
    unsigned best_count = open_count(best);
    unsigned total = best_count;
    for (unsigned i = 1; i < wire->loops_count; i++) {
        unsigned count = open_count(&wire->loops[i]);
        total += count;
        if (count < best_count) {
            best = &wire->loops[i];
            best_count = count;
        }
    }
    *ret_total = total;
    return best;
}

static void on_listen(uv_poll_t *poll, int status, int events);

static void
on_retry(uv_timer_t *timer)
{
    struct listener *listener = timer->data;
    if (listener->is_listening)
        uv_poll_start(&listener->poll, UV_READABLE, on_listen);
}

/* Gives an accepted socket to a loop, or closes it past the limit. */
static void
listener_take(struct listener *listener, struct incoming accepted)
{
    struct wire *wire = listener->wire;
    unsigned total;
    struct loop *loop = least_loaded(wire, &total);
    struct incoming *incoming = NULL;
    atomic_fetch_add(&wire->connections_total, 1);
    if (total < wire->options.connections_max)
        incoming = malloc(sizeof(*incoming));
    if (incoming == NULL) {
        atomic_fetch_add(&wire->connections_refused, 1);
        close(accepted.fd);
        return;
    }
    int on = 1;
    setsockopt(accepted.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    *incoming = accepted;
    incoming->is_http2 = listener->protocol == WIRE_GRPC;
    loop_give(loop, incoming);
}

static void
on_listen(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct listener *listener = poll->data;
    for (unsigned i = 0; i < ACCEPT_BURST_MAX; i++) {
        struct incoming accepted = { .address_size = sizeof(accepted.address) };
        accepted.fd =
            accept4(listener->fd, (struct sockaddr *)&accepted.address,
                    &accepted.address_size, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (accepted.fd < 0 && (errno == ECONNABORTED || errno == EINTR))
            continue;
        if (accepted.fd < 0) {
            if (errno != EAGAIN) {
                uv_poll_stop(poll);
                uv_timer_start(&listener->retry, on_retry, ACCEPT_PAUSE_MS, 0);
            }
            return;
        }
        listener_take(listener, accepted);
    }
}

enum engine_code
listener_start(struct listener *listener, struct error *reterr)
{
    struct loop *loop = &listener->wire->loops[0];
    uv_timer_init(&loop->uv, &listener->retry);
    listener->retry.data = listener;
    if (uv_poll_init(&loop->uv, &listener->poll, listener->fd) != 0)
        return error_set(reterr, ENGINE_ENOMEM,
                         "cannot watch the listening socket");
    listener->poll.data = listener;
    if (uv_poll_start(&listener->poll, UV_READABLE, on_listen) != 0)
        return error_set(reterr, ENGINE_ENOMEM,
                         "cannot watch the listening socket");
    listener->is_listening = true;
    return ENGINE_OK;
}

void
listener_stop(struct listener *listener)
{
    if (!listener->is_listening)
        return;
    listener->is_listening = false;
    uv_timer_stop(&listener->retry);
    uv_poll_stop(&listener->poll);
    close(listener->fd);
    listener->fd = -1;
}
