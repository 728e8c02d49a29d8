/* SPDX-License-Identifier: Apache-2.0
 * Reading and writing the wire format of protocol buffers. */
#include "engine/codec/protobuf.h"

#include <assert.h>
#include <string.h>

#define VARINT_SIZE_MAX PROTOBUF_VARINT_SIZE_MAX
#define NUMBER_MAX      ((1u << 29) - 1)

void
protobuf_reader_init(struct protobuf_reader *reader, struct span message)
{
    *reader = (struct protobuf_reader){ .rest = message };
}

/* Several bytes, or none. */
static __attribute__((noinline)) bool
read_long_varint(struct protobuf_reader *reader, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_SIZE_MAX && i < reader->rest.size; i++) {
        unsigned char byte = (unsigned char)reader->rest.data[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte >= 0x80)
            continue;
        reader->rest.data += i + 1;
        reader->rest.size -= i + 1;
        *ret_value = value;
        return true;
    }
    reader->is_bad = true;
    return false;
}

/* Most are of one byte. */
static inline bool
read_varint(struct protobuf_reader *reader, uint64_t *ret_value)
{
    if (reader->rest.size == 0 || (unsigned char)*reader->rest.data >= 0x80)
        return read_long_varint(reader, ret_value);
    *ret_value = (unsigned char)*reader->rest.data;
    reader->rest.data++;
    reader->rest.size--;
    return true;
}

/* Little endian, whatever the machine. */
static bool
read_fixed(struct protobuf_reader *reader, size_t size, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (reader->rest.size < size) {
        reader->is_bad = true;
        return false;
    }
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)(unsigned char)reader->rest.data[i] << (8 * i);
    reader->rest.data += size;
    reader->rest.size -= size;
    *ret_value = value;
    return true;
}

static bool
read_bytes(struct protobuf_reader *reader, struct span *ret_bytes)
{
    uint64_t size = 0;
    if (!read_varint(reader, &size))
        return false;
    if (size > reader->rest.size) {
        reader->is_bad = true;
        return false;
    }
    *ret_bytes = (struct span){ reader->rest.data, (size_t)size };
    reader->rest.data += size;
    reader->rest.size -= (size_t)size;
    return true;
}

bool
protobuf_next(struct protobuf_reader *reader, struct protobuf_field *ret_field)
{
    uint64_t tag = 0;
    if (reader->rest.size == 0 || reader->is_bad || !read_varint(reader, &tag))
        return false;
    *ret_field = (struct protobuf_field){ .wire = (enum protobuf_wire)(tag & 7),
                                          .number = (uint32_t)(tag >> 3) };
    if (tag >> 3 == 0 || tag >> 3 > NUMBER_MAX) {
        reader->is_bad = true;
        return false;
    }
    switch (ret_field->wire) {
    case PROTOBUF_VARINT:
        return read_varint(reader, &ret_field->value);
    case PROTOBUF_I64:
        return read_fixed(reader, 8, &ret_field->value);
    case PROTOBUF_I32:
        return read_fixed(reader, 4, &ret_field->value);
    case PROTOBUF_LEN:
        return read_bytes(reader, &ret_field->bytes);
    }
    reader->is_bad = true;
    return false;
}

bool
protobuf_next_packed(struct protobuf_reader *reader, enum protobuf_wire wire,
                     uint64_t *ret_value)
{
    if (reader->rest.size == 0 || reader->is_bad)
        return false;
    switch (wire) {
    case PROTOBUF_VARINT:
        return read_varint(reader, ret_value);
    case PROTOBUF_I64:
        return read_fixed(reader, 8, ret_value);
    case PROTOBUF_I32:
        return read_fixed(reader, 4, ret_value);
    case PROTOBUF_LEN:
        break;
    }
    assert(!"messages and texts are never packed");
    return false;
}

float
protobuf_float(uint64_t value)
{
    uint32_t bits = (uint32_t)value;
    float number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

double
protobuf_double(uint64_t value)
{
    double number;
    memcpy(&number, &value, sizeof(number));
    return number;
}

/* ---- writing ---- */

size_t
protobuf_varint(unsigned char text[PROTOBUF_VARINT_SIZE_MAX], uint64_t value)
{
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        text[size++] = (unsigned char)(value | 0x80);
    text[size++] = (unsigned char)value;
    return size;
}

static void
put_varint(struct bytes *out, uint64_t value)
{
    unsigned char text[VARINT_SIZE_MAX];
    bytes_add(out, text, protobuf_varint(text, value));
}

static void
put_tag(struct bytes *out, uint32_t number, enum protobuf_wire wire)
{
    assert(number > 0 && number <= NUMBER_MAX);
    put_varint(out, (uint64_t)number << 3 | wire);
}

void
protobuf_put_u64(struct bytes *out, uint32_t number, uint64_t value)
{
    put_tag(out, number, PROTOBUF_VARINT);
    put_varint(out, value);
}

void
protobuf_put_double(struct bytes *out, uint32_t number, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put_tag(out, number, PROTOBUF_I64);
    bytes_add_u64(out, bits);
}

void
protobuf_put_float(struct bytes *out, uint32_t number, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    put_tag(out, number, PROTOBUF_I32);
    bytes_add_u32(out, bits);
}

void
protobuf_put_bytes(struct bytes *out, uint32_t number, struct span value)
{
    put_tag(out, number, PROTOBUF_LEN);
    put_varint(out, value.size);
    bytes_add_span(out, value);
}

void
protobuf_put_text(struct bytes *out, uint32_t number, const char *text)
{
    protobuf_put_bytes(out, number, span_of(text));
}

/* Behind what was reserved. */
static unsigned char *
add_part(unsigned char *at, struct span part)
{
    if (part.size > 0)
        memcpy(at, part.data, part.size);
    return at + part.size;
}

static unsigned char *
add_length(unsigned char *at, uint32_t number, size_t size)
{
    at += protobuf_varint(at, (uint64_t)number << 3 | PROTOBUF_LEN);
    return at + protobuf_varint(at, size);
}

static unsigned char *
room_begin(struct bytes *out, size_t size)
{
    return bytes_reserve(out, size) ? (unsigned char *)out->data + out->size
                                    : NULL;
}

static void
room_end(struct bytes *out, unsigned char *at)
{
    *at = '\0';
    out->size = (size_t)(at - (unsigned char *)out->data);
}

void
protobuf_put_parts(struct bytes *out, uint32_t number, struct span head,
                   struct span body)
{
    size_t size = head.size + body.size;
    unsigned char *at = room_begin(out, size + 2 * VARINT_SIZE_MAX);
    if (at == NULL)
        return;
    at = add_length(at, number, size);
    at = add_part(at, head);
    room_end(out, add_part(at, body));
}

/* The length of a length. */
static size_t
length_size(size_t size)
{
    size_t count = 1;
    for (; size >= 0x80; size >>= 7)
        count++;
    return count;
}

void
protobuf_put_entry(struct bytes *out, uint32_t number, struct span key,
                   struct span head, struct span body)
{
    enum { KEY = 1, VALUE = 2 };
    size_t value = head.size + body.size;
    size_t size =
        2 + length_size(key.size) + key.size + length_size(value) + value;
    unsigned char *at = room_begin(out, size + 2 * VARINT_SIZE_MAX);
    if (at == NULL)
        return;
    at = add_length(at, number, size);
    at = add_length(at, KEY, key.size);
    at = add_part(at, key);
    at = add_length(at, VALUE, value);
    at = add_part(at, head);
    room_end(out, add_part(at, body));
}

void
protobuf_put_floats(struct bytes *out, uint32_t number, const float *values,
                    size_t count)
{
    put_tag(out, number, PROTOBUF_LEN);
    put_varint(out, count * sizeof(*values));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    bytes_add(out, values, count * sizeof(*values));
#else
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof(bits));
        bytes_add_u32(out, bits);
    }
#endif
}

void
protobuf_put_u32s(struct bytes *out, uint32_t number, const uint32_t *values,
                  size_t count)
{
    size_t mark = protobuf_begin(out, number);
    for (size_t i = 0; i < count; i++)
        put_varint(out, values[i]);
    protobuf_end(out, mark);
}

size_t
protobuf_begin(struct bytes *out, uint32_t number)
{
    put_tag(out, number, PROTOBUF_LEN);
    bytes_add_char(out, 0); /* most messages are short: one byte of length */
    return out->size;
}

void
protobuf_end(struct bytes *out, size_t mark)
{
    unsigned char length[VARINT_SIZE_MAX];
    if (bytes_failed(out))
        return;
    assert(mark > 0 && mark <= out->size);
    size_t size = out->size - mark;
    size_t length_size = protobuf_varint(length, size);
    if (length_size > 1) {
        static const char room[VARINT_SIZE_MAX];
        bytes_add(out, room, length_size - 1);
        if (bytes_failed(out))
            return;
        memmove(out->data + mark + length_size - 1, out->data + mark, size);
    }
    memcpy(out->data + mark - 1, length, length_size);
}
