/* SPDX-License-Identifier: Apache-2.0
 * base64url. Decoding is strict: one text per value, so that a signature
 * cannot be respelled. */
#include "engine/codec/base64.h"

#include <string.h>

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

bool
base64_decode(struct span text, unsigned char *ret_raw)
{
    const unsigned char *from = (const unsigned char *)text.data;
    size_t rest = text.size % 4, whole = text.size - rest;
    bool is_good = rest != 1;
    for (size_t i = 0; i < whole && is_good; i += 4)
        is_good = group_decode(from + i, ret_raw + i / 4 * 3);
    if (rest < 2 || !is_good)
        return is_good;
    /* What is missing at the end counts as zeros, and must be them. */
    unsigned char last[4] = { from[whole], from[whole + 1], 'A', 'A' };
    unsigned char raw[3];
    if (rest == 3)
        last[2] = from[whole + 2];
    if (!group_decode(last, raw) || raw[rest - 1] != 0)
        return false;
    memcpy(ret_raw + whole / 4 * 3, raw, rest - 1);
    return true;
}
