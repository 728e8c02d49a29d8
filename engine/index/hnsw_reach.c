/* SPDX-License-Identifier: Apache-2.0
 * Who can be reached: a breadth-first walk over level 0 from the entry, once in
 * a sweep, between the pass and the relinking. Counts of in-links do not see a
 * group of nodes that name only each other. Beside changes of lists the walk
 * may miss a node; that costs one relinking. All under the sweep's lock. */
#include "engine/index/hnsw_graph.h"

#include <assert.h>
#include <stdlib.h>

static void
reach(struct sweep *sweep, uint32_t slot)
{
    /* What came after the pass began is not looked after. */
    if (slot >= sweep->end || sweep->named[slot].is_reached)
        return;
    sweep->named[slot].is_reached = true;
    assert(sweep->reach_count < sweep->end);
    sweep->reached[sweep->reach_count++] = slot;
}

static void
reach_links(struct hnsw *hnsw, uint32_t slot)
{
    const hnsw_link *links = hnsw_links(hnsw, slot, 0);
    for (uint32_t i = 0; i < hnsw->m0; i++) {
        uint32_t other = hnsw_link_load(&links[i]);
        if (other == SLOT_NONE)
            break;
        reach(&hnsw->sweep, other);
    }
}

bool
hnsw_reach_begin(struct hnsw *hnsw)
{
    struct sweep *sweep = &hnsw->sweep;
    assert(sweep->reached == NULL);
    uint64_t entry = atomic_load_explicit(&hnsw->entry, memory_order_acquire);
    if (sweep->named == NULL || sweep->end == 0 || entry == 0)
        return false;
    sweep->reached = malloc(sweep->end * sizeof(*sweep->reached));
    if (sweep->reached == NULL)
        return false;
    sweep->reach_count = sweep->reach_at = 0;
    reach(sweep, (uint32_t)entry);
    reach_links(hnsw, (uint32_t)entry);
    return true;
}

uint32_t
hnsw_reach_work(struct hnsw *hnsw, uint32_t nodes_max)
{
    struct sweep *sweep = &hnsw->sweep;
    uint32_t done = 0;
    for (; done < nodes_max && sweep->reach_at < sweep->reach_count; done++)
        reach_links(hnsw, sweep->reached[sweep->reach_at++]);
    return done;
}

void
hnsw_reach_release(struct sweep *sweep)
{
    free(sweep->reached);
    sweep->reached = NULL;
}
