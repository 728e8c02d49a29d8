/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_KERNEL_HALF_H
#define ENGINE_KERNEL_HALF_H

#include <stdint.h>
#include <string.h>

/* IEEE 754 half precision as bits, in integers: compilers and C libraries
 * differ in their half type. Same bits as VCVTPH2PS and VCVTPS2PH. */

/* Without branches, so that compilers vectorise it. */
static inline float
half_to_float(uint16_t half)
{
    uint32_t magnitude = half & 0x7fffu;
    uint32_t bits = (magnitude << 13) + 0x38000000u; /* exponent + 112 */
    bits += magnitude >= 0x7c00u ? 0x38000000u : 0u; /* infinity, NaN */
    bits |= magnitude > 0x7c00u ? 0x400000u : 0u;    /* NaN is made quiet */
    float value = (float)(int)magnitude * 0x1p-24f;  /* subnormal */
    uint32_t small;
    memcpy(&small, &value, sizeof(small));
    bits = magnitude < 0x400u ? small : bits;
    bits |= (uint32_t)(half & 0x8000u) << 16;
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* Rounds to nearest, ties to even; too large becomes infinity; NaN stays NaN
 * with the upper bits of its payload. */
static inline uint16_t
half_from_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    uint32_t sign = bits >> 16 & 0x8000u;
    bits &= 0x7fffffffu;
    if (bits > 0x7f800000u)
        return (uint16_t)(sign | 0x7e00u | (bits >> 13 & 0x3ffu));
    if (bits >= 0x47800000u) /* 65536 and more */
        return (uint16_t)(sign | 0x7c00u);
    if (bits < 0x38800000u) { /* below 2^-14: subnormal */
        /* The last place of numbers from 0.5 is 2^-24, as of a subnormal
         * half: the addition rounds. */
        float magnitude;
        memcpy(&magnitude, &bits, sizeof(magnitude));
        magnitude += 0.5f;
        memcpy(&bits, &magnitude, sizeof(bits));
        return (uint16_t)(sign | (bits - 0x3f000000u));
    }
    bits += 0xfffu + (bits >> 13 & 1u); /* a carry may reach the exponent */
    return (uint16_t)(sign | (bits - 0x38000000u) >> 13);
}

#endif /* ENGINE_KERNEL_HALF_H */
