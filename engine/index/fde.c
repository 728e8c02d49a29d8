/* SPDX-License-Identifier: Apache-2.0
 * Fixed-dimensional encodings: see fde.h. Sums and means come before the
 * projection, which is linear, so that a part is projected once however many
 * sub-vectors are in it. */
#include "engine/index/fde.h"

#include "engine/kernel/kernel.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PLANES   2u /* of one repetition: 4 parts */
#define PARTS    (1u << PLANES)
#define REPEATS  32u
#define DIMS_MAX 16u /* of a projected part */
#define SEED     UINT64_C(0x4d555645524121)
/* So many uniform numbers add up to a nearly normal one, without a function
 * that is another one in each C library. */
#define UNIFORMS 12

struct fde {
    uint32_t dim;
    uint32_t dims;     /* of a projected part */
    float *planes;     /* [REPEATS][PLANES][dim] */
    float *projection; /* [REPEATS][dims][dim] */
};

static uint64_t
random_bits(uint64_t *state)
{
    uint64_t bits = *state += UINT64_C(0x9e3779b97f4a7c15);
    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

static float
random_normal(uint64_t *state)
{
    float sum = 0;
    for (int i = 0; i < UNIFORMS; i++)
        sum += (float)(random_bits(state) >> 40) * 0x1p-24f - 0.5f;
    return sum;
}

static void
fill(struct fde *fde)
{
    uint64_t state = SEED;
    float sign = 1.0f / sqrtf((float)fde->dims);
    size_t planes = (size_t)REPEATS * PLANES * fde->dim;
    size_t entries = (size_t)REPEATS * fde->dims * fde->dim;
    for (size_t i = 0; i < planes; i++)
        fde->planes[i] = random_normal(&state);
    for (size_t i = 0; i < entries; i++)
        fde->projection[i] = (random_bits(&state) >> 63) != 0 ? sign : -sign;
}

enum engine_code
fde_create(uint32_t dim, struct fde **ret_fde, struct error *reterr)
{
    assert(dim > 0 && dim <= FDE_DIM_MAX);
    struct fde *fde = calloc(1, sizeof(*fde));
    if (fde == NULL)
        return error_memory(reterr);
    fde->dim = dim;
    fde->dims = dim < DIMS_MAX ? dim : DIMS_MAX;
    fde->planes = malloc((size_t)REPEATS * PLANES * dim * sizeof(float));
    fde->projection = malloc((size_t)REPEATS * fde->dims * dim * sizeof(float));
    if (fde->planes == NULL || fde->projection == NULL) {
        fde_free(fde);
        return error_memory(reterr);
    }
    fill(fde);
    *ret_fde = fde;
    return ENGINE_OK;
}

void
fde_free(struct fde *fde)
{
    if (fde == NULL)
        return;
    free(fde->planes);
    free(fde->projection);
    free(fde);
}

uint32_t
fde_size(const struct fde *fde)
{
    return REPEATS * PARTS * fde->dims;
}

/* float[PARTS][dim] sums, u8[REPEATS][rows] parts. */
size_t
fde_work_size(const struct fde *fde, size_t rows)
{
    return PARTS * fde->dim * sizeof(float) + REPEATS * rows;
}

/* ret_dots[i] = -(row, matrix[i]) */
static void
multiply(const float *row, const float *matrix, size_t count, size_t dim,
         float *ret_dots)
{
    const void *rows[KERNEL_ROWS_MAX];
    assert(count <= KERNEL_ROWS_MAX);
    for (size_t i = 0; i < count; i++)
        rows[i] = matrix + i * dim;
    kernel_get()->metrics[DATATYPE_F32]->rows[METRIC_DOT](row, rows, count, dim,
                                                          ret_dots);
}

static_assert(REPEATS * PLANES <= KERNEL_ROWS_MAX, "one call per sub-vector");
static_assert(DIMS_MAX <= KERNEL_ROWS_MAX, "one call per part");

/* The part of each sub-vector in each repetition. */
static void
find_parts(const struct fde *fde, const float *values, size_t rows,
           uint8_t *ret_parts)
{
    float dots[REPEATS * PLANES];
    for (size_t i = 0; i < rows; i++) {
        multiply(values + i * fde->dim, fde->planes, REPEATS * PLANES, fde->dim,
                 dots);
        for (size_t r = 0; r < REPEATS; r++) {
            uint8_t part = 0;
            for (size_t p = 0; p < PLANES; p++)
                part = (uint8_t)(part | (dots[r * PLANES + p] < 0) << p);
            ret_parts[r * rows + i] = part;
        }
    }
}

static void
add(float *sum, const float *row, size_t dim)
{
    for (size_t i = 0; i < dim; i++)
        sum[i] += row[i];
}

static void
scale(float *sum, float factor, size_t dim)
{
    for (size_t i = 0; i < dim; i++)
        sum[i] *= factor;
}

/* The mean of the sub-vectors in the parts that differ from `part` by the
 * fewest planes. */
static void
fill_part(const struct fde *fde, const float *values, size_t rows,
          const uint8_t *parts, uint8_t part, float *ret_mean)
{
    int least = PLANES + 1;
    size_t count = 0;
    for (size_t i = 0; i < rows; i++) {
        int distance = __builtin_popcount(parts[i] ^ part);
        least = distance < least ? distance : least;
    }
    for (size_t i = 0; i < rows; i++)
        if (__builtin_popcount(parts[i] ^ part) == least) {
            add(ret_mean, values + i * fde->dim, fde->dim);
            count++;
        }
    scale(ret_mean, 1.0f / (float)count, fde->dim);
}

/* One repetition: sums[PARTS][dim]. */
static void
sum_parts(const struct fde *fde, enum fde_side side, const float *values,
          size_t rows, const uint8_t *parts, float *sums)
{
    size_t counts[PARTS] = { 0 };
    memset(sums, 0, PARTS * fde->dim * sizeof(*sums));
    for (size_t i = 0; i < rows; i++) {
        add(sums + parts[i] * fde->dim, values + i * fde->dim, fde->dim);
        counts[parts[i]]++;
    }
    for (uint8_t part = 0; side == FDE_DOCUMENT && part < PARTS; part++) {
        float *sum = sums + part * fde->dim;
        if (counts[part] == 0)
            fill_part(fde, values, rows, parts, part, sum);
        else
            scale(sum, 1.0f / (float)counts[part], fde->dim);
    }
}

void
fde_encode(const struct fde *fde, enum fde_side side, const float *values,
           size_t rows, void *work, float *ret_encoding)
{
    assert(rows > 0);
    float *sums = work;
    uint8_t *parts = (uint8_t *)(sums + PARTS * fde->dim);
    find_parts(fde, values, rows, parts);
    for (size_t r = 0; r < REPEATS; r++) {
        const float *matrix = fde->projection + r * fde->dims * fde->dim;
        sum_parts(fde, side, values, rows, parts + r * rows, sums);
        for (size_t part = 0; part < PARTS; part++) {
            multiply(sums + part * fde->dim, matrix, fde->dims, fde->dim,
                     ret_encoding);
            ret_encoding += fde->dims;
        }
    }
}
