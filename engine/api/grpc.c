/* SPDX-License-Identifier: Apache-2.0
 * gRPC calls over the routes of REST: find the method, turn its message into
 * the body that the route's parser reads, and its result into a message. */
#include "engine/api/grpc.h"

#include "engine/api/grpc_json.h"
#include "engine/codec/protobuf.h"
#include "engine/codec/utf8.h"

#include <assert.h>
#include <string.h>

/* A document takes about so many times the bytes of its message: the smallest
 * value, an id, is 4 bytes there and three JSON values of 24 here. */
#define DOC_SIZE_FACTOR 24

static const struct grpc_method *
method_find(struct span path)
{
    for (size_t i = 0; i < grpc_methods_count; i++) {
        if (span_equal_text(path, grpc_methods[i].path))
            return &grpc_methods[i];
    }
    return NULL;
}

const struct route *
grpc_route(const struct grpc_method *method)
{
    for (size_t i = 0; i < api_routes_count; i++) {
        if (api_routes[i].method == method->method &&
            strcmp(api_routes[i].pattern, method->pattern) == 0)
            return &api_routes[i];
    }
    assert(!"a method without a route");
    return NULL;
}

struct span
grpc_string_of(struct span message, uint32_t number)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    struct span value = { "", 0 };
    protobuf_reader_init(&reader, message);
    while (protobuf_next(&reader, &field)) {
        if (field.number == number && field.wire == PROTOBUF_LEN &&
            field.bytes.size > 0)
            value = field.bytes;
    }
    return value;
}

bool
grpc_find(struct call *call)
{
    const struct request *request = call->request;
    call->grpc = method_find(request->path);
    if (call->grpc == NULL)
        return false;
    call->route = grpc_route(call->grpc);
    /* Who may do this depends on the collection, which a message names in its
     * first field; nothing else in it is looked at before that is known. */
    call->params[0] = grpc_string_of(request->body, 1);
    if (!utf8_is_valid(call->params[0]))
        call->params[0] = (struct span){ "", 0 };
    if (call->grpc->second > 0)
        call->params[1] = grpc_string_of(request->body, call->grpc->second);
    return true;
}

/* What REST has in the query of the address. */
static enum engine_code
query_take(struct call *call, struct error *reterr)
{
    yyjson_val *factor = yyjson_obj_get(call->body, "read_consistency");
    yyjson_val *wait = yyjson_obj_get(call->body, "wait");
    yyjson_val *timeout = yyjson_obj_get(call->body, "timeout");
    if (yyjson_is_bool(wait)) {
        call->query.has_wait = true;
        call->query.wait = yyjson_get_bool(wait);
    }
    if (yyjson_is_uint(timeout))
        call->query.timeout_s = yyjson_get_uint(timeout);
    if (timeout != NULL && call->query.timeout_s == 0)
        return error_set(reterr, ENGINE_EVALID,
                         "[timeout: value 0 invalid, must be 1 or larger]");
    if (yyjson_is_uint(factor) && yyjson_get_uint(factor) == 0)
        return error_set(reterr, ENGINE_EINPUT,
                         "read consistency factor can't be zero");
    return ENGINE_OK;
}

enum engine_code
grpc_prepare(struct call *call, struct error *reterr)
{
    const struct grpc_method *method = call->grpc;
    struct span message = call->request->body;
    if (method->scan != NULL && method->scan(call))
        return ENGINE_OK;
    if ((method->flags & GRPC_RAW) != 0)
        return ENGINE_OK;
    const struct schema_message *type =
        grpc_schema_message(call->api->schema, method->request);
    assert(type != NULL);
    enum engine_code code =
        call_take_memory(call, message.size * DOC_SIZE_FACTOR, reterr);
    if (code == ENGINE_OK)
        code = grpc_json_read(type, message, &call->doc, reterr);
    if (code != ENGINE_OK)
        return code;
    call->body = yyjson_doc_get_root(call->doc);
    code = query_take(call, reterr);
    if (code != ENGINE_OK)
        return code;
    return call->route->parse != NULL ? call->route->parse(call, reterr)
                                      : ENGINE_OK;
}

/* Lets the route write its JSON, and that as a message. */
static enum engine_code
json_run(struct call *call, struct error *reterr)
{
    const struct grpc_method *method = call->grpc;
    bool is_whole = (method->flags & GRPC_WHOLE) != 0;
    const struct schema_message *type =
        grpc_schema_message(call->api->schema, method->answer);
    yyjson_doc *doc = NULL;
    struct bytes text;
    assert(type != NULL);
    bytes_init(&text, REPLY_BODY_SIZE_MAX);
    json_writer_init(&call->writer, &text);
    if (!is_whole) {
        json_object_begin(&call->writer);
        json_key(&call->writer, "result");
    }
    enum engine_code code = call->route->run(call, reterr);
    if (code == ENGINE_OK && !is_whole)
        json_object_end(&call->writer);
    if (code == ENGINE_OK && bytes_failed(&text))
        code = error_memory(reterr);
    if (code == ENGINE_OK)
        code = json_parse(bytes_span(&text), &doc, reterr);
    if (code == ENGINE_OK)
        grpc_json_write(type, yyjson_doc_get_root(doc), &call->reply->body);
    yyjson_doc_free(doc);
    bytes_release(&text);
    return code;
}

enum engine_code
grpc_run(struct call *call, struct error *reterr)
{
    const struct grpc_method *method = call->grpc;
    struct bytes *out = &call->reply->body;
    enum engine_code code = method->run != NULL ? method->run(call, reterr)
                                                : json_run(call, reterr);
    if (code != ENGINE_OK)
        return code;
    if (method->time_number > 0)
        protobuf_put_double(out, method->time_number, call_seconds(call));
    if (bytes_failed(out))
        return error_set(reterr, ENGINE_ELIMIT,
                         "the answer is larger than %zu bytes: ask for fewer "
                         "points at once",
                         REPLY_BODY_SIZE_MAX);
    return ENGINE_OK;
}
