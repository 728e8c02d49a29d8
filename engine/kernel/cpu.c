/* SPDX-License-Identifier: Apache-2.0
 * Asks the processor what it can do. The only place that does. */
#include "engine/kernel/cpu.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

static const char *const names[CPU_FEATURE_COUNT] = {
#define X(feature, name) [feature] = (name),
    CPU_FEATURES(X)
#undef X
};

#if defined(__x86_64__)

/* F16C uses the registers of AVX: where those work, the CPU's word is enough.
 * (Not every compiler's __builtin_cpu_supports() knows it.) */
static unsigned
has_f16c(void)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}

unsigned
cpu_features(void)
{
    unsigned found = 0;
#define ASK(feature, name)                                                     \
    found |= __builtin_cpu_supports(name) != 0 ? CPU_BIT(feature) : 0u
    __builtin_cpu_init();
    ASK(CPU_AVX2, "avx2");
    ASK(CPU_FMA, "fma");
    ASK(CPU_AVX512F, "avx512f");
    ASK(CPU_AVX512BW, "avx512bw");
    ASK(CPU_AVX512VL, "avx512vl");
    ASK(CPU_AVX512DQ, "avx512dq");
    ASK(CPU_AVX512VNNI, "avx512vnni");
    ASK(CPU_AVX512VPOPCNTDQ, "avx512vpopcntdq");
#undef ASK
    if ((found & CPU_BIT(CPU_AVX2)) != 0 && has_f16c())
        found |= CPU_BIT(CPU_F16C);
    return found;
}

#elif defined(__aarch64__)

#ifndef HWCAP_ASIMDDP
#define HWCAP_ASIMDDP (1ul << 20)
#endif

unsigned
cpu_features(void)
{
    unsigned found = CPU_BIT(CPU_NEON); /* part of the architecture */
    if ((getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0)
        found |= CPU_BIT(CPU_DOTPROD);
    return found;
}

#else

unsigned
cpu_features(void)
{
    return 0;
}

#endif

void
cpu_names(unsigned features, char *ret_text, size_t size)
{
    assert(size > 0);
    assert(features < CPU_BIT(CPU_FEATURE_COUNT));
    size_t used = 0;
    ret_text[0] = '\0';
    for (unsigned i = 0; i < CPU_FEATURE_COUNT && used < size; i++) {
        if ((features & CPU_BIT(i)) == 0)
            continue;
        unsigned rest = features >> i >> 1;
        const char *mark = used == 0 ? "" : rest == 0 ? " and " : ", ";
        used += (size_t)snprintf(ret_text + used, size - used, "%s%s", mark,
                                 names[i]);
    }
}
