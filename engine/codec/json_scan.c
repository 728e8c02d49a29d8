/* SPDX-License-Identifier: Apache-2.0
 * Walking JSON by hand. Invariant: at <= end, and what is before `at` was
 * checked, but for the inside of objects. */
#include "engine/codec/json_scan.h"

#include "engine/codec/json_floats.h"

#include <assert.h>
#include <string.h>

struct json_scan
json_scan_of(struct span text)
{
    /* Not NULL, which has no place after it. */
    static const char none[1];
    const char *at = text.size == 0 ? none : text.data;
    return (struct json_scan){ at, at + text.size };
}

char
json_scan_next(struct json_scan *scan)
{
    for (; scan->at < scan->end; scan->at++) {
        char c = *scan->at;
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t')
            return c;
    }
    return '\0';
}

bool
json_scan_take(struct json_scan *scan, char c)
{
    assert(c != '\0');
    if (json_scan_next(scan) != c)
        return false;
    scan->at++;
    return true;
}

bool
json_scan_take_null(struct json_scan *scan)
{
    if (json_scan_next(scan) != 'n' || scan->end - scan->at < 4 ||
        memcmp(scan->at, "null", 4) != 0)
        return false;
    scan->at += 4;
    return true;
}

bool
json_scan_is_over(struct json_scan *scan)
{
    (void)json_scan_next(scan);
    return scan->at == scan->end;
}

bool
json_scan_text(struct json_scan *scan, struct span *ret_text)
{
    if (!json_scan_take(scan, '"'))
        return false;
    const char *begin = scan->at;
    for (; scan->at < scan->end; scan->at++) {
        char c = *scan->at;
        if (c == '"') {
            *ret_text = (struct span){ begin, (size_t)(scan->at - begin) };
            scan->at++;
            return true;
        }
        if (c < ' ' || c > '~' || c == '\\')
            return false;
    }
    return false;
}

bool
json_scan_name(struct json_scan *scan, struct span *ret_name)
{
    return json_scan_text(scan, ret_name) && json_scan_take(scan, ':');
}

/* 19 digits fit. */
#define UINT_DIGITS_MAX 19

bool
json_scan_uint(struct json_scan *scan, uint64_t *ret_value)
{
    uint64_t value = 0;
    (void)json_scan_next(scan);
    const char *begin = scan->at;
    for (; scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
         scan->at++) {
        if (scan->at - begin == UINT_DIGITS_MAX)
            return false;
        value = value * 10 + (uint64_t)(*scan->at - '0');
    }
    /* A point or an exponent is not taken by whoever looks next. */
    ptrdiff_t count = scan->at - begin;
    if (count == 0 || (count > 1 && *begin == '0'))
        return false;
    *ret_value = value;
    return true;
}

bool
json_scan_floats(struct json_scan *scan, float *values, size_t room,
                 size_t *ret_count)
{
    return json_scan_take(scan, '[') &&
           json_floats_read(scan->at, scan->end, values, room, ret_count,
                            &scan->at);
}

bool
json_scan_object(struct json_scan *scan, size_t depth_max,
                 struct span *ret_text)
{
    if (json_scan_next(scan) != '{')
        return false;
    const char *begin = scan->at;
    size_t depth = 0;
    bool is_in_text = false;
    for (const char *at = begin; at < scan->end; at++) {
        char c = *at;
        if (c == '"') {
            is_in_text = !is_in_text;
        } else if (is_in_text) {
            at += c == '\\';
        } else if (c == '{' || c == '[') {
            if (++depth > depth_max)
                return false;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            scan->at = at + 1;
            *ret_text = (struct span){ begin, (size_t)(scan->at - begin) };
            return true;
        }
    }
    return false;
}

/* ---- values of texts that are known to be JSON ---- */

#define ONES      UINT64_C(0x0101010101010101)
#define HIGH_BITS UINT64_C(0x8080808080808080)

/* The first quote or backslash, or `end`. Eight bytes at a time: the lowest
 * mark of a word is right, those above a match may not be. */
static const char *
text_end(const char *at, const char *end)
{
    for (; end - at >= (ptrdiff_t)sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        uint64_t quote = word ^ (ONES * '"'), slash = word ^ (ONES * '\\');
        uint64_t marks =
            (((quote - ONES) & ~quote) | ((slash - ONES) & ~slash)) & HIGH_BITS;
        if (marks == 0)
            continue;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        return at + __builtin_ctzll(marks) / 8;
#else
        break;
#endif
    }
    while (at < end && *at != '"' && *at != '\\')
        at++;
    return at;
}

bool
json_scan_string(struct json_scan *scan, struct span *ret_raw,
                 bool *ret_is_escaped)
{
    if (!json_scan_take(scan, '"'))
        return false;
    const char *begin = scan->at;
    *ret_is_escaped = false;
    const char *at = text_end(begin, scan->end);
    while (at < scan->end && *at == '\\') {
        *ret_is_escaped = true;
        at = scan->end - at < 2 ? scan->end : text_end(at + 2, scan->end);
    }
    if (at == scan->end)
        return false;
    *ret_raw = (struct span){ begin, (size_t)(at - begin) };
    scan->at = at + 1;
    return true;
}

/* Four hexadecimal digits. */
static bool
hex_read(struct span raw, size_t at, uint32_t *ret_value)
{
    uint32_t value = 0;
    if (raw.size - at < 4)
        return false;
    for (size_t i = at; i < at + 4; i++) {
        char c = raw.data[i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit > 15)
            return false;
        value = value << 4 | digit;
    }
    *ret_value = value;
    return true;
}

static void
add_utf8(struct bytes *out, uint32_t code)
{
    char text[4];
    size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
    for (size_t i = size - 1; i > 0; i--, code >>= 6)
        text[i] = (char)(0x80 | (code & 0x3f));
    text[0] = (char)(marks[size] | code);
    bytes_add(out, text, size);
}

/* `at` is behind "\u"; the place after it and, of a pair, its second half. */
static bool
unescape_code(struct span raw, size_t at, struct bytes *out, size_t *ret_at)
{
    uint32_t code = 0, low = 0;
    if (!hex_read(raw, at, &code) || (code >= 0xdc00 && code <= 0xdfff))
        return false;
    at += 4;
    if (code >= 0xd800 && code <= 0xdbff) {
        if (raw.size - at < 6 || raw.data[at] != '\\' ||
            raw.data[at + 1] != 'u' || !hex_read(raw, at + 2, &low) ||
            low < 0xdc00 || low > 0xdfff)
            return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
    }
    add_utf8(out, code);
    *ret_at = at;
    return true;
}

bool
json_scan_unescape(struct span raw, struct bytes *out)
{
    static const char names[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    for (size_t at = 0; at < raw.size;) {
        const char *slash = memchr(raw.data + at, '\\', raw.size - at);
        size_t end = slash == NULL ? raw.size : (size_t)(slash - raw.data);
        bytes_add(out, raw.data + at, end - at);
        if (slash == NULL)
            break;
        if (raw.size - end < 2)
            return false;
        char c = raw.data[end + 1];
        const char *name = c == '\0' ? NULL : strchr(names, c);
        at = end + 2;
        if (name != NULL)
            bytes_add_char(out, means[name - names]);
        else if (c != 'u' || !unescape_code(raw, at, out, &at))
            return false;
    }
    return !bytes_failed(out);
}

#define NUMBER_SIZE_MAX 63
#define INT_DIGITS_MAX  18 /* fit whatever their sign */

static bool
number_slow(struct json_scan *scan, yyjson_val *ret_number)
{
    char text[NUMBER_SIZE_MAX + 1];
    size_t size = 0;
    for (const char *at = scan->at; at < scan->end && *at != '\0' &&
                                    strchr("0123456789+-.eE", *at) != NULL;
         at++) {
        if (size == NUMBER_SIZE_MAX)
            return false;
        text[size++] = *at;
    }
    text[size] = '\0';
    *ret_number = (yyjson_val){ 0 };
    if (size == 0 ||
        yyjson_read_number(text, ret_number, 0, NULL, NULL) != text + size)
        return false;
    scan->at += size;
    return true;
}

bool
json_scan_number(struct json_scan *scan, yyjson_val *ret_number)
{
    (void)json_scan_next(scan);
    const char *begin = scan->at, *at = begin;
    uint64_t value = 0;
    bool is_negative = at < scan->end && *at == '-';
    at += is_negative;
    const char *digits = at;
    for (; at < scan->end && *at >= '0' && *at <= '9' &&
           at - digits < INT_DIGITS_MAX;
         at++)
        value = value * 10 + (uint64_t)(*at - '0');
    bool is_plain = at > digits && (*digits != '0' || at - digits == 1) &&
                    !(is_negative && value == 0) && at < scan->end &&
                    (*at == ',' || *at == '}' || *at == ']');
    if (!is_plain)
        return number_slow(scan, ret_number);
    *ret_number = (yyjson_val){ 0 };
    if (is_negative)
        yyjson_set_sint(ret_number, -(int64_t)value);
    else
        yyjson_set_uint(ret_number, value);
    scan->at = at;
    return true;
}

bool
json_scan_word(struct json_scan *scan, yyjson_val *ret_word)
{
    static const char *const words[] = { "null", "false", "true" };
    (void)json_scan_next(scan);
    size_t left = (size_t)(scan->end - scan->at);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        size_t size = strlen(words[i]);
        if (left < size || memcmp(scan->at, words[i], size) != 0)
            continue;
        *ret_word = (yyjson_val){ 0 };
        if (i == 0)
            yyjson_set_null(ret_word);
        else
            yyjson_set_bool(ret_word, i == 2);
        scan->at += size;
        return true;
    }
    return false;
}

bool
json_scan_skip(struct json_scan *scan, size_t depth_max)
{
    struct span text;
    bool is_escaped;
    char c = json_scan_next(scan);
    if (c == '{')
        return json_scan_object(scan, depth_max, &text);
    if (c == '"')
        return json_scan_string(scan, &text, &is_escaped);
    const char *begin = scan->at;
    while (scan->at < scan->end && strchr(",}] \t\r\n", *scan->at) == NULL) {
        if (*scan->at == '"' || *scan->at == '[' || *scan->at == '{')
            return false;
        scan->at++;
    }
    return scan->at > begin;
}
