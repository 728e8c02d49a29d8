/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_INDEX_PLAIN_H
#define ENGINE_INDEX_PLAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/error.h"
#include "engine/index/datatype.h"
#include "engine/index/slab.h"
#include "engine/index/slotset.h"
#include "engine/index/slotview.h"
#include "engine/kernel/kernel.h"

/* Exact nearest neighbours by looking at every row. */

/* The most hits that one scan returns. */
#define PLAIN_K_MAX 1048576u

/* One result of any index: hits come by ascending distance, equal distances by
 * ascending slot. kernel_score() turns the distance into the API's score. */
struct hit {
    uint32_t slot;
    float distance; /* never NaN */
};

/* Which slots may be returned: those that pass every part that is not NULL.
 * Everything is borrowed for the call. `accept` is called from the searching
 * thread, once per slot at most in a scan and in a walk, after the bitsets. */
struct slot_filter {
    const struct slotset *deleted; /* members do not pass */
    const struct slotview *view;   /* only members pass */
    const uint64_t *allowed;       /* dense bitset, bit i = slot i; does not
                                      change during the call */
    uint32_t allowed_count;        /* slots it covers; others do not pass */
    bool (*accept)(void *ctx, uint32_t slot);
    void *accept_ctx;
};

/* Whether no part of the filter (may be NULL) refuses a slot. */
static inline bool
slot_filter_is_empty(const struct slot_filter *filter)
{
    return filter == NULL ||
           ((filter->deleted == NULL || slotset_count(filter->deleted) == 0) &&
            filter->view == NULL && filter->allowed == NULL &&
            filter->accept == NULL);
}

static inline bool
slot_filter_passes(const struct slot_filter *filter, uint32_t slot)
{
    if (filter == NULL)
        return true;
    if (filter->deleted != NULL && slotset_has(filter->deleted, slot))
        return false;
    if (filter->view != NULL && !slotview_has(filter->view, slot))
        return false;
    if (filter->allowed != NULL &&
        (slot >= filter->allowed_count ||
         (filter->allowed[slot / 64] >> (slot % 64) & 1) == 0))
        return false;
    return filter->accept == NULL || filter->accept(filter->accept_ctx, slot);
}

/* Asked every few hundred rows or hops; true stops with ENGINE_ETIMEOUT. */
struct stopper {
    bool (*is_due)(void *ctx); /* NULL = never */
    void *ctx;
};

struct plain_scan {
    const struct slab *vectors;
    enum datatype datatype; /* of the rows */
    size_t dim;
    enum metric metric;
    const uint32_t *slots; /* exactly these slots, any order, no repeats;
                              NULL = slots slot_begin..slot_end-1 */
    uint32_t slot_count;   /* of `slots` */
    uint32_t slot_begin;
    uint32_t slot_end;
    const struct slot_filter *filter; /* may be NULL */
    struct stopper stopper;           /* asked by several threads at once */
};

/* The k nearest rows that pass. Big scans are shared with threads that are
 * idle (crew.h), unless the filter has `accept`.
 *   query      float[dim], unit length when rows are (datatype.h); borrowed
 *   k          1..PLAIN_K_MAX
 *   ret_hits   hit[k] of the caller; undefined on failure
 *   ret_count  hits written, <= k
 * All slots asked for must be backed by the slab and written before.
 * ENGINE_ETIMEOUT  the stopper said so. ENGINE_ENOMEM
 * Any thread; takes no lock. */
enum engine_code plain_search(const struct plain_scan *scan, const float *query,
                              uint32_t k, struct hit *ret_hits,
                              uint32_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_INDEX_PLAIN_H */
