/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_SPARSE_BEST_H
#define ENGINE_INDEX_SPARSE_BEST_H

#include "engine/index/best_hits.h"

/* The best hits of a sparse search so far. One thread. */

struct best {
    struct best_hits kept;
    float least; /* what a score must exceed; -INFINITY until it is full */
};

/* Puts a hit in, if it is among the k best; equal scores by ascending slot. A
 * score that is no number counts as the worst. */
void best_put(struct best *best, uint32_t slot, float score);

#endif /* ENGINE_INDEX_SPARSE_BEST_H */
