/* SPDX-License-Identifier: Apache-2.0
 * Stored payloads -> `Value` messages, from text to bytes without a document in
 * between: most of what an answer with payloads takes. The text was accepted by
 * json_parse() once; what is unusual or damaged is left to grpc_value.c, whose
 * bytes are the same.
 * Recursion: put_nested -> put_members, put_items, at most JSON_DEPTH_MAX. */
#include "engine/api/grpc_json.h"

#include "engine/api/grpc_json_numbers.h"
#include "engine/codec/json_scan.h"
#include "engine/codec/protobuf.h"

#include <string.h>

struct walk {
    struct json_scan scan;
    struct bytes *out;
    struct bytes plain; /* of the last string that had escapes */
};

/* A value that is neither object nor list: tag and number or length, and what
 * follows that in a string. */
struct scalar {
    unsigned char bytes[1 + PROTOBUF_VARINT_SIZE_MAX];
    size_t size;
    struct span body;
};

static struct span
scalar_head(const struct scalar *scalar)
{
    return (struct span){ (const char *)scalar->bytes, scalar->size };
}

static void
scalar_set(struct scalar *scalar, unsigned number, uint64_t value)
{
    unsigned wire = number == VALUE_STRING ? PROTOBUF_LEN : PROTOBUF_VARINT;
    scalar->bytes[0] = (unsigned char)(number << 3 | wire);
    scalar->size = 1 + protobuf_varint(scalar->bytes + 1, value);
}

static void
scalar_set_double(struct scalar *scalar, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    scalar->bytes[0] = (unsigned char)(VALUE_DOUBLE << 3 | PROTOBUF_I64);
    for (size_t i = 0; i < sizeof(bits); i++, bits >>= 8)
        scalar->bytes[1 + i] = (unsigned char)bits;
    scalar->size = 1 + sizeof(bits);
}

static bool
string_read(struct walk *walk, struct scalar *scalar)
{
    bool is_escaped;
    if (!json_scan_string(&walk->scan, &scalar->body, &is_escaped))
        return false;
    if (is_escaped) {
        walk->plain.size = 0;
        if (!json_scan_unescape(scalar->body, &walk->plain))
            return false;
        scalar->body = bytes_span(&walk->plain);
    }
    scalar_set(scalar, VALUE_STRING, scalar->body.size);
    return true;
}

/* As put_number() of grpc_value.c. */
static void
number_set(struct scalar *scalar, yyjson_val *value)
{
    if (yyjson_is_sint(value))
        scalar_set(scalar, VALUE_INTEGER, (uint64_t)yyjson_get_sint(value));
    else if (yyjson_is_uint(value) && yyjson_get_uint(value) <= INT64_MAX)
        scalar_set(scalar, VALUE_INTEGER, yyjson_get_uint(value));
    else
        scalar_set_double(scalar, yyjson_get_num(value));
}

static bool
scalar_read(struct walk *walk, char first, struct scalar *scalar)
{
    yyjson_val value;
    scalar->body = (struct span){ NULL, 0 };
    if (first == '"')
        return string_read(walk, scalar);
    if (first == '-' || (first >= '0' && first <= '9')) {
        if (!json_scan_number(&walk->scan, &value))
            return false;
        number_set(scalar, &value);
        return true;
    }
    if (!json_scan_word(&walk->scan, &value))
        return false;
    scalar_set(scalar, yyjson_is_null(&value) ? VALUE_NULL : VALUE_BOOL,
               yyjson_is_true(&value));
    return true;
}

static bool put_nested(struct walk *walk, char first, unsigned depth);

/* Whether the container goes on; false with *ret_is_well false: damaged. */
static bool
goes_on(struct walk *walk, char end, bool *ret_is_well)
{
    if (json_scan_take(&walk->scan, ','))
        return true;
    *ret_is_well = json_scan_take(&walk->scan, end);
    return false;
}

/* The members of an object, its bracket being behind. */
static bool
put_members(struct walk *walk, uint32_t number, unsigned depth)
{
    bool is_well = true;
    if (json_scan_take(&walk->scan, '}'))
        return true;
    do {
        struct span key;
        struct scalar scalar;
        bool is_escaped;
        if (!json_scan_string(&walk->scan, &key, &is_escaped) || is_escaped ||
            !json_scan_take(&walk->scan, ':'))
            return false;
        char first = json_scan_next(&walk->scan);
        if (first == '{' || first == '[') {
            size_t entry = protobuf_begin(walk->out, number);
            protobuf_put_bytes(walk->out, ENTRY_KEY, key);
            size_t mark = protobuf_begin(walk->out, ENTRY_VALUE);
            if (!put_nested(walk, first, depth))
                return false;
            protobuf_end(walk->out, mark);
            protobuf_end(walk->out, entry);
        } else {
            if (!scalar_read(walk, first, &scalar))
                return false;
            protobuf_put_entry(walk->out, number, key, scalar_head(&scalar),
                               scalar.body);
        }
    } while (goes_on(walk, '}', &is_well));
    return is_well;
}

static bool
put_items(struct walk *walk, unsigned depth)
{
    bool is_well = true;
    if (json_scan_take(&walk->scan, ']'))
        return true;
    do {
        struct scalar scalar;
        char first = json_scan_next(&walk->scan);
        if (first == '{' || first == '[') {
            size_t mark = protobuf_begin(walk->out, LIST_VALUES);
            if (!put_nested(walk, first, depth))
                return false;
            protobuf_end(walk->out, mark);
        } else {
            if (!scalar_read(walk, first, &scalar))
                return false;
            protobuf_put_parts(walk->out, LIST_VALUES, scalar_head(&scalar),
                               scalar.body);
        }
    } while (goes_on(walk, ']', &is_well));
    return is_well;
}

static bool
put_nested(struct walk *walk, char first, unsigned depth)
{
    bool is_object = first == '{';
    if (depth >= JSON_DEPTH_MAX || !json_scan_take(&walk->scan, first))
        return false;
    size_t mark =
        protobuf_begin(walk->out, is_object ? VALUE_STRUCT : VALUE_LIST);
    bool is_well = is_object ? put_members(walk, STRUCT_FIELDS, depth + 1)
                             : put_items(walk, depth + 1);
    if (is_well)
        protobuf_end(walk->out, mark);
    return is_well;
}

bool
grpc_payload_text(struct span text, uint32_t number, struct bytes *out)
{
    struct walk walk = { .scan = json_scan_of(text), .out = out };
    size_t before = out->size;
    bytes_init(&walk.plain, text.size + 1);
    bool is_well = json_scan_take(&walk.scan, '{') &&
                   put_members(&walk, number, 1) &&
                   json_scan_is_over(&walk.scan);
    bytes_release(&walk.plain);
    if (!is_well && !bytes_failed(out))
        out->size = before;
    return is_well;
}
