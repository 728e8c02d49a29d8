/* SPDX-License-Identifier: Apache-2.0
 * A heap of hits with the worst on top. */
#include "engine/index/sparse_best.h"

#include <float.h>
#include <math.h>

static bool
is_worse(const struct hit *a, const struct hit *b)
{
    return a->distance > b->distance ||
           (a->distance == b->distance && a->slot > b->slot);
}

static void
sink(struct best *best, uint32_t at)
{
    struct hit hit = best->hits[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= best->count)
            break;
        if (child + 1 < best->count &&
            is_worse(&best->hits[child + 1], &best->hits[child]))
            child++;
        if (!is_worse(&best->hits[child], &hit))
            break;
        best->hits[at] = best->hits[child];
        at = child;
    }
    best->hits[at] = hit;
}

void
best_put(struct best *best, uint32_t slot, float score)
{
    /* Where two infinities cancel each other out. */
    struct hit hit = { slot, isnan(score) ? FLT_MAX : -score };
    if (best->count == best->k) {
        if (!is_worse(&best->hits[0], &hit))
            return;
        best->hits[0] = hit;
        sink(best, 0);
    } else {
        uint32_t at = best->count++;
        for (; at > 0 && is_worse(&hit, &best->hits[(at - 1) / 2]);
             at = (at - 1) / 2)
            best->hits[at] = best->hits[(at - 1) / 2];
        best->hits[at] = hit;
    }
    if (best->count == best->k)
        best->least = -best->hits[0].distance;
}

void
best_sort(struct best *best)
{
    uint32_t count = best->count;
    for (; best->count > 1;) {
        struct hit worst = best->hits[0];
        best->hits[0] = best->hits[--best->count];
        sink(best, 0);
        best->hits[best->count] = worst;
    }
    best->count = count;
}
