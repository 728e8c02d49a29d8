/* SPDX-License-Identifier: Apache-2.0
 * The writing half of the JSON codec. Invariant: has_item says whether the
 * next item of the open container needs a comma before it. */
#include "engine/codec/json_write.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
json_writer_init(struct json_writer *writer, struct bytes *out)
{
    assert(out != NULL);
    *writer = (struct json_writer){ .out = out };
}

static void
item_begin(struct json_writer *writer)
{
    if (writer->has_item)
        bytes_add_char(writer->out, ',');
    writer->has_item = true;
}

static void
container_begin(struct json_writer *writer, char bracket)
{
    item_begin(writer);
    bytes_add_char(writer->out, bracket);
    writer->has_item = false;
}

static void
container_end(struct json_writer *writer, char bracket)
{
    bytes_add_char(writer->out, bracket);
    writer->has_item = true;
}

void
json_object_begin(struct json_writer *writer)
{
    container_begin(writer, '{');
}

void
json_object_end(struct json_writer *writer)
{
    container_end(writer, '}');
}

void
json_array_begin(struct json_writer *writer)
{
    container_begin(writer, '[');
}

void
json_array_end(struct json_writer *writer)
{
    container_end(writer, ']');
}

static void
add_escaped(struct bytes *out, unsigned char c)
{
    switch (c) {
    case '"':
        bytes_add(out, "\\\"", 2);
        break;
    case '\\':
        bytes_add(out, "\\\\", 2);
        break;
    case '\n':
        bytes_add(out, "\\n", 2);
        break;
    case '\r':
        bytes_add(out, "\\r", 2);
        break;
    case '\t':
        bytes_add(out, "\\t", 2);
        break;
    default:
        bytes_addf(out, "\\u%04x", c);
    }
}

#define ONES      UINT64_C(0x0101010101010101)
#define HIGH_BITS UINT64_C(0x8080808080808080)

/* Whether all of eight bytes are written as they are; false also where one is
 * above 127. */
static bool
is_plain_word(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    uint64_t quote = word ^ (ONES * '"'), slash = word ^ (ONES * '\\');
    /* The high bit of a byte that is smaller than the one taken off. */
    uint64_t special =
        (word - ONES * 0x20) | (quote - ONES) | (slash - ONES) | word;
    return (special & HIGH_BITS) == 0;
}

/* Where from `at` on the first byte is that is not written as it is. */
static size_t
plain_end(struct span text, size_t at)
{
    while (text.size - at >= sizeof(uint64_t) && is_plain_word(text.data + at))
        at += sizeof(uint64_t);
    /* The last word, some of which was looked at already. */
    if (text.size - at < sizeof(uint64_t) && text.size >= sizeof(uint64_t) &&
        is_plain_word(text.data + text.size - sizeof(uint64_t)))
        return text.size;
    for (; at < text.size; at++) {
        unsigned char c = (unsigned char)text.data[at];
        if (c < 0x20 || c == '"' || c == '\\')
            break;
    }
    return at;
}

/* All of it as it stands. */
static void
add_plain(struct bytes *out, struct span text)
{
    if (!bytes_reserve(out, text.size + 2))
        return;
    char *at = out->data + out->size;
    *at++ = '"';
    if (text.size > 0)
        memcpy(at, text.data, text.size);
    at[text.size] = '"';
    at[text.size + 1] = '\0';
    out->size += text.size + 2;
}

static void
add_string(struct bytes *out, struct span text)
{
    size_t start = 0, i = plain_end(text, 0);
    if (i == text.size) {
        add_plain(out, text);
        return;
    }
    bytes_add_char(out, '"');
    for (; i < text.size; i = plain_end(text, start)) {
        unsigned char c = (unsigned char)text.data[i];
        bytes_add(out, text.data + start, i - start);
        add_escaped(out, c);
        start = i + 1;
    }
    if (text.size > start)
        bytes_add(out, text.data + start, text.size - start);
    bytes_add_char(out, '"');
}

void
json_key_span(struct json_writer *writer, struct span key)
{
    item_begin(writer);
    add_string(writer->out, key);
    bytes_add_char(writer->out, ':');
    writer->has_item = false;
}

void
json_key(struct json_writer *writer, const char *key)
{
    json_key_span(writer, span_of(key));
}

void
json_null(struct json_writer *writer)
{
    item_begin(writer);
    bytes_add(writer->out, "null", 4);
}

void
json_bool(struct json_writer *writer, bool value)
{
    item_begin(writer);
    bytes_add_text(writer->out, value ? "true" : "false");
}

void
json_u64(struct json_writer *writer, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    item_begin(writer);
    bytes_add(writer->out, digits + at, sizeof(digits) - at);
}

void
json_i64(struct json_writer *writer, int64_t value)
{
    if (value >= 0) {
        json_u64(writer, (uint64_t)value);
        return;
    }
    item_begin(writer);
    bytes_addf(writer->out, "%lld", (long long)value);
}

/* A number must not look like an integer to typed readers: 1 -> 1.0. */
static void
add_number(struct json_writer *writer, const char *text)
{
    item_begin(writer);
    bytes_add_text(writer->out, text);
    if (strpbrk(text, ".en") == NULL)
        bytes_add(writer->out, ".0", 2);
}

#define NUMBER_TEXT_SIZE 40

/* |scaled| / 10^decimals in fixed notation; its length. */
static size_t
fixed_text(uint64_t scaled, size_t decimals, bool is_negative,
           char text[NUMBER_TEXT_SIZE])
{
    char reversed[NUMBER_TEXT_SIZE];
    size_t count = 0;
    for (size_t i = 0; i <= decimals || scaled > 0; i++) {
        if (i == decimals && decimals > 0)
            reversed[count++] = '.';
        reversed[count++] = (char)('0' + scaled % 10);
        scaled /= 10;
    }
    if (is_negative)
        reversed[count++] = '-';
    for (size_t i = 0; i < count; i++)
        text[i] = reversed[count - 1 - i];
    text[count] = '\0';
    return count;
}

/* The shortest decimal of |value| in [1e-4, 1e9), in fixed notation; 0 for
 * other values. With at most 12 decimals everything is exact: the scaled value
 * has 24 + 28 bits, and a decimal of 9 digits is further from the middle of
 * two floats than the double division below can err. */
static size_t
f32_text(float value, char text[NUMBER_TEXT_SIZE])
{
    static const double tens[] = { 1e0, 1e1, 1e2, 1e3,  1e4,  1e5, 1e6,
                                   1e7, 1e8, 1e9, 1e10, 1e11, 1e12 };
    double size = fabs((double)value);
    if (!(size >= 1e-4 && size < 1e9))
        return 0;
    int exponent = -4; /* 10^exponent <= size */
    for (double bound = 1e-3; size >= bound; bound *= 10)
        exponent++;
    int decimals = 0;
    uint64_t scaled = 0;
    for (int digits = 6; digits <= 9; digits++) {
        decimals = digits - 1 - exponent;
        decimals = decimals < 0 ? 0 : decimals > 12 ? 12 : decimals;
        scaled = (uint64_t)llrint(size * tens[decimals]);
        if ((float)((double)scaled / tens[decimals]) == fabsf(value))
            break;
    }
    for (; decimals > 1 && scaled % 10 == 0; decimals--)
        scaled /= 10;
    return fixed_text(scaled, (size_t)decimals, value < 0, text);
}

void
json_f32(struct json_writer *writer, float value)
{
    if (!isfinite(value)) {
        json_null(writer);
        return;
    }
    char text[NUMBER_TEXT_SIZE];
    bool is_written = f32_text(value, text) > 0;
    for (int digits = 6; digits <= 9 && !is_written; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, (double)value);
        is_written = strtof(text, NULL) == value;
    }
    add_number(writer, text);
}

/* |value| in [1e-4, 1e6) with at most 9 decimals, in fixed notation; 0 for
 * other values. The scaled value has at most 15 digits, so it and the power are
 * exact and their quotient is the double nearest to the decimal: the shortest,
 * since no two decimals of 15 digits share a double. */
static size_t
f64_text(double value, char text[NUMBER_TEXT_SIZE])
{
    static const double tens[] = { 1e0, 1e1, 1e2, 1e3, 1e4,
                                   1e5, 1e6, 1e7, 1e8, 1e9 };
    static const size_t decimals_max = sizeof(tens) / sizeof(tens[0]) - 1;
    double size = fabs(value);
    if (!(size >= 1e-4 && size < 1e6))
        return 0;
    size_t decimals = 1;
    uint64_t scaled = 0;
    for (; decimals <= decimals_max; decimals++) {
        scaled = (uint64_t)llrint(size * tens[decimals]);
        if ((double)scaled / tens[decimals] == size)
            break;
    }
    if (decimals > decimals_max)
        return 0;
    return fixed_text(scaled, decimals, value < 0, text);
}

void
json_f64(struct json_writer *writer, double value)
{
    if (!isfinite(value)) {
        json_null(writer);
        return;
    }
    char text[NUMBER_TEXT_SIZE];
    bool is_written = f64_text(value, text) > 0;
    for (int digits = 15; digits <= 17 && !is_written; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        is_written = strtod(text, NULL) == value;
    }
    add_number(writer, text);
}

void
json_text_span(struct json_writer *writer, struct span text)
{
    item_begin(writer);
    add_string(writer->out, text);
}

void
json_text(struct json_writer *writer, const char *text)
{
    json_text_span(writer, span_of(text));
}

void
json_raw(struct json_writer *writer, struct span json)
{
    assert(json.size > 0);
    item_begin(writer);
    bytes_add_span(writer->out, json);
}
