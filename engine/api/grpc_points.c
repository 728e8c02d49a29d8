/* SPDX-License-Identifier: Apache-2.0
 * Points straight from the message into commands: floats are copied once, into
 * the arena, payloads become text. What is unusual (another kind of vector, a
 * condition, anything wrong) goes the way of all other messages, which knows
 * the texts: this one only says that it cannot.
 * Recursion: put_value -> put_nested, at most VALUE_DEPTH_MAX deep. */
#include "engine/api/grpc.h"
#include "engine/codec/json_unique.h"
#include "engine/codec/protobuf.h"
#include "engine/codec/utf8.h"
#include "engine/kernel/kernel.h"

#include <math.h>
#include <string.h>

#define VALUE_DEPTH_MAX 50 /* objects and lists in a payload */
#define KEYS_ROOM_MIN   64

/* The numbers of update.proto, vector.proto and value.proto. */
enum {
    UPSERT_COLLECTION = 1,
    UPSERT_WAIT = 2,
    UPSERT_POINTS = 3,
    UPSERT_ORDERING = 4,
    UPSERT_TIMEOUT = 7,
    POINT_ID = 1,
    POINT_VECTORS_OF_UPDATE = 2,
    POINT_PAYLOAD = 3,
    POINT_VECTORS = 4,
    ID_NUM = 1,
    ID_UUID = 2,
    VECTORS_ONE = 1,
    VECTORS_NAMED = 2,
    NAMED_ENTRY = 1,
    ENTRY_KEY = 1,
    ENTRY_VALUE = 2,
    VECTOR_DATA = 1,
    VECTOR_FORM_DENSE = 101,
    VALUE_NULL = 1,
    VALUE_DOUBLE = 2,
    VALUE_INTEGER = 3,
    VALUE_STRING = 4,
    VALUE_BOOL = 5,
    VALUE_STRUCT = 6,
    VALUE_LIST = 7
};

struct scan {
    struct arena *arena;
    struct bytes text; /* of the payload that is being read */
    struct json_writer writer;
    struct span *keys; /* of the objects that are open, the inner ones last */
    size_t keys_count, keys_room;
};

/* ---- payloads ---- */

static bool put_value(struct scan *scan, struct span value, unsigned depth);

/* False: memory is out. */
static bool
keys_push(struct scan *scan, struct span key)
{
    if (scan->keys_count == scan->keys_room) {
        size_t room =
            scan->keys_room == 0 ? KEYS_ROOM_MIN : 2 * scan->keys_room;
        struct span *keys = arena_alloc(scan->arena, room * sizeof(*keys));
        if (keys == NULL)
            return false;
        if (scan->keys_count > 0)
            memcpy(keys, scan->keys, scan->keys_count * sizeof(*keys));
        scan->keys = keys;
        scan->keys_room = room;
    }
    scan->keys[scan->keys_count++] = key;
    return true;
}

/* At the end of the object whose keys are those behind the first `outer`. A key
 * that came twice is for the way of all other messages. */
static bool
keys_pop(struct scan *scan, size_t outer)
{
    size_t count = scan->keys_count - outer;
    scan->keys_count = outer;
    return count < 2 || json_keys_differ(scan->keys + outer, count);
}

/* map<string, Value> entry: key and value in this order or with defaults. */
static bool
put_entry(struct scan *scan, struct span entry, unsigned depth)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    struct span key = { "", 0 }, value = { NULL, 0 };
    protobuf_reader_init(&reader, entry);
    if (protobuf_take_bytes(&reader, ENTRY_KEY, &key))
        (void)protobuf_take_bytes(&reader, ENTRY_VALUE, &value);
    while (reader.rest.size > 0 && protobuf_next(&reader, &field)) {
        if (field.wire != PROTOBUF_LEN || field.number > ENTRY_VALUE)
            return false;
        if (field.number == ENTRY_KEY)
            key = field.bytes;
        else
            value = field.bytes;
    }
    if (reader.is_bad || !utf8_is_valid(key) || !keys_push(scan, key))
        return false;
    json_key_span(&scan->writer, key);
    return put_value(scan, value, depth);
}

/* Struct { fields 1 }, ListValue { values 1 } */
static bool
put_nested(struct scan *scan, const struct protobuf_field *nested,
           unsigned depth)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    size_t outer = scan->keys_count;
    bool is_object = nested->number == VALUE_STRUCT, is_well = true;
    if (depth >= VALUE_DEPTH_MAX)
        return false;
    protobuf_reader_init(&reader, nested->bytes);
    if (is_object)
        json_object_begin(&scan->writer);
    else
        json_array_begin(&scan->writer);
    while (is_well && protobuf_next(&reader, &field)) {
        if (field.number != 1 || field.wire != PROTOBUF_LEN)
            return false;
        is_well = is_object ? put_entry(scan, field.bytes, depth + 1)
                            : put_value(scan, field.bytes, depth + 1);
    }
    if (is_object)
        json_object_end(&scan->writer);
    else
        json_array_end(&scan->writer);
    return is_well && !reader.is_bad && keys_pop(scan, outer);
}

static bool
put_value(struct scan *scan, struct span value, unsigned depth)
{
    static const enum protobuf_wire wires[] = {
        [VALUE_NULL] = PROTOBUF_VARINT,    [VALUE_DOUBLE] = PROTOBUF_I64,
        [VALUE_INTEGER] = PROTOBUF_VARINT, [VALUE_STRING] = PROTOBUF_LEN,
        [VALUE_BOOL] = PROTOBUF_VARINT,    [VALUE_STRUCT] = PROTOBUF_LEN,
        [VALUE_LIST] = PROTOBUF_LEN,
    };
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, value);
    if (protobuf_take_bytes(&reader, VALUE_STRING, &field.bytes)) {
        json_text_span(&scan->writer, field.bytes);
        return reader.rest.size == 0 && utf8_is_valid(field.bytes);
    }
    if (!protobuf_next(&reader, &field) || reader.rest.size > 0 ||
        field.number > VALUE_LIST || field.wire != wires[field.number])
        return false;
    switch (field.number) {
    case VALUE_NULL:
        json_null(&scan->writer);
        return true;
    case VALUE_DOUBLE:
        json_f64(&scan->writer, protobuf_double(field.value));
        return isfinite(protobuf_double(field.value));
    case VALUE_INTEGER:
        json_i64(&scan->writer, (int64_t)field.value);
        return true;
    case VALUE_STRING:
        json_text_span(&scan->writer, field.bytes);
        return utf8_is_valid(field.bytes);
    case VALUE_BOOL:
        json_bool(&scan->writer, field.value != 0);
        return true;
    default:
        return put_nested(scan, &field, depth);
    }
}

/* ---- points ---- */

static bool
scan_id(struct span message, struct point_id *id)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, message);
    if (!protobuf_next(&reader, &field) || reader.rest.size > 0)
        return false;
    *id = (struct point_id){ .number = field.value };
    if (field.number == ID_NUM)
        return field.wire == PROTOBUF_VARINT;
    return field.number == ID_UUID && field.wire == PROTOBUF_LEN &&
           point_id_from_uuid(field.bytes, id);
}

/* The packed numbers of one dense vector, the only field of its message. */
static bool
scan_floats(struct scan *scan, struct span packed, struct named_vector *vector)
{
    size_t dim = packed.size / sizeof(float);
    if (dim == 0 || dim > COMMAND_DIM_MAX || packed.size % sizeof(float) != 0)
        return false;
    float *values = arena_alloc(scan->arena, packed.size);
    if (values == NULL)
        return false;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(values, packed.data, packed.size);
#else
    struct protobuf_reader reader;
    uint64_t bits;
    protobuf_reader_init(&reader, packed);
    for (size_t i = 0; protobuf_next_packed(&reader, PROTOBUF_I32, &bits); i++)
        values[i] = protobuf_float(bits);
#endif
    vector->kind = VECTOR_DENSE;
    vector->values = values;
    vector->dim = dim;
    vector->rows = 1;
    return kernel_is_finite(values, dim);
}

/* Vector: data 1 alone, or dense 101 { data 1 }. */
static bool
scan_vector(struct scan *scan, struct span message, struct named_vector *vector)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, message);
    if (!protobuf_next(&reader, &field) || reader.rest.size > 0 ||
        field.wire != PROTOBUF_LEN)
        return false;
    if (field.number == VECTOR_DATA)
        return scan_floats(scan, field.bytes, vector);
    if (field.number != VECTOR_FORM_DENSE)
        return false;
    protobuf_reader_init(&reader, field.bytes);
    return protobuf_next(&reader, &field) && reader.rest.size == 0 &&
           field.wire == PROTOBUF_LEN && field.number == 1 &&
           scan_floats(scan, field.bytes, vector);
}

static bool
scan_named(struct scan *scan, struct span map, struct point *point)
{
    struct protobuf_reader reader, parts;
    struct protobuf_field field, part;
    size_t count = 0;
    protobuf_reader_init(&reader, map);
    while (protobuf_next(&reader, &field))
        count++;
    if (reader.is_bad || count == 0 || count > CONFIG_VECTORS_MAX)
        return false;
    struct named_vector *vectors =
        arena_calloc(scan->arena, count, sizeof(*vectors));
    if (vectors == NULL)
        return false;
    point->vectors = vectors;
    protobuf_reader_init(&reader, map);
    while (protobuf_next(&reader, &field)) {
        struct named_vector *vector = &vectors[point->vectors_count++];
        bool has_values = false;
        vector->name = (struct span){ "", 0 };
        if (field.number != NAMED_ENTRY || field.wire != PROTOBUF_LEN)
            return false;
        protobuf_reader_init(&parts, field.bytes);
        while (protobuf_next(&parts, &part)) {
            if (part.wire != PROTOBUF_LEN || part.number > ENTRY_VALUE)
                return false;
            if (part.number == ENTRY_KEY)
                vector->name = part.bytes;
            else
                has_values = scan_vector(scan, part.bytes, vector);
        }
        if (!has_values || parts.is_bad || !utf8_is_valid(vector->name))
            return false;
    }
    return true;
}

static bool
scan_vectors(struct scan *scan, struct span message, struct point *point)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    protobuf_reader_init(&reader, message);
    if (!protobuf_next(&reader, &field) || reader.rest.size > 0 ||
        field.wire != PROTOBUF_LEN || point->vectors != NULL)
        return false;
    if (field.number == VECTORS_NAMED)
        return scan_named(scan, field.bytes, point);
    if (field.number != VECTORS_ONE)
        return false;
    struct named_vector *vector = arena_calloc(scan->arena, 1, sizeof(*vector));
    if (vector == NULL)
        return false;
    vector->name = (struct span){ "", 0 };
    point->vectors = vector;
    point->vectors_count = 1;
    return scan_vector(scan, field.bytes, vector);
}

/* PointStruct, or the PointVectors of an update. */
static bool
scan_point(struct scan *scan, struct span message, bool is_update,
           struct point *point)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    uint32_t vectors = is_update ? POINT_VECTORS_OF_UPDATE : POINT_VECTORS;
    bool is_well = true, has_id = false;
    scan->text.size = 0;
    scan->keys_count = 0;
    json_writer_init(&scan->writer, &scan->text);
    protobuf_reader_init(&reader, message);
    while (is_well && protobuf_next(&reader, &field)) {
        if (field.wire != PROTOBUF_LEN)
            return false;
        if (field.number == POINT_ID) {
            is_well = scan_id(field.bytes, &point->id);
            has_id = true;
        } else if (field.number == vectors) {
            is_well = scan_vectors(scan, field.bytes, point);
        } else if (field.number == POINT_PAYLOAD && !is_update) {
            if (scan->text.size == 0)
                json_object_begin(&scan->writer);
            is_well = put_entry(scan, field.bytes, 0);
        } else {
            is_well = false;
        }
    }
    if (!is_well || reader.is_bad || !has_id || point->vectors == NULL)
        return false;
    if (scan->text.size == 0)
        return true;
    json_object_end(&scan->writer);
    if (bytes_failed(&scan->text) || !keys_pop(scan, 0))
        return false;
    point->payload = arena_span(scan->arena, bytes_span(&scan->text));
    return point->payload.data != NULL;
}

static bool
scan_message(struct call *call, struct scan *scan, bool is_update,
             struct update *update)
{
    struct protobuf_reader reader;
    struct protobuf_field field;
    struct point *points;
    size_t count = 0;
    protobuf_reader_init(&reader, call->request->body);
    while (protobuf_next(&reader, &field)) {
        bool is_text = field.wire == PROTOBUF_LEN;
        count += field.number == UPSERT_POINTS;
        switch (field.number) {
        case UPSERT_COLLECTION:
        case UPSERT_POINTS:
        case UPSERT_ORDERING:
            if (!is_text)
                return false;
            break;
        case UPSERT_WAIT:
            call->query.has_wait = true;
            call->query.wait = field.value != 0;
            break;
        case UPSERT_TIMEOUT:
            call->query.timeout_s = field.value;
            if (field.value == 0)
                return false;
            break;
        default:
            return false;
        }
    }
    if (reader.is_bad || count == 0 || count > COMMAND_POINTS_MAX)
        return false;
    points = arena_calloc(scan->arena, count, sizeof(*points));
    if (points == NULL)
        return false;
    update->points = points;
    protobuf_reader_init(&reader, call->request->body);
    while (protobuf_next(&reader, &field)) {
        if (field.number == UPSERT_POINTS &&
            !scan_point(scan, field.bytes, is_update,
                        &points[update->points_count++]))
            return false;
    }
    return true;
}

static bool
points_scan(struct call *call, enum update_kind kind)
{
    struct update *update =
        arena_calloc(&call->request->arena, 1, sizeof(*update));
    struct scan scan = { .arena = &call->scanned };
    if (update == NULL)
        return false;
    update->kind = kind;
    bytes_init(&scan.text, COMMAND_PAYLOAD_SIZE_MAX);
    bool is_read = scan_message(call, &scan, kind == UPDATE_VECTORS, update);
    bytes_release(&scan.text);
    if (!is_read) {
        arena_release(&call->scanned);
        call->query = (struct url_query){ 0 };
        return false;
    }
    call->command = update;
    return true;
}

bool
grpc_upsert_scan(struct call *call)
{
    return points_scan(call, UPDATE_UPSERT);
}

bool
grpc_vectors_scan(struct call *call)
{
    return points_scan(call, UPDATE_VECTORS);
}
