/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_KERNEL_U8_H
#define ENGINE_KERNEL_U8_H

#include "engine/kernel/kernel.h"

/* The tables over u8 rows. An instruction set's table may be used only on a
 * CPU that has it: kernel_find() knows. */
extern const struct kernel_metrics u8_plain;
#if defined(__x86_64__)
extern const struct kernel_metrics u8_avx2;
extern const struct kernel_metrics u8_avx512;
#elif defined(__aarch64__)
extern const struct kernel_metrics u8_neon;
extern const struct kernel_metrics u8_dotprod;
#endif

#endif /* ENGINE_KERNEL_U8_H */
