/* SPDX-License-Identifier: Apache-2.0
 * Weights of sealed parts in fewer bytes. While a part is made they are floats,
 * so that sorting and bounds are the same for each datatype; bounds are those
 * of the rounded weights, and so searches stay exact for what is stored. */
#include "engine/index/sparse_weight.h"

#include <math.h>
#include <stdlib.h>

size_t
sparse_weights_size(const struct sparse_lists *lists)
{
    size_t entries = lists->starts[lists->count];
    switch (lists->datatype) {
    case DATATYPE_F16:
        return entries * sizeof(uint16_t);
    case DATATYPE_U8:
        return entries + lists->count * sizeof(struct sparse_scale);
    case DATATYPE_TURBO4: /* of dense vectors alone */
    case DATATYPE_F32:
        break;
    }
    return entries * sizeof(float);
}

static void
round_halves(struct sparse_lists *lists)
{
    size_t entries = lists->starts[lists->count];
    for (size_t i = 0; i < entries; i++) {
        float weight = fminf(lists->weights[i], SPARSE_HALF_MAX);
        lists->halves[i] = half_from_float(fmaxf(weight, -SPARSE_HALF_MAX));
        lists->weights[i] = half_to_float(lists->halves[i]);
    }
}

static struct sparse_scale
scale_of(const struct sparse_lists *lists, uint32_t list)
{
    float least = INFINITY, most = -INFINITY;
    for (uint32_t i = lists->starts[list]; i < lists->starts[list + 1]; i++) {
        least = fminf(least, lists->weights[i]);
        most = fmaxf(most, lists->weights[i]);
    }
    return (struct sparse_scale){ least, most };
}

static void
round_bytes(struct sparse_lists *lists)
{
    for (uint32_t list = 0; list < lists->count; list++) {
        struct sparse_scale scale = scale_of(lists, list);
        /* Halves, since both ends may be near the ends of floats. */
        float range = scale.most / 2 - scale.least / 2;
        lists->scales[list] = scale;
        for (uint32_t i = lists->starts[list]; i < lists->starts[list + 1];
             i++) {
            float from = lists->weights[i] / 2 - scale.least / 2;
            float steps = range > 0 ? from / range * SPARSE_BYTE_MAX : 0;
            steps = fmaxf(fminf(roundf(steps), SPARSE_BYTE_MAX), 0);
            lists->bytes[i] = (uint8_t)steps;
            lists->weights[i] = sparse_byte_weight(scale, lists->bytes[i]);
        }
    }
}

enum engine_code
sparse_weights_round(struct sparse_lists *lists, struct error *reterr)
{
    size_t entries = lists->starts[lists->count];
    if (lists->datatype == DATATYPE_F16) {
        lists->halves = malloc((entries + 1) * sizeof(*lists->halves));
        if (lists->halves == NULL)
            return error_memory(reterr);
        round_halves(lists);
    } else if (lists->datatype == DATATYPE_U8) {
        lists->bytes = malloc(entries + 1);
        lists->scales = malloc((lists->count + 1) * sizeof(*lists->scales));
        if (lists->bytes == NULL || lists->scales == NULL)
            return error_memory(reterr);
        round_bytes(lists);
    }
    return ENGINE_OK;
}

void
sparse_weights_finish(struct sparse_lists *lists)
{
    if (lists->datatype == DATATYPE_F32)
        return;
    free(lists->weights);
    lists->weights = NULL;
}
