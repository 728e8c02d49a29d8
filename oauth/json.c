/* SPDX-License-Identifier: Apache-2.0
 * Strict JSON for tokens and provider documents. jansson accepts a depth of
 * 2048 and recurses, so depth is counted before it sees the text. */
#include "oauth/json.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define TIME_MAX ((int64_t)1 << 53)

static bool
is_shallow(struct span text)
{
    unsigned depth = 0;
    bool is_string = false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (is_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                is_string = false;
        } else if (c == '"') {
            is_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX)
                return false;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return true;
}

enum oauth_code
json_parse(struct span text, size_t size_max, const char *what,
           json_t **ret_root, struct error *reterr)
{
    json_error_t why;
    if (text.size > size_max)
        return error_set(reterr, OAUTH_EDOCUMENT, "%s is longer than %zu bytes",
                         what, size_max);
    if (text.size == 0)
        return error_set(reterr, OAUTH_EDOCUMENT, "%s is empty", what);
    if (!is_shallow(text))
        return error_set(reterr, OAUTH_EDOCUMENT, "%s is nested too deeply",
                         what);
    json_t *root =
        json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, &why);
    if (root == NULL)
        return error_set(reterr, OAUTH_EDOCUMENT,
                         "%s is no valid JSON (byte %d)", what, why.position);
    if (!json_is_object(root)) {
        json_decref(root);
        return error_set(reterr, OAUTH_EDOCUMENT, "%s is no JSON object", what);
    }
    *ret_root = root;
    return OAUTH_OK;
}

struct span
json_text(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_string(value))
        return (struct span){ NULL, 0 };
    return (struct span){ json_string_value(value), json_string_length(value) };
}

bool
json_time(const json_t *object, const char *name, int64_t *ret_time)
{
    const json_t *value = json_object_get(object, name);
    if (json_is_integer(value)) {
        json_int_t number = json_integer_value(value);
        if (number < 0 || number >= TIME_MAX)
            return false;
        *ret_time = (int64_t)number;
        return true;
    }
    if (!json_is_real(value))
        return false;
    double number = json_real_value(value);
    if (!isfinite(number) || number < 0 || number >= (double)TIME_MAX)
        return false;
    *ret_time = (int64_t)number;
    return true;
}

bool
json_has_text(const json_t *value, struct span text)
{
    if (json_is_string(value)) {
        struct span own = { json_string_value(value),
                            json_string_length(value) };
        return span_equal(own, text);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        if (json_is_string(item) && json_has_text(item, text))
            return true;
    }
    return false;
}

/* Bytes of the UTF-8 sequence at `at`, 0 when it is broken. */
static size_t
utf8_size(struct span text, size_t at)
{
    unsigned char c = (unsigned char)text.data[at];
    size_t size = c < 0x80   ? 1
                  : c < 0xc2 ? 0
                  : c < 0xe0 ? 2
                  : c < 0xf0 ? 3
                  : c < 0xf5 ? 4
                             : 0;
    if (size > text.size - at)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if (((unsigned char)text.data[at + i] & 0xc0) != 0x80)
            return 0;
    }
    if (size < 3)
        return size;
    unsigned char next = (unsigned char)text.data[at + 1];
    bool is_bad = (c == 0xe0 && next < 0xa0) || (c == 0xed && next > 0x9f) ||
                  (c == 0xf0 && next < 0x90) || (c == 0xf4 && next > 0x8f);
    return is_bad ? 0 : size;
}

void
json_add_text(struct bytes *out, struct span text)
{
    size_t at = 0;
    bytes_add_char(out, '"');
    while (at < text.size) {
        unsigned char c = (unsigned char)text.data[at];
        size_t size = utf8_size(text, at);
        if (size == 0) {
            bytes_add_text(out, "\xef\xbf\xbd");
            at++;
        } else if (c < 0x20 || c == 0x7f || c == '<' || c == '>' || c == '&') {
            bytes_addf(out, "\\u%04x", (unsigned)c);
            at++;
        } else {
            if (c == '"' || c == '\\')
                bytes_add_char(out, '\\');
            bytes_add(out, text.data + at, size);
            at += size;
        }
    }
    bytes_add_char(out, '"');
}
