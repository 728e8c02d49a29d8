/* SPDX-License-Identifier: Apache-2.0
 * Searches: a walk from the entry to the bottom, then exact distances for the
 * best where the walk read codes. With a filter, candidates are a heap and the
 * list holds what passes. */
#include "engine/index/hnsw_graph.h"

#include <assert.h>

/* What a filtered walk needs beside the walk. */
struct filtered {
    const struct slot_filter *filter;
    struct key_list list; /* what passes */
    uint32_t visit_max;
    bool is_cut;
    bool is_out_of_memory;
};

static void
offer_filtered(struct hnsw_walk *walk, struct filtered *filtered, uint64_t key)
{
    struct key_list *list = &filtered->list;
    if (list->count == list->count_max && key >= list->keys[list->count - 1])
        return;
    if (!scratch_heap_push(walk->scratch, key)) {
        filtered->is_out_of_memory = true;
        return;
    }
    if (slot_filter_passes(filtered->filter, key_slot(key)))
        key_list_insert(list, key);
}

/* Level 0 with a filter: ends when no open candidate is closer than the worst
 * of a full list. */
static void
walk_filtered(struct hnsw_walk *walk, struct filtered *filtered)
{
    const struct hnsw *hnsw = walk->hnsw;
    const struct scratch_batch *batch = &walk->scratch->batch;
    struct scratch *scratch = walk->scratch;
    struct key_list *list = &filtered->list;
    scratch_visit(scratch, key_slot(walk->best));
    offer_filtered(walk, filtered, walk->best);
    while (scratch->heap_count > 0 && !filtered->is_out_of_memory) {
        uint64_t key = scratch_heap_pop(scratch);
        if (list->count == list->count_max && key > list->keys[list->count - 1])
            break;
        if (filtered->visit_max != 0 &&
            walk->visit_count >= filtered->visit_max) {
            filtered->is_cut = true;
            break;
        }
        if (hnsw_walk_is_due(walk)) {
            walk->is_stopped = true;
            break;
        }
        walk->links = hnsw_links(hnsw, key_slot(key), 0);
        walk->links_max = hnsw->m0;
        walk->link_at = 0;
        while (walk->link_at < walk->links_max) {
            hnsw_read_fresh(walk);
            hnsw_score_batch(walk);
            for (uint32_t i = 0; i < batch->count; i++)
                offer_filtered(walk, filtered,
                               key_make(batch->distances[i], batch->slots[i]));
        }
    }
    walk->list = *list;
}

static enum engine_code
search_filtered(struct hnsw_walk *walk, const struct hnsw_search *options,
                uint64_t entry, struct hnsw_found *found, struct error *reterr)
{
    struct filtered filtered = {
        .filter = options->filter,
        .list = { walk->scratch->list, 0, options->ef },
        .visit_max = options->visit_max,
    };
    hnsw_walk_down(walk, entry, 0, 0);
    if (!walk->is_stopped)
        walk_filtered(walk, &filtered);
    if (filtered.is_out_of_memory)
        return error_memory(reterr);
    found->is_cut = filtered.is_cut;
    found->pass_count = filtered.list.count;
    found->is_short = !filtered.is_cut && filtered.list.count < options->ef;
    return ENGINE_OK;
}

/* float[dim] in the terms of what is walked on. */
static enum engine_code
ask(struct hnsw_walk *walk, const float *values,
    const struct hnsw_search *options, struct error *reterr)
{
    const struct codes *codes = atomic_load(&walk->hnsw->codes);
    if (codes == NULL || (options->scoring == HNSW_IGNORE_CODES &&
                          walk->hnsw->rows.vectors != NULL))
        return ENGINE_OK;
    if (!scratch_asked(walk->scratch, codes))
        return error_memory(reterr);
    codes_ask(codes,
              row_form_asked(&walk->hnsw->form, values, walk->query,
                             walk->scratch->query_values),
              &walk->scratch->asked);
    walk->asked = &walk->scratch->asked;
    walk->codes = codes;
    return ENGINE_OK;
}

/* Takes a scratch and makes the walk ready. */
static enum engine_code
prepare(struct hnsw_walk *ret_walk, const struct hnsw *hnsw, const float *query,
        const struct hnsw_search *options, struct error *reterr)
{
    uint32_t end = atomic_load_explicit(&hnsw->slot_end, memory_order_acquire);
    struct scratch *scratch = scratch_take(hnsw->scratches, end, options->ef);
    if (scratch == NULL)
        return error_memory(reterr);
    *ret_walk = (struct hnsw_walk){ .hnsw = hnsw,
                                    .query = query,
                                    .scratch = scratch,
                                    .stopper = options->stopper };
    enum engine_code code = ENGINE_OK;
    if (!scratch_query(scratch, &hnsw->form)) {
        code = error_memory(reterr);
    } else if (hnsw->form.datatype != DATATYPE_F32) {
        row_form_ask(&hnsw->form, query, scratch->query_row);
        ret_walk->query = scratch->query_row;
    }
    if (code == ENGINE_OK)
        code = ask(ret_walk, query, options, reterr);
    if (code != ENGINE_OK)
        scratch_give(hnsw->scratches, scratch);
    return code;
}

/* Hits from the list. A node that is being inserted may be among them. */
static uint32_t
take_hits(const struct key_list *list, uint32_t k, struct hit *ret_hits)
{
    uint32_t count = list->count < k ? list->count : k;
    for (uint32_t i = 0; i < count; i++) {
        ret_hits[i].slot = key_slot(list->keys[i]);
        ret_hits[i].distance = key_distance(list->keys[i]);
    }
    return count;
}

/* Hits of a walk that is done, and gives the scratch back. */
static enum engine_code
finish(struct hnsw_walk *walk, const struct hnsw_search *options,
       struct hit *ret_hits, struct hnsw_found *found, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    if (walk->is_stopped)
        code = error_set(reterr, ENGINE_ETIMEOUT, "the search was stopped");
    else if (walk->asked != NULL && options->scoring != HNSW_KEEP_ESTIMATE)
        code = hnsw_rescore(walk, options, ret_hits, found, reterr);
    else
        found->count = take_hits(&walk->list, options->k, ret_hits);
    found->visit_count = walk->visit_count;
    found->hop_count = walk->hop_count;
    found->bridge_count = walk->bridge_count;
    scratch_give(walk->hnsw->scratches, walk->scratch);
    return code;
}

static enum engine_code
bound_options(const struct hnsw_search *options,
              struct hnsw_search *ret_bounded, struct error *reterr)
{
    if (options->k < 1 || options->k > HNSW_K_MAX)
        return error_set(reterr, ENGINE_EINPUT,
                         "a graph search gives 1 to %u hits, not %u",
                         HNSW_K_MAX, options->k);
    struct hnsw_search bounded = *options;
    if (bounded.ef < bounded.k)
        bounded.ef = bounded.k;
    if (bounded.ef < bounded.rescore_count)
        bounded.ef = bounded.rescore_count;
    if (bounded.ef > HNSW_EF_MAX)
        bounded.ef = HNSW_EF_MAX;
    *ret_bounded = bounded;
    return ENGINE_OK;
}

enum engine_code
hnsw_search(const struct hnsw *hnsw, const float *query,
            const struct hnsw_search *options, struct hit *ret_hits,
            struct hnsw_found *ret_found, struct error *reterr)
{
    struct hnsw_search bounded;
    struct hnsw_walk walk;
    struct hnsw_found found = { .count = 0 };
    enum engine_code code = bound_options(options, &bounded, reterr);
    if (code == ENGINE_OK)
        code = prepare(&walk, hnsw, query, &bounded, reterr);
    if (code != ENGINE_OK)
        return code;
    uint64_t entry = atomic_load_explicit(&hnsw->entry, memory_order_acquire);
    if (entry != 0 && options->filtering == HNSW_FILTER_FIRST) {
        assert(options->filter->allowed != NULL);
        hnsw_walk_filter_first(&walk, &bounded, entry, &found);
    } else if (entry != 0 && options->filtering == HNSW_FILTER_LIST) {
        hnsw_walk_filter_list(&walk, &bounded, entry, &found);
    } else if (entry != 0 && !slot_filter_is_empty(options->filter)) {
        code = search_filtered(&walk, &bounded, entry, &found, reterr);
    } else if (entry != 0) {
        hnsw_walk_down(&walk, entry, 0, bounded.ef);
    }
    if (code != ENGINE_OK) {
        scratch_give(hnsw->scratches, walk.scratch);
        return code;
    }
    code = finish(&walk, &bounded, ret_hits, &found, reterr);
    if (code == ENGINE_OK)
        *ret_found = found;
    return code;
}
