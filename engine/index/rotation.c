/* SPDX-License-Identifier: Apache-2.0
 * Signs, transform over neighbouring units, signs, transform over units that
 * lie block_count apart. One component is spread over its block by the first
 * round and over all blocks by the second. */
#include "engine/index/rotation.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
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

/* The first signs of every size are the same, so that all rotations share
 * them. */
static float all_signs[2 * ROTATION_SIZE_MAX];
static pthread_once_t signs_once = PTHREAD_ONCE_INIT;

static void
signs_make(void)
{
    for (uint32_t i = 0; i < 2 * ROTATION_SIZE_MAX; i++)
        all_signs[i] = (mix(i) & 1) != 0 ? 1.0f : -1.0f;
}

void
rotation_init(struct rotation *rotation, uint32_t dim, uint32_t size)
{
    assert(dim > 0 && size >= dim && size % ROTATION_ALIGN == 0);
    assert(size <= ROTATION_SIZE_MAX);
    uint32_t units = size / HADAMARD_LANES;
    uint32_t block_units = 1;
    while (block_units < BLOCK_UNITS_MAX && units % (2 * block_units) == 0)
        block_units *= 2;
    (void)pthread_once(&signs_once, signs_make);
    *rotation = (struct rotation){ .dim = dim,
                                   .size = size,
                                   .block_units = block_units,
                                   .block_count = units / block_units,
                                   .hadamard = kernel_get()->code->hadamard,
                                   .signs = all_signs };
}

/* One block is spread by the first round already. */
static bool
has_second_round(const struct rotation *rotation)
{
    return rotation->block_count > 1;
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
    if (!has_second_round(rotation))
        return;
    signs += rotation->size;
    for (uint32_t i = 0; i < rotation->size; i++)
        ret_rotated[i] *= signs[i];
    hadamard(ret_rotated, rotation->block_count, rotation->block_units);
}

void
rotation_undo(const struct rotation *rotation, float *values)
{
    code_hadamard_fn hadamard = rotation->hadamard;
    uint32_t block_size = rotation->block_units * HADAMARD_LANES;
    if (has_second_round(rotation)) {
        const float *signs = rotation->signs + rotation->size;
        hadamard(values, rotation->block_count, rotation->block_units);
        for (uint32_t i = 0; i < rotation->size; i++)
            values[i] *= signs[i];
    }
    for (uint32_t at = 0; at < rotation->size; at += block_size)
        hadamard(values + at, 1, rotation->block_units);
    for (uint32_t i = 0; i < rotation->dim; i++)
        values[i] *= rotation->signs[i];
}
