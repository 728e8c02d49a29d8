/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_REPLY_H
#define ENGINE_API_REPLY_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

/* What api fills and wire sends. */

#define REPLY_BODY_SIZE_MAX ((size_t)1 << 30) /* answers are bounded too */
#define REPLY_HEADERS_MAX   16

/* Both strings outlive the request: static, configuration, or its arena. */
struct reply_header {
    const char *name;
    const char *value;
};

/* Of a gRPC reply, `status` is what REST would have answered, and the body is
 * the message; unless grpc_status is not 0: then it is the text of the error. */
struct reply {
    int status;
    bool is_grpc;
    int grpc_status;
    struct bytes body;
    const char *content_type; /* NULL: none; lives as the headers do */
    struct reply_header headers[REPLY_HEADERS_MAX];
    unsigned headers_count;
    int file; /* -1, or a descriptor that the reply owns: sent as the body */
    uint64_t file_size;
};

/* An empty 200. */
void reply_init(struct reply *reply);

/* An empty OK of gRPC. */
void reply_init_grpc(struct reply *reply);

/* Frees body and file. */
void reply_release(struct reply *reply);

/* Drops what was written so far, for another answer of the same kind. */
void reply_reset(struct reply *reply);

/* Adds one header; at most REPLY_HEADERS_MAX (asserted). */
void reply_header_add(struct reply *reply, const char *name, const char *value);

#endif /* ENGINE_API_REPLY_H */
