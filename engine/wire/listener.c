/* SPDX-License-Identifier: Apache-2.0
 * The one listening socket, watched by loops[0], which gives each accepted
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
        return "; another process listens there: end it or set "
               "service.http_port";
    if (cause == EACCES)
        return "; ports below 1024 need privileges";
    if (cause == EADDRNOTAVAIL)
        return "; this machine has no such address: set service.host";
    return "";
}

enum engine_code
listener_bind(struct wire *wire, struct error *reterr)
{
    const char *host = wire->options.host;
    char port[8];
    snprintf(port, sizeof(port), "%u", (unsigned)wire->options.port);
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
        if (bind_one(info, &wire->listen_fd) == ENGINE_OK)
            break;
        if (cause == 0)
            cause = errno;
    }
    freeaddrinfo(list);
    if (wire->listen_fd < 0)
        return error_set(reterr, ENGINE_EUNAVAILABLE,
                         "cannot listen on %s port %s: %s%s", host, port,
                         strerror(cause), bind_hint(cause));
    wire->port = port_of(wire->listen_fd);
    return ENGINE_OK;
}

static struct loop *
least_loaded(struct wire *wire, unsigned *ret_total)
{
    struct loop *best = &wire->loops[0];
    unsigned best_count = atomic_load(&best->connections_count);
    unsigned total = best_count;
    for (unsigned i = 1; i < wire->loops_count; i++) {
        unsigned count = atomic_load(&wire->loops[i].connections_count);
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
    struct wire *wire = timer->data;
    if (wire->is_listening)
        uv_poll_start(&wire->listen_poll, UV_READABLE, on_listen);
}

static void
on_listen(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct wire *wire = poll->data;
    for (unsigned i = 0; i < ACCEPT_BURST_MAX; i++) {
        struct sockaddr_storage address = { 0 };
        socklen_t size = sizeof(address);
        int fd = accept4(wire->listen_fd, (struct sockaddr *)&address, &size,
                         SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
            continue;
        if (fd < 0) {
            if (errno != EAGAIN) {
                uv_poll_stop(poll);
                uv_timer_start(&wire->listen_retry, on_retry, ACCEPT_PAUSE_MS,
                               0);
            }
            return;
        }
        unsigned total;
        struct loop *loop = least_loaded(wire, &total);
        atomic_fetch_add(&wire->connections_total, 1);
        if (total >= wire->options.connections_max) {
            atomic_fetch_add(&wire->connections_refused, 1);
            close(fd);
            continue;
        }
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        loop_give(loop, fd, &address, size);
    }
}

enum engine_code
listener_start(struct wire *wire, struct error *reterr)
{
    struct loop *loop = &wire->loops[0];
    uv_timer_init(&loop->uv, &wire->listen_retry);
    wire->listen_retry.data = wire;
    wire->listen_poll.data = wire;
    if (uv_poll_init(&loop->uv, &wire->listen_poll, wire->listen_fd) != 0 ||
        uv_poll_start(&wire->listen_poll, UV_READABLE, on_listen) != 0)
        return error_set(reterr, ENGINE_ENOMEM,
                         "cannot watch the listening socket");
    wire->listen_poll.data = wire;
    wire->is_listening = true;
    return ENGINE_OK;
}

void
listener_stop(struct wire *wire)
{
    if (!wire->is_listening)
        return;
    wire->is_listening = false;
    uv_timer_stop(&wire->listen_retry);
    uv_poll_stop(&wire->listen_poll);
    close(wire->listen_fd);
    wire->listen_fd = -1;
}
