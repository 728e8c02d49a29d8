/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_FDE_H
#define ENGINE_INDEX_FDE_H

#include "engine/error.h"

#include <stddef.h>
#include <stdint.h>

/* Fixed-dimensional encodings of multivectors (Dhulipala et al. 2024, MUVERA,
 * arXiv 2405.19504, section 2): the inner product of a query's encoding and a
 * document's estimates their MaxSim under dot product. Space is cut by random
 * planes (SimHash); a query adds its sub-vectors up in each part, a document
 * takes their mean, and fills an empty part from the nearest others; both are
 * projected to few dimensions, and all of it is repeated. Nothing is learnt
 * from the data: an encoding is valid from the first point on.
 *
 * Which parameters: README.md. */

struct fde;

/* Longer sub-vectors have no encoding: their projections would be large. */
#define FDE_DIM_MAX 4096u

/* Makes the planes and projections for float[dim] sub-vectors, always the
 * same. ENGINE_ENOMEM */
enum engine_code fde_create(uint32_t dim, struct fde **ret_fde,
                            struct error *reterr)
    __attribute__((warn_unused_result));

/* Accepts NULL. */
void fde_free(struct fde *fde);

/* Components of an encoding. */
uint32_t fde_size(const struct fde *fde);

/* Encodes float[rows][dim], rows > 0, into float[fde_size()]. `work` is room of
 * fde_work_size(rows) bytes that is overwritten. Any thread. */
enum fde_side { FDE_QUERY, FDE_DOCUMENT };
size_t fde_work_size(const struct fde *fde, size_t rows);
void fde_encode(const struct fde *fde, enum fde_side side, const float *values,
                size_t rows, void *work, float *ret_encoding);

#endif /* ENGINE_INDEX_FDE_H */
