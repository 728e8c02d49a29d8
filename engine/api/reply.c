/* SPDX-License-Identifier: Apache-2.0
 * The answer to one request: status, headers, and a body in memory or in a
 * file. */
#include "engine/api/reply.h"

#include <assert.h>
#include <unistd.h>

void
reply_init(struct reply *reply)
{
    *reply = (struct reply){ .status = 200, .file = -1 };
    bytes_init(&reply->body, REPLY_BODY_SIZE_MAX);
}

void
reply_init_grpc(struct reply *reply)
{
    reply_init(reply);
    reply->is_grpc = true;
}

void
reply_release(struct reply *reply)
{
    bytes_release(&reply->body);
    if (reply->file >= 0)
        close(reply->file);
    reply->file = -1;
}

void
reply_reset(struct reply *reply)
{
    bool is_grpc = reply->is_grpc;
    reply_release(reply);
    reply_init(reply);
    reply->is_grpc = is_grpc;
}

void
reply_header_add(struct reply *reply, const char *name, const char *value)
{
    assert(reply->headers_count < REPLY_HEADERS_MAX);
    assert(name != NULL && value != NULL);
    reply->headers[reply->headers_count++] =
        (struct reply_header){ name, value };
}
