/* SPDX-License-Identifier: Apache-2.0
 * After a walk on codes: exact distances for the best of its list, nearest
 * estimate first. Left out is what can hardly be among the best k: its estimate
 * is worse than the k-th exact distance by more than its code's error explains.
 * Vectors come from memory or from the caller's `fetch`. */
#include "engine/index/hnsw_graph.h"

#include <assert.h>

/* Rows at once, after the first k: few, so that the end is not overrun. */
#define PART_COUNT 8u
/* Deviations that an estimate is given: at 3, 1 in 2,000 hits was lost. */
#define ERROR_FACTOR 4.0f
#define LINE_SIZE    64u

struct rescore {
    const struct hnsw_walk *walk;
    struct key_list best; /* exact */
    uint32_t at;          /* the next of the walk's list */
    uint32_t depth;       /* where that ends */
    bool is_all;          /* whatever the estimates say */
};

/* Exact distances of `count` slots. */
static enum engine_code
score_exact(const struct hnsw_walk *walk, const uint32_t *slots, uint32_t count,
            float *ret_distances, struct error *reterr)
{
    const struct hnsw *hnsw = walk->hnsw;
    size_t size = row_form_size(&hnsw->form);
    if (hnsw->rows.vectors != NULL) {
        for (uint32_t i = 0; i < count; i++) {
            const char *row = slab_row(hnsw->rows.vectors, slots[i]);
            for (size_t at = 0; at < size; at += LINE_SIZE)
                __builtin_prefetch(row + at);
        }
        hnsw_score(hnsw, walk->query, slots, count, ret_distances);
        return ENGINE_OK;
    }
    char *vectors = scratch_fetched(walk->scratch, KERNEL_ROWS_MAX * size);
    if (vectors == NULL)
        return error_memory(reterr);
    enum engine_code code =
        hnsw->rows.fetch(hnsw->rows.fetch_ctx, slots, count, vectors, reterr);
    if (code != ENGINE_OK)
        return code;
    HNSW_UNSET const void *rows[KERNEL_ROWS_MAX];
    for (uint32_t i = 0; i < count; i++)
        rows[i] = vectors + i * size;
    hnsw->kernel(walk->query, rows, count, hnsw->form.dim, ret_distances);
    return ENGINE_OK;
}

/* Whether the candidate of that key may still be among the best. */
static bool
is_wanted(const struct rescore *rescore, uint64_t key)
{
    const struct key_list *best = &rescore->best;
    const struct hnsw_walk *walk = rescore->walk;
    if (rescore->is_all || best->count < best->count_max)
        return true;
    float worst = key_distance(best->keys[best->count - 1]);
    float error = codes_row_error(walk->codes, walk->asked, key_slot(key));
    return key_distance(key) <= worst + ERROR_FACTOR * error;
}

/* The next slots that are wanted, at most `count_max`. */
static uint32_t
next_part(struct rescore *rescore, uint32_t count_max, uint32_t *ret_slots)
{
    const uint64_t *keys = rescore->walk->list.keys;
    uint32_t count = 0;
    for (; count < count_max && rescore->at < rescore->depth; rescore->at++) {
        uint64_t key = keys[rescore->at];
        ret_slots[count] = key_slot(key);
        count += is_wanted(rescore, key);
    }
    return count;
}

static uint32_t
depth_of(const struct hnsw_walk *walk, const struct hnsw_search *options)
{
    uint32_t depth = options->rescore_count;
    if (depth == 0 || options->scoring == HNSW_IGNORE_CODES)
        depth = walk->list.count;
    if (depth < options->k)
        depth = options->k;
    return depth < walk->list.count ? depth : walk->list.count;
}

enum engine_code
hnsw_rescore(const struct hnsw_walk *walk, const struct hnsw_search *options,
             struct hit *ret_hits, struct hnsw_found *found,
             struct error *reterr)
{
    struct scratch *scratch = walk->scratch;
    struct rescore rescore = {
        .walk = walk,
        .best = { scratch->exact, 0, options->k },
        .depth = depth_of(walk, options),
        .is_all = options->rescore_count != 0 ||
                  options->scoring == HNSW_IGNORE_CODES,
    };
    assert(options->k <= scratch->ef_room);
    while (rescore.at < rescore.depth) {
        HNSW_UNSET uint32_t slots[KERNEL_ROWS_MAX];
        HNSW_UNSET float distances[KERNEL_ROWS_MAX];
        uint32_t part = PART_COUNT;
        if (rescore.at < options->k)
            part = options->k - rescore.at;
        part = part < KERNEL_ROWS_MAX ? part : KERNEL_ROWS_MAX;
        uint32_t count = next_part(&rescore, part, slots);
        if (count == 0)
            break;
        enum engine_code code =
            score_exact(walk, slots, count, distances, reterr);
        if (code != ENGINE_OK)
            return code;
        for (uint32_t i = 0; i < count; i++)
            key_list_insert(&rescore.best, key_make(distances[i], slots[i]));
        found->rescore_count += count;
    }
    for (uint32_t i = 0; i < rescore.best.count; i++) {
        ret_hits[i].slot = key_slot(rescore.best.keys[i]);
        ret_hits[i].distance = key_distance(rescore.best.keys[i]);
    }
    found->count = rescore.best.count;
    return ENGINE_OK;
}
