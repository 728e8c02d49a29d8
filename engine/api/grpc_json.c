/* SPDX-License-Identifier: Apache-2.0
 * Protocol buffers -> JSON values. Each message becomes an object of its
 * fields, with the defaults of those that cannot be absent; then its shape, if
 * it has one, makes of it what REST has in its place.
 * Recursion: read_message -> read_field, at most GRPC_DEPTH_MAX deep. */
#include "engine/api/grpc_json.h"

#include "engine/codec/protobuf.h"
#include "engine/codec/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 48 /* of one message of ours; asserted */

/* Longer vectors are handed on as they are (rest_vector.h). */
#define LIST_FLOATS_MAX 31u

struct reader {
    yyjson_mut_doc *doc;
    struct error *reterr;
};

static yyjson_mut_val *read_message(const struct reader *reader,
                                    const struct schema_message *type,
                                    struct span message, size_t depth);

static yyjson_mut_val *
bad_message(const struct reader *reader, const struct schema_message *type,
            const char *why)
{
    /* An error that was set deeper inside says more. */
    if (reader->reterr->code == ENGINE_OK)
        error_set(reader->reterr, ENGINE_EINPUT,
                  "failed to decode the message %s: %s", type->name, why);
    return NULL;
}

static yyjson_mut_val *
no_memory(const struct reader *reader)
{
    if (reader->reterr->code == ENGINE_OK)
        error_memory(reader->reterr);
    return NULL;
}

/* Positive integers are unsigned in JSON, whatever their field says. */
static yyjson_mut_val *
integer_make(yyjson_mut_doc *doc, int64_t value)
{
    return value < 0 ? yyjson_mut_sint(doc, value)
                     : yyjson_mut_uint(doc, (uint64_t)value);
}

static yyjson_mut_val *
word_make(yyjson_mut_doc *doc, const struct schema_enum *values,
          uint64_t number)
{
    for (size_t i = 0; i < values->values_count; i++) {
        if (values->values[i].number == number)
            return yyjson_mut_str(doc, values->values[i].word);
    }
    return yyjson_mut_uint(doc, number); /* no reader takes it for a word */
}

/* A number, bool or enum. */
static yyjson_mut_val *
scalar_make(yyjson_mut_doc *doc, const struct schema_field *field,
            uint64_t value)
{
    switch (field->type) {
    case SCHEMA_DOUBLE:
        return yyjson_mut_real(doc, protobuf_double(value));
    case SCHEMA_FLOAT:
        return yyjson_mut_real(doc, (double)protobuf_float(value));
    case SCHEMA_INT64:
    case SCHEMA_INT32:
        return integer_make(doc, (int64_t)value);
    case SCHEMA_UINT64:
        return yyjson_mut_uint(doc, value);
    case SCHEMA_UINT32:
        return yyjson_mut_uint(doc, (uint32_t)value);
    case SCHEMA_BOOL:
        return yyjson_mut_bool(doc, value != 0);
    case SCHEMA_ENUM:
        return word_make(doc, field->values, value);
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
    case SCHEMA_MESSAGE:
        break;
    }
    return NULL;
}

static enum protobuf_wire
wire_of(enum schema_type type)
{
    switch (type) {
    case SCHEMA_DOUBLE:
        return PROTOBUF_I64;
    case SCHEMA_FLOAT:
        return PROTOBUF_I32;
    case SCHEMA_STRING:
    case SCHEMA_BYTES:
    case SCHEMA_MESSAGE:
        return PROTOBUF_LEN;
    case SCHEMA_INT64:
    case SCHEMA_UINT64:
    case SCHEMA_INT32:
    case SCHEMA_BOOL:
    case SCHEMA_UINT32:
    case SCHEMA_ENUM:
        break;
    }
    return PROTOBUF_VARINT;
}

/* All values of a packed field onto `list`. */
static bool
read_packed(const struct reader *reader, const struct schema_field *field,
            struct span bytes, yyjson_mut_val *list)
{
    struct protobuf_reader values;
    uint64_t value;
    protobuf_reader_init(&values, bytes);
    while (protobuf_next_packed(&values, wire_of(field->type), &value)) {
        if (!yyjson_mut_arr_append(list,
                                   scalar_make(reader->doc, field, value)))
            return no_memory(reader) != NULL;
    }
    return !values.is_bad;
}

static yyjson_mut_val *
floats_list(const struct reader *reader, struct span bytes)
{
    size_t count = bytes.size / sizeof(float);
    float *values = malloc(bytes.size + 1);
    if (values == NULL)
        return no_memory(reader);
    if (count > 0)
        memcpy(values, bytes.data, bytes.size);
    yyjson_mut_val *list =
        yyjson_mut_arr_with_float(reader->doc, values, count);
    free(values);
    return list != NULL ? list : no_memory(reader);
}

/* All of a vector's numbers at once; they are most of a query. */
static yyjson_mut_val *
floats_make(const struct reader *reader, const struct schema_message *type,
            struct span bytes)
{
    bool is_long = bytes.size / sizeof(float) > LIST_FLOATS_MAX &&
                   __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ &&
                   strcmp(type->name, "qdrant.DenseVector") == 0;
    if (bytes.size % sizeof(float) != 0)
        return bad_message(reader, type, "invalid wire format");
    if (!is_long)
        return floats_list(reader, bytes);
    yyjson_mut_val *raw = yyjson_mut_rawn(reader->doc, bytes.data, bytes.size);
    return raw != NULL ? raw : no_memory(reader);
}

/* One value as it stands; NULL: an error is set. */
static yyjson_mut_val *
read_value(const struct reader *reader, const struct schema_message *type,
           const struct schema_field *field, const struct protobuf_field *part,
           size_t depth)
{
    yyjson_mut_val *value;
    if (part->wire != wire_of(field->type))
        return bad_message(reader, type, "a field of another type");
    if (field->type == SCHEMA_MESSAGE)
        return read_message(reader, field->message, part->bytes, depth + 1);
    if (field->type == SCHEMA_STRING) {
        if (!utf8_is_valid(part->bytes))
            return bad_message(reader, type,
                               "invalid string value: data is not UTF-8 "
                               "encoded");
        value = yyjson_mut_strn(reader->doc,
                                part->bytes.size > 0 ? part->bytes.data : "",
                                part->bytes.size);
    } else {
        value = scalar_make(reader->doc, field, part->value);
    }
    return value != NULL ? value : no_memory(reader);
}

/* An entry of a map as a member; the later of two wins as in JSON. */
static bool
read_entry(const struct reader *reader, const struct schema_message *entry,
           struct span bytes, yyjson_mut_val *map, size_t depth)
{
    struct protobuf_reader parts;
    struct protobuf_field part;
    yyjson_mut_val *key = NULL, *value = NULL;
    protobuf_reader_init(&parts, bytes);
    while (protobuf_next(&parts, &part)) {
        const struct schema_field *field =
            schema_field_find(entry, part.number);
        if (field == NULL)
            continue;
        yyjson_mut_val *read = read_value(reader, entry, field, &part, depth);
        if (read == NULL)
            return false;
        if (part.number == 1)
            key = read;
        else
            value = read;
    }
    if (parts.is_bad)
        return bad_message(reader, entry, "invalid wire format") != NULL;
    const struct schema_field *of_value = schema_field_find(entry, 2);
    if (key == NULL)
        key = yyjson_mut_str(reader->doc, "");
    if (value == NULL && of_value->type == SCHEMA_MESSAGE)
        value = read_message(reader, of_value->message,
                             (struct span){ NULL, 0 }, depth + 1);
    if (value == NULL && reader->reterr->code != ENGINE_OK)
        return false;
    if (!yyjson_mut_obj_add(map, key, value))
        return no_memory(reader) != NULL;
    return true;
}

/* The list or map of a repeated field, made when it is first needed. */
static bool
read_repeated(const struct reader *reader, const struct schema_message *type,
              const struct schema_field *field,
              const struct protobuf_field *part, yyjson_mut_val **slot,
              size_t depth)
{
    bool is_map = field->type == SCHEMA_MESSAGE && field->message->is_map;
    if (yyjson_mut_is_raw(*slot)) /* more of them come */
        *slot = floats_list(reader, (struct span){ yyjson_mut_get_raw(*slot),
                                                   yyjson_mut_get_len(*slot) });
    if (*slot == NULL && field->type == SCHEMA_FLOAT &&
        part->wire == PROTOBUF_LEN) {
        *slot = floats_make(reader, type, part->bytes);
        return *slot != NULL;
    }
    if (*slot == NULL)
        *slot =
            is_map ? yyjson_mut_obj(reader->doc) : yyjson_mut_arr(reader->doc);
    if (*slot == NULL)
        return no_memory(reader) != NULL;
    if (is_map && part->wire == PROTOBUF_LEN)
        return read_entry(reader, field->message, part->bytes, *slot,
                          depth + 1);
    if (part->wire == PROTOBUF_LEN && wire_of(field->type) != PROTOBUF_LEN)
        return read_packed(reader, field, part->bytes, *slot) ||
               bad_message(reader, type, "invalid wire format") != NULL;
    yyjson_mut_val *value = read_value(reader, type, field, part, depth);
    return value != NULL && yyjson_mut_arr_append(*slot, value);
}

/* What an absent field that cannot be absent means; NULL: nothing. */
static yyjson_mut_val *
default_make(yyjson_mut_doc *doc, const struct schema_field *field)
{
    if (field->is_repeated)
        return field->type == SCHEMA_MESSAGE && field->message->is_map
                   ? yyjson_mut_obj(doc)
                   : yyjson_mut_arr(doc);
    if (field->has_presence)
        return NULL;
    return field->type == SCHEMA_STRING ? yyjson_mut_str(doc, "")
                                        : scalar_make(doc, field, 0);
}

static yyjson_mut_val *
object_make(const struct reader *reader, const struct schema_message *type,
            yyjson_mut_val **slots)
{
    yyjson_mut_val *object = yyjson_mut_obj(reader->doc);
    for (size_t i = 0; i < type->fields_count; i++) {
        const struct schema_field *field = &type->fields[i];
        yyjson_mut_val *value =
            slots[i] != NULL ? slots[i] : default_make(reader->doc, field);
        if (value == NULL)
            continue;
        if (!yyjson_mut_obj_add(
                object, yyjson_mut_str(reader->doc, field->name), value))
            return no_memory(reader);
    }
    return object != NULL ? object : no_memory(reader);
}

static yyjson_mut_val *
read_message(const struct reader *reader, const struct schema_message *type,
             struct span message, size_t depth)
{
    yyjson_mut_val *slots[FIELDS_MAX] = { NULL };
    struct protobuf_reader parts;
    struct protobuf_field part;
    const char *why = "a value is missing";
    assert(type->fields_count <= FIELDS_MAX);
    if (depth > GRPC_DEPTH_MAX)
        return bad_message(reader, type, "nested too deep");
    protobuf_reader_init(&parts, message);
    while (protobuf_next(&parts, &part)) {
        const struct schema_field *field = schema_field_find(type, part.number);
        if (field == NULL)
            continue; /* of a later version */
        yyjson_mut_val **slot = &slots[field - type->fields];
        if (field->is_repeated) {
            if (!read_repeated(reader, type, field, &part, slot, depth))
                return no_memory(reader);
            continue;
        }
        *slot = read_value(reader, type, field, &part, depth);
        if (*slot == NULL)
            return NULL;
    }
    if (parts.is_bad)
        return bad_message(reader, type, "invalid wire format");
    yyjson_mut_val *object = object_make(reader, type, slots);
    if (object == NULL || type->shape == NULL)
        return object;
    yyjson_mut_val *value = type->shape(reader->doc, object, &why);
    return value != NULL ? value : bad_message(reader, type, why);
}

enum engine_code
grpc_json_read(const struct schema_message *type, struct span message,
               yyjson_doc **ret_doc, struct error *reterr)
{
    struct error error = { .code = ENGINE_OK };
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    struct reader reader = { doc, &error };
    if (doc == NULL)
        return error_memory(reterr);
    yyjson_mut_val *root = read_message(&reader, type, message, 0);
    if (root != NULL) {
        yyjson_mut_doc_set_root(doc, root);
        *ret_doc = yyjson_mut_doc_imut_copy(doc, NULL);
        if (*ret_doc == NULL)
            error_memory(&error);
    }
    yyjson_mut_doc_free(doc);
    if (error.code != ENGINE_OK)
        return error_set(reterr, error.code, "%s", error.text);
    return ENGINE_OK;
}
