/* SPDX-License-Identifier: Apache-2.0
 * Checks and copies of UTF-8. */
#include "engine/codec/utf8.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

size_t
utf8_step(struct span text)
{
    const unsigned char *at = (const unsigned char *)text.data;
    size_t left = text.size;
    assert(left > 0);
    if (at[0] < 0x80)
        return 1;
    size_t size = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || size > left)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    bool is_overlong =
        (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool is_surrogate = at[0] == 0xed && at[1] > 0x9f;
    bool is_large = at[0] == 0xf4 && at[1] > 0x8f;
    return is_overlong || is_surrogate || is_large ? 0 : size;
}

static bool
is_ascii_word(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return (word & 0x8080808080808080u) == 0;
}

/* How much of the beginning is ASCII, in steps of 8 and to its end: most text
 * is. */
static size_t
ascii_size(struct span text)
{
    size_t size = 0;
    while (text.size - size >= sizeof(uint64_t) &&
           is_ascii_word(text.data + size))
        size += sizeof(uint64_t);
    if (text.size - size >= sizeof(uint64_t))
        return size;
    /* The last word, some of which was looked at already; or less than one. */
    if (text.size >= sizeof(uint64_t))
        return is_ascii_word(text.data + text.size - sizeof(uint64_t))
                   ? text.size
                   : size;
    unsigned char all = 0;
    for (size_t i = 0; i < text.size; i++)
        all |= (unsigned char)text.data[i];
    return all < 0x80 ? text.size : 0;
}

bool
utf8_is_valid(struct span text)
{
    while (text.size > 0) {
        size_t plain = ascii_size(text);
        text.data += plain;
        text.size -= plain;
        if (text.size == 0)
            break;
        size_t step = utf8_step(text);
        if (step == 0)
            return false;
        text.data += step;
        text.size -= step;
    }
    return true;
}

size_t
utf8_clean(struct span text, char *ret_text, size_t size_max)
{
    size_t size = 0;
    while (text.size > 0) {
        size_t step = utf8_step(text);
        size_t taken = step > 0 ? step : 1;
        if (size + taken > size_max)
            break;
        if (step > 0)
            memcpy(ret_text + size, text.data, step);
        else
            ret_text[size] = '?';
        size += taken;
        text.data += taken;
        text.size -= taken;
    }
    return size;
}
