/* SPDX-License-Identifier: Apache-2.0
 * Exact scan: rows in batches through the kernel, each fetched while the one
 * before is scored; the best k in a binary heap with the worst on top, sorted
 * at the end. A row joins the heap when it is closer than the worst, or as
 * close with a lower slot, so that the result does not depend on the order of
 * the scan. Ranges go through the filter's bitsets 64 slots at a time. */
#include "engine/index/plain.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

/* Two batches of rows fit the first cache. */
#define BATCH_SIZE     12288u
#define BATCH_ROWS_MIN 4u
#define BATCH_ROWS_MAX 32u
/* So much of a row is fetched ahead; the hardware goes on from there. */
#define PREFETCH_SIZE 512u
/* Slots between two questions to the stopper: a multiple of 64. */
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

/* Rows that are on their way from memory, or there. */
struct batch {
    const void *rows[BATCH_ROWS_MAX];
    uint32_t slots[BATCH_ROWS_MAX];
    uint32_t count;
};

/* One scan at work: while one batch is filled and its rows are fetched, the
 * one before is scored. */
struct scanner {
    const struct plain_scan *scan;
    kernel_rows_fn score;
    const float *query;
    struct top top;
    uint32_t capacity; /* rows that are backed */
    uint32_t batch_rows;
    size_t prefetch_size;
    uint32_t filling; /* which batch */
    struct batch batches[2];
};

static void
scanner_init(struct scanner *scanner, const struct plain_scan *scan,
             const float *query)
{
    size_t size = scan->dim * sizeof(float);
    size_t rows = BATCH_SIZE / size;
    scanner->scan = scan;
    scanner->score = kernel_get()->metrics[DATATYPE_F32]->rows[scan->metric];
    scanner->query = query;
    scanner->capacity = slab_capacity(scan->vectors);
    scanner->batch_rows = rows < BATCH_ROWS_MIN   ? BATCH_ROWS_MIN
                          : rows > BATCH_ROWS_MAX ? BATCH_ROWS_MAX
                                                  : (uint32_t)rows;
    scanner->prefetch_size = size < PREFETCH_SIZE ? size : PREFETCH_SIZE;
    scanner->filling = 0;
    scanner->batches[0].count = 0;
    scanner->batches[1].count = 0;
}

static void
batch_score(struct scanner *scanner, struct batch *batch)
{
    float distances[BATCH_ROWS_MAX];
    struct top *top = &scanner->top;
    scanner->score(scanner->query, batch->rows, batch->count,
                   scanner->scan->dim, distances);
    for (uint32_t i = 0; i < batch->count; i++) {
        if (top->count == top->count_max &&
            distances[i] > top->hits[0].distance)
            continue;
        top_offer(top, batch->slots[i], distances[i]);
    }
    batch->count = 0;
}

static void
scanner_add(struct scanner *scanner, uint32_t slot)
{
    struct batch *batch = &scanner->batches[scanner->filling];
    assert(slot < scanner->capacity);
    const char *row = slab_row(scanner->scan->vectors, slot);
    for (size_t at = 0; at < scanner->prefetch_size; at += 64)
        __builtin_prefetch(row + at);
    batch->rows[batch->count] = row;
    batch->slots[batch->count++] = slot;
    if (batch->count < scanner->batch_rows)
        return;
    scanner->filling ^= 1;
    batch_score(scanner, &scanner->batches[scanner->filling]);
}

static void
scanner_end(struct scanner *scanner)
{
    batch_score(scanner, &scanner->batches[scanner->filling ^ 1]);
    batch_score(scanner, &scanner->batches[scanner->filling]);
    top_sort(&scanner->top);
}

static bool
is_stopped(const struct plain_scan *scan, uint32_t index)
{
    return index % STOPPER_ROWS == 0 && scan->stopper.is_due != NULL &&
           scan->stopper.is_due(scan->stopper.ctx);
}

/* Of the slots word * 64.., those that pass the filter's bitsets. */
static uint64_t
passing(const struct slot_filter *filter, uint32_t word)
{
    uint64_t bits = UINT64_MAX;
    if (filter == NULL)
        return bits;
    if (filter->deleted != NULL)
        bits &= ~slotset_word(filter->deleted, word);
    if (filter->view != NULL)
        bits &= slotview_word(filter->view, word);
    if (filter->allowed != NULL) {
        uint32_t whole = filter->allowed_count / 64;
        uint64_t rest = (UINT64_C(1) << filter->allowed_count % 64) - 1;
        if (word > whole || (word == whole && rest == 0))
            return 0;
        bits &= filter->allowed[word] & (word < whole ? UINT64_MAX : rest);
    }
    return bits;
}

/* False when the stopper says so. */
static bool
scan_range(struct scanner *scanner)
{
    const struct plain_scan *scan = scanner->scan;
    const struct slot_filter *filter = scan->filter;
    uint32_t begin = scan->slot_begin, end = scan->slot_end;
    for (uint32_t word = begin / 64; (uint64_t)word * 64 < end; word++) {
        if (is_stopped(scan, word * 64))
            return false;
        uint64_t bits = passing(filter, word);
        if (word == begin / 64)
            bits &= UINT64_MAX << begin % 64;
        if (word == end / 64)
            bits &= (UINT64_C(1) << end % 64) - 1;
        for (; bits != 0; bits &= bits - 1) {
            uint32_t slot = word * 64 + (uint32_t)__builtin_ctzll(bits);
            if (filter == NULL || filter->accept == NULL ||
                filter->accept(filter->accept_ctx, slot))
                scanner_add(scanner, slot);
        }
    }
    return true;
}

static bool
scan_list(struct scanner *scanner)
{
    const struct plain_scan *scan = scanner->scan;
    for (uint32_t i = 0; i < scan->slot_count; i++) {
        uint32_t slot = scan->slots[i];
        if (is_stopped(scan, i))
            return false;
        if (slot_filter_passes(scan->filter, slot))
            scanner_add(scanner, slot);
    }
    return true;
}

enum engine_code
plain_search(const struct plain_scan *scan, const float *query, uint32_t k,
             struct hit *ret_hits, uint32_t *ret_count, struct error *reterr)
{
    assert(k > 0 && k <= PLAIN_K_MAX);
    assert(scan->dim > 0 && (unsigned)scan->metric < METRIC_COUNT);
    assert(scan->slots != NULL || scan->slot_begin <= scan->slot_end);
    struct scanner scanner;
    scanner_init(&scanner, scan, query);
    scanner.top = (struct top){ ret_hits, 0, k };
    if (!(scan->slots != NULL ? scan_list(&scanner) : scan_range(&scanner)))
        return error_set(reterr, ENGINE_ETIMEOUT, "the exact scan was stopped");
    scanner_end(&scanner);
    *ret_count = scanner.top.count;
    return ENGINE_OK;
}
