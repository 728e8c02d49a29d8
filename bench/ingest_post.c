/* SPDX-License-Identifier: Apache-2.0
 * Upserts over HTTP: every request is made as bytes before the clock starts,
 * then written and its answer read, so that the load generator costs next to
 * nothing. */
#include <config.h>

#include "bench/ingest.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NUMBER_SIZE_MAX 16u /* "-1.23456789e-10," */
#define POINT_SIZE_MAX  64u /* braces, names, id */
#define HEAD_SIZE_MAX   512u
#define ANSWER_SIZE_MAX 65536u

struct request {
    char *bytes;
    size_t size;
};

struct ingest_post {
    struct request *requests;
    size_t count;
};

static bool
fill_request(struct request *request, const struct npy_matrix *base,
             size_t first, size_t count, const char *collection,
             const char *payload)
{
    size_t room = count * (base->dim * NUMBER_SIZE_MAX + POINT_SIZE_MAX +
                           (payload ? strlen(payload) : 0)) +
                  32;
    char *body = malloc(room);
    request->bytes = malloc(room + HEAD_SIZE_MAX);
    if (body == NULL || request->bytes == NULL) {
        free(body);
        return false;
    }
    size_t used = (size_t)snprintf(body, room, "{\"points\":[");
    for (size_t i = 0; i < count; i++) {
        const float *row = base->values + (first + i) * base->dim;
        used += (size_t)snprintf(body + used, room - used,
                                 "%s{\"id\":%zu,\"vector\":[", i ? "," : "",
                                 first + i);
        /* Nine digits give the same float back. */
        for (size_t d = 0; d < base->dim; d++)
            used += (size_t)snprintf(body + used, room - used, "%s%.9g",
                                     d ? "," : "", (double)row[d]);
        used += (size_t)snprintf(body + used, room - used, "]%s%s}",
                                 payload ? ",\"payload\":" : "",
                                 payload ? payload : "");
    }
    used += (size_t)snprintf(body + used, room - used, "]}");
    assert(used < room);
    size_t head =
        (size_t)snprintf(request->bytes, HEAD_SIZE_MAX,
                         "PUT /collections/%s/points?wait=true HTTP/1.1\r\n"
                         "Host: 127.0.0.1\r\nContent-Type: application/json\r\n"
                         "Content-Length: %zu\r\n\r\n",
                         collection, used);
    memcpy(request->bytes + head, body, used);
    request->size = head + used;
    free(body);
    char *kept = realloc(request->bytes, request->size);
    request->bytes = kept != NULL ? kept : request->bytes;
    return true;
}

struct ingest_post *
ingest_post_create(const struct npy_matrix *base, size_t count, size_t batch,
                   const char *collection, const char *payload)
{
    assert(batch > 0 && count <= base->row_count);
    struct ingest_post *post = calloc(1, sizeof(*post));
    if (post == NULL)
        return NULL;
    post->count = (count + batch - 1) / batch;
    post->requests = calloc(post->count, sizeof(*post->requests));
    bool is_done = post->requests != NULL;
    for (size_t i = 0; is_done && i < post->count; i++) {
        size_t first = i * batch;
        size_t part = count - first < batch ? count - first : batch;
        is_done = fill_request(&post->requests[i], base, first, part,
                               collection, payload);
    }
    if (!is_done) {
        fputs("azimuth-bench: out of memory\n", stderr);
        ingest_post_free(post);
        return NULL;
    }
    return post;
}

void
ingest_post_free(struct ingest_post *post)
{
    if (post == NULL)
        return;
    for (size_t i = 0; post->requests != NULL && i < post->count; i++)
        free(post->requests[i].bytes);
    free(post->requests);
    free(post);
}

int
ingest_post_connect(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0 &&
        connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        return fd;
    }
    fprintf(stderr, "azimuth-bench: port %u: %s\n", port, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Reads one answer; its body ends by Content-Length. */
static bool
read_answer(int fd, char *text, size_t *ret_size)
{
    size_t used = 0, whole = 0;
    while (used < ANSWER_SIZE_MAX - 1) {
        ssize_t got = recv(fd, text + used, ANSWER_SIZE_MAX - 1 - used, 0);
        if (got <= 0)
            return false;
        used += (size_t)got;
        text[used] = '\0';
        char *end = strstr(text, "\r\n\r\n");
        if (whole == 0 && end != NULL) {
            const char *length = strcasestr(text, "content-length:");
            if (length == NULL || length > end)
                return false;
            whole = (size_t)(end + 4 - text) + strtoul(length + 15, NULL, 10);
        }
        if (whole != 0 && used >= whole) {
            *ret_size = used;
            return true;
        }
    }
    return false;
}

bool
ingest_post_send(const struct ingest_post *post, size_t at, int fd)
{
    assert(at < post->count);
    const struct request *request = &post->requests[at];
    for (size_t sent = 0; sent < request->size;) {
        ssize_t part =
            send(fd, request->bytes + sent, request->size - sent, MSG_NOSIGNAL);
        if (part <= 0) {
            fprintf(stderr, "azimuth-bench: send: %s\n", strerror(errno));
            return false;
        }
        sent += (size_t)part;
    }
    static _Thread_local char answer[ANSWER_SIZE_MAX];
    size_t size = 0;
    if (read_answer(fd, answer, &size) && size > 12 &&
        memcmp(answer + 9, "200", 3) == 0)
        return true;
    fprintf(stderr, "azimuth-bench: not acknowledged: %.300s\n", answer);
    return false;
}
