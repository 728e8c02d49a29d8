/* SPDX-License-Identifier: Apache-2.0
 * The answers of HTTP/1.1: whole ones by the daemon, refusals, and what is
 * written past it where it takes none. */
#include "engine/wire/http1_exchange.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

void
http1_exchange_refuse(struct exchange *exchange, enum refusal refusal,
                      uint64_t limit)
{
    const struct handler *handler = &exchange->loop->wire->options.handler;
    uint64_t size = exchange->declared_size > exchange->received_size
                        ? exchange->declared_size
                        : exchange->received_size;
    reply_reset(&exchange->reply);
    handler->refuse(handler->ctx, refusal, size, limit, &exchange->reply);
    exchange->state = EXCHANGE_DISCARD;
    http1_exchange_drop_body(exchange);
}

static struct MHD_Response *
response_of(struct reply *reply)
{
    struct MHD_Response *response;
    if (reply->file >= 0) {
        response = MHD_create_response_from_fd64(reply->file_size, reply->file);
        if (response != NULL)
            reply->file = -1; /* the response owns it now */
        return response;
    }
    size_t size = reply->body.size;
    char *data = bytes_take(&reply->body);
    if (data == NULL)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    response =
        MHD_create_response_from_buffer_with_free_callback(size, data, free);
    if (response == NULL)
        free(data);
    return response;
}

static void
reply_refuse(struct exchange *exchange, enum refusal refusal, uint64_t limit)
{
    const struct handler *handler = &exchange->loop->wire->options.handler;
    uint64_t size = exchange->reply.body.size;
    reply_reset(&exchange->reply);
    handler->refuse(handler->ctx, refusal, size, limit, &exchange->reply);
}

static void
reply_charge(struct exchange *exchange)
{
    struct wire *wire = exchange->loop->wire;
    uint64_t size = exchange->reply.body.size;
    if (bytes_failed(&exchange->reply.body))
        reply_refuse(exchange, REFUSAL_MEMORY, REPLY_BODY_SIZE_MAX);
    else if (!charge_reply(&exchange->charge, wire, size))
        reply_refuse(exchange, REFUSAL_REPLY_MEMORY,
                     wire->options.replies_size_max);
}

enum MHD_Result
http1_exchange_answer(struct exchange *exchange)
{
    struct wire *wire = exchange->loop->wire;
    struct reply *reply = &exchange->reply;
    reply_charge(exchange);
    assert(reply->status >= 200 && reply->status <= 599);
    uint64_t size = reply->file >= 0 ? reply->file_size : reply->body.size;
    struct MHD_Response *response = response_of(reply);
    if (response == NULL)
        return MHD_NO;
    MHD_add_response_header(response, "Server", wire->options.server);
    if (reply->content_type != NULL)
        MHD_add_response_header(response, "Content-Type", reply->content_type);
    for (unsigned i = 0; i < reply->headers_count; i++)
        MHD_add_response_header(response, reply->headers[i].name,
                                reply->headers[i].value);
    if (exchange->is_last || exchange->loop->is_draining)
        MHD_add_response_header(response, "Connection", "close");
    exchange->state = EXCHANGE_ANSWERED;
    http1_connection_enter(exchange->connection, CONNECTION_REPLY, size);
    enum MHD_Result result =
        MHD_queue_response(exchange->mhd, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    http1_exchange_forget_request(exchange);
    return result;
}

/* A body without end: the daemon takes no answer in the middle of one, so it
 * is written past it, and the connection ends. */
enum MHD_Result
http1_exchange_abort(struct exchange *exchange)
{
    struct reply *reply = &exchange->reply;
    char head[256];
    int size = snprintf(head, sizeof(head),
                        "HTTP/1.1 %d Error\r\nContent-Type: %s\r\n"
                        "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                        reply->status,
                        reply->content_type != NULL ? reply->content_type
                                                    : "text/plain",
                        reply->body.size);
    if (size > 0 && (size_t)size < sizeof(head) &&
        send(exchange->connection->fd, head, (size_t)size,
             MSG_NOSIGNAL | MSG_DONTWAIT) == size &&
        send(exchange->connection->fd, reply->body.data, reply->body.size,
             MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        return MHD_NO;
    shutdown(exchange->connection->fd, SHUT_WR);
    return MHD_NO;
}
