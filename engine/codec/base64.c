/* SPDX-License-Identifier: Apache-2.0
 * base64url. Decoding is strict: one text per value, so that a signature
 * cannot be respelled. */
#include "engine/codec/base64.h"

#include <assert.h>

static int
digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '-')
        return 62;
    return c == '_' ? 63 : -1;
}

bool
base64_decode(struct span text, unsigned char *ret_raw)
{
    unsigned bits = 0, bit_count = 0;
    size_t size = 0;
    if (text.size % 4 == 1)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        int digit = digit_of(text.data[i]);
        if (digit < 0)
            return false;
        bits = (bits << 6 | (unsigned)digit) & 0xfff;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            ret_raw[size++] = (unsigned char)(bits >> bit_count);
        }
    }
    assert(size == BASE64_RAW_SIZE(text.size));
    return (bits & ((1u << bit_count) - 1)) == 0;
}
