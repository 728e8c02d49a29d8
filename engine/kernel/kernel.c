/* SPDX-License-Identifier: Apache-2.0
 * Chooses one table of distance functions for the process, and turns internal
 * distances into the API's scores. */
#include "engine/kernel/kernel.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "engine/kernel/f32.h"

static _Atomic(const struct kernel *) chosen;

static const struct kernel *
best(void)
{
    const struct kernel *kernel = kernel_find("avx2");
    return kernel != NULL ? kernel : &f32_plain;
}

const struct kernel *
kernel_find(const char *name)
{
    assert(name != NULL);
    if (strcmp(name, f32_plain.name) == 0)
        return &f32_plain;
#if defined(__x86_64__)
    if (strcmp(name, f32_avx2.name) == 0 && __builtin_cpu_supports("avx2") &&
        __builtin_cpu_supports("fma"))
        return &f32_avx2;
#endif
    return NULL;
}

enum engine_code
kernel_select(const char *name, struct error *reterr)
{
    assert(name != NULL);
    const struct kernel *kernel =
        strcmp(name, "auto") == 0 ? best() : kernel_find(name);
    if (kernel == NULL)
        return error_set(reterr, ENGINE_EINPUT,
                         "kernel '%s' is unknown or not usable on this CPU: "
                         "use auto, plain or avx2",
                         name);
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

bool
kernel_normalise(float *vector, size_t dim)
{
    assert(vector != NULL);
    double square = 0;
    for (size_t i = 0; i < dim; i++)
        square += (double)vector[i] * (double)vector[i];
    if (!isfinite(square) || square < (double)FLT_EPSILON ||
        fabs(square - 1.0) <= 1e-6)
        return false;
    double length = sqrt(square);
    for (size_t i = 0; i < dim; i++)
        vector[i] = (float)((double)vector[i] / length);
    return true;
}
