/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/bodies.h"

/* What load.c and its two protocols share: connections with one request on its
 * way each, on one thread. */

/* Of an answer with its header. */
#define LOAD_ANSWER_SIZE_MAX ((size_t)4 << 20)

enum load_state { LOAD_MORE, LOAD_DONE, LOAD_FAILED };

struct load_target {
    const char *path;
    const struct bodies *bodies; /* count 0: GET, or the empty message */
    struct span *requests;       /* HTTP: head and body of each */
};

struct nghttp2_session;

struct load_client {
    const struct load_target *target;
    int fd;
    double begin; /* of the request on its way */
    char *in;     /* HTTP: the answer so far, char[LOAD_ANSWER_SIZE_MAX] */
    size_t in_size, whole_size;
    struct nghttp2_session *session; /* gRPC */
    struct span body;                /* of the message on its way, */
    size_t body_sent;                /* with the prefix */
    size_t answer_size;
    bool has_ok, is_over;
};

/* A protocol. Whatever returns false or LOAD_FAILED has said why. */
struct load_protocol {
    const char *name;
    bool (*prepare)(struct load_target *target);
    void (*release)(struct load_target *target);
    bool (*open)(struct load_client *client);
    void (*close)(struct load_client *client);
    /* Sends request `at`. */
    bool (*send)(struct load_client *client, size_t at);
    /* Reads what is there. */
    enum load_state (*receive)(struct load_client *client);
};

extern const struct load_protocol load_http;
extern const struct load_protocol load_grpc;

/* Writes all of it to the socket, waiting for room. */
bool load_send_all(int fd, const char *data, size_t size);

#endif /* BENCH_LOAD_H */
