/* SPDX-License-Identifier: Apache-2.0
 * What the wire refuses before there is a call: its answer, in the words of the
 * protocol, counted like others. */
#include "engine/api/call.h"

#include <errno.h>
#include <string.h>

/* What was too much, and its limit. */
static void
refused_size(enum refusal refusal, bool is_grpc, uint64_t size, uint64_t limit,
             struct error *reterr)
{
    unsigned long long is = size, may = limit;
    if (refusal == REFUSAL_BODY_SIZE && is_grpc)
        error_set(reterr, ENGINE_ELIMIT,
                  "the message (%llu bytes) is larger than allowed (limit: "
                  "%llu bytes, service.max_request_size_mb)",
                  is, may);
    else if (refusal == REFUSAL_BODY_SIZE)
        error_set(reterr, ENGINE_EREQUEST,
                  "JSON payload (%llu bytes) is larger than allowed (limit: "
                  "%llu bytes).",
                  is, may);
    else if (refusal == REFUSAL_FILE_SIZE)
        error_set(reterr, ENGINE_ELIMIT,
                  "the upload (%llu bytes) is larger than allowed (limit: "
                  "%llu bytes, storage.snapshots_config.max_file_size_mb)",
                  is, may);
    else
        error_set(reterr, ENGINE_ELIMIT,
                  "the metadata take %llu bytes, at most %llu are allowed", is,
                  may);
}

/* What all requests together may take. */
static void
refused_load(enum refusal refusal, uint64_t limit, struct error *reterr)
{
    unsigned long long may = limit;
    if (refusal == REFUSAL_BUSY)
        error_set(reterr, ENGINE_EUNAVAILABLE,
                  "more than %llu requests are being served (limit: "
                  "service.max_in_flight)",
                  may);
    else if (refusal == REFUSAL_BODY_MEMORY)
        error_set(reterr, ENGINE_EUNAVAILABLE,
                  "all request bodies together are larger than %llu bytes",
                  may);
    else
        error_set(reterr, ENGINE_EUNAVAILABLE,
                  "all answers that clients still read are together larger "
                  "than %llu bytes",
                  may);
}

void
api_refuse(void *ctx, enum refusal refusal, uint64_t size, uint64_t limit,
           struct reply *reply)
{
    struct api *api = ctx;
    struct error error = { .text = "" };
    switch (refusal) {
    case REFUSAL_BODY_SIZE:
    case REFUSAL_FILE_SIZE:
    case REFUSAL_HEADERS:
        refused_size(refusal, reply->is_grpc, size, limit, &error);
        break;
    case REFUSAL_BUSY:
    case REFUSAL_BODY_MEMORY:
    case REFUSAL_REPLY_MEMORY:
        refused_load(refusal, limit, &error);
        break;
    case REFUSAL_BODY_FILE:
        error_set(&error, limit == ENOSPC ? ENGINE_ENOSPACE : ENGINE_EINTERNAL,
                  "the upload cannot be stored: %s", strerror((int)limit));
        break;
    case REFUSAL_MEMORY:
        error_memory(&error);
        break;
    case REFUSAL_FRAMING:
        error_set(&error, ENGINE_EREQUEST,
                  "the headers leave open where the request ends: one "
                  "Content-Length, or in HTTP/1.1 one Transfer-Encoding: "
                  "chunked, one Host, no space in a name and no control "
                  "character in a value are allowed");
        break;
    case REFUSAL_MESSAGE:
        error_set(&error, ENGINE_EREQUEST,
                  "the request is not one whole gRPC message");
        break;
    case REFUSAL_ENCODING:
        error_set(&error, ENGINE_EUNSUPPORTED,
                  "the message is compressed by something else than gzip");
        break;
    }
    status_error(reply, &error, 0.0);
    metrics_observe(
        api->options.metrics,
        &(struct metrics_event){
            .endpoint = reply->is_grpc ? api->other_method : api->other_route,
            .status = reply->is_grpc ? reply->grpc_status : reply->status });
}
