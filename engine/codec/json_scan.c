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
