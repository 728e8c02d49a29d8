/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_CODEC_JSON_SCAN_H
#define ENGINE_CODEC_JSON_SCAN_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#include <yyjson.h>

/* Reads JSON in place, without a document, for bodies that are known to be of
 * one shape and mostly numbers. Each function takes what comes next if it is
 * well-formed and as plain as it says. After a false the scan is over, and
 * json_parse() of the whole text has the say: a scan words no errors. */
struct json_scan {
    const char *at; /* what comes next */
    const char *end;
};

struct json_scan json_scan_of(struct span text);

/* White space and then `c`. If something else comes the place stays, and the
 * scan may go on. */
bool json_scan_take(struct json_scan *scan, char c);

/* As json_scan_take() for null. */
bool json_scan_take_null(struct json_scan *scan);

/* The first byte of what comes after white space, or NUL at the end. */
char json_scan_next(struct json_scan *scan);

/* Whether nothing but white space is left. */
bool json_scan_is_over(struct json_scan *scan);

/* A string of printable ASCII without escapes; *ret_text is inside the text. */
bool json_scan_text(struct json_scan *scan, struct span *ret_text)
    __attribute__((warn_unused_result));

/* As json_scan_text() for a member's name, and the colon after it. */
bool json_scan_name(struct json_scan *scan, struct span *ret_name)
    __attribute__((warn_unused_result));

/* An unsigned integer below 10^19. */
bool json_scan_uint(struct json_scan *scan, uint64_t *ret_value)
    __attribute__((warn_unused_result));

/* A list of 1 to `room` numbers: json_floats_read(). */
bool json_scan_floats(struct json_scan *scan, float *values, size_t room,
                      size_t *ret_count) __attribute__((warn_unused_result));

/* Any string as it stands between its quotes; *ret_is_escaped: what it means is
 * told by json_scan_unescape(). That it is UTF-8 without control characters is
 * not looked at. */
bool json_scan_string(struct json_scan *scan, struct span *ret_raw,
                      bool *ret_is_escaped) __attribute__((warn_unused_result));

/* What a string of json_scan_string() means, appended to `out`. */
bool json_scan_unescape(struct span raw, struct bytes *out)
    __attribute__((warn_unused_result));

/* A number, as json_parse() has it. */
bool json_scan_number(struct json_scan *scan, yyjson_val *ret_number)
    __attribute__((warn_unused_result));

/* White space and then true, false or null, into *ret_word. */
bool json_scan_word(struct json_scan *scan, yyjson_val *ret_word)
    __attribute__((warn_unused_result));

/* A value that is no list, passed over; of a number or word only the end is
 * found. Objects are as in json_scan_object(). */
bool json_scan_skip(struct json_scan *scan, size_t depth_max)
    __attribute__((warn_unused_result));

/* An object as it stands in the text. Only its end is found, and that it is
 * not nested deeper than depth_max: whether it is JSON, its reader says. */
bool json_scan_object(struct json_scan *scan, size_t depth_max,
                      struct span *ret_text)
    __attribute__((warn_unused_result));

#endif /* ENGINE_CODEC_JSON_SCAN_H */
