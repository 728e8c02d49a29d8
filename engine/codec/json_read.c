/* SPDX-License-Identifier: Apache-2.0
 * Parsing of untrusted JSON: position of errors, depth limit. yyjson parses
 * without recursion, so depth is checked after it, also without recursion. */
#include "engine/codec/json_read.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static enum engine_code
parse_error(struct span text, const yyjson_read_err *err, struct error *reterr)
{
    if (err->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return error_memory(reterr);
    size_t line = 1, column = 1;
    for (size_t i = 0; i < err->pos && i < text.size; i++) {
        if (text.data[i] == '\n') {
            line++;
            column = 1;
        } else {
            column++;
        }
    }
    return error_set(reterr, ENGINE_EFORMAT, "%s at line %zu column %zu",
                     err->msg, line, column);
}

#define COUNTED_SIZE_MAX ((size_t)4 << 10)

typedef uint8_t lanes __attribute__((vector_size(16)));

/* Bytes before the first bracket, quote or backslash, or a little less:
 * sixteen at a time, because most of a body is digits. */
static size_t
plain_size(const char *data, size_t size)
{
    size_t at = 0;
    for (; size - at >= sizeof(lanes); at += sizeof(lanes)) {
        lanes text;
        uint64_t halves[2];
        memcpy(&text, data + at, sizeof(text));
        lanes folded = text | 0x20; /* [ and {, ] and } fall together */
        lanes found = (lanes)((folded == '{') | (folded == '}') |
                              (text == '"') | (text == '\\'));
        memcpy(halves, &found, sizeof(halves));
        if ((halves[0] | halves[1]) != 0)
            break;
    }
    return at;
}

/* Opening brackets, those in strings, too. */
static size_t
openings_count(struct span text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += (text.data[i] | 0x20) == '{';
    return count;
}

/* Scans brackets outside strings; the text is already known to be JSON. Most
 * short ones have fewer than it takes, which is found without a branch. */
static bool
is_too_deep(struct span text)
{
    size_t depth = 0;
    bool in_string = false;
    if (text.size <= COUNTED_SIZE_MAX && openings_count(text) <= JSON_DEPTH_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '\\') {
            i++;
        } else if (c == '"') {
            in_string = !in_string;
        } else if (in_string) {
            continue;
        } else if (c == '[' || c == '{') {
            if (++depth > JSON_DEPTH_MAX)
                return true;
            i += plain_size(text.data + i + 1, text.size - i - 1);
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return false;
}

enum engine_code
json_parse(struct span text, yyjson_doc **ret_doc, struct error *reterr)
{
    assert(ret_doc != NULL);
    if (text.size == 0)
        return error_set(reterr, ENGINE_EFORMAT,
                         "EOF while parsing a value at line 1 column 0");
    yyjson_read_err err;
    /* Without YYJSON_READ_INSITU the input is never written to. */
    union {
        const char *in;
        char *out;
    } data = { .in = text.data };
    yyjson_doc *doc = yyjson_read_opts(data.out, text.size, 0, NULL, &err);
    if (doc == NULL)
        return parse_error(text, &err, reterr);
    /* Each level is a value. */
    if (yyjson_doc_get_val_count(doc) > JSON_DEPTH_MAX && is_too_deep(text)) {
        yyjson_doc_free(doc);
        return error_set(reterr, ENGINE_EFORMAT,
                         "nesting is deeper than %d levels", JSON_DEPTH_MAX);
    }
    *ret_doc = doc;
    return ENGINE_OK;
}

enum engine_code
json_value_text(yyjson_val *value, struct bytes *out, struct error *reterr)
{
    assert(value != NULL);
    size_t size = 0;
    yyjson_write_err err;
    char *text = yyjson_val_write_opts(value, 0, NULL, &size, &err);
    if (text == NULL)
        return error_memory(reterr);
    bytes_add(out, text, size);
    free(text);
    if (bytes_failed(out))
        return error_memory(reterr);
    return ENGINE_OK;
}

struct span
json_span(yyjson_val *value)
{
    if (!yyjson_is_str(value))
        return (struct span){ NULL, 0 };
    return (struct span){ unsafe_yyjson_get_str(value),
                          unsafe_yyjson_get_len(value) };
}
