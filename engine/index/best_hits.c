/* SPDX-License-Identifier: Apache-2.0
 * A bounded heap of hits. */
#include "engine/index/best_hits.h"

#include <stdbool.h>
#include <stdlib.h>

static bool
is_worse(const struct hit *a, const struct hit *b)
{
    return a->distance != b->distance ? a->distance > b->distance
                                      : a->slot > b->slot;
}

static void
sift_down(struct best_hits *best, struct hit hit)
{
    uint32_t at = 0;
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
best_hits_put(struct best_hits *best, struct hit hit)
{
    if (best->count == best->k) {
        if (is_worse(&best->hits[0], &hit))
            sift_down(best, hit);
        return;
    }
    uint32_t at = best->count++;
    while (at > 0 && is_worse(&hit, &best->hits[(at - 1) / 2])) {
        best->hits[at] = best->hits[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    best->hits[at] = hit;
}

static int
compare_hits(const void *a, const void *b)
{
    const struct hit *x = a, *y = b;
    return is_worse(x, y) ? 1 : is_worse(y, x) ? -1 : 0;
}

void
best_hits_sort(struct best_hits *best)
{
    qsort(best->hits, best->count, sizeof(*best->hits), compare_hits);
}
