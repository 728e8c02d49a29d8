/* SPDX-License-Identifier: Apache-2.0
 * JSON -> `Value`, the message of payloads: integers stay integers, others
 * doubles. Recursion: as deep as the JSON, at most JSON_DEPTH_MAX. */
#include "engine/api/grpc_json.h"

#include "engine/api/grpc_json_numbers.h"
#include "engine/codec/protobuf.h"

static void
put_list(yyjson_val *list, struct bytes *out)
{
    size_t i, count;
    yyjson_val *item;
    size_t list_mark = protobuf_begin(out, VALUE_LIST);
    yyjson_arr_foreach(list, i, count, item)
    {
        size_t mark = protobuf_begin(out, LIST_VALUES);
        grpc_value_write(item, out);
        protobuf_end(out, mark);
    }
    protobuf_end(out, list_mark);
}

/* Integers past the range of the field are doubles, as other readers of JSON
 * take them. */
static void
put_number(yyjson_val *value, struct bytes *out)
{
    if (yyjson_is_sint(value))
        protobuf_put_u64(out, VALUE_INTEGER, (uint64_t)yyjson_get_sint(value));
    else if (yyjson_is_uint(value) && yyjson_get_uint(value) <= INT64_MAX)
        protobuf_put_u64(out, VALUE_INTEGER, yyjson_get_uint(value));
    else
        protobuf_put_double(out, VALUE_DOUBLE, yyjson_get_num(value));
}

void
grpc_value_write(yyjson_val *value, struct bytes *out)
{
    if (yyjson_is_str(value)) {
        protobuf_put_bytes(out, VALUE_STRING, json_span(value));
    } else if (yyjson_is_num(value)) {
        put_number(value, out);
    } else if (yyjson_is_bool(value)) {
        protobuf_put_u64(out, VALUE_BOOL, yyjson_get_bool(value));
    } else if (yyjson_is_arr(value)) {
        put_list(value, out);
    } else if (yyjson_is_obj(value)) {
        size_t mark = protobuf_begin(out, VALUE_STRUCT);
        grpc_payload_write(value, STRUCT_FIELDS, out);
        protobuf_end(out, mark);
    } else {
        protobuf_put_u64(out, VALUE_NULL, 0);
    }
}

void
grpc_payload_write(yyjson_val *object, uint32_t number, struct bytes *out)
{
    size_t i, count;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, i, count, key, value)
    {
        size_t entry = protobuf_begin(out, number);
        protobuf_put_bytes(out, ENTRY_KEY, json_span(key));
        size_t mark = protobuf_begin(out, ENTRY_VALUE);
        grpc_value_write(value, out);
        protobuf_end(out, mark);
        protobuf_end(out, entry);
    }
}
