/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_KERNEL_CONVERT_H
#define ENGINE_KERNEL_CONVERT_H

#include "engine/kernel/kernel.h"

/* Conversions between datatypes. An instruction set's table may be used only
 * on a CPU that has it: kernel_find() knows. */
extern const struct kernel_convert convert_plain;
#if defined(__x86_64__)
extern const struct kernel_convert convert_avx2;
#elif defined(__aarch64__)
extern const struct kernel_convert convert_neon;
#endif

#endif /* ENGINE_KERNEL_CONVERT_H */
