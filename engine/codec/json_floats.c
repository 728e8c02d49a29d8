/* SPDX-License-Identifier: Apache-2.0
 * Decimal to float, most often without big numbers: the digits become a 64-bit
 * integer, and one multiplication by a power of ten in double scales it. Three
 * roundings (integer to double, the power, the product) leave the double less
 * than two units in its last place away from the decimal, and so does the
 * correctly rounded one: both make the same float, but next to the middle
 * between two floats. Such numbers, and unusual ones, are read by yyjson.
 *   read_decimal()  "-0.0345678926": found by the comma behind it
 *   read_quick()    other lengths, whole numbers, exponents
 *   read_slow()     the rest, and the ends of the text */
#include "engine/codec/json_floats.h"

#include <yyjson.h>

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

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

/* Powers of ten from 10^-TENS_DOWN to 10^TENS_UP. */
#define TENS_DOWN 40
#define TENS_UP   23
static const double tens[TENS_DOWN + TENS_UP + 1] = {
    1e-40, 1e-39, 1e-38, 1e-37, 1e-36, 1e-35, 1e-34, 1e-33, 1e-32, 1e-31, 1e-30,
    1e-29, 1e-28, 1e-27, 1e-26, 1e-25, 1e-24, 1e-23, 1e-22, 1e-21, 1e-20, 1e-19,
    1e-18, 1e-17, 1e-16, 1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9,  1e-8,
    1e-7,  1e-6,  1e-5,  1e-4,  1e-3,  1e-2,  1e-1,  1e0,   1e1,   1e2,   1e3,
    1e4,   1e5,   1e6,   1e7,   1e8,   1e9,   1e10,  1e11,  1e12,  1e13,  1e14,
    1e15,  1e16,  1e17,  1e18,  1e19,  1e20,  1e21,  1e22,  1e23
};
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

/* What is around the middle of the 29 bits that a float lacks: twice as far as
 * the double may be off, and more. */
#define MIDDLE      UINT64_C(0x10000000)
#define MIDDLE_HALF 16u
#define LOST_BITS   UINT64_C(0x1fffffff)

/* The bits of the smallest normal float as a double, and what the largest one
 * has more. */
#define NORMAL_BITS UINT64_C(0x3810000000000000)
#define NORMAL_SPAN UINT64_C(0x0fdfffffe0000000)

/* The mantissa is at most INT64_MAX. False where the float would not be sure,
 * and where floats are not normal. */
static inline bool
scale(const struct decimal *decimal, uint32_t sign, float *ret_value)
{
    size_t power = (size_t)(decimal->exponent + TENS_DOWN);
    if (power > TENS_DOWN + TENS_UP)
        return false;
    double value = (double)(int64_t)decimal->mantissa * tens[power];
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    if (((bits - MIDDLE + MIDDLE_HALF) & LOST_BITS) < 2 * MIDDLE_HALF)
        return false;
    if (bits - NORMAL_BITS > NORMAL_SPAN && decimal->mantissa != 0)
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
    if (decimal.mantissa > INT64_MAX || !scale(&decimal, sign, ret_value))
        return NULL;
    return at;
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

/* ---- decimals between commas ---- */

#define DIGITS           16 /* that are read at once */
#define DECIMAL_SIZE_MAX 32

#if defined(__SSE2__)
/* Where the first comma or closing bracket is; DECIMAL_SIZE_MAX: not in that
 * many bytes. */
static inline unsigned
separator_offset(const char *at)
{
    const __m128i comma = _mm_set1_epi8(','), close = _mm_set1_epi8(']');
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i high =
        _mm_loadu_si128((const __m128i *)(const void *)(at + DIGITS));
    low = _mm_or_si128(_mm_cmpeq_epi8(low, comma), _mm_cmpeq_epi8(low, close));
    high =
        _mm_or_si128(_mm_cmpeq_epi8(high, comma), _mm_cmpeq_epi8(high, close));
    uint32_t marks = (uint32_t)_mm_movemask_epi8(low) |
                     (uint32_t)_mm_movemask_epi8(high) << DIGITS;
    return marks == 0 ? DECIMAL_SIZE_MAX : (unsigned)__builtin_ctz(marks);
}

/* The number that the last `count` bytes before `end` make; DIGITS bytes before
 * it can be read. False: they are not all digits. */
static inline bool
digits_before(const char *end, size_t count, uint64_t *ret_number)
{
    static const uint8_t kept[2 * DIGITS] = { [DIGITS] = 0xff,
                                              0xff,
                                              0xff,
                                              0xff,
                                              0xff,
                                              0xff,
                                              0xff,
                                              0xff,
                                              0xff,
                                              0xff,
                                              0xff,
                                              0xff,
                                              0xff,
                                              0xff,
                                              0xff,
                                              0xff };
    __m128i text =
        _mm_loadu_si128((const __m128i *)(const void *)(end - DIGITS));
    __m128i mask =
        _mm_loadu_si128((const __m128i *)(const void *)(kept + count));
    __m128i digits =
        _mm_and_si128(_mm_xor_si128(text, _mm_set1_epi8('0')), mask);
    int others = _mm_movemask_epi8(_mm_adds_epu8(digits, _mm_set1_epi8(0x76)));
    /* Two, four and eight digits; all products stay within their lanes. */
    __m128i twos =
        _mm_srli_epi16(_mm_mullo_epi16(digits, _mm_set1_epi16(2561)), 8);
    __m128i fours = _mm_madd_epi16(twos, _mm_set1_epi32(1 << 16 | 100));
    fours = _mm_packs_epi32(fours, fours);
    __m128i eights = _mm_madd_epi16(fours, _mm_set1_epi32(1 << 16 | 10000));
    uint64_t both = (uint64_t)_mm_cvtsi128_si64(eights);
    *ret_number = (both & UINT32_MAX) * 100000000u + (both >> 32);
    return others == 0;
}
#else
static inline unsigned
separator_offset(const char *at)
{
    unsigned offset = 0;
    while (offset < DECIMAL_SIZE_MAX && at[offset] != ',' && at[offset] != ']')
        offset++;
    return offset;
}

static inline bool
digits_before(const char *end, size_t count, uint64_t *ret_number)
{
    uint64_t low = word_at(end - 16) ^ ZEROS, high = word_at(end - 8) ^ ZEROS;
    /* A shift by 64 is none. */
    unsigned dropped = (unsigned)(DIGITS - count) * 8;
    high &= dropped < 64 ? UINT64_MAX : UINT64_MAX << (dropped - 64) % 64;
    low = dropped < 64 ? low & UINT64_MAX << dropped : 0;
    *ret_number = number_of(low) * 100000000u + number_of(high);
    return (other_bytes(low) | other_bytes(high)) == 0;
}
#endif

/* "-0.0345678926" and "0.034567892551422119" between `at` and `end`, which is
 * 1 to DECIMAL_SIZE_MAX bytes away; DIGITS bytes before and after them can be
 * read. Never inlined: in the loop below, compilers make it half as fast. */
static __attribute__((noinline)) bool
read_decimal(const char *at, const char *end, float *ret_value)
{
    at += *at == ' ';
    uint32_t sign = *at == '-';
    at += sign;
    uint64_t whole = (unsigned char)(at[0] - '0');
    size_t count = (size_t)(end - at - 2);
    struct decimal decimal;
    if (whole > 9 || at[1] != '.' || count - 1 >= DIGITS + 4)
        return false;
    if (count <= DIGITS) {
        if (!digits_before(end, count, &decimal.mantissa))
            return false;
        decimal.mantissa += whole * whole_tens[count];
    } else {
        uint64_t first = word_at(at + 2) ^ ZEROS;
        unsigned more = (unsigned)count - DIGITS;
        if (bytes_before(other_bytes(first)) < more ||
            !digits_before(end, DIGITS, &decimal.mantissa))
            return false;
        first = number_of_first(first, more);
        /* At most 18 digits, without the zeros they begin with. */
        if (whole > 0 || first > 99)
            return false;
        decimal.mantissa += first * whole_tens[DIGITS];
    }
    decimal.exponent = -(int)count;
    return scale(&decimal, sign, ret_value);
}

/* Any number at `at`, after white space, and what separates it: *ret_at is the
 * separator. */
static bool
read_any(const char *at, const char *end, float *ret_value, const char **ret_at)
{
    const char *next = NULL;
    at = skip_space(at, end);
    if (end - at >= QUICK_SIZE)
        next = read_quick(at, ret_value);
    if (next == NULL)
        next = read_slow(at, end, ret_value);
    if (next == NULL)
        return false;
    *ret_at = skip_space(next, end);
    return *ret_at < end;
}

bool
json_floats_read(const char *at, const char *end, float *values, size_t room,
                 size_t *ret_count, const char **ret_at)
{
    assert(at <= end);
    /* Where read_decimal() may look around. */
    const char *begin = at + DIGITS;
    size_t size = (size_t)(end - at) > DIGITS + QUICK_SIZE
                      ? (size_t)(end - begin) - QUICK_SIZE
                      : 0;
    for (size_t count = 0; count < room;) {
        const char *next = NULL;
        bool is_read = false;
        if ((size_t)(at - begin) < size) {
            next = at + separator_offset(at);
            is_read = read_decimal(at, next, &values[count]);
        }
        if (!is_read && !read_any(at, end, &values[count], &next))
            return false;
        count++;
        at = next + 1;
        if (*next == ']') {
            *ret_count = count;
            *ret_at = at;
            return true;
        }
        if (*next != ',')
            return false;
    }
    return false;
}
