/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/wire_target.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static enum handler_step
on_start(void *ctx, struct request *request, struct reply *reply)
{
    (void)ctx;
    (void)request->header(request, "api-key");
    /* Calls of several messages (reflection) are answered where they are. */
    if (span_equal_text(request->body, "defer") &&
        !span_starts(request->path, "/grpc.reflection."))
        return HANDLER_DEFER;
    bytes_add_span(&reply->body, request->body);
    return HANDLER_DONE;
}

static void
on_finish(void *ctx, struct request *request, struct reply *reply)
{
    (void)ctx;
    bytes_add_span(&reply->body, request->body);
}

static void
on_release(void *ctx, struct request *request)
{
    (void)ctx;
    (void)request;
}

static void
on_refuse(void *ctx, enum refusal refusal, uint64_t size, uint64_t limit,
          struct reply *reply)
{
    (void)ctx;
    (void)refusal;
    (void)size;
    (void)limit;
    reply->status = 400;
    reply->grpc_status = 3;
    bytes_add_text(&reply->body, "refused");
}

static struct wire *wire;
static pthread_t thread;

static void *
serve(void *argument)
{
    (void)argument;
    unsigned unfinished = wire_run(wire);
    assert(unfinished == 0);
    (void)unfinished;
    return NULL;
}

static void
stop(void)
{
    wire_stop(wire);
    pthread_join(thread, NULL);
    wire_close(wire);
}

bool
wire_target_is_served(void)
{
    static const struct wire_options options = {
        .host = "127.0.0.1",
        .has_grpc = true,
        .loops = 1,
        .workers = 1,
        .connections_max = 1000,
        .in_flight_max = 100,
        .body_size_max = 1 << 16,
        .bodies_size_max = 1 << 20,
        .replies_size_max = 1 << 20,
        .arena_size_max = 1 << 20,
        .idle_timeout_ms = 1000,
        .drain_timeout_ms = 1000,
        .server = "fuzz",
        .handler = { .start = on_start,
                     .finish = on_finish,
                     .release = on_release,
                     .refuse = on_refuse },
    };
    if (wire != NULL)
        return true;
    if (wire_open(&options, &wire, NULL) != ENGINE_OK)
        return false;
    if (pthread_create(&thread, NULL, serve, NULL) != 0)
        abort();
    atexit(stop);
    return true;
}

int
wire_target_connect(enum wire_protocol protocol)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(wire_port(wire, protocol)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    /* HTTP/1 keeps what is not a whole request until it has been idle for its
     * least time, a second. */
    struct timeval wait = { .tv_usec = protocol == WIRE_HTTP1 ? 20000 : 0 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    /* A thousand connections a second leave no port on our side. */
    if (errno != EADDRNOTAVAIL)
        abort();
    close(fd);
    return -1;
}

void
wire_target_converse(int fd, const uint8_t *data, size_t size,
                     char answer[4096])
{
    char rest[4096];
    size_t got = 0, half = size / 2;
    answer[0] = '\0';
    if (half > 0 && send(fd, data, half, MSG_NOSIGNAL) < 0)
        return;
    if (size > half && send(fd, data + half, size - half, MSG_NOSIGNAL) < 0)
        return;
    shutdown(fd, SHUT_WR);
    for (ssize_t n;
         got < 4095 && (n = recv(fd, answer + got, 4095 - got, 0)) > 0;)
        got += (size_t)n;
    answer[got] = '\0';
    while (recv(fd, rest, sizeof(rest), 0) > 0)
        continue;
}
