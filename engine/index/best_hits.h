/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_BEST_HITS_H
#define ENGINE_INDEX_BEST_HITS_H

#include "engine/index/plain.h"

/* The `k` nearest of hits that come one by one: a heap with the worst on top.
 * Equal distances go by slot. */
struct best_hits {
    struct hit *hits; /* [k] of the caller */
    uint32_t count;
    uint32_t k; /* > 0 once something is put */
};

void best_hits_put(struct best_hits *best, struct hit hit);

/* Nearest first; nothing is put after it. */
void best_hits_sort(struct best_hits *best);

#endif /* ENGINE_INDEX_BEST_HITS_H */
