/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_WIRE_HTTP1_EXCHANGE_H
#define ENGINE_WIRE_HTTP1_EXCHANGE_H

#include "engine/wire/charge.h"
#include "engine/wire/loop.h"

/* The inside of a request, for http1*.c. On the loop's thread; while it runs,
 * the executor's thread has request and reply. */

enum exchange_state {
    EXCHANGE_NEW,
    EXCHANGE_ADMITTED, /* or not: the handler has said where the body goes */
    EXCHANGE_BODY,
    EXCHANGE_DISCARD, /* refused; the body is read and dropped */
    EXCHANGE_RUNNING,
    EXCHANGE_ANSWERED
};

struct exchange {
    struct executor_task task; /* first: executor hands it back */
    struct completion completion;
    struct loop *loop;
    struct MHD_Connection *mhd;
    struct connection *connection;
    enum exchange_state state;
    bool is_counted; /* in in_flight */
    bool is_started; /* the handler has seen it */
    bool is_last;    /* close the connection after the answer */
    uint64_t declared_size;
    uint64_t received_size;
    uint64_t size_max;       /* of the body */
    int file_errno;          /* of writing it into its file; 0: none */
    enum handler_body place; /* what admit() said */
    struct charge charge;
    struct bytes body;
    char *target;
    struct request request;
    struct reply reply;
};

/* ---- http1.c ---- */

void http1_connection_enter(struct connection *connection,
                            enum connection_phase phase, uint64_t size);

/* ---- http1_exchange.c ---- */

/* With the request line; `target` is copied. NULL: no memory. Not while it
 * runs: http1_exchange_free(). */
struct exchange *
http1_exchange_new(struct loop *loop, struct connection *connection,
                   struct MHD_Connection *mhd, const char *target)
    __attribute__((warn_unused_result));
void http1_exchange_free(struct exchange *exchange);

void http1_exchange_drop_body(struct exchange *exchange);

/* Frees all that making the answer took, before a slow client reads it. */
void http1_exchange_forget_request(struct exchange *exchange);

/* The header is complete. A reply given here goes out before the body (and
 * instead of "100 Continue"); the connection ends after it. */
enum MHD_Result http1_exchange_begin(struct exchange *exchange,
                                     const char *method, const char *version);

/* The same when the handler's admit() has answered. */
enum MHD_Result http1_exchange_admitted(struct exchange *exchange);

/* Takes bytes of the body. */
enum MHD_Result http1_exchange_receive(struct exchange *exchange,
                                       const char *data, size_t size);

/* The body is complete: lets the handler answer, here or on the executor. */
enum MHD_Result http1_exchange_start(struct exchange *exchange);

/* Suspends it while `run` works on the executor; `resume` follows, on the loop.
 * Where the executor is full it is refused. */
void http1_exchange_defer(struct exchange *exchange,
                          void (*run)(struct executor_task *task),
                          void (*resume)(struct completion *completion));
struct exchange *http1_exchange_of(struct completion *completion);

/* ---- http1_store.c ---- */

/* A body that goes into a file does so in pieces of about this size. */
#define FILE_PIECE_SIZE ((size_t)512 << 10)

/* Writes what came of the body into its file, on the executor: the daemon reads
 * no more of it meanwhile. */
void http1_exchange_store(struct exchange *exchange);

/* ---- http1_answer.c ---- */

/* Gives the reply to the daemon. */
enum MHD_Result http1_exchange_answer(struct exchange *exchange);

/* The answer will be a refusal; what is left of the body is dropped. */
void http1_exchange_refuse(struct exchange *exchange, enum refusal refusal,
                           uint64_t limit);

/* A body without end: the daemon takes no answer in the middle of one, so it
 * is written past it, and the connection ends. */
enum MHD_Result http1_exchange_abort(struct exchange *exchange);

#endif /* ENGINE_WIRE_HTTP1_EXCHANGE_H */
