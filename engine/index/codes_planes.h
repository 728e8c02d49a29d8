/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_CODES_PLANES_H
#define ENGINE_INDEX_CODES_PLANES_H

#include "engine/index/codes.h"

/* The codes of two bits and fewer: planes of bits, asked with four bits for
 * each component (kernel_bits). For codes.c alone.
 *
 * Of the rotated components the first 64 * fine_words have two bits, the next
 * 64 * coarse_words one bit, the rest none: all are alike, so that a few of
 * them are a projection of the vector.
 *   row    u64[fine_words] upper bits, u64[fine_words] lower bits,
 *          u64[coarse_words]
 *   query  in `values`: u64[4][fine_words], u64[4][coarse_words] */

static inline bool
code_kind_is_planes(enum code_kind kind)
{
    return kind > CODE_4;
}

/* Fills in words, row_size, kept and error for a rotation of `size`. */
void planes_init(struct codes *codes, uint32_t size);

void planes_pack(const struct codes *codes, const float *rotated,
                 uint8_t *ret_row);

/* A row as floats again, about as long as what it was made of. */
void planes_unpack(const struct codes *codes, const uint8_t *row,
                   float *ret_rotated);

/* Makes query->rotated, of unit length, the query; query->offset is filled
 * in. */
void planes_ask(const struct codes *codes, struct codes_query *query);

/* Inner products of the query with the rows as planes_unpack() has them. */
void planes_score(const struct codes *codes, const struct codes_query *query,
                  const uint8_t *const *rows, uint32_t count, float *ret_dots);

#endif /* ENGINE_INDEX_CODES_PLANES_H */
