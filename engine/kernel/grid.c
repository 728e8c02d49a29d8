/* SPDX-License-Identifier: Apache-2.0
 * Grids: see grid.h. Written once with vectors of 16 floats that the compiler
 * lowers to what the variant's instruction set has. */
#include "engine/kernel/grid.h"

#include <string.h>

typedef float floats __attribute__((vector_size(64)));
typedef int32_t ints __attribute__((vector_size(64)));
typedef int8_t bytes_16 __attribute__((vector_size(16)));
typedef uint8_t codes_16 __attribute__((vector_size(16)));

#define INLINE __attribute__((always_inline)) static inline
#define LANES  16u

INLINE void
load(const float *at, floats *ret_values)
{
    memcpy(ret_values, at, sizeof(*ret_values));
}

INLINE int32_t
sum_of(const ints *sums)
{
    int32_t sum = 0;
    for (size_t i = 0; i < LANES; i++)
        sum += (*sums)[i];
    return sum;
}

INLINE float
largest(const float *values, size_t size)
{
    /* Floats of one sign sort as their bits do. */
    ints top = { 0 };
    for (size_t i = 0; i < size; i += LANES) {
        ints bits;
        memcpy(&bits, values + i, sizeof(bits));
        bits &= 0x7fffffff;
        ints is_more = bits > top;
        top = (bits & is_more) | (top & ~is_more);
    }
    int32_t tops[LANES], most = 0;
    memcpy(tops, &top, sizeof(tops));
    for (size_t i = 0; i < LANES; i++)
        most = tops[i] > most ? tops[i] : most;
    float found;
    memcpy(&found, &most, sizeof(found));
    return found;
}

INLINE int32_t
query(const float *values, size_t size, float per_unit, int8_t *ret_query)
{
    ints sums = { 0 };
    for (size_t i = 0; i < size; i += LANES) {
        floats at;
        load(values + i, &at);
        /* Cutting towards zero after moving up is rounding. */
        at = at * per_unit + 128.5f;
        ints rounded = __builtin_convertvector(at, ints) - 128;
        bytes_16 small = __builtin_convertvector(rounded, bytes_16);
        memcpy(ret_query + i, &small, sizeof(small));
        sums += rounded;
    }
    return sum_of(&sums);
}

/* Numbers of steps, 0..last. */
INLINE void
places(const float *values, float per_step, float middle, int32_t last,
       ints *ret_places)
{
    floats at;
    load(values, &at);
    at = at * per_step + (middle + 0.5f);
    ints place = __builtin_convertvector(at, ints);
    place &= place > 0;
    ints is_over = place > last;
    *ret_places = (place & ~is_over) | (is_over & last);
}

INLINE void
pack_8(const float *values, size_t size, float per_step, uint8_t *ret_row)
{
    for (size_t i = 0; i < size; i += LANES) {
        ints wide;
        places(values + i, per_step, 127.5f, 255, &wide);
        codes_16 small = __builtin_convertvector(wide, codes_16);
        memcpy(ret_row + i, &small, sizeof(small));
    }
}

INLINE void
pack_4(const float *values, size_t size, float per_step, uint8_t *ret_row)
{
    for (size_t line = 0; line < size / 128; line++)
        for (size_t i = 0; i < 64; i += LANES) {
            const float *at = values + line * 128 + i;
            ints low, high;
            places(at, per_step, 7.5f, 15, &low);
            places(at + 64, per_step, 7.5f, 15, &high);
            codes_16 small = __builtin_convertvector(low | high << 4, codes_16);
            memcpy(ret_row + line * 64 + i, &small, sizeof(small));
        }
}

INLINE int32_t
unpack_8(const uint8_t *row, size_t size, int8_t *ret_query)
{
    ints sums = { 0 };
    for (size_t i = 0; i < size; i += LANES) {
        codes_16 small;
        memcpy(&small, row + i, sizeof(small));
        ints wide = __builtin_convertvector(small, ints) - 128;
        wide -= wide == -128;
        bytes_16 value = __builtin_convertvector(wide, bytes_16);
        memcpy(ret_query + i, &value, sizeof(value));
        sums += wide;
    }
    return sum_of(&sums);
}

INLINE int32_t
unpack_4(const uint8_t *row, size_t size, int8_t *ret_query)
{
    ints sums = { 0 };
    for (size_t line = 0; line < size / 128; line++)
        for (size_t i = 0; i < 64; i += LANES) {
            codes_16 small;
            memcpy(&small, row + line * 64 + i, sizeof(small));
            int8_t *at = ret_query + line * 128 + i;
            bytes_16 low = (bytes_16)((small & 15) * 2 - 15);
            bytes_16 high = (bytes_16)((small >> 4) * 2 - 15);
            memcpy(at, &low, sizeof(low));
            memcpy(at + 64, &high, sizeof(high));
            sums += __builtin_convertvector(low + high, ints);
        }
    return sum_of(&sums);
}

/* 16 bytes of a row: components i.. and 64 + i.. of its line. */
INLINE void
steps_4(const uint8_t *at, floats *ret_low, floats *ret_high)
{
    codes_16 small;
    memcpy(&small, at, sizeof(small));
    ints wide = __builtin_convertvector(small, ints);
    *ret_low = __builtin_convertvector(wide & 15, floats) - 7.5f;
    *ret_high = __builtin_convertvector(wide >> 4, floats) - 7.5f;
}

INLINE void
spread_4(const uint8_t *row, size_t size, float *ret_values)
{
    for (size_t line = 0; line < size / 128; line++)
        for (size_t i = 0; i < 64; i += LANES) {
            floats low, high;
            float *at = ret_values + line * 128 + i;
            steps_4(row + line * 64 + i, &low, &high);
            memcpy(at, &low, sizeof(low));
            memcpy(at + 64, &high, sizeof(high));
        }
}

INLINE float
dot_4(const float *values, const uint8_t *row, size_t size)
{
    floats lows = { 0 }, highs = { 0 };
    for (size_t line = 0; line < size / 128; line++)
        for (size_t i = 0; i < 64; i += LANES) {
            floats low, high, at, above;
            steps_4(row + line * 64 + i, &low, &high);
            load(values + line * 128 + i, &at);
            load(values + line * 128 + i + 64, &above);
            lows += low * at;
            highs += high * above;
        }
    lows += highs;
    float sum = 0;
    for (size_t i = 0; i < LANES; i++)
        sum += lows[i];
    return sum;
}

/* One table of one instruction set. */
#define GRID(name, attribute)                                                  \
    attribute static float name##_largest(const float *values, size_t size)    \
    {                                                                          \
        return largest(values, size);                                          \
    }                                                                          \
    attribute static int32_t name##_query(const float *values, size_t size,    \
                                          float per_unit, int8_t *ret_query)   \
    {                                                                          \
        return query(values, size, per_unit, ret_query);                       \
    }                                                                          \
    attribute static void name##_pack_8(const float *values, size_t size,      \
                                        float per_step, uint8_t *ret_row)      \
    {                                                                          \
        pack_8(values, size, per_step, ret_row);                               \
    }                                                                          \
    attribute static void name##_pack_4(const float *values, size_t size,      \
                                        float per_step, uint8_t *ret_row)      \
    {                                                                          \
        pack_4(values, size, per_step, ret_row);                               \
    }                                                                          \
    attribute static int32_t name##_unpack_8(const uint8_t *row, size_t size,  \
                                             int8_t *ret_query)                \
    {                                                                          \
        return unpack_8(row, size, ret_query);                                 \
    }                                                                          \
    attribute static int32_t name##_unpack_4(const uint8_t *row, size_t size,  \
                                             int8_t *ret_query)                \
    {                                                                          \
        return unpack_4(row, size, ret_query);                                 \
    }                                                                          \
    attribute static void name##_spread_4(const uint8_t *row, size_t size,     \
                                          float *ret_values)                   \
    {                                                                          \
        spread_4(row, size, ret_values);                                       \
    }                                                                          \
    attribute static float name##_dot_4(const float *values,                   \
                                        const uint8_t *row, size_t size)       \
    {                                                                          \
        return dot_4(values, row, size);                                       \
    }                                                                          \
    const struct grid name = { name##_largest,  name##_query,                  \
                               name##_pack_8,   name##_pack_4,                 \
                               name##_unpack_8, name##_unpack_4,               \
                               name##_spread_4, name##_dot_4 };

GRID(grid_plain, )
#if defined(__x86_64__)
GRID(grid_avx2, __attribute__((target("avx2"))))
GRID(grid_avx512, __attribute__((target("avx512f,avx512bw,avx512vl"))))
#endif
