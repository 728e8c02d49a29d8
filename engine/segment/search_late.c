/* SPDX-License-Identifier: Apache-2.0
 * The list of a plain walk whose payloads are tested last: all places by their
 * vectors first, then the tests from the nearest on, some at a time, until as
 * many pass as are asked for. A vector is read in a tenth of what a test
 * takes, so that few more payloads are read than hits are far apart. */
#include "engine/segment/search_body.h"

#include <assert.h>

#define BATCH_MIN 16u
#define BATCH_MAX 256u
/* Of what is expected to be needed for the hits that are missing. */
#define BATCH_SPARE 1.15

bool
work_may_test_late(const struct work *work)
{
    return work->match.plan.residual != NULL && work->multi == NULL &&
           !work->vectors->is_on_disk;
}

uint32_t
work_late_batch(uint32_t missing, double share)
{
    double batch = BATCH_SPARE * missing / share;
    return batch < BATCH_MIN   ? BATCH_MIN
           : batch > BATCH_MAX ? BATCH_MAX
                               : (uint32_t)batch;
}

/* Tests all[at..] as far as is needed. */
static void
test_places(struct work *work, const struct hit *all, uint32_t all_count,
            double share, struct hit *hits, struct hnsw_found *found)
{
    uint32_t slots[BATCH_MAX], k = work->search->k, at = 0;
    while (found->count < k && at < all_count) {
        uint32_t count = work_late_batch(k - found->count, share);
        count = count < all_count - at ? count : all_count - at;
        for (uint32_t i = 0; i < count; i++)
            slots[i] = all[at + i].slot;
        work->report.tested += count;
        size_t kept = match_residuals(&work->match, slots, count);
        /* Those that are kept stand in the order of the places. */
        uint32_t end = at + count;
        for (size_t i = 0; i < kept && found->count < k; i++) {
            while (all[at].slot != slots[i])
                at++;
            assert(at < end);
            hits[found->count++] = all[at++];
            found->pass_depth = found->count == k ? at : 0;
        }
        at = end;
    }
    found->pass_count = found->count;
}

enum engine_code
work_walk_late(struct work *work, const struct late_list *list,
               struct hit *hits, struct hnsw_found *found, struct error *reterr)
{
    const struct segment_search *search = work->search;
    const struct slot_filter bits = { .view = work->filter.view,
                                      .allowed = work->filter.allowed,
                                      .allowed_count =
                                          work->filter.allowed_count };
    struct hit *all = arena_alloc(work->arena, list->width * sizeof(*all));
    if (all == NULL)
        return error_memory(reterr);
    struct hnsw_search options = { .k = list->width,
                                   .ef = list->width,
                                   .scoring = search->scoring,
                                   .rescore_count = search->rescore_count,
                                   .stopper = work_stopper(work) };
    enum engine_code code = hnsw_search(work->graph, search->query.values,
                                        &options, all, found, reterr);
    if (code != ENGINE_OK)
        return code;
    uint32_t count = 0;
    for (uint32_t i = 0; i < found->count; i++)
        if (slot_filter_passes(&bits, all[i].slot))
            all[count++] = all[i];
    found->count = 0;
    found->pass_depth = 0;
    test_places(work, all, count, list->share, hits, found);
    return ENGINE_OK;
}
