/* SPDX-License-Identifier: Apache-2.0
 * Hexadecimal digits, and UUIDs of them. */
#include "engine/codec/hex.h"

#include <assert.h>
#include <sys/random.h>

int
hex_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

void
hex_text(const void *data, size_t size, char *ret_text)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *raw = data;
    for (size_t i = 0; i < size; i++) {
        *ret_text++ = digits[raw[i] >> 4];
        *ret_text++ = digits[raw[i] & 15];
    }
    *ret_text = '\0';
}

void
uuid_string(const unsigned char raw[UUID_SIZE], char ret_text[UUID_STRING_SIZE])
{
    static const unsigned char parts[] = { 4, 2, 2, 2, 6 };
    size_t from = 0, at = 0;
    for (size_t i = 0; i < sizeof(parts); i++) {
        if (i > 0)
            ret_text[at++] = '-';
        hex_text(raw + from, parts[i], ret_text + at);
        from += parts[i];
        at += (size_t)2 * parts[i];
    }
    assert(from == UUID_SIZE && at == UUID_STRING_SIZE - 1);
}

bool
uuid_read(struct span text, unsigned char ret_raw[UUID_SIZE])
{
    char own[UUID_STRING_SIZE];
    size_t at = 0;
    if (text.size != UUID_STRING_SIZE - 1)
        return false;
    for (size_t i = 0; i < UUID_SIZE; i++) {
        if (at + 3 <= text.size && text.data[at] == '-')
            at++;
        if (at + 2 > text.size)
            return false;
        int high = hex_value(text.data[at]), low = hex_value(text.data[at + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_raw[i] = (unsigned char)(high << 4 | low);
        at += 2;
    }
    uuid_string(ret_raw, own);
    return span_equal_text(text, own);
}

void
uuid_make(char ret_text[UUID_STRING_SIZE])
{
    unsigned char raw[UUID_SIZE] = { 0 };
    (void)!getrandom(raw, sizeof(raw), GRND_NONBLOCK);
    raw[6] = (unsigned char)((raw[6] & 0x0f) | 0x40);
    raw[8] = (unsigned char)((raw[8] & 0x3f) | 0x80);
    uuid_string(raw, ret_text);
}
