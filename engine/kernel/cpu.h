/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_KERNEL_CPU_H
#define ENGINE_KERNEL_CPU_H

#include <stddef.h>

/* The instruction sets that kernels are written for: constant, name. */
#define CPU_FEATURES(X)                                                        \
    X(CPU_AVX2, "avx2")                                                        \
    X(CPU_FMA, "fma")                                                          \
    X(CPU_F16C, "f16c")                                                        \
    X(CPU_AVX512F, "avx512f")                                                  \
    X(CPU_AVX512BW, "avx512bw")                                                \
    X(CPU_AVX512VL, "avx512vl")                                                \
    X(CPU_AVX512DQ, "avx512dq")                                                \
    X(CPU_AVX512VNNI, "avx512vnni")                                            \
    X(CPU_AVX512VPOPCNTDQ, "avx512vpopcntdq")                                  \
    X(CPU_NEON, "neon")                                                        \
    X(CPU_DOTPROD, "dotprod")

enum cpu_feature {
#define X(feature, name) feature,
    CPU_FEATURES(X)
#undef X
        CPU_FEATURE_COUNT
};

/* A set of features: bit i is feature i. */
#define CPU_BIT(feature) (1u << (feature))

/* What the CPU and the operating system offer. Any thread; asks each time. */
unsigned cpu_features(void);

/* Writes the names of a set, "a, b and c", cut to `size` > 0 bytes. */
void cpu_names(unsigned features, char *ret_text, size_t size);

#endif /* ENGINE_KERNEL_CPU_H */
