/* SPDX-License-Identifier: Apache-2.0
 * What the server says about itself over gRPC: version, health, and the
 * descriptors of what it serves (grpc.reflection). */
#include "engine/api/grpc.h"
#include "engine/codec/protobuf.h"

#include <stdio.h>
#include <string.h>

/* The numbers of qdrant.proto, health.proto and reflection.proto. */
enum {
    REPLY_TITLE = 1,
    REPLY_VERSION = 2,
    HEALTH_STATUS = 1,
    HEALTH_SERVING = 1,
    HEALTH_NOT_SERVING = 2,
    ASK_FILE = 3,
    ASK_SYMBOL = 4,
    ASK_EXTENSION = 5,
    ASK_EXTENSIONS = 6,
    ASK_SERVICES = 7,
    ANSWER_REQUEST = 2,
    ANSWER_FILES = 4,
    ANSWER_SERVICES = 6,
    ANSWER_ERROR = 7,
    ERROR_CODE = 1,
    ERROR_TEXT = 2,
    STATUS_NOT_FOUND = 5,
    STATUS_INVALID = 3
};

enum engine_code
grpc_version_run(struct call *call, struct error *reterr)
{
    struct bytes *out = &call->reply->body;
    (void)reterr;
    protobuf_put_text(out, REPLY_TITLE, SERVICE_TITLE);
    protobuf_put_text(out, REPLY_VERSION,
                      call->api->options.config->api_version);
    return ENGINE_OK;
}

enum engine_code
grpc_health_run(struct call *call, struct error *reterr)
{
    (void)reterr;
    protobuf_put_u64(&call->reply->body, HEALTH_STATUS,
                     atomic_load(&call->api->is_ready) ? HEALTH_SERVING
                                                       : HEALTH_NOT_SERVING);
    return ENGINE_OK;
}

/* ---- reflection ---- */

static void
error_write(struct bytes *out, uint64_t status, const char *text)
{
    size_t mark = protobuf_begin(out, ANSWER_ERROR);
    protobuf_put_u64(out, ERROR_CODE, status);
    protobuf_put_text(out, ERROR_TEXT, text);
    protobuf_end(out, mark);
}

/* A file with all that it imports, each after what it needs: those that come
 * before it. Some are more than it needs, which is allowed. */
static void
files_write(const struct grpc_schema *schema, const struct schema_file *file,
            struct bytes *out)
{
    size_t count;
    const struct schema_file *files = grpc_schema_files(schema, &count);
    size_t mark = protobuf_begin(out, ANSWER_FILES);
    protobuf_put_bytes(out, 1, file->descriptor);
    for (const struct schema_file *other = files; other < file; other++) {
        if (span_equal(other->package, file->package) ||
            span_starts(other->package, "google."))
            protobuf_put_bytes(out, 1, other->descriptor);
    }
    protobuf_end(out, mark);
}

static void
file_by_name(const struct grpc_schema *schema, struct span name,
             struct bytes *out)
{
    size_t count;
    const struct schema_file *files = grpc_schema_files(schema, &count);
    for (size_t i = 0; i < count; i++) {
        if (span_equal(files[i].name, name)) {
            files_write(schema, &files[i], out);
            return;
        }
    }
    error_write(out, STATUS_NOT_FOUND, "there is no such file");
}

static void
file_by_symbol(const struct grpc_schema *schema, struct span symbol,
               struct bytes *out)
{
    const struct schema_file *file = grpc_schema_file_of(schema, symbol);
    if (file != NULL)
        files_write(schema, file, out);
    else
        error_write(out, STATUS_NOT_FOUND, "there is no such symbol");
}

static void
services_write(struct bytes *out)
{
    static const char *const names[] = {
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "qdrant.Collections",
        "qdrant.Points",
        "qdrant.Qdrant",
        "qdrant.Snapshots",
    };
    size_t list = protobuf_begin(out, ANSWER_SERVICES);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t mark = protobuf_begin(out, 1);
        protobuf_put_text(out, 1, names[i]);
        protobuf_end(out, mark);
    }
    protobuf_end(out, list);
}

enum engine_code
grpc_reflection_run(struct call *call, struct error *reterr)
{
    const struct grpc_schema *schema = call->api->schema;
    struct bytes *out = &call->reply->body;
    struct protobuf_reader reader;
    struct protobuf_field field, ask = { 0 };
    protobuf_reader_init(&reader, call->request->body);
    while (protobuf_next(&reader, &field)) {
        if (field.number >= ASK_FILE && field.number <= ASK_SERVICES)
            ask = field;
    }
    if (reader.is_bad)
        return error_set(reterr, ENGINE_EINPUT,
                         "failed to decode the message "
                         "ServerReflectionRequest: invalid wire format");
    protobuf_put_bytes(out, ANSWER_REQUEST, call->request->body);
    switch (ask.number) {
    case ASK_FILE:
        file_by_name(schema, ask.bytes, out);
        break;
    case ASK_SYMBOL:
        file_by_symbol(schema, ask.bytes, out);
        break;
    case ASK_SERVICES:
        services_write(out);
        break;
    case ASK_EXTENSION:
    case ASK_EXTENSIONS:
        error_write(out, STATUS_NOT_FOUND, "there are no extensions");
        break;
    default:
        error_write(out, STATUS_INVALID, "nothing is asked");
    }
    return ENGINE_OK;
}
