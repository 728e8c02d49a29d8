/* SPDX-License-Identifier: Apache-2.0
 * UUIDs as text and as bytes. */
#include "engine/filter/uuid_text.h"

#include <stddef.h>

static bool
is_hyphen_at(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

/* -1: no digit, or one that would be written otherwise. */
static int
digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
uuid_text_pack(struct span text, char ret_packed[UUID_PACKED_SIZE])
{
    if (text.size != UUID_TEXT_SIZE)
        return false;
    size_t digits = 0;
    for (size_t at = 0; at < UUID_TEXT_SIZE; at++) {
        if (is_hyphen_at(at)) {
            if (text.data[at] != '-')
                return false;
            continue;
        }
        int digit = digit_of(text.data[at]);
        if (digit < 0)
            return false;
        unsigned high = digits % 2 == 0
                            ? 0
                            : (unsigned)(unsigned char)ret_packed[digits / 2];
        ret_packed[digits / 2] = (char)(high << 4 | (unsigned)digit);
        digits++;
    }
    return true;
}

void
uuid_text_write(const char *packed, char ret_text[UUID_TEXT_SIZE])
{
    static const char names[] = "0123456789abcdef";
    size_t digits = 0;
    for (size_t at = 0; at < UUID_TEXT_SIZE; at++) {
        if (is_hyphen_at(at)) {
            ret_text[at] = '-';
            continue;
        }
        unsigned byte = (unsigned char)packed[digits / 2];
        ret_text[at] = names[digits % 2 == 0 ? byte >> 4 : byte & 15];
        digits++;
    }
}
