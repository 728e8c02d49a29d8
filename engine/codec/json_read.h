/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CODEC_JSON_READ_H
#define ENGINE_CODEC_JSON_READ_H

#include "base/bytes.h"
#include "engine/error.h"

#include <yyjson.h>

/* JSON into yyjson's immutable values. Rooms left of codec read values by
 * yyjson's own accessors (they are inline and hot); parsing, its limits and
 * its error texts are only here. */

/* Deepest nesting of arrays and objects that is accepted anywhere. */
#define JSON_DEPTH_MAX 128

/* Parses `text` (strict RFC 8259, UTF-8). The document owns copies of all
 * strings; free it by yyjson_doc_free().
 * ENGINE_EFORMAT  text names what is wrong and ends "at line L column C"
 *                 (both 1-based), or names JSON_DEPTH_MAX.
 * ENGINE_ENOMEM   memory is out. Any thread. */
enum engine_code json_parse(struct span text, yyjson_doc **ret_doc,
                            struct error *reterr)
    __attribute__((warn_unused_result));

/* Compact text of `value`, appended to `out`. */
enum engine_code json_value_text(yyjson_val *value, struct bytes *out,
                                 struct error *reterr)
    __attribute__((warn_unused_result));

/* A string value as a span; size 0 and data NULL when it is no string. */
struct span json_span(yyjson_val *value);

#endif /* ENGINE_CODEC_JSON_READ_H */
