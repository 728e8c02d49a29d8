/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/index/sparse_best.h"

#include <float.h>
#include <math.h>

void
best_put(struct best *best, uint32_t slot, float score)
{
    /* Where two infinities cancel each other out. */
    struct hit hit = { slot, isnan(score) ? FLT_MAX : -score };
    best_hits_put(&best->kept, hit);
    if (best->kept.count == best->kept.k)
        best->least = -best->kept.hits[0].distance;
}
