/* SPDX-License-Identifier: Apache-2.0
 * A walk over the bytes of an object that is known to be valid: strings end at
 * the first quote that is not escaped, other values by counting brackets
 * outside of strings. Whatever does not look like that is refused, as far as the
 * walk goes: it ends when every wanted key was met. */
#include "engine/codec/json_pick.h"

#include <assert.h>
#include <endian.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (unsigned char)(c))

/* The lowest bit that is set stands in the first byte that is 0; there is none
 * above without one. */
static inline uint64_t
zero_bytes(uint64_t word)
{
    return (word - EACH_BYTE(1)) & ~word & EACH_BYTE(0x80);
}

/* The first quote or backslash from `at` on, many bytes at a time; `end`:
 * none. */
static inline const char *
find_mark(const char *at, const char *end)
{
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i marks =
            _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                         _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
        int mask = _mm_movemask_epi8(marks);
        if (mask != 0)
            return at + __builtin_ctz((unsigned)mask);
    }
#endif
    for (; end - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, at, sizeof(word));
        word = le64toh(word);
        uint64_t marks = zero_bytes(word ^ EACH_BYTE('"')) |
                         zero_bytes(word ^ EACH_BYTE('\\'));
        if (marks != 0)
            return at + __builtin_ctzll(marks) / 8;
    }
    while (at < end && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* Behind the closing quote of the string that begins at `at`; NULL: none. */
static inline const char *
skip_string(const char *at, const char *end)
{
    at = find_mark(at + 1, end);
    while (at < end && *at == '\\')
        at = end - at > 2 ? find_mark(at + 2, end) : end;
    return at < end ? at + 1 : NULL;
}

static const char *
skip_nested(const char *at, const char *end)
{
    size_t depth = 0;
    while (at < end) {
        char c = *at;
        if (c == '"') {
            at = skip_string(at, end);
            if (at == NULL)
                return NULL;
            continue;
        }
        at++;
        depth += c == '{' || c == '[';
        if ((c == '}' || c == ']') && --depth == 0)
            return at;
    }
    return NULL;
}

/* Behind the value; NULL: it does not end. */
static const char *
skip_value(const char *at, const char *end)
{
    if (at < end && *at == '"')
        return skip_string(at, end);
    if (at < end && (*at == '{' || *at == '['))
        return skip_nested(at, end);
    while (at < end && *at != ',' && *at != '}')
        at++;
    return at < end ? at : NULL;
}

/* The place among the keys; keys_count: not wanted. */
static size_t
find_key(struct span key, const struct span *keys, size_t keys_count)
{
    size_t i = 0;
    while (i < keys_count && !span_equal(keys[i], key))
        i++;
    return i;
}

/* What goes to the buffer: begun with '{', a comma between members. */
struct picking {
    char *buffer;
    size_t size, used;
};

/* False: there is no room for it and the end. */
static bool
pick_member(struct picking *picking, struct span member)
{
    if (member.size + 3 > picking->size - picking->used)
        return false;
    if (picking->used > 1)
        picking->buffer[picking->used++] = ',';
    memcpy(picking->buffer + picking->used, member.data, member.size);
    picking->used += member.size;
    return true;
}

bool
json_pick(struct span text, const struct span *keys, size_t keys_count,
          char *buffer, size_t size, struct span *ret_text)
{
    const char *at = text.data, *end = text.data + text.size;
    struct picking picking = { buffer, size, 1 };
    uint64_t left = (UINT64_C(1) << keys_count) - 1; /* not met yet */
    assert(keys_count <= JSON_PICK_KEYS_MAX);
    if (text.size < 2 || size < 2 || *at++ != '{')
        return false;
    buffer[0] = '{';
    while (left != 0 && at < end && *at == '"') {
        const char *key = at + 1;
        const char *quote = find_mark(key, end); /* or an escape */
        const char *colon = quote + 1;
        if (end - quote < 2 || *quote != '"' || *colon != ':')
            return false;
        struct span name = { key, (size_t)(quote - key) };
        const char *next = skip_value(colon + 1, end);
        if (next == NULL || next >= end || (*next != ',' && *next != '}'))
            return false;
        uint64_t found = UINT64_C(1) << find_key(name, keys, keys_count);
        struct span member = { at, (size_t)(next - at) };
        if ((left & found) != 0 && !pick_member(&picking, member))
            return false;
        left &= ~found;
        at = *next == ',' ? next + 1 : next;
    }
    if ((left != 0 && (at + 1 != end || *at != '}')) || picking.used >= size)
        return false;
    buffer[picking.used++] = '}';
    *ret_text = (struct span){ buffer, picking.used };
    return true;
}
