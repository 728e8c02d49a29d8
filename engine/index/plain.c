/* SPDX-License-Identifier: Apache-2.0
 * Exact scan: rows in batches through the kernel, each fetched while the one
 * before is scored; the best k in a binary heap with the worst on top, sorted
 * at the end. A row joins the heap when it is closer than the worst, or as
 * close with a lower slot, so that the result does not depend on the order of
 * the scan or on who does what. Big scans are shared with idle threads. Ranges
 * go through the filter's bitsets 64 slots at a time. */
#include "engine/index/plain.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engine/index/crew.h"

/* Two batches of rows fit the first cache. */
#define BATCH_SIZE     12288u
#define BATCH_ROWS_MIN 4u
#define BATCH_ROWS_MAX 32u
/* So much of a row is fetched ahead; the hardware goes on from there. */
#define PREFETCH_SIZE 512u
/* Slots between two questions to the stopper: a multiple of 64. */
#define STOPPER_ROWS 1024
/* Bytes of rows, about, that a thread takes at once. */
#define PART_SIZE (2u * 1024u * 1024u)
/* More hits than this are gathered by one thread. */
#define SPLIT_K_MAX 4096u

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

/* One scan, shared by the threads that work at it: each takes the next part
 * of the slots until there is none. */
struct job {
    const struct plain_scan *scan;
    const void *query; /* a row */
    size_t row_size;
    uint64_t begin; /* of the slots, or of the list */
    uint64_t end;
    uint64_t part_size;
    _Atomic uint64_t next; /* number of the next part */
    _Atomic bool is_stopped;
    pthread_mutex_t lock; /* guards top */
    struct top top;
};

/* One thread at a scan: while one batch is filled and its rows are fetched,
 * the one before is scored. */
struct scanner {
    struct job *job;
    const struct plain_scan *scan; /* of the job */
    kernel_rows_fn score;
    float worst;       /* distance of the worst hit when last seen: what is
                          further away is none */
    uint32_t capacity; /* rows that are backed */
    uint32_t batch_rows;
    size_t prefetch_size;
    uint32_t filling; /* which batch */
    struct batch batches[2];
};

static float
top_worst(const struct top *top)
{
    return top->count == top->count_max ? top->hits[0].distance : INFINITY;
}

static void
scanner_init(struct scanner *scanner, struct job *job)
{
    const struct plain_scan *scan = job->scan;
    size_t size = job->row_size;
    size_t rows = BATCH_SIZE / size;
    scanner->job = job;
    scanner->scan = scan;
    scanner->score = row_form_kernel(
        &(struct row_form){ scan->datatype, scan->metric, scan->dim });
    scanner->worst = INFINITY;
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
    struct job *job = scanner->job;
    scanner->score(job->query, batch->rows, batch->count, scanner->scan->dim,
                   distances);
    uint32_t near = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        if (distances[i] > scanner->worst)
            continue;
        batch->slots[near] = batch->slots[i];
        distances[near++] = distances[i];
    }
    batch->count = 0;
    if (near == 0)
        return;
    pthread_mutex_lock(&job->lock);
    for (uint32_t i = 0; i < near; i++)
        top_offer(&job->top, batch->slots[i], distances[i]);
    scanner->worst = top_worst(&job->top);
    pthread_mutex_unlock(&job->lock);
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
scan_range(struct scanner *scanner, uint32_t begin, uint32_t end)
{
    const struct slot_filter *filter = scanner->scan->filter;
    for (uint32_t word = begin / 64; (uint64_t)word * 64 < end; word++) {
        if (is_stopped(scanner->scan, word * 64))
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
scan_list(struct scanner *scanner, uint32_t begin, uint32_t end)
{
    const struct plain_scan *scan = scanner->scan;
    for (uint32_t i = begin; i < end; i++) {
        if (is_stopped(scan, i))
            return false;
        if (slot_filter_passes(scan->filter, scan->slots[i]))
            scanner_add(scanner, scan->slots[i]);
    }
    return true;
}

/* What each thread of a job does. */
static void
job_work(void *arg)
{
    struct job *job = arg;
    struct scanner scanner;
    scanner_init(&scanner, job);
    bool goes_on = true;
    while (goes_on && !atomic_load(&job->is_stopped)) {
        uint64_t begin = atomic_fetch_add(&job->next, 1) * job->part_size;
        uint64_t end = begin + job->part_size;
        if (begin >= job->end)
            break;
        begin = begin > job->begin ? begin : job->begin;
        end = end < job->end ? end : job->end;
        goes_on = job->scan->slots != NULL
                      ? scan_list(&scanner, (uint32_t)begin, (uint32_t)end)
                      : scan_range(&scanner, (uint32_t)begin, (uint32_t)end);
    }
    if (!goes_on)
        atomic_store(&job->is_stopped, true);
    scanner_end(&scanner);
}

/* How many threads are worth asking for. Those that test slots by themselves
 * are not told to expect several callers. */
static unsigned
helpers_for(const struct job *job)
{
    const struct slot_filter *filter = job->scan->filter;
    uint64_t parts = (job->end - job->begin) / job->part_size;
    if (parts < 2 || job->top.count_max > SPLIT_K_MAX ||
        (filter != NULL && filter->accept != NULL))
        return 0;
    return parts - 1 < CREW_HELPERS_MAX ? (unsigned)(parts - 1)
                                        : CREW_HELPERS_MAX;
}

enum engine_code
plain_search(const struct plain_scan *scan, const float *query, uint32_t k,
             struct hit *ret_hits, uint32_t *ret_count, struct error *reterr)
{
    assert(k > 0 && k <= PLAIN_K_MAX);
    assert(scan->dim > 0 && (unsigned)scan->metric < METRIC_COUNT);
    assert(scan->slots != NULL || scan->slot_begin <= scan->slot_end);
    struct row_form form = { scan->datatype, scan->metric, scan->dim };
    size_t size = row_form_size(&form);
    uint64_t rows = PART_SIZE / size;
    void *row = NULL;
    if (form.datatype != DATATYPE_F32) {
        row = malloc(row_form_query_size(&form));
        if (row == NULL)
            return error_memory(reterr);
        row_form_ask(&form, query, row);
    }
    struct job job = {
        .scan = scan,
        .query = row != NULL ? row : query,
        .row_size = size,
        .begin = scan->slots != NULL ? 0 : scan->slot_begin,
        .end = scan->slots != NULL ? scan->slot_count : scan->slot_end,
        .part_size = (rows / STOPPER_ROWS + 1) * STOPPER_ROWS,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .top = { ret_hits, 0, k },
    };
    atomic_store(&job.next, job.begin / job.part_size);
    crew_run(job_work, &job, helpers_for(&job));
    pthread_mutex_destroy(&job.lock);
    free(row);
    if (atomic_load(&job.is_stopped))
        return error_set(reterr, ENGINE_ETIMEOUT, "the exact scan was stopped");
    top_sort(&job.top);
    *ret_count = job.top.count;
    return ENGINE_OK;
}
