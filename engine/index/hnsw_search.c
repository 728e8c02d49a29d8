/* SPDX-License-Identifier: Apache-2.0
 * Walks over the graph (the paper's algorithms 2 and 5). A hop reads one link
 * list, leaves out what was seen, prefetches every row that remains and scores
 * them in one batch. Without a filter the walk keeps one sorted list that is
 * candidates and result at once; with one, candidates are a heap and the list
 * holds what passes. Lists may change under the walk: any mix of old and new
 * entries is a valid list. */
#include "engine/index/hnsw_graph.h"

#include <assert.h>

/* Cache lines of a row that are asked for; the hardware streams the rest. */
#define PREFETCH_LINES 8u
#define LINE_SIZE      64u
/* Hops between two questions to the stopper. */
#define STOPPER_HOPS 256u

static inline void
prefetch_row(const uint8_t *row, size_t size)
{
    if (size > PREFETCH_LINES * LINE_SIZE)
        size = PREFETCH_LINES * LINE_SIZE;
    for (size_t at = 0; at < size; at += LINE_SIZE)
        __builtin_prefetch(row + at);
}

void
hnsw_score(const struct hnsw *hnsw, const float *query, const uint32_t *slots,
           uint32_t count, float *ret_distances)
{
    const void *rows[KERNEL_ROWS_MAX];
    assert(count <= KERNEL_ROWS_MAX);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = slab_f32(hnsw->rows.vectors, slots[i]);
    hnsw->kernel(query, rows, count, hnsw->params.dim, ret_distances);
}

void
hnsw_score_batch(const struct hnsw_walk *walk, struct hnsw_batch *batch)
{
    const struct hnsw *hnsw = walk->hnsw;
    if (walk->asked != NULL)
        codes_score(hnsw->rows.codes, walk->asked, batch->slots, batch->rows,
                    batch->count, batch->distances);
    else
        hnsw_score(hnsw, walk->query, batch->slots, batch->count,
                   batch->distances);
}

/* The slab that the walk reads. */
static inline const struct slab *
walk_slab(const struct hnsw_walk *walk)
{
    return walk->asked != NULL ? &walk->hnsw->rows.codes->rows
                               : walk->hnsw->rows.vectors;
}

/* The unseen slots of a list from link `begin` on, at most KERNEL_ROWS_MAX;
 * returns where to go on, or `end` at the list's end. */
static uint32_t
read_fresh(struct hnsw_walk *walk, const hnsw_link *links, uint32_t begin,
           uint32_t end, struct hnsw_batch *ret_batch)
{
    const struct slab *slab = walk_slab(walk);
    uint32_t count = 0;
    uint32_t i = begin;
    for (; i < end && count < KERNEL_ROWS_MAX; i++) {
        uint32_t slot = hnsw_link_load(&links[i]);
        if (slot == SLOT_NONE) {
            i = end;
            break;
        }
        ret_batch->slots[count] = slot;
        count += !scratch_visit(walk->scratch, slot);
    }
    for (uint32_t j = 0; j < count; j++) {
        ret_batch->rows[j] = slab_row(slab, ret_batch->slots[j]);
        prefetch_row(ret_batch->rows[j], slab->row_size);
    }
    ret_batch->count = count;
    walk->visit_count += count;
    return i;
}

/* As read_fresh(), whether seen or not. */
static uint32_t
read_all(struct hnsw_walk *walk, const hnsw_link *links, uint32_t begin,
         uint32_t end, struct hnsw_batch *ret_batch)
{
    const struct slab *slab = walk_slab(walk);
    uint32_t count = 0;
    uint32_t i = begin;
    for (; i < end && count < KERNEL_ROWS_MAX; i++) {
        uint32_t slot = hnsw_link_load(&links[i]);
        if (slot == SLOT_NONE) {
            i = end;
            break;
        }
        ret_batch->slots[count] = slot;
        ret_batch->rows[count] = slab_row(slab, slot);
        prefetch_row(ret_batch->rows[count++], slab->row_size);
    }
    ret_batch->count = count;
    walk->visit_count += count;
    return i;
}

static uint64_t
score_one(struct hnsw_walk *walk, uint32_t slot)
{
    struct hnsw_batch batch;
    batch.count = 1;
    batch.slots[0] = slot;
    batch.rows[0] = slab_row(walk_slab(walk), slot);
    hnsw_score_batch(walk, &batch);
    walk->visit_count++;
    return key_make(batch.distances[0], slot);
}

static bool
is_stopped(struct hnsw_walk *walk)
{
    return walk->hop_count % STOPPER_HOPS == 0 &&
           walk->stopper.is_due != NULL &&
           walk->stopper.is_due(walk->stopper.ctx);
}

bool
hnsw_descend(struct hnsw_walk *walk, uint64_t entry, uint32_t level,
             uint32_t *ret_slot)
{
    if (entry == 0)
        return false;
    const struct hnsw *hnsw = walk->hnsw;
    uint32_t top = (uint32_t)(entry >> 32) - 1;
    struct hnsw_batch batch;
    uint64_t best = score_one(walk, (uint32_t)entry);
    for (uint32_t at = top; at > level; at--)
        for (uint64_t old = UINT64_MAX; best < old;) {
            old = best;
            const hnsw_link *links = hnsw_links(hnsw, key_slot(old), at);
            walk->hop_count++;
            for (uint32_t i = 0; i < hnsw->params.m;) {
                i = read_all(walk, links, i, hnsw->params.m, &batch);
                hnsw_score_batch(walk, &batch);
                for (uint32_t j = 0; j < batch.count; j++) {
                    uint64_t key = key_make(batch.distances[j], batch.slots[j]);
                    best = key < best ? key : best;
                }
            }
        }
    *ret_slot = key_slot(best);
    return true;
}

/* The next key that was not expanded, from `at` on. */
static uint32_t
next_open(const struct key_list *list, uint32_t at)
{
    while (at < list->count && (list->keys[at] & KEY_EXPANDED) != 0)
        at++;
    return at;
}

bool
hnsw_walk_level(struct hnsw_walk *walk, uint32_t level, uint32_t start,
                uint32_t ef)
{
    const struct hnsw *hnsw = walk->hnsw;
    struct scratch *scratch = walk->scratch;
    assert(ef > 0 && ef <= scratch->ef_room);
    struct key_list list = { scratch->list, 1, ef };
    uint32_t links_max = hnsw_links_max(hnsw, level);
    scratch_visit(scratch, start);
    list.keys[0] = score_one(walk, start);
    for (uint32_t at = 0; at < list.count;) {
        uint32_t slot = key_slot(list.keys[at]);
        list.keys[at] |= KEY_EXPANDED;
        if (is_stopped(walk))
            return false;
        walk->hop_count++;
        uint32_t best = at + 1;
        const hnsw_link *links = hnsw_links(hnsw, slot, level);
        for (uint32_t i = 0; i < links_max;) {
            struct hnsw_batch batch;
            i = read_fresh(walk, links, i, links_max, &batch);
            uint32_t next = next_open(&list, at + 1);
            if (level == 0 && next < list.count) {
                const char *row =
                    slab_row(&hnsw->links, key_slot(list.keys[next]));
                __builtin_prefetch(row);
                __builtin_prefetch(row + LINE_SIZE);
            }
            hnsw_score_batch(walk, &batch);
            for (uint32_t j = 0; j < batch.count; j++) {
                uint32_t place = key_list_insert(
                    &list, key_make(batch.distances[j], batch.slots[j]));
                best = place < best ? place : best;
            }
        }
        at = next_open(&list, best);
    }
    scratch->list_count = list.count;
    return true;
}

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
 * of a full list. False when the stopper ended it. */
static bool
walk_filtered(struct hnsw_walk *walk, uint32_t start, struct filtered *filtered)
{
    const struct hnsw *hnsw = walk->hnsw;
    struct scratch *scratch = walk->scratch;
    struct key_list *list = &filtered->list;
    scratch_visit(scratch, start);
    uint64_t key = score_one(walk, start);
    offer_filtered(walk, filtered, key);
    while (scratch->heap_count > 0 && !filtered->is_out_of_memory) {
        if (is_stopped(walk))
            return false;
        key = scratch_heap_pop(scratch);
        if (list->count == list->count_max && key > list->keys[list->count - 1])
            break;
        if (filtered->visit_max != 0 &&
            walk->visit_count >= filtered->visit_max) {
            filtered->is_cut = true;
            break;
        }
        walk->hop_count++;
        const hnsw_link *links = hnsw_links(hnsw, key_slot(key), 0);
        for (uint32_t i = 0; i < hnsw->m0;) {
            struct hnsw_batch batch;
            i = read_fresh(walk, links, i, hnsw->m0, &batch);
            hnsw_score_batch(walk, &batch);
            for (uint32_t j = 0; j < batch.count; j++)
                offer_filtered(walk, filtered,
                               key_make(batch.distances[j], batch.slots[j]));
        }
    }
    scratch->list_count = list->count;
    return true;
}

/* Level 0 of the search; the result is in scratch->list. */
static enum engine_code
search_bottom(struct hnsw_walk *walk, const struct hnsw_search *options,
              uint32_t start, struct hnsw_found *found, struct error *reterr)
{
    uint32_t ef = walk->scratch->ef_room;
    bool is_done;
    struct filtered filtered = {
        .filter = options->filter,
        .list = { walk->scratch->list, 0, options->ef },
        .visit_max = options->visit_max,
    };
    assert(options->ef <= ef);
    if (slot_filter_is_empty(options->filter))
        is_done = hnsw_walk_level(walk, 0, start, options->ef);
    else
        is_done = walk_filtered(walk, start, &filtered);
    if (!is_done)
        return error_set(reterr, ENGINE_ETIMEOUT, "the search was stopped");
    if (filtered.is_out_of_memory)
        return error_memory(reterr);
    found->is_cut = filtered.is_cut;
    return ENGINE_OK;
}

/* Hits from the list. A node that is being inserted may be among them. */
static uint32_t
take_hits(const struct scratch *scratch, uint32_t k, struct hit *ret_hits)
{
    uint32_t count = scratch->list_count < k ? scratch->list_count : k;
    for (uint32_t i = 0; i < count; i++) {
        ret_hits[i].slot = key_slot(scratch->list[i]);
        ret_hits[i].distance = key_distance(scratch->list[i]);
    }
    return count;
}

/* The query in the terms of what is walked on. */
static enum engine_code
ask(struct hnsw_walk *walk, const struct hnsw_search *options,
    struct error *reterr)
{
    const struct hnsw_rows *rows = &walk->hnsw->rows;
    if (rows->codes == NULL ||
        (options->scoring == HNSW_IGNORE_CODES && rows->vectors != NULL))
        return ENGINE_OK;
    if (!scratch_asked(walk->scratch, rows->codes))
        return error_memory(reterr);
    codes_ask(rows->codes, walk->query, &walk->scratch->asked);
    walk->asked = &walk->scratch->asked;
    return ENGINE_OK;
}

static struct hnsw_search
bounded_options(const struct hnsw_search *options)
{
    struct hnsw_search bounded = *options;
    if (bounded.ef < bounded.k)
        bounded.ef = bounded.k;
    if (bounded.ef < bounded.rescore_count)
        bounded.ef = bounded.rescore_count;
    if (bounded.ef > HNSW_EF_MAX)
        bounded.ef = HNSW_EF_MAX;
    return bounded;
}

enum engine_code
hnsw_search(const struct hnsw *hnsw, const float *query,
            const struct hnsw_search *options, struct hit *ret_hits,
            struct hnsw_found *ret_found, struct error *reterr)
{
    if (options->k < 1 || options->k > HNSW_K_MAX)
        return error_set(reterr, ENGINE_EINPUT,
                         "a graph search gives 1 to %u hits, not %u",
                         HNSW_K_MAX, options->k);
    struct hnsw_search bounded = bounded_options(options);
    uint64_t entry = atomic_load_explicit(&hnsw->entry, memory_order_acquire);
    uint32_t end = atomic_load_explicit(&hnsw->slot_end, memory_order_acquire);
    struct scratch *scratch = scratch_take(hnsw->scratches, end, bounded.ef);
    if (scratch == NULL)
        return error_memory(reterr);
    struct hnsw_walk walk = {
        .hnsw = hnsw,
        .query = query,
        .scratch = scratch,
        .stopper = options->stopper,
    };
    struct hnsw_found found = { .count = 0 };
    uint32_t start;
    enum engine_code code = ask(&walk, &bounded, reterr);
    if (code == ENGINE_OK && hnsw_descend(&walk, entry, 0, &start))
        code = search_bottom(&walk, &bounded, start, &found, reterr);
    if (code == ENGINE_OK && walk.asked != NULL &&
        bounded.scoring != HNSW_KEEP_ESTIMATE)
        code = hnsw_rescore(&walk, &bounded, ret_hits, &found, reterr);
    else if (code == ENGINE_OK)
        found.count = take_hits(scratch, options->k, ret_hits);
    if (code == ENGINE_OK) {
        found.visit_count = walk.visit_count;
        found.hop_count = walk.hop_count;
        *ret_found = found;
    }
    scratch_give(hnsw->scratches, scratch);
    return code;
}
