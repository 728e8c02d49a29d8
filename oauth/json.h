/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_JSON_H
#define OAUTH_JSON_H

#include "base/arena.h"
#include "base/bytes.h"
#include "oauth/error.h"

#include <jansson.h>
#include <stdint.h>

/* Strict JSON over jansson: what two readers could understand in two ways is
 * refused. */

#define JSON_DEPTH_MAX 16

/* Parses one object.
 *   size_max  longer texts are refused before they are looked at
 *   what      names the document in the error text
 *   ret_root  owned by the caller, json_decref()
 * OAUTH_EDOCUMENT  too long, deeper than JSON_DEPTH_MAX, no object, a member
 * twice, invalid UTF-8, NUL, bytes behind the end, a number out of range. */
enum oauth_code json_parse(struct span text, size_t size_max, const char *what,
                           json_t **ret_root, struct error *reterr)
    __attribute__((warn_unused_result));

/* The member's text, borrowed from `object`; NULL data when it is absent or
 * no string. */
struct span json_text(const json_t *object, const char *name);

/* Reads a NumericDate (RFC 7519 section 2): 0 <= value < 2^53, fractions cut.
 * False when absent or anything else. */
bool json_time(const json_t *object, const char *name, int64_t *ret_time)
    __attribute__((warn_unused_result));

/* Whether `value` is the string `text`, or an array with it. */
bool json_has_text(const json_t *value, struct span text);

/* Appends `text` as a JSON string with its quotes; bytes that are no UTF-8
 * become U+FFFD. */
void json_add_text(struct bytes *out, struct span text);

#endif /* OAUTH_JSON_H */
