/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_WIRE_LOOP_H
#define ENGINE_WIRE_LOOP_H

#include "engine/wire/executor.h"
#include "engine/wire/wire.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

/* One I/O thread: a libuv loop that drives one libmicrohttpd daemon through
 * its epoll descriptor. Everything but the inbox and the atomics is touched
 * by the loop's own thread only. */

struct exchange;         /* one request on its way: http1.c */
struct http2_connection; /* http2.c */
struct tls;              /* tls.c */
struct tls_link;         /* tls_link.c */

/* A request that an executor thread answered, on its way back to its loop,
 * which calls resume(). */
struct completion {
    struct completion *next;
    void (*resume)(struct completion *completion);
};

/* Where a connection stands; its deadline depends on it. */
enum connection_phase {
    CONNECTION_IDLE,    /* no complete request header since phase_start_ms */
    CONNECTION_BODY,    /* receiving: phase_size bytes so far */
    CONNECTION_WORKING, /* the handler has it: no deadline */
    CONNECTION_REPLY    /* sending: phase_size bytes in all */
};

struct connection {
    struct connection *prev, *next;
    int fd;
    bool is_cut;               /* shut down by us; the daemon will notice */
    bool is_ending;            /* the drain ends it once it is idle */
    struct exchange *exchange; /* the request on it, NULL between two */
    enum connection_phase phase;
    uint64_t phase_start_ms;
    uint64_t phase_size;
};

/* An accepted socket on its way to its loop. */
struct incoming {
    struct incoming *next;
    int fd;
    bool is_http2;
    socklen_t address_size;
    struct sockaddr_storage address;
};

#define LOOP_INPUT_SIZE  ((size_t)64 << 10)
#define LOOP_OUTPUT_SIZE ((size_t)64 << 10)

struct loop {
    struct wire *wire;
    uv_loop_t uv;
    uv_async_t wake;
    uv_poll_t poll;   /* the daemon's epoll descriptor */
    uv_timer_t timer; /* the daemon's next deadline */
    uv_timer_t sweep; /* our deadlines */
    struct MHD_Daemon *daemon;
    struct connection *connections;
    struct http2_connection *http2_connections;
    struct tls_link *tls_links;
    bool is_draining;
    bool is_closing;
    unsigned working; /* requests on the executor */

    pthread_mutex_t lock; /* guards the inbox */
    struct incoming *incoming;
    struct completion *finished;

    atomic_uint connections_count; /* accepted for this loop, still open */
    atomic_uint lingering_count;   /* of those served that a TLS link keeps */
    pthread_t thread;
    bool has_thread;
    bool is_ready;                    /* handles are initialised */
    uint8_t input[LOOP_INPUT_SIZE];   /* of the connection being read */
    uint8_t output[LOOP_OUTPUT_SIZE]; /* of the one being written */
};

/* One listening socket, watched by loops[0]. */
struct listener {
    struct wire *wire;
    enum wire_protocol protocol;
    int fd; /* -1: none */
    uint16_t port;
    uv_poll_t poll;
    uv_timer_t retry;
    bool is_listening;
};

struct wire {
    struct wire_options options;
    struct executor *executor;
    struct tls *tls; /* NULL: none */
    struct listener listeners[WIRE_PROTOCOLS];
    unsigned listeners_count;
    atomic_bool is_stopping;
    atomic_ullong drain_start_ms;
    atomic_uint unfinished;
    atomic_ullong connections_total, connections_refused, connections_timedout;
    atomic_ullong in_flight, bodies_size, replies_size;
    unsigned loops_count;
    struct loop loops[];
};

/* Prepares `loop` and its daemon. ENGINE_ENOMEM. Undone by loop_close(). */
enum engine_code loop_open(struct loop *loop, struct wire *wire,
                           struct error *reterr)
    __attribute__((warn_unused_result));
void loop_close(struct loop *loop);

/* Runs until the drain is over. */
void loop_run(struct loop *loop);

/* Hands an accepted socket to the loop, which takes `incoming`. */
void loop_give(struct loop *loop, struct incoming *incoming);

/* Hands an answered request back; called by executor threads. */
void loop_finish(struct loop *loop, struct completion *completion);

uint64_t loop_now_ns(void);
uint64_t loop_now_ms(void);

/* ---- http1.c: what the daemon calls ---- */

/* Starts the daemon of `loop`; NULL when it cannot. */
struct MHD_Daemon *http1_start(struct loop *loop);

/* The end of a client's half of the connection may have come together with
 * data: the daemon's edge-triggered poll is not told again. Looks once, and
 * lets the daemon read that end. */
void http1_end_half_closed(const struct connection *connection);

/* ---- listener.c ---- */

/* Binds one more socket of the wire. */
enum engine_code listener_bind(struct wire *wire, enum wire_protocol protocol,
                               struct error *reterr)
    __attribute__((warn_unused_result));

/* Begins and ends accepting; on the thread of loops[0]. */
enum engine_code listener_start(struct listener *listener, struct error *reterr)
    __attribute__((warn_unused_result));
void listener_stop(struct listener *listener);

/* ---- wire.c ---- */

/* Ends accepting on all of them. */
void wire_stop_listening(struct wire *wire);

#endif /* ENGINE_WIRE_LOOP_H */
