/* SPDX-License-Identifier: Apache-2.0
 * Chooses one table of distance functions for the process, and turns internal
 * distances into the API's scores. */
#include "engine/kernel/kernel.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "engine/kernel/bits.h"
#include "engine/kernel/code.h"
#include "engine/kernel/convert.h"
#include "engine/kernel/cpu.h"
#include "engine/kernel/f16.h"
#include "engine/kernel/f32.h"
#include "engine/kernel/maxsim.h"
#include "engine/kernel/u8.h"

#if defined(__x86_64__)
#define NEEDS_AVX2 (CPU_BIT(CPU_AVX2) | CPU_BIT(CPU_FMA) | CPU_BIT(CPU_F16C))
#define NEEDS_AVX512                                                           \
    (NEEDS_AVX2 | CPU_BIT(CPU_AVX512F) | CPU_BIT(CPU_AVX512BW) |               \
     CPU_BIT(CPU_AVX512VL) | CPU_BIT(CPU_AVX512DQ) | CPU_BIT(CPU_AVX512VNNI) | \
     CPU_BIT(CPU_AVX512VPOPCNTDQ))
#endif

/* The tables of this processor architecture, the best one last. */
static const struct {
    unsigned needs; /* CPU features */
    struct kernel kernel;
} variants[] = {
    { 0,
      { .name = "plain",
        .metrics = { [DATATYPE_F32] = &f32_plain,
                     [DATATYPE_F16] = &f16_plain,
                     [DATATYPE_U8] = &u8_plain },
        .convert = &convert_plain,
        .bits = &bits_plain,
        .code = &code_plain,
        .maxsim = &maxsim_plain } },
#if defined(__x86_64__)
    { NEEDS_AVX2,
      { .name = "avx2",
        .metrics = { [DATATYPE_F32] = &f32_avx2,
                     [DATATYPE_F16] = &f16_avx2,
                     [DATATYPE_U8] = &u8_avx2 },
        .convert = &convert_avx2,
        .bits = &bits_avx2,
        .code = &code_avx2,
        .maxsim = &maxsim_avx2 } },
    { NEEDS_AVX512,
      { .name = "avx512",
        .metrics = { [DATATYPE_F32] = &f32_avx512,
                     [DATATYPE_F16] = &f16_avx512,
                     [DATATYPE_U8] = &u8_avx512 },
        .convert = &convert_avx2,
        .bits = &bits_avx512,
        .code = &code_avx512,
        .maxsim = &maxsim_avx512 } },
#elif defined(__aarch64__)
    { CPU_BIT(CPU_NEON),
      { .name = "neon",
        .metrics = { [DATATYPE_F32] = &f32_neon,
                     [DATATYPE_F16] = &f16_neon,
                     [DATATYPE_U8] = &u8_neon },
        .convert = &convert_neon,
        .bits = &bits_neon,
        .code = &code_neon,
        .maxsim = &maxsim_neon } },
    { CPU_BIT(CPU_NEON) | CPU_BIT(CPU_DOTPROD),
      { .name = "dotprod",
        .metrics = { [DATATYPE_F32] = &f32_neon,
                     [DATATYPE_F16] = &f16_neon,
                     [DATATYPE_U8] = &u8_dotprod },
        .convert = &convert_neon,
        .bits = &bits_neon,
        .code = &code_dotprod,
        .maxsim = &maxsim_neon } },
#endif
};

#define VARIANT_COUNT (sizeof(variants) / sizeof(variants[0]))

static _Atomic(const struct kernel *) chosen;

static const struct kernel *
best(void)
{
    unsigned features = cpu_features();
    size_t i = VARIANT_COUNT - 1;
    while ((variants[i].needs & ~features) != 0)
        i--; /* ends at "plain", which needs nothing */
    return &variants[i].kernel;
}

const struct kernel *
kernel_find(const char *name)
{
    assert(name != NULL);
    unsigned features = cpu_features();
    for (size_t i = 0; i < VARIANT_COUNT; i++)
        if (strcmp(name, variants[i].kernel.name) == 0 &&
            (variants[i].needs & ~features) == 0)
            return &variants[i].kernel;
    return NULL;
}

/* Why kernel_find() found nothing. */
static enum engine_code
refuse(const char *name, struct error *reterr)
{
    static const char *const others[] = { "avx2", "avx512", "neon", "dotprod" };
    for (size_t i = 0; i < VARIANT_COUNT; i++) {
        char lacks[128];
        if (strcmp(name, variants[i].kernel.name) != 0)
            continue;
        cpu_names(variants[i].needs & ~cpu_features(), lacks, sizeof(lacks));
        return error_set(reterr, ENGINE_EINPUT,
                         "kernel '%s' needs %s, which this CPU lacks", name,
                         lacks);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcmp(name, others[i]) == 0)
            return error_set(reterr, ENGINE_EINPUT,
                             "kernel '%s' is for another kind of processor",
                             name);
    return error_set(reterr, ENGINE_EINPUT,
                     "kernel '%s' is unknown: use " KERNEL_NAMES, name);
}

enum engine_code
kernel_select(const char *name, struct error *reterr)
{
    assert(name != NULL);
    const struct kernel *kernel =
        strcmp(name, "auto") == 0 ? best() : kernel_find(name);
    if (kernel == NULL)
        return refuse(name, reterr);
    atomic_store_explicit(&chosen, kernel, memory_order_release);
    return ENGINE_OK;
}

const struct kernel *
kernel_get(void)
{
    const struct kernel *kernel =
        atomic_load_explicit(&chosen, memory_order_acquire);
    if (kernel != NULL)
        return kernel;
    kernel = best();
    atomic_store_explicit(&chosen, kernel, memory_order_release);
    return kernel;
}

bool
kernel_score_is_descending(enum metric metric)
{
    return metric == METRIC_COSINE || metric == METRIC_DOT;
}

float
kernel_score(enum metric metric, float distance)
{
    if (kernel_score_is_descending(metric))
        return 0.0f - distance;
    if (metric == METRIC_EUCLID)
        return sqrtf(distance);
    return distance;
}

float
kernel_distance_of_score(enum metric metric, float score)
{
    if (kernel_score_is_descending(metric))
        return 0.0f - score;
    if (metric == METRIC_EUCLID)
        return score < 0 ? score : score * score;
    return score;
}

const char *
kernel_metric_name(enum metric metric)
{
    static const char *const names[METRIC_COUNT] = {
        [METRIC_COSINE] = "Cosine",
        [METRIC_EUCLID] = "Euclid",
        [METRIC_DOT] = "Dot",
        [METRIC_MANHATTAN] = "Manhattan",
    };
    assert((unsigned)metric < METRIC_COUNT);
    return names[metric];
}

typedef float float_lanes __attribute__((vector_size(32)));
typedef double double_lanes __attribute__((vector_size(32)));

bool
kernel_is_finite(const float *vector, size_t dim)
{
    float_lanes lanes, sums = { 0 };
    const size_t step = sizeof(lanes) / sizeof(float);
    float sum = 0;
    size_t i = 0;
    /* x - x is zero for finite numbers only, and nothing else adds to zero. */
    for (; dim - i >= step; i += step) {
        memcpy(&lanes, vector + i, sizeof(lanes));
        sums += lanes - lanes;
    }
    for (; i < dim; i++)
        sum += vector[i] - vector[i];
    for (size_t k = 0; k < step; k++)
        sum += sums[k];
    return sum == 0;
}

/* In lanes: one sum after the other would wait for itself. */
static double
square_sum(const float *vector, size_t dim)
{
    double_lanes sums = { 0 };
    const size_t step = sizeof(sums) / sizeof(double);
    double sum = 0;
    size_t i = 0;
    for (; dim - i >= step; i += step) {
        double_lanes lanes = { vector[i], vector[i + 1], vector[i + 2],
                               vector[i + 3] };
        sums += lanes * lanes;
    }
    for (; i < dim; i++)
        sum += (double)vector[i] * (double)vector[i];
    return sum + ((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

bool
kernel_normalise(float *vector, size_t dim)
{
    assert(vector != NULL);
    double square = square_sum(vector, dim);
    if (!isfinite(square) || square < (double)FLT_EPSILON ||
        fabs(square - 1.0) <= 1e-6)
        return false;
    double length = sqrt(square);
    for (size_t i = 0; i < dim; i++)
        vector[i] = (float)((double)vector[i] / length);
    return true;
}
