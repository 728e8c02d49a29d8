/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_WIRE_WIRE_H
#define ENGINE_WIRE_WIRE_H

#include "engine/api/request.h"
#include "engine/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The network face: one listening address with a port for each protocol,
 * several I/O loops, one executor.
 * Bytes in, bytes out; what they mean is the handler's affair.
 * Lock order: none; each loop's inbox lock is a leaf. */

#define WIRE_LOOPS_MAX 256

/* Request line and headers together, with room to work: past it 414 or 431. */
#define WIRE_HEADER_SIZE_MAX (32u << 10)
/* A bigger message of gRPC is not looked into on a loop. */
#define WIRE_LOOP_MESSAGE_SIZE ((size_t)64 << 10)

/* Bodies past their limit are still read up to this size, so that a client
 * that only reads after writing sees the 400. */
#define WIRE_DISCARD_SIZE_MAX ((uint64_t)256 << 20)

/* Bodies and answers up to these sizes are taken even where all together are
 * past their limit: a few clients with big ones that do not go on must not shut
 * out searches and health checks. `in_flight_max` and `connections_max` bound
 * them. */
#define WIRE_SMALL_BODY_SIZE  ((uint64_t)64 << 10)
#define WIRE_SMALL_REPLY_SIZE ((uint64_t)16 << 10)

/* Slower than this, a body or an answer is cut after a grace time. */
#define WIRE_RATE_MIN_PER_S (8u << 10)
#define WIRE_RATE_GRACE_MS  30000u

/* REST over HTTP/1.1, gRPC over HTTP/2 (prior knowledge, or ALPN in TLS). */
enum wire_protocol { WIRE_HTTP1, WIRE_GRPC, WIRE_PROTOCOLS };

/* Calls of one gRPC connection at a time; what goes past it waits (RFC 9113
 * section 5.1.2). Calls that their client gave up count until they ended. */
#define WIRE_STREAMS_MAX 256u

/* A message of a call of several (reflection), and answers to such that the
 * peer does not read. */
#define WIRE_STREAM_MESSAGE_SIZE_MAX ((size_t)4 << 10)
#define WIRE_STREAM_OUT_SIZE_MAX     ((size_t)4 << 20)

/* TLS, of both ports. Files are PEM; any of them may change while we run. */
struct wire_tls {
    const char *cert; /* with the chain behind it */
    const char *key;
    const char *ca_cert;   /* of clients */
    bool verifies_clients; /* they need a certificate that ca_cert signed */
    uint64_t ttl_s;        /* read again after this, changed or not; 0: never */
};

/* Whether the files can be used. ENGINE_EINPUT  names key, file and cause. */
enum engine_code wire_tls_check(const struct wire_tls *tls,
                                struct error *reterr)
    __attribute__((warn_unused_result));

struct wire_options {
    const struct wire_tls *tls;     /* NULL: none. Outlives the wire */
    const char *host;               /* address to listen on */
    uint16_t ports[WIRE_PROTOCOLS]; /* 0: any free one */
    bool has_grpc;
    unsigned loops;   /* I/O threads, 1..WIRE_LOOPS_MAX */
    unsigned workers; /* executor threads */
    unsigned connections_max;
    unsigned in_flight_max; /* requests being read or answered */
    size_t body_size_max;
    uint64_t bodies_size_max;  /* all request bodies together, but small ones */
    uint64_t replies_size_max; /* all answers in memory, but small ones */
    size_t arena_size_max;     /* one request's working memory */
    unsigned idle_timeout_ms;  /* keep-alive without a complete request */
    unsigned drain_timeout_ms;
    const char *server; /* the Server header */
    struct handler handler;
};

/* Counters since the start; read by any thread. */
struct wire_counters {
    uint64_t connections;          /* open now */
    uint64_t connections_total;    /* accepted */
    uint64_t connections_refused;  /* past a limit */
    uint64_t connections_timedout; /* idle or too slow */
    uint64_t in_flight;
    uint64_t bodies_size;
};

struct wire;

/* Binds, starts the threads and listens.
 * ENGINE_EUNAVAILABLE  names address, port and cause (port in use, ...).
 * ENGINE_EINPUT  a file of TLS: named.
 * ENGINE_ENOMEM. Strings of `options` must outlive the wire. */
enum engine_code wire_open(const struct wire_options *options,
                           struct wire **ret_wire, struct error *reterr)
    __attribute__((warn_unused_result));

/* The port that was bound; 0 when that protocol is not served. */
uint16_t wire_port(const struct wire *wire, enum wire_protocol protocol);

/* Serves on the calling thread (and the others) until wire_stop() and the
 * drain after it. Returns the number of requests that were still running when
 * the drain timeout ended: 0 is a clean end, and only then wire_close() may be
 * called. */
unsigned wire_run(struct wire *wire) __attribute__((warn_unused_result));

/* Reads the files of TLS again; connections go on. Async-signal-safe. */
void wire_reload(struct wire *wire);

/* Starts the drain: stop accepting, finish requests, close idle connections.
 * Async-signal-safe; any thread. */
void wire_stop(struct wire *wire);

/* Runs run(arg) in an executor thread that is idle now and returns true, or
 * false when none is. Any thread; `ctx` is the wire. */
bool wire_lend(void *ctx, void (*run)(void *arg), void *arg);

void wire_counters(struct wire *wire, struct wire_counters *ret_counters);

/* Frees everything. After wire_run() returned 0, or without it. */
void wire_close(struct wire *wire);

#endif /* ENGINE_WIRE_WIRE_H */
