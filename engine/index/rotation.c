/* SPDX-License-Identifier: Apache-2.0
 * Signs, transform over neighbouring units, signs, transform over units that
 * lie block_count apart. One component is spread over its block by the first
 * round and over all blocks by the second. */
#include "engine/index/rotation.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "engine/kernel/kernel.h"

/* Larger blocks cost more passes and spread no better. */
#define BLOCK_UNITS_MAX 16u

static uint64_t
mix(uint64_t z)
{
    /* splitmix64: Steele, Lea, Flood 2014. */
    z = (z + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

enum engine_code
rotation_init(struct rotation *rotation, uint32_t dim, uint32_t size,
              struct error *reterr)
{
    assert(dim > 0 && size >= dim && size % ROTATION_ALIGN == 0);
    uint32_t units = size / HADAMARD_LANES;
    uint32_t block_units = 1;
    while (block_units < BLOCK_UNITS_MAX && units % (2 * block_units) == 0)
        block_units *= 2;
    float *signs = malloc(2 * (size_t)size * sizeof(*signs));
    if (signs == NULL)
        return error_memory(reterr);
    for (uint32_t i = 0; i < 2 * size; i++)
        signs[i] = (mix(i) & 1) != 0 ? 1.0f : -1.0f;
    *rotation = (struct rotation){ .dim = dim,
                                   .size = size,
                                   .block_units = block_units,
                                   .block_count = units / block_units,
                                   .hadamard = kernel_get()->code->hadamard,
                                   .signs = signs };
    return ENGINE_OK;
}

void
rotation_release(struct rotation *rotation)
{
    free(rotation->signs);
    rotation->signs = NULL;
}

void
rotation_apply(const struct rotation *rotation, const float *vector,
               float scale, float *ret_rotated)
{
    code_hadamard_fn hadamard = rotation->hadamard;
    uint32_t block_size = rotation->block_units * HADAMARD_LANES;
    const float *signs = rotation->signs;
    for (uint32_t i = 0; i < rotation->dim; i++)
        ret_rotated[i] = vector[i] * scale * signs[i];
    memset(ret_rotated + rotation->dim, 0,
           (rotation->size - rotation->dim) * sizeof(*ret_rotated));
    for (uint32_t at = 0; at < rotation->size; at += block_size)
        hadamard(ret_rotated + at, 1, rotation->block_units);
    if (rotation->block_count == 1 && block_size >= rotation->size)
        return; /* one block is spread already */
    signs += rotation->size;
    for (uint32_t i = 0; i < rotation->size; i++)
        ret_rotated[i] *= signs[i];
    hadamard(ret_rotated, rotation->block_count, rotation->block_units);
}
