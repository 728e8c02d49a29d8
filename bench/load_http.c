/* SPDX-License-Identifier: Apache-2.0
 * HTTP/1.1 over a kept connection: requests are made beforehand, of an answer
 * the status and the end are looked at. */
#include <config.h>

#include "bench/load.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HEAD_SIZE_MAX 512u

static bool
make_request(const struct load_target *target, struct span body,
             struct span *ret_request)
{
    char *bytes = malloc(HEAD_SIZE_MAX + body.size);
    if (bytes == NULL)
        return false;
    int head = target->bodies->count == 0
                   ? snprintf(bytes, HEAD_SIZE_MAX,
                              "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
                              target->path)
                   : snprintf(bytes, HEAD_SIZE_MAX,
                              "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                              "Content-Type: application/json\r\n"
                              "Content-Length: %zu\r\n\r\n",
                              target->path, body.size);
    assert(head > 0 && (size_t)head < HEAD_SIZE_MAX);
    if (body.size > 0)
        memcpy(bytes + head, body.data, body.size);
    *ret_request = (struct span){ bytes, (size_t)head + body.size };
    return true;
}

static bool
http_prepare(struct load_target *target)
{
    const struct bodies *bodies = target->bodies;
    size_t count = bodies->count > 0 ? bodies->count : 1;
    target->requests = calloc(count, sizeof(*target->requests));
    bool is_made = target->requests != NULL;
    for (size_t i = 0; is_made && i < count; i++) {
        struct span body = { "", 0 };
        is_made =
            make_request(target, bodies->count > 0 ? bodies->items[i] : body,
                         &target->requests[i]);
    }
    if (!is_made)
        fputs("azimuth-bench: out of memory\n", stderr);
    return is_made;
}

static void
http_release(struct load_target *target)
{
    size_t count = target->bodies->count > 0 ? target->bodies->count : 1;
    for (size_t i = 0; target->requests != NULL && i < count; i++) {
        union {
            const char *data;
            void *bytes;
        } request = { target->requests[i].data };
        free(request.bytes);
    }
    free(target->requests);
    target->requests = NULL;
}

static bool
http_open(struct load_client *client)
{
    client->in = malloc(LOAD_ANSWER_SIZE_MAX);
    return client->in != NULL;
}

static void
http_close(struct load_client *client)
{
    free(client->in);
}

static bool
http_send(struct load_client *client, size_t at)
{
    struct span request = client->target->requests[at];
    client->in_size = 0;
    client->whole_size = 0;
    return load_send_all(client->fd, request.data, request.size);
}

/* Once the header is complete: how long the answer is. */
static bool
find_end(struct load_client *client)
{
    static const char name[] = "\r\ncontent-length:";
    char *end = memmem(client->in, client->in_size, "\r\n\r\n", 4);
    if (end == NULL)
        return true;
    *end = '\0';
    const char *length = strcasestr(client->in, name);
    if (length == NULL || memcmp(client->in + 9, "200", 3) != 0) {
        fprintf(stderr, "azimuth-bench: the answer is %.200s\n", client->in);
        return false;
    }
    client->whole_size = (size_t)(end + 4 - client->in) +
                         strtoul(length + sizeof(name) - 1, NULL, 10);
    return true;
}

static enum load_state
http_receive(struct load_client *client)
{
    ssize_t got = recv(client->fd, client->in + client->in_size,
                       LOAD_ANSWER_SIZE_MAX - client->in_size, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return LOAD_MORE;
    if (got <= 0) {
        fputs("azimuth-bench: the server ended the connection\n", stderr);
        return LOAD_FAILED;
    }
    client->in_size += (size_t)got;
    if (client->whole_size == 0 && !find_end(client))
        return LOAD_FAILED;
    if (client->whole_size == 0 || client->in_size < client->whole_size)
        return client->in_size == LOAD_ANSWER_SIZE_MAX ? LOAD_FAILED
                                                       : LOAD_MORE;
    client->answer_size = client->in_size;
    return LOAD_DONE;
}

const struct load_protocol load_http = { "http",       http_prepare,
                                         http_release, http_open,
                                         http_close,   http_send,
                                         http_receive };
