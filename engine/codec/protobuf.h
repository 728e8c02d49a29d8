/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CODEC_PROTOBUF_H
#define ENGINE_CODEC_PROTOBUF_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The wire format of protocol buffers (protobuf.dev, "Encoding"): fields of a
 * number, a wire type and a value. What they mean is the caller's affair. */

enum protobuf_wire {
    PROTOBUF_VARINT = 0,
    PROTOBUF_I64 = 1,
    PROTOBUF_LEN = 2,
    PROTOBUF_I32 = 5
};

/* ---- reading ---- */

struct protobuf_field {
    uint32_t number;
    enum protobuf_wire wire;
    uint64_t value;    /* VARINT, I64, I32 */
    struct span bytes; /* LEN: borrowed from the message */
};

struct protobuf_reader {
    struct span rest;
    bool is_bad; /* the message is malformed */
};

void protobuf_reader_init(struct protobuf_reader *reader, struct span message);

/* The next field. False: at the end, or is_bad. Groups are malformed. */
bool protobuf_next(struct protobuf_reader *reader,
                   struct protobuf_field *ret_field)
    __attribute__((warn_unused_result));

/* One value of a packed field. False as above. */
bool protobuf_next_packed(struct protobuf_reader *reader,
                          enum protobuf_wire wire, uint64_t *ret_value)
    __attribute__((warn_unused_result));

/* The value of a field as its type. */
float protobuf_float(uint64_t value);
double protobuf_double(uint64_t value);

/* Takes what comes next if it is the field `number`, below 16, with at most
 * 16,383 bytes: the quick way for what is in its usual place. False: nothing is
 * taken, and protobuf_next() has the say. */
static inline bool
protobuf_take_bytes(struct protobuf_reader *reader, uint32_t number,
                    struct span *ret_bytes)
{
    const char *at = reader->rest.data;
    size_t left = reader->rest.size, head = 2;
    if (left < head || (unsigned char)at[0] != (number << 3 | PROTOBUF_LEN))
        return false;
    size_t size = (unsigned char)at[1];
    if (size >= 0x80) {
        if (left < ++head || (unsigned char)at[2] >= 0x80)
            return false;
        size = (size & 0x7f) | (size_t)(unsigned char)at[2] << 7;
    }
    if (size > left - head)
        return false;
    *ret_bytes = (struct span){ at + head, size };
    reader->rest = (struct span){ at + head + size, left - head - size };
    return true;
}

/* ---- writing: appends to a bounded buffer, whose failure is sticky ---- */

void protobuf_put_u64(struct bytes *out, uint32_t number, uint64_t value);
void protobuf_put_double(struct bytes *out, uint32_t number, double value);
void protobuf_put_float(struct bytes *out, uint32_t number, float value);
void protobuf_put_bytes(struct bytes *out, uint32_t number, struct span value);
void protobuf_put_text(struct bytes *out, uint32_t number, const char *text);

/* At most so many bytes are a varint. */
#define PROTOBUF_VARINT_SIZE_MAX 10

/* The bytes of a varint; how many. */
size_t protobuf_varint(unsigned char text[PROTOBUF_VARINT_SIZE_MAX],
                       uint64_t value);

/* A field whose bytes come in two parts. */
void protobuf_put_parts(struct bytes *out, uint32_t number, struct span head,
                        struct span body);

/* An entry of a map: {key 1, value 2}, the value's bytes in two parts. */
void protobuf_put_entry(struct bytes *out, uint32_t number, struct span key,
                        struct span head, struct span body);

/* Packed repeated values. */
void protobuf_put_floats(struct bytes *out, uint32_t number,
                         const float *values, size_t count);
void protobuf_put_u32s(struct bytes *out, uint32_t number,
                       const uint32_t *values, size_t count);

/* A message as a field: what is put between the two belongs to it. */
size_t protobuf_begin(struct bytes *out, uint32_t number)
    __attribute__((warn_unused_result));
void protobuf_end(struct bytes *out, size_t mark);

#endif /* ENGINE_CODEC_PROTOBUF_H */
