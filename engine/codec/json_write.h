/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CODEC_JSON_WRITE_H
#define ENGINE_CODEC_JSON_WRITE_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes JSON text straight into a bounded buffer. Commas are placed by the
 * writer; the caller keeps begin and end balanced. Failure is sticky in `out`
 * (bytes_failed). Not thread safe. */
struct json_writer {
    struct bytes *out; /* borrowed */
    bool has_item;     /* the open array or object has an item already */
};

/* `out` must outlive the writer. */
void json_writer_init(struct json_writer *writer, struct bytes *out);

void json_object_begin(struct json_writer *writer);
void json_object_end(struct json_writer *writer);
void json_array_begin(struct json_writer *writer);
void json_array_end(struct json_writer *writer);

/* A member's name; the value is written next. */
void json_key(struct json_writer *writer, const char *key);
void json_key_span(struct json_writer *writer, struct span key);

void json_null(struct json_writer *writer);
void json_bool(struct json_writer *writer, bool value);
void json_u64(struct json_writer *writer, uint64_t value);
void json_i64(struct json_writer *writer, int64_t value);

/* Shortest decimal that reads back as the same value; NaN and infinities,
 * which JSON cannot hold, become null. */
void json_f32(struct json_writer *writer, float value);
void json_f64(struct json_writer *writer, double value);

/* UTF-8 text, escaped as RFC 8259 section 7 asks. */
void json_text(struct json_writer *writer, const char *text);
void json_text_span(struct json_writer *writer, struct span text);

/* One whole value that is JSON text already. */
void json_raw(struct json_writer *writer, struct span json);

#endif /* ENGINE_CODEC_JSON_WRITE_H */
