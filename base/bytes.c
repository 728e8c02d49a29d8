/* SPDX-License-Identifier: Apache-2.0
 * Spans and the bounded builder. Invariant: size < room_size whenever data is
 * set, so that the NUL after the content always has a place. */
#include "base/bytes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_SIZE_MIN 64

struct span
span_of(const char *text)
{
    return (struct span){ text, strlen(text) };
}

bool
span_equal(struct span a, struct span b)
{
    return a.size == b.size &&
           (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool
span_equal_text(struct span a, const char *text)
{
    return span_equal(a, span_of(text));
}

int
span_compare(struct span a, struct span b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.data, b.data, size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

bool
span_starts(struct span a, const char *prefix)
{
    size_t size = strlen(prefix);
    return a.size >= size && (size == 0 || memcmp(a.data, prefix, size) == 0);
}

bool
span_has_control(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
            return true;
    }
    return false;
}

void
bytes_init(struct bytes *bytes, size_t size_max)
{
    assert(size_max > 0 && size_max < SIZE_MAX / 4);
    *bytes = (struct bytes){ .size_max = size_max };
}

void
bytes_release(struct bytes *bytes)
{
    free(bytes->data);
    bytes_init(bytes, bytes->size_max);
}

void
bytes_wipe(struct bytes *bytes)
{
    if (bytes->data != NULL)
        explicit_bzero(bytes->data, bytes->room_size);
    bytes_release(bytes);
}

bool
bytes_reserve(struct bytes *bytes, size_t more_size)
{
    if (bytes->is_failed)
        return false;
    if (more_size > bytes->size_max - bytes->size) {
        bytes->is_failed = true;
        return false;
    }
    size_t need = bytes->size + more_size + 1;
    if (need <= bytes->room_size)
        return true;
    size_t room = bytes->room_size * 2;
    if (room < ROOM_SIZE_MIN)
        room = ROOM_SIZE_MIN;
    if (room < need)
        room = need;
    if (room > bytes->size_max + 1)
        room = bytes->size_max + 1;
    char *data = realloc(bytes->data, room);
    if (data == NULL) {
        bytes->is_failed = true;
        return false;
    }
    bytes->data = data;
    bytes->room_size = room;
    return true;
}

void
bytes_add(struct bytes *bytes, const void *data, size_t size)
{
    assert(data != NULL || size == 0);
    if (!bytes_reserve(bytes, size))
        return;
    if (size > 0)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
    bytes->data[bytes->size] = '\0';
}

void
bytes_add_text(struct bytes *bytes, const char *text)
{
    bytes_add(bytes, text, strlen(text));
}

void
bytes_add_span(struct bytes *bytes, struct span span)
{
    bytes_add(bytes, span.data, span.size);
}

void
bytes_add_char(struct bytes *bytes, char c)
{
    if (bytes->is_failed || bytes->room_size < bytes->size + 2) {
        bytes_add(bytes, &c, 1);
        return;
    }
    bytes->data[bytes->size++] = c;
    bytes->data[bytes->size] = '\0';
}

void
bytes_addf(struct bytes *bytes, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0)
        bytes->is_failed = true;
    else if (bytes_reserve(bytes, (size_t)size)) {
        vsnprintf(bytes->data + bytes->size, (size_t)size + 1, format, again);
        bytes->size += (size_t)size;
    }
    va_end(again);
}

void
bytes_add_u32(struct bytes *bytes, uint32_t value)
{
    unsigned char raw[4];
    for (unsigned i = 0; i < 4; i++)
        raw[i] = (unsigned char)(value >> (8 * i));
    bytes_add(bytes, raw, sizeof(raw));
}

void
bytes_add_u64(struct bytes *bytes, uint64_t value)
{
    bytes_add_u32(bytes, (uint32_t)value);
    bytes_add_u32(bytes, (uint32_t)(value >> 32));
}

bool
bytes_failed(const struct bytes *bytes)
{
    return bytes->is_failed;
}

struct span
bytes_span(const struct bytes *bytes)
{
    return (struct span){ bytes->data, bytes->size };
}

char *
bytes_take(struct bytes *bytes)
{
    char *data = bytes->is_failed ? NULL : bytes->data;
    if (data == NULL)
        free(bytes->data);
    bytes_init(bytes, bytes->size_max);
    return data;
}
