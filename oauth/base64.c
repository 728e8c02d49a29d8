/* SPDX-License-Identifier: Apache-2.0
 * base64url without padding. Decoding is strict: one text per value, so that
 * a cookie or signature cannot be respelled. */
#include "oauth/base64.h"

#include <assert.h>

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
base64_decode(struct span text, struct bytes *out)
{
    assert(text.data != NULL || text.size == 0);
    unsigned bits = 0;
    unsigned bit_count = 0;
    if (text.size % 4 == 1)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        int digit = digit_of(text.data[i]);
        if (digit < 0)
            return false;
        bits = (bits << 6 | (unsigned)digit) & 0xffff;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            bytes_add_char(out, (char)(unsigned char)(bits >> bit_count));
        }
    }
    return (bits & ((1u << bit_count) - 1)) == 0 && !bytes_failed(out);
}

bool
base64_decode_exact(struct span text, unsigned char *ret, size_t size)
{
    unsigned bits = 0;
    unsigned bit_count = 0;
    size_t at = 0;
    if (text.size != BASE64_TEXT_SIZE(size))
        return false;
    for (size_t i = 0; i < text.size; i++) {
        int digit = digit_of(text.data[i]);
        if (digit < 0)
            return false;
        bits = (bits << 6 | (unsigned)digit) & 0xffff;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            assert(at < size);
            ret[at++] = (unsigned char)(bits >> bit_count);
        }
    }
    return at == size && (bits & ((1u << bit_count) - 1)) == 0;
}
