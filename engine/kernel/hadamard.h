/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_KERNEL_HADAMARD_H
#define ENGINE_KERNEL_HADAMARD_H

#include "engine/kernel/code.h"

/* The variants of code_kernel.hadamard. An instruction set's may be called
 * only on a CPU that has it. All give the same bits: the additions are the
 * same, in the same order. */
void hadamard_plain(float *values, size_t block_count, size_t block_units);
#if defined(__x86_64__)
void hadamard_avx2(float *values, size_t block_count, size_t block_units);
void hadamard_avx512(float *values, size_t block_count, size_t block_units);
#endif

#endif /* ENGINE_KERNEL_HADAMARD_H */
