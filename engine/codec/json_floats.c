/* SPDX-License-Identifier: Apache-2.0
 * Decimal to float, most often without a division of big numbers: the digits
 * become a 64-bit integer, eight at a time, and one double operation by an
 * exact power of ten scales it. With at most 53 bits and 10^22 that is the
 * correctly rounded double (Clinger 1990, "How to read floating point numbers
 * accurately"); with up to 64 bits it is off by at most two units in its last
 * place, which changes the float only next to the middle between two floats:
 * such numbers, and unusual ones, are read by yyjson. */
#include "engine/codec/json_floats.h"

#include <yyjson.h>

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the first digit is in the lowest byte");

#define LOW_BITS  UINT64_C(0x7f7f7f7f7f7f7f7f)
#define HIGH_BITS UINT64_C(0x8080808080808080)
#define ZEROS     UINT64_C(0x3030303030303030)

/* What read_quick() may look at: sign, whole part, point, three words of digits
 * and an exponent. */
#define QUICK_SIZE 64
#define WHOLE_MAX  9 /* digits before the point */
/* Numbers of more characters are left to json_parse(). */
#define NUMBER_SIZE_MAX 255

#define EXACT_TENS 22 /* 10^22 < 2^53 * 2^22 is a double */
static const double tens[EXACT_TENS + 1] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,
                                             1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                             1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
                                             1e18, 1e19, 1e20, 1e21, 1e22 };
static const uint64_t whole_tens[20] = { 1u,
                                         10u,
                                         100u,
                                         1000u,
                                         10000u,
                                         100000u,
                                         1000000u,
                                         10000000u,
                                         100000000u,
                                         1000000000u,
                                         10000000000u,
                                         100000000000u,
                                         1000000000000u,
                                         10000000000000u,
                                         100000000000000u,
                                         1000000000000000u,
                                         10000000000000000u,
                                         100000000000000000u,
                                         1000000000000000000u,
                                         10000000000000000000u };

static uint64_t
word_at(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* The high bit of each byte that is no digit; `digits` is the text less '0' in
 * each byte. */
static uint64_t
other_bytes(uint64_t digits)
{
    return (((digits & LOW_BITS) + UINT64_C(0x7676767676767676)) | digits) &
           HIGH_BITS;
}

/* How many bytes come before the first marked one. */
static unsigned
bytes_before(uint64_t marks)
{
    return marks == 0 ? 8 : (unsigned)__builtin_ctzll(marks) / 8;
}

/* Eight digits, the first one in the lowest byte. */
static uint64_t
number_of(uint64_t digits)
{
    const uint64_t pairs = UINT64_C(0x000000ff000000ff);
    digits = digits * 10 + (digits >> 8);
    return ((digits & pairs) * UINT64_C(0x000f424000000064) +
            (digits >> 16 & pairs) * UINT64_C(0x0000271000000001)) >>
           32;
}

/* The number that `count` leading digits of the word make. */
static uint64_t
number_of_first(uint64_t digits, unsigned count)
{
    return count == 0 ? 0 : number_of(digits << (8 - count) * 8);
}

/* A decimal: mantissa * 10^exponent. */
struct decimal {
    uint64_t mantissa;
    int exponent;
};

/* Digits after the point, appended to the whole part in `decimal`; the byte
 * after them, or NULL when there is none or they are too many. */
static inline const char *
read_fraction(const char *at, struct decimal *decimal)
{
    uint64_t low = word_at(at) ^ ZEROS, high = word_at(at + 8) ^ ZEROS;
    unsigned count = bytes_before(other_bytes(low));
    uint64_t fraction;
    if (count < 8) {
        if (count == 0)
            return NULL;
        fraction = number_of_first(low, count);
    } else {
        unsigned more = bytes_before(other_bytes(high));
        fraction =
            number_of(low) * whole_tens[more] + number_of_first(high, more);
        count += more;
    }
    /* 10^9 - 1 before the point leave room for 10 digits after it. */
    if (count > 10 && decimal->mantissa >= 1000)
        return NULL;
    uint64_t mantissa = decimal->mantissa * whole_tens[count] + fraction;
    if (count == 16) {
        uint64_t rest = word_at(at + 16) ^ ZEROS;
        unsigned more = bytes_before(other_bytes(rest));
        if (more == 8 || mantissa >= whole_tens[19 - more])
            return NULL;
        mantissa = mantissa * whole_tens[more] + number_of_first(rest, more);
        count += more;
    }
    decimal->mantissa = mantissa;
    decimal->exponent = -(int)count;
    return at + count;
}

/* "e-05", `at` being the byte after the e. */
static const char *
read_exponent(const char *at, struct decimal *decimal)
{
    bool is_negative = *at == '-';
    at += is_negative || *at == '+';
    int exponent = 0, count = 0;
    for (; (unsigned char)(*at - '0') <= 9; at++) {
        exponent = exponent * 10 + (*at - '0');
        if (++count > 3)
            return NULL;
    }
    decimal->exponent += is_negative ? -exponent : exponent;
    return count == 0 ? NULL : at;
}

/* False next to the middle between two floats, and where floats are not
 * normal. */
static inline bool
scale(const struct decimal *decimal, uint32_t sign, float *ret_value)
{
    double value = (double)decimal->mantissa;
    if (decimal->exponent < -EXACT_TENS || decimal->exponent > EXACT_TENS)
        return false;
    if (decimal->exponent < 0)
        value /= tens[-decimal->exponent];
    else
        value *= tens[decimal->exponent];
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    /* The 29 bits that a float lacks, as a distance from their middle. */
    uint64_t middle = (bits - 0x10000000u + 16) & 0x1fffffffu;
    bool is_normal = value >= (double)FLT_MIN && value <= (double)FLT_MAX / 2;
    if (middle < 32 || !(is_normal || decimal->mantissa == 0))
        return false;
    float number = (float)value;
    uint32_t number_bits;
    memcpy(&number_bits, &number, sizeof(number_bits));
    number_bits |= sign << 31;
    memcpy(ret_value, &number_bits, sizeof(*ret_value));
    return true;
}

/* One number of a usual form; QUICK_SIZE bytes can be read. The byte after it
 * or NULL. */
static inline const char *
read_quick(const char *at, float *ret_value)
{
    uint32_t sign = *at == '-';
    at += sign;
    struct decimal decimal = { (unsigned char)(*at++ - '0'), 0 };
    if (decimal.mantissa > 9)
        return NULL;
    unsigned digit = (unsigned char)(*at - '0');
    if (digit <= 9) {
        if (decimal.mantissa == 0)
            return NULL;
        for (int count = 1; digit <= 9; digit = (unsigned char)(*++at - '0')) {
            decimal.mantissa = decimal.mantissa * 10 + digit;
            if (++count > WHOLE_MAX)
                return NULL;
        }
    }
    bool is_whole = *at != '.';
    if (!is_whole) {
        at = read_fraction(at + 1, &decimal);
        if (at == NULL)
            return NULL;
    }
    if ((*at | 0x20) == 'e') {
        is_whole = false;
        at = read_exponent(at + 1, &decimal);
        if (at == NULL)
            return NULL;
    }
    /* yyjson reads -0 as an integer, which has no sign. */
    if (is_whole && decimal.mantissa == 0)
        sign = 0;
    return scale(&decimal, sign, ret_value) ? at : NULL;
}

static bool
is_number_char(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' ||
           c == 'e' || c == 'E';
}

static const char *
read_slow(const char *at, const char *end, float *ret_value)
{
    char text[NUMBER_SIZE_MAX + 1];
    size_t size = 0;
    while (size < (size_t)(end - at) && is_number_char(at[size])) {
        if (size == NUMBER_SIZE_MAX)
            return NULL;
        text[size] = at[size];
        size++;
    }
    text[size] = '\0';
    yyjson_val value;
    if (yyjson_read_number(text, &value, 0, NULL, NULL) != text + size)
        return NULL;
    *ret_value = (float)yyjson_get_num(&value);
    return isfinite(*ret_value) ? at + size : NULL;
}

static inline const char *
skip_space(const char *at, const char *end)
{
    while (at < end &&
           (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

bool
json_floats_read(const char *at, const char *end, float *values, size_t room,
                 size_t *ret_count, const char **ret_at)
{
    assert(at <= end);
    for (size_t count = 0; count < room;) {
        const char *next = NULL;
        at = skip_space(at, end);
        if (end - at >= QUICK_SIZE)
            next = read_quick(at, &values[count]);
        if (next == NULL)
            next = read_slow(at, end, &values[count]);
        if (next == NULL)
            return false;
        count++;
        at = skip_space(next, end);
        if (at == end)
            return false;
        if (*at == ']') {
            *ret_count = count;
            *ret_at = at + 1;
            return true;
        }
        if (*at++ != ',')
            return false;
    }
    return false;
}
