/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CODEC_JSON_READER_H
#define ENGINE_CODEC_JSON_READER_H

#include "base/bytes.h"

#include <yyjson.h>

/* Reads many texts, one after another, without allocating for each: for loops
 * over payloads. One thread at a time. */
struct json_reader;

/* NULL when memory is out. */
struct json_reader *json_reader_new(void) __attribute__((warn_unused_result));
void json_reader_free(struct json_reader *reader); /* NULL is allowed */

/* The root of `text`, which json_parse() accepted before; valid until the next
 * call. NULL when size is 0, when memory is out or the text is damaged. */
yyjson_val *json_reader_root(struct json_reader *reader, struct span text);

/* The compact text of `text`, which may be anything: false when it is no JSON,
 * json_is_unique() is not sure of it, or memory is out. *ret_text is valid until
 * the next call of the reader. */
bool json_reader_compact(struct json_reader *reader, struct span text,
                         struct span *ret_text)
    __attribute__((warn_unused_result));

/* A document of its own, for texts that are needed together; NULL in the same
 * cases. The caller frees it. Any thread. */
yyjson_doc *json_text_read(struct span text)
    __attribute__((warn_unused_result));

#endif /* ENGINE_CODEC_JSON_READER_H */
