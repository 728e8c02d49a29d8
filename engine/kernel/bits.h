/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_KERNEL_BITS_H
#define ENGINE_KERNEL_BITS_H

#include "engine/kernel/kernel.h"

/* The tables over 1-bit codes. An instruction set's table may be used only on
 * a CPU that has it: kernel_find() knows. */
extern const struct kernel_bits bits_plain;
#if defined(__x86_64__)
extern const struct kernel_bits bits_avx2;
extern const struct kernel_bits bits_avx512;
#elif defined(__aarch64__)
extern const struct kernel_bits bits_neon;
#endif

#endif /* ENGINE_KERNEL_BITS_H */
