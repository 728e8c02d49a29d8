/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_SPARSE_WEIGHT_H
#define ENGINE_INDEX_SPARSE_WEIGHT_H

#include "engine/index/sparse_part.h"
#include "engine/kernel/half.h"

/* Weights of a sealed part in the datatype of the index. Halves keep 11 bits of
 * each; what is beyond their range becomes the largest there is. Bytes divide
 * the range of their list evenly, so that each is at most half a 255th of it
 * away from what it was. A part that is made of others starts from what they
 * hold. */

#define SPARSE_HALF_MAX 65504.0f
#define SPARSE_BYTE_MAX 255.0f

static inline float
sparse_byte_weight(struct sparse_scale scale, uint8_t byte)
{
    float part = (float)byte * (1.0f / SPARSE_BYTE_MAX);
    return scale.least * (1.0f - part) + scale.most * part;
}

/* Entry `at`, which is one of `list`. The datatype is that of the lists, given
 * as a constant where many are read. Any thread. */
static inline float
sparse_weight(const struct sparse_lists *lists, enum datatype datatype,
              uint32_t list, uint32_t at)
{
    switch (datatype) {
    case DATATYPE_F16:
        return half_to_float(lists->halves[at]);
    case DATATYPE_U8:
        return sparse_byte_weight(lists->scales[list], lists->bytes[at]);
    case DATATYPE_TURBO4: /* of dense vectors alone */
    case DATATYPE_F32:
        break;
    }
    return lists->weights[at];
}

/* Where the entry is, to be asked for before it is read. */
static inline const void *
sparse_weight_address(const struct sparse_lists *lists, enum datatype datatype,
                      uint32_t at)
{
    switch (datatype) {
    case DATATYPE_F16:
        return &lists->halves[at];
    case DATATYPE_U8:
        return &lists->bytes[at];
    case DATATYPE_TURBO4: /* of dense vectors alone */
    case DATATYPE_F32:
        break;
    }
    return &lists->weights[at];
}

/* Bytes that the weights of a part take. */
size_t sparse_weights_size(const struct sparse_lists *lists);

/* Puts the floats of a part that is being made into its datatype; `weights`
 * are what those hold from now on. ENGINE_ENOMEM */
enum engine_code sparse_weights_round(struct sparse_lists *lists,
                                      struct error *reterr)
    __attribute__((warn_unused_result));

/* Frees the floats that were rounded, if the datatype is another. */
void sparse_weights_finish(struct sparse_lists *lists);

#endif /* ENGINE_INDEX_SPARSE_WEIGHT_H */
