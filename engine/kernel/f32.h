/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_KERNEL_F32_H
#define ENGINE_KERNEL_F32_H

#include "engine/kernel/kernel.h"

/* The tables over f32 rows. An instruction set's table may be used only on a
 * CPU that has it: kernel_find() knows. */
extern const struct kernel_metrics f32_plain;
#if defined(__x86_64__)
extern const struct kernel_metrics f32_avx2;
extern const struct kernel_metrics f32_avx512;
#elif defined(__aarch64__)
extern const struct kernel_metrics f32_neon;
#endif

#endif /* ENGINE_KERNEL_F32_H */
