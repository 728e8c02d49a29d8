/* SPDX-License-Identifier: Apache-2.0
 * Any bytes to the gRPC port, behind the preface unless the first byte is odd:
 * the connection answers or ends, and the next one is served. The handler
 * echoes; each message of "defer" goes through the executor. */
#include "engine/wire/wire.h"

#include <arpa/inet.h>
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum handler_step
on_start(void *ctx, struct request *request, struct reply *reply)
{
    (void)ctx;
    (void)request->header(request, "api-key");
    if (span_equal_text(request->body, "defer"))
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

static bool
is_served(void)
{
    static const struct wire_options options = {
        .host = "127.0.0.1",
        .has_grpc = true,
        .loops = 1,
        .workers = 1,
        .connections_max = 100,
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

static void
converse(int fd, const uint8_t *data, size_t size, bool has_preface)
{
    static const char preface[] =
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
    char answer[4096];
    if (has_preface && send(fd, preface, sizeof(preface) - 1, MSG_NOSIGNAL) < 0)
        return;
    /* In two pieces, so that frames are cut. */
    size_t half = size / 2;
    if (half > 0 && send(fd, data, half, MSG_NOSIGNAL) < 0)
        return;
    if (size > half && send(fd, data + half, size - half, MSG_NOSIGNAL) < 0)
        return;
    shutdown(fd, SHUT_WR);
    while (recv(fd, answer, sizeof(answer), 0) > 0)
        continue;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || !is_served())
        return 0;
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port =
                                       htons(wire_port(wire, WIRE_GRPC)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        return 0;
    int rc = connect(fd, (struct sockaddr *)&address, sizeof(address));
    assert(rc == 0);
    if (rc == 0)
        converse(fd, data + 1, size - 1, data[0] % 2 == 0);
    close(fd);
    return 0;
}
