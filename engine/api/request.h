/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_REQUEST_H
#define ENGINE_API_REQUEST_H

#include "base/arena.h"
#include "base/bytes.h"
#include "engine/api/reply.h"

#include <stdint.h>

/* What wire hands over: one whole request. wire owns it and everything in it
 * until handler.release() has returned. */

enum request_method {
    REQUEST_GET,
    REQUEST_HEAD,
    REQUEST_PUT,
    REQUEST_POST,
    REQUEST_PATCH,
    REQUEST_DELETE,
    REQUEST_OPTIONS,
    REQUEST_OTHER
};

struct request {
    enum request_method method;
    struct span path;  /* as sent, percent-encoded, before any '?' */
    struct span query; /* as sent, after the '?'; size 0: none */
    struct span body;
    /* A file with all of the body but its last bytes, which are in `body`; and
     * how much it has. Whoever takes the file clears the flag. */
    bool has_body_file;
    int body_file;
    uint64_t body_file_size;
    uint64_t start_ns; /* CLOCK_MONOTONIC when the body was complete */
    bool is_grpc;      /* a method's path and one message; see struct reply */
    uint64_t deadline_ms; /* the client's, CLOCK_MONOTONIC; 0: none */
    struct arena arena;   /* freed after release() */
    /* The value of a header or NULL; valid until release(). Name without
     * regard to case. Only inside the functions of struct handler. */
    const char *(*header)(const struct request *request, const char *name);
    void *call; /* api's state of this request; NULL at first */
};

/* Whether start() answered, or the rest must run on the executor because it
 * may take long. */
enum handler_step { HANDLER_DONE, HANDLER_DEFER };

/* Where the body of a request goes whose headers have come. */
enum handler_body {
    HANDLER_BODY_MEMORY,
    HANDLER_BODY_FILE,   /* request->body_file: at most *ret_size_max bytes */
    HANDLER_BODY_LATER,  /* begin() alone: admit() says it */
    HANDLER_BODY_REFUSED /* the reply is there; the body is dropped */
};

/* Why wire cannot hand a request over; api words the reply. */
enum refusal {
    REFUSAL_BODY_SIZE,    /* past the body limit */
    REFUSAL_BUSY,         /* too many requests in flight */
    REFUSAL_BODY_MEMORY,  /* memory, or all bodies together past their limit */
    REFUSAL_MEMORY,       /* no memory for the reply */
    REFUSAL_REPLY_MEMORY, /* all replies together past their limit */
    REFUSAL_FRAMING,      /* headers that leave open where the body ends */
    REFUSAL_MESSAGE,      /* gRPC: the body is not one whole message */
    REFUSAL_ENCODING,     /* gRPC: compressed by what we do not know */
    REFUSAL_HEADERS,      /* gRPC: headers past their limit */
    REFUSAL_FILE_SIZE,    /* a body that goes into a file, past its limit */
    REFUSAL_BODY_FILE     /* its file cannot be written: limit is errno */
};

/* The functions that wire calls; main connects them to api. begin() is called
 * for what is not gRPC, before start(), and is short; where it has to wait it
 * lets admit() answer, on an executor thread, before the body. start() runs on
 * the loop and must be short, or on an executor thread; after HANDLER_DEFER,
 * finish() runs once on an executor thread. release() runs once for each
 * request that begin() or start() saw, before its arena is freed, on the loop. */
struct handler {
    void *ctx;
    enum handler_body (*begin)(void *ctx, struct request *request,
                               struct reply *reply, uint64_t *ret_size_max);
    enum handler_body (*admit)(void *ctx, struct request *request,
                               struct reply *reply, uint64_t *ret_size_max);
    enum handler_step (*start)(void *ctx, struct request *request,
                               struct reply *reply);
    void (*finish)(void *ctx, struct request *request, struct reply *reply);
    void (*release)(void *ctx, struct request *request);
    /* size: the body's size when known, else 0; limit: what it passed. */
    void (*refuse)(void *ctx, enum refusal refusal, uint64_t size,
                   uint64_t limit, struct reply *reply);
};

#endif /* ENGINE_API_REQUEST_H */
