/* SPDX-License-Identifier: Apache-2.0
 * Exact scan: rows in batches through the kernel, the best k in a binary heap
 * with the worst on top, sorted at the end. A row joins the heap when it is
 * closer than the worst, or as close with a lower slot, so that the result
 * does not depend on the order of the scan. */
#include "engine/index/plain.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define BATCH_ROWS 32
/* Rows between two questions to the stopper. */
#define STOPPER_ROWS 1024

struct top {
    struct hit *hits; /* a heap: no child is worse than its parent */
    uint32_t count;
    uint32_t count_max;
};

static bool
is_worse(const struct hit *a, const struct hit *b)
{
    return a->distance > b->distance ||
           (a->distance == b->distance && a->slot > b->slot);
}

static void
sift_up(struct top *top, uint32_t at, struct hit hit)
{
    while (at > 0) {
        uint32_t parent = (at - 1) / 2;
        if (!is_worse(&hit, &top->hits[parent]))
            break;
        top->hits[at] = top->hits[parent];
        at = parent;
    }
    top->hits[at] = hit;
}

/* Puts `hit` at the top of a heap of `count` and lets it sink. */
static void
sift_down(struct top *top, uint32_t count, struct hit hit)
{
    uint32_t at = 0;
    for (;;) {
        uint64_t child = 2 * (uint64_t)at + 1;
        if (child >= count)
            break;
        if (child + 1 < count &&
            is_worse(&top->hits[child + 1], &top->hits[child]))
            child++;
        if (!is_worse(&top->hits[child], &hit))
            break;
        top->hits[at] = top->hits[child];
        at = (uint32_t)child;
    }
    top->hits[at] = hit;
}

static void
top_offer(struct top *top, uint32_t slot, float distance)
{
    struct hit hit = { slot, isnan(distance) ? INFINITY : distance };
    if (top->count < top->count_max)
        sift_up(top, top->count++, hit);
    else if (is_worse(&top->hits[0], &hit))
        sift_down(top, top->count, hit);
}

/* Heap sort in place: ascending. */
static void
top_sort(struct top *top)
{
    for (uint32_t count = top->count; count > 1; count--) {
        struct hit worst = top->hits[0];
        sift_down(top, count - 1, top->hits[count - 1]);
        top->hits[count - 1] = worst;
    }
}

struct batch {
    const void *rows[BATCH_ROWS];
    uint32_t slots[BATCH_ROWS];
    uint32_t count;
};

static void
batch_score(struct batch *batch, const struct plain_scan *scan,
            const float *query, struct top *top)
{
    float distances[BATCH_ROWS];
    kernel_get()->metrics[DATATYPE_F32]->rows[scan->metric](
        query, batch->rows, batch->count, scan->dim, distances);
    for (uint32_t i = 0; i < batch->count; i++)
        top_offer(top, batch->slots[i], distances[i]);
    batch->count = 0;
}

static bool
is_stopped(const struct plain_scan *scan, uint32_t index)
{
    return index % STOPPER_ROWS == 0 && scan->stopper.is_due != NULL &&
           scan->stopper.is_due(scan->stopper.ctx);
}

enum engine_code
plain_search(const struct plain_scan *scan, const float *query, uint32_t k,
             struct hit *ret_hits, uint32_t *ret_count, struct error *reterr)
{
    assert(k > 0 && k <= PLAIN_K_MAX);
    assert(scan->dim > 0 && (unsigned)scan->metric < METRIC_COUNT);
    assert(scan->slots != NULL || scan->slot_begin <= scan->slot_end);
    struct top top = { ret_hits, 0, k };
    struct batch batch = { .count = 0 };
    uint32_t count = scan->slots != NULL ? scan->slot_count
                                         : scan->slot_end - scan->slot_begin;
    uint32_t capacity = slab_capacity(scan->vectors);
    for (uint32_t i = 0; i < count; i++) {
        if (is_stopped(scan, i))
            return error_set(reterr, ENGINE_ETIMEOUT,
                             "the exact scan was stopped");
        uint32_t slot =
            scan->slots != NULL ? scan->slots[i] : scan->slot_begin + i;
        if (!slot_filter_passes(scan->filter, slot))
            continue;
        assert(slot < capacity);
        batch.slots[batch.count] = slot;
        batch.rows[batch.count] = slab_f32(scan->vectors, slot);
        __builtin_prefetch(batch.rows[batch.count]);
        if (++batch.count == BATCH_ROWS)
            batch_score(&batch, scan, query, &top);
    }
    if (batch.count > 0)
        batch_score(&batch, scan, query, &top);
    top_sort(&top);
    *ret_count = top.count;
    return ENGINE_OK;
}
