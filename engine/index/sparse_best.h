/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_SPARSE_BEST_H
#define ENGINE_INDEX_SPARSE_BEST_H

#include "engine/index/plain.h"

/* The best hits of a sparse search so far. One thread. */

/* A heap, the worst on top. */
struct best {
    struct hit *hits;
    uint32_t count;
    uint32_t k;
    float least; /* what a score must exceed; -INFINITY until it is full */
};

/* Puts a hit in, if it is among the k best; equal scores by ascending slot. A
 * score that is no number counts as the worst. */
void best_put(struct best *best, uint32_t slot, float score);

/* Makes the heap a list, the best first. */
void best_sort(struct best *best);

#endif /* ENGINE_INDEX_SPARSE_BEST_H */
