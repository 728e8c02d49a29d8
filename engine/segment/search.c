/* SPDX-License-Identifier: Apache-2.0
 * Nearest points of one segment: plan the filter, then take what costs least of
 * scans over the candidates and walks over the graph with the waiting tail
 * scanned beside it. A walk that comes back with fewer points than asked for
 * is finished by a scan, and so is one that had seen all it can reach before
 * its list was full, so that recall never drops silently. */
#include "engine/segment/search_body.h"
#include "engine/segment/search_sparse.h"

#include "engine/filter/payload_keys.h"

#include <assert.h>
#include <stdatomic.h>
#include <time.h>

uint64_t
work_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t
now_ms(void)
{
    return work_now_ns() / 1000000;
}

static _Atomic uint64_t idle_deadline_ms;

void
segment_idle_begin(uint64_t deadline_ms)
{
    atomic_store(&idle_deadline_ms, deadline_ms);
}

void
segment_idle_end(void)
{
    atomic_store(&idle_deadline_ms, 0);
}

static bool
is_over(uint64_t deadline_ms)
{
    if (deadline_ms == 0)
        return false;
    if (deadline_ms == SEGMENT_DEADLINE_IDLE)
        deadline_ms = atomic_load(&idle_deadline_ms);
    return now_ms() >= deadline_ms;
}

enum engine_code
segment_check_deadline(uint64_t deadline_ms, struct error *reterr)
{
    if (!is_over(deadline_ms))
        return ENGINE_OK;
    return error_set(reterr, ENGINE_ETIMEOUT,
                     "the operation took longer than its timeout");
}

static bool
is_due(void *ctx)
{
    const struct work *work = ctx;
    return work->match.is_spent || is_over(work->deadline_ms);
}

struct stopper
work_stopper(struct work *work)
{
    return (struct stopper){ is_due, work };
}

static bool
accept_residual(void *ctx, uint32_t slot)
{
    struct work *work = ctx;
    work->report.tested++;
    return match_residual(&work->match, slot);
}

/* ---- one moment ---- */

/* Entries that may come while there is no lock. */
#define TAIL_SPARE 1024
/* A tail longer than one of so many points is not worth a walk. */
#define TAIL_SHARE 4

/* Whether a walk needs no list beside the view: nothing waits. What waited and
 * died just before is linked nowhere, but it is in older views, so the view
 * must be the newest afterwards, too. */
static bool
is_quiet(struct work *work)
{
    const struct segment *segment = work->reader->segment;
    work->reader->view = segment_view_now(segment);
    work->graph = atomic_load(&work->vectors->graph);
    return queue_count(&work->vectors->queue) == 0 &&
           segment_view_now(segment) == work->reader->view &&
           atomic_load(&work->vectors->graph) == work->graph;
}

/* The plan, the graph and its tail as they are together. *ret_is_whole false:
 * the tail did not fit. */
static enum engine_code
look_locked(struct work *work, size_t room, bool *ret_is_whole,
            struct error *reterr)
{
    struct segment *segment = work->reader->segment;
    pthread_rwlock_rdlock(&segment->points);
    work->reader->view = segment_view_now(segment);
    work->graph = atomic_load(&work->vectors->graph);
    work->tail_count = queue_copy(&work->vectors->queue, work->tail, room);
    *ret_is_whole = work->tail_count <= room;
    enum engine_code code = ENGINE_OK;
    if (*ret_is_whole || room == 0)
        code = match_make_locked(work->reader, work->search->filter,
                                 work->arena, &work->match, reterr);
    pthread_rwlock_unlock(&segment->points);
    return code;
}

static enum engine_code
look(struct work *work, struct error *reterr)
{
    work->graph = atomic_load(&work->vectors->graph);
    bool has_tail = work->graph != NULL && !work->search->is_exact &&
                    !work->search->is_indexed_only;
    if (!has_tail || (work->search->filter == NULL && is_quiet(work)))
        return match_make(work->reader, work->search->filter, work->arena,
                          &work->match, reterr);
    for (;;) {
        size_t room = queue_count(&work->vectors->queue) + TAIL_SPARE;
        if (room / TAIL_SHARE > work_vector(work)->has->count + TAIL_SPARE)
            room = 0;
        bool is_whole;
        work->tail = arena_alloc(work->arena, (room + 1) * sizeof(uint32_t));
        if (work->tail == NULL)
            return error_memory(reterr);
        enum engine_code code = look_locked(work, room, &is_whole, reterr);
        if (code != ENGINE_OK || is_whole)
            return code;
        work->tail_count = 0;
        work->is_tail_long = room == 0;
        if (work->is_tail_long)
            return ENGINE_OK;
    }
}

void
work_report_residual(struct segment_report *report,
                     const struct filter *residual)
{
    if (residual == NULL)
        return;
    size_t count =
        payload_keys(residual, report->unindexed, SEGMENT_UNINDEXED_MAX);
    report->unindexed_count = count == SIZE_MAX ? SEGMENT_UNINDEXED_MAX : count;
}

/* One by one a test costs so many times what it does among all. */
#define TEST_RATIO 4u

/* Nobody waits longer than that for the sake of later searches, */
#define SETTLE_NS_MAX 1e9
/* nor longer than so much of what is left until the deadline. */
#define SETTLE_SHARE 4.0

static bool
may_settle(const struct work *work, const struct costs *costs)
{
    if (costs->settle_ns > SETTLE_NS_MAX)
        return false;
    if (work->deadline_ms == 0)
        return true;
    uint64_t now = now_ms();
    return work->deadline_ms > now &&
           costs->settle_ns * SETTLE_SHARE <
               (double)(work->deadline_ms - now) * 1e6;
}

/* A filter that comes again and again is tested on all payloads once, when as
 * much was spent on some of them: then it is remembered. */
static void
settle_if_due(struct work *work, struct costs *costs)
{
    struct match *match = &work->match;
    if (match->plan.residual == NULL || work->search->is_exact ||
        work->multi != NULL || costs->plan < SEGMENT_PLAN_WALK ||
        match_spend(match, 0) * TEST_RATIO < match_candidates_count(match) ||
        !may_settle(work, costs))
        return;
    costs->plan =
        costs->is_on_codes ? SEGMENT_PLAN_SCAN_CODES : SEGMENT_PLAN_SCAN;
    costs->wants_settled = true;
}

static enum engine_code
search_planned(struct work *work, struct error *reterr)
{
    struct segment_report *report = &work->report;
    report->estimate = work->match.plan.estimate;
    work->filter.view = work_vector(work)->has;
    if (work->match.plan.residual != NULL) {
        work->filter.accept = accept_residual;
        work->filter.accept_ctx = work;
    }
    work_report_residual(report, work->match.plan.residual);
    work->hits =
        arena_alloc(work->arena, work->search->k * sizeof(*work->hits));
    if (work->hits == NULL)
        return error_memory(reterr);
    report->candidates = match_candidates_count(&work->match);
    report->is_cached = work->match.is_cached;
    if (report->estimate.max_count == 0)
        return ENGINE_OK;
    enum engine_code code = match_want_passing(&work->match, reterr);
    if (code != ENGINE_OK)
        return code;
    struct costs costs = work_costs(work);
    settle_if_due(work, &costs);
    report->plan = costs.plan;
    report->expected_ns = costs.plan_ns;
    report->waiting = work->tail_count;
    code = costs.plan >= SEGMENT_PLAN_WALK
               ? work_search_walk(work, &costs, reterr)
               : work_search_scan(work, &costs, reterr);
    if (work->match.plan.residual == NULL)
        return code;
    if (code == ENGINE_ETIMEOUT && costs.wants_settled)
        match_spend_anew(&work->match);
    else
        (void)match_spend(&work->match, report->tested);
    return code;
}

static enum engine_code
search_at(struct work *work, struct error *reterr)
{
    uint64_t begin = work_now_ns();
    enum engine_code code = look(work, reterr);
    if (code != ENGINE_OK)
        return code;
    uint64_t planned = work_now_ns();
    code = search_planned(work, reterr);
    if (code == ENGINE_OK)
        code = match_check(&work->match, reterr);
    match_release(&work->match);
    work->report.plan_ns = planned - begin;
    work->report.search_ns = work_now_ns() - planned;
    return code;
}

/* How many candidates: what the request says, or what loses little. */
static uint32_t
candidates_of(const struct segment_search *search)
{
    uint32_t count = search->ef;
    if (count == 0)
        count = MULTI_CANDIDATES + 8 * (search->k < 1024 ? search->k : 1024);
    if (count < search->rescore_count)
        count = search->rescore_count;
    if (count < search->k)
        return search->k;
    return count < HNSW_K_MAX ? count : HNSW_K_MAX;
}

static enum engine_code
search_multi(struct work *work, struct error *reterr)
{
    struct segment_search candidates = *work->search;
    struct multi_query multi;
    enum engine_code code =
        multi_query_init(&multi, work->vectors, &candidates.query, candidates.k,
                         work->arena, reterr);
    if (code != ENGINE_OK)
        return code;
    multi.stopper = work_stopper(work);
    candidates.k = candidates_of(work->search);
    candidates.ef = candidates.k;
    candidates.scoring = HNSW_KEEP_ESTIMATE;
    candidates.query.values = multi.encoding;
    work->search = &candidates;
    work->multi = &multi;
    code = search_at(work, reterr);
    if (code == ENGINE_OK && !work->is_scored) {
        work->report.rescored += work->count;
        code = multi_rescore(work->vectors, &multi, work->hits, &work->count,
                             reterr);
    }
    multi_query_release(&multi);
    return code;
}

enum engine_code
segment_search(struct segment_reader *reader,
               const struct segment_search *search, struct arena *arena,
               const struct hit **ret_hits, size_t *ret_count,
               struct error *reterr)
{
    assert(search->k > 0 && search->k <= PLAIN_K_MAX);
    struct vectors *vectors = segment_reader_vectors(reader, search->number);
    if (vectors->options.kind == VECTOR_SPARSE)
        return segment_search_sparse(reader, search, arena, ret_hits, ret_count,
                                     reterr);
    struct work work = { .reader = reader,
                         .vectors = vectors,
                         .search = search,
                         .arena = arena,
                         .deadline_ms = search->deadline_ms };
    bool is_multi = work.vectors->options.kind == VECTOR_MULTI;
    enum engine_code code =
        is_multi ? search_multi(&work, reterr) : search_at(&work, reterr);
    if (code != ENGINE_OK)
        return code;
    if (search->report != NULL)
        *search->report = work.report;
    *ret_hits = work.hits;
    *ret_count = work.count;
    return ENGINE_OK;
}
