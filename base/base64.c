/* SPDX-License-Identifier: Apache-2.0
 * base64url without padding. Decoding is strict: one text per value, so that
 * a cookie or a signature cannot be respelled. */
#include "base/base64.h"

#include <assert.h>
#include <string.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
base64_encode(struct span raw, struct bytes *out)
{
    assert(raw.data != NULL || raw.size == 0);
    unsigned bits = 0;
    unsigned bit_count = 0;
    for (size_t i = 0; i < raw.size; i++) {
        bits = (bits << 8 | (unsigned char)raw.data[i]) & 0xfff;
        bit_count += 8;
        while (bit_count >= 6) {
            bit_count -= 6;
            bytes_add_char(out, alphabet[bits >> bit_count & 63]);
        }
    }
    if (bit_count > 0)
        bytes_add_char(out, alphabet[bits << (6 - bit_count) & 63]);
}

#define KNOWN 0x40u

/* Value of each character, and whether it is one of ours. A table, because an
 * identity is decoded with every request. */
/* clang-format off */
static const unsigned char digits[256] = {
    ['A'] = KNOWN | 0, ['B'] = KNOWN | 1, ['C'] = KNOWN | 2,
    ['D'] = KNOWN | 3, ['E'] = KNOWN | 4, ['F'] = KNOWN | 5,
    ['G'] = KNOWN | 6, ['H'] = KNOWN | 7, ['I'] = KNOWN | 8,
    ['J'] = KNOWN | 9, ['K'] = KNOWN | 10, ['L'] = KNOWN | 11,
    ['M'] = KNOWN | 12, ['N'] = KNOWN | 13, ['O'] = KNOWN | 14,
    ['P'] = KNOWN | 15, ['Q'] = KNOWN | 16, ['R'] = KNOWN | 17,
    ['S'] = KNOWN | 18, ['T'] = KNOWN | 19, ['U'] = KNOWN | 20,
    ['V'] = KNOWN | 21, ['W'] = KNOWN | 22, ['X'] = KNOWN | 23,
    ['Y'] = KNOWN | 24, ['Z'] = KNOWN | 25, ['a'] = KNOWN | 26,
    ['b'] = KNOWN | 27, ['c'] = KNOWN | 28, ['d'] = KNOWN | 29,
    ['e'] = KNOWN | 30, ['f'] = KNOWN | 31, ['g'] = KNOWN | 32,
    ['h'] = KNOWN | 33, ['i'] = KNOWN | 34, ['j'] = KNOWN | 35,
    ['k'] = KNOWN | 36, ['l'] = KNOWN | 37, ['m'] = KNOWN | 38,
    ['n'] = KNOWN | 39, ['o'] = KNOWN | 40, ['p'] = KNOWN | 41,
    ['q'] = KNOWN | 42, ['r'] = KNOWN | 43, ['s'] = KNOWN | 44,
    ['t'] = KNOWN | 45, ['u'] = KNOWN | 46, ['v'] = KNOWN | 47,
    ['w'] = KNOWN | 48, ['x'] = KNOWN | 49, ['y'] = KNOWN | 50,
    ['z'] = KNOWN | 51, ['0'] = KNOWN | 52, ['1'] = KNOWN | 53,
    ['2'] = KNOWN | 54, ['3'] = KNOWN | 55, ['4'] = KNOWN | 56,
    ['5'] = KNOWN | 57, ['6'] = KNOWN | 58, ['7'] = KNOWN | 59,
    ['8'] = KNOWN | 60, ['9'] = KNOWN | 61, ['-'] = KNOWN | 62,
    ['_'] = KNOWN | 63,
};
/* clang-format on */

/* Four characters to three bytes; false when one is foreign. */
static bool
group_decode(const unsigned char *text, unsigned char *ret_raw)
{
    unsigned a = digits[text[0]], b = digits[text[1]];
    unsigned c = digits[text[2]], d = digits[text[3]];
    unsigned bits = (a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6 | (d & 63);
    ret_raw[0] = (unsigned char)(bits >> 16);
    ret_raw[1] = (unsigned char)(bits >> 8);
    ret_raw[2] = (unsigned char)bits;
    return (a & b & c & d & KNOWN) != 0;
}

/* The last two or three characters, which stand for `rest` - 1 bytes. What is
 * missing counts as zeros, and must be them. */
static bool
end_decode(const unsigned char *text, size_t rest, unsigned char *ret_raw)
{
    unsigned char last[4] = { text[0], text[1], 'A', 'A' };
    if (rest == 3)
        last[2] = text[2];
    return group_decode(last, ret_raw) && ret_raw[rest - 1] == 0;
}

bool
base64_decode(struct span text, struct bytes *out)
{
    assert(text.data != NULL || text.size == 0);
    const unsigned char *from = (const unsigned char *)text.data;
    size_t rest = text.size % 4, whole = text.size - rest;
    unsigned char raw[3];
    if (rest == 1)
        return false;
    for (size_t i = 0; i < whole; i += 4) {
        if (!group_decode(from + i, raw))
            return false;
        bytes_add(out, raw, 3);
    }
    if (rest > 0) {
        if (!end_decode(from + whole, rest, raw))
            return false;
        bytes_add(out, raw, rest - 1);
    }
    return !bytes_failed(out);
}

bool
base64_decode_exact(struct span text, unsigned char *ret, size_t size)
{
    assert(text.data != NULL || text.size == 0);
    const unsigned char *from = (const unsigned char *)text.data;
    size_t rest = text.size % 4, whole = text.size - rest;
    unsigned char raw[3];
    if (text.size != BASE64_TEXT_SIZE(size))
        return false;
    for (size_t i = 0; i < whole; i += 4, ret += 3) {
        if (!group_decode(from + i, ret))
            return false;
    }
    if (rest == 0)
        return true;
    if (!end_decode(from + whole, rest, raw))
        return false;
    memcpy(ret, raw, rest - 1);
    return true;
}
