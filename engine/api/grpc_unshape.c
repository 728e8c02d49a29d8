/* SPDX-License-Identifier: Apache-2.0
 * JSON of REST answers -> protocol buffers, for answers that are small: what a
 * collection is, lists of names. The other direction of grpc_json.c and
 * grpc_shape.c. Recursion: as deep as our messages. */
#include "engine/api/grpc_json.h"

#include "engine/codec/protobuf.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static bool
is(const struct schema_message *type, const char *name)
{
    return strcmp(type->name, name) == 0;
}

/* {type: "keyword", ...} is keyword_index_params, and so on. */
static bool
is_index_type(const struct schema_field *field, yyjson_val *value)
{
    struct span type = json_span(yyjson_obj_get(value, "type"));
    return type.size > 0 && strncmp(field->name, type.data, type.size) == 0 &&
           field->name[type.size] == '_';
}

/* The member of `value` that a field of `type` is made from; NULL: none. */
static yyjson_val *
member_of(const struct schema_message *type, const struct schema_field *field,
          yyjson_val *value)
{
    static const char *const wraps[] = { "qdrant.VectorParamsMap",
                                         "qdrant.SparseVectorConfig",
                                         "qdrant.VectorParamsDiffMap",
                                         "qdrant.StrictModeMultivectorConfig",
                                         "qdrant.StrictModeSparseConfig" };
    for (size_t i = 0; i < sizeof(wraps) / sizeof(wraps[0]); i++) {
        if (is(type, wraps[i]))
            return value;
    }
    if (is(type, "qdrant.VectorsConfig")) {
        bool is_one = yyjson_is_num(yyjson_obj_get(value, "size"));
        return is_one == (field->number == 1) ? value : NULL;
    }
    if (is(type, "qdrant.PayloadIndexParams"))
        return is_index_type(field, value) ? value : NULL;
    if (is(type, "qdrant.StemmingAlgorithm")) {
        bool is_none = yyjson_equals_str(yyjson_obj_get(value, "type"), "none");
        return is_none == (field->number == 2) ? value : NULL;
    }
    if (is(type, "qdrant.StopwordsSet") && !yyjson_is_obj(value))
        return field->number == 1 ? value : NULL;
    if (is(type, "qdrant.CollectionParams") && field->number == 5)
        return yyjson_obj_get(value, "vectors");
    if (is(type, "qdrant.CollectionParams") && field->number == 10)
        return yyjson_obj_get(value, "sparse_vectors");
    if (is(type, "qdrant.CreateSnapshotResponse") ||
        is(type, "qdrant.ListSnapshotsResponse"))
        return field->number == 1 ? yyjson_obj_get(value, "result") : NULL;
    if (is(type, "qdrant.QuantizationConfig") &&
        strcmp(field->name, "turboquant") == 0)
        return yyjson_obj_get(value, "turbo");
    return yyjson_obj_get(value, field->name);
}

/* False: no such word. */
static bool
word_number(const struct schema_enum *values, yyjson_val *value,
            uint32_t *ret_number)
{
    for (size_t i = 0; i < values->values_count; i++) {
        if (yyjson_equals_str(value, values->values[i].word)) {
            *ret_number = values->values[i].number;
            return true;
        }
    }
    return false;
}

static void
write_scalar(const struct schema_field *field, yyjson_val *value,
             struct bytes *out)
{
    uint32_t number = 0;
    bool is_number = yyjson_is_num(value);
    switch (field->type) {
    case SCHEMA_DOUBLE:
        if (is_number)
            protobuf_put_double(out, field->number, yyjson_get_num(value));
        break;
    case SCHEMA_FLOAT:
        if (is_number)
            protobuf_put_float(out, field->number,
                               (float)yyjson_get_num(value));
        break;
    case SCHEMA_INT64:
    case SCHEMA_INT32:
    case SCHEMA_UINT64:
    case SCHEMA_UINT32:
        if (yyjson_is_int(value))
            protobuf_put_u64(out, field->number, yyjson_get_uint(value));
        else if (is_number && yyjson_get_num(value) >= 0.0)
            protobuf_put_u64(out, field->number,
                             (uint64_t)yyjson_get_num(value));
        break;
    case SCHEMA_BOOL:
        if (yyjson_is_bool(value))
            protobuf_put_u64(out, field->number, yyjson_get_bool(value));
        break;
    case SCHEMA_ENUM:
        if (word_number(field->values, value, &number))
            protobuf_put_u64(out, field->number, number);
        break;
    case SCHEMA_STRING:
        if (yyjson_is_str(value))
            protobuf_put_bytes(out, field->number, json_span(value));
        break;
    case SCHEMA_BYTES:
    case SCHEMA_MESSAGE:
        break;
    }
}

/* PointId and FacetValue: whatever field has the value's type. */
static bool
write_scalar_choice(const struct schema_message *type, yyjson_val *value,
                    struct bytes *out)
{
    if (!is(type, "qdrant.PointId") && !is(type, "qdrant.FacetValue"))
        return false;
    for (size_t i = 0; i < type->fields_count; i++) {
        const struct schema_field *field = &type->fields[i];
        if ((field->type == SCHEMA_STRING && yyjson_is_str(value)) ||
            (field->type == SCHEMA_BOOL && yyjson_is_bool(value)) ||
            ((field->type == SCHEMA_UINT64 || field->type == SCHEMA_INT64) &&
             yyjson_is_int(value)))
            write_scalar(field, value, out);
    }
    return true;
}

/* google.protobuf.Timestamp of "2026-11-28T20:50:00", UTC. */
static bool
write_time(const struct schema_message *type, yyjson_val *value,
           struct bytes *out)
{
    struct tm when = { .tm_sec = 0 };
    if (!is(type, "google.protobuf.Timestamp"))
        return false;
    if (yyjson_is_str(value) &&
        sscanf(yyjson_get_str(value), "%4d-%2d-%2dT%2d:%2d:%2d", &when.tm_year,
               &when.tm_mon, &when.tm_mday, &when.tm_hour, &when.tm_min,
               &when.tm_sec) == 6) {
        when.tm_year -= 1900;
        when.tm_mon -= 1;
        time_t seconds = timegm(&when);
        protobuf_put_u64(out, 1, seconds > 0 ? (uint64_t)seconds : 0);
    }
    return true;
}

/* A word or a number in the place of a message is one of its fields: "ok" the
 * flag of that name, "auto" the setting, 4 the value. */
static void
write_alternative(const struct schema_message *type, yyjson_val *value,
                  struct bytes *out)
{
    uint32_t number;
    for (size_t i = 0; i < type->fields_count; i++) {
        const struct schema_field *field = &type->fields[i];
        if (field->type == SCHEMA_BOOL &&
            yyjson_equals_str(value, field->name)) {
            protobuf_put_u64(out, field->number, 1);
            return;
        }
        if (field->type == SCHEMA_ENUM &&
            word_number(field->values, value, &number)) {
            protobuf_put_u64(out, field->number, number);
            return;
        }
        if (field->type == SCHEMA_UINT64 && yyjson_is_int(value)) {
            write_scalar(field, value, out);
            return;
        }
    }
}

static void write_field(const struct schema_field *field, yyjson_val *value,
                        struct bytes *out);

/* A map's entries, by the members of an object. */
static void
write_map(const struct schema_field *field, yyjson_val *object,
          struct bytes *out)
{
    const struct schema_field *of_value = schema_field_find(field->message, 2);
    size_t i, count;
    yyjson_val *key, *value;
    if (of_value->type == SCHEMA_MESSAGE &&
        is(of_value->message, "qdrant.Value")) {
        grpc_payload_write(object, field->number, out);
        return;
    }
    yyjson_obj_foreach(object, i, count, key, value)
    {
        size_t mark = protobuf_begin(out, field->number);
        protobuf_put_bytes(out, 1, json_span(key));
        write_field(of_value, value, out);
        protobuf_end(out, mark);
    }
}

static void
write_field(const struct schema_field *field, yyjson_val *value,
            struct bytes *out)
{
    if (field->type != SCHEMA_MESSAGE) {
        write_scalar(field, value, out);
        return;
    }
    size_t mark = protobuf_begin(out, field->number);
    if (is(field->message, "qdrant.Value"))
        grpc_value_write(value, out);
    else
        grpc_json_write(field->message, value, out);
    protobuf_end(out, mark);
}

void
grpc_json_write(const struct schema_message *type, yyjson_val *value,
                struct bytes *out)
{
    if (write_scalar_choice(type, value, out) || write_time(type, value, out))
        return;
    if (yyjson_is_str(value) && !is(type, "qdrant.StopwordsSet")) {
        write_alternative(type, value, out);
        return;
    }
    if (yyjson_is_num(value)) {
        write_alternative(type, value, out);
        return;
    }
    for (size_t i = 0; i < type->fields_count; i++) {
        const struct schema_field *field = &type->fields[i];
        yyjson_val *member = member_of(type, field, value);
        size_t index, count;
        yyjson_val *item;
        if (member == NULL || yyjson_is_null(member))
            continue;
        if (field->is_repeated && field->type == SCHEMA_MESSAGE &&
            field->message->is_map)
            write_map(field, member, out);
        else if (field->is_repeated && yyjson_is_arr(member))
            yyjson_arr_foreach(member, index, count, item)
                write_field(field, item, out);
        else if (!yyjson_is_false(member) || field->type != SCHEMA_MESSAGE ||
                 is(field->message, "qdrant.FacetValue"))
            write_field(field, member, out);
    }
}
