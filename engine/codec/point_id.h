/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CODEC_POINT_ID_H
#define ENGINE_CODEC_POINT_ID_H

#include "base/bytes.h"
#include "engine/codec/json_read.h"
#include "engine/codec/json_write.h"

#include <stdbool.h>
#include <stdint.h>

/* A point's external id: a u64 or a UUID. All numbers, ascending, come before
 * all UUIDs in byte order; point_id_key() bytes sort the same way. */
struct point_id {
    bool is_uuid;
    uint64_t number;  /* 0 for a UUID */
    uint8_t uuid[16]; /* zero for a number */
};

/* Size of an encoded id: one kind byte and 8 or 16 big-endian bytes. */
#define POINT_ID_KEY_SIZE_MAX 17

/* <0, 0, >0 as a sorts before, with or after b. */
int point_id_compare(const struct point_id *a, const struct point_id *b);

/* Well-mixed hash for tables. */
uint64_t point_id_hash(const struct point_id *id);

/* Writes the sortable key; returns its size (9 or 17). */
size_t point_id_key(const struct point_id *id,
                    uint8_t key[POINT_ID_KEY_SIZE_MAX]);

/* Reads a key written by point_id_key(); false when it is malformed. */
bool point_id_from_key(struct span key, struct point_id *ret_id);

/* An id in a JSON body: a number 0..2^64-1, or a string that holds a UUID in
 * hyphenated, simple, urn or braced form.
 * ENGINE_EFORMAT  with Qdrant's text. */
enum engine_code point_id_from_json(yyjson_val *value, struct point_id *ret_id,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* The UUID in the text of a JSON string, in the same forms; false: none. */
bool point_id_from_uuid(struct span text, struct point_id *ret_id);

/* An id in a URL path: as in JSON, and a digit string is a number.
 * ENGINE_EINPUT  with Qdrant's text. */
enum engine_code point_id_from_path(struct span text, struct point_id *ret_id,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* A number, or a hyphenated lower-case UUID string. */
void point_id_write(struct json_writer *writer, const struct point_id *id);

/* As point_id_write() for messages: without quotes, NUL-terminated. */
#define POINT_ID_TEXT_SIZE 37
void point_id_text(const struct point_id *id, char text[POINT_ID_TEXT_SIZE]);

#endif /* ENGINE_CODEC_POINT_ID_H */
