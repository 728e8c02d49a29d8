/* SPDX-License-Identifier: Apache-2.0
 * Nearest points of one segment: plan the filter, then take what costs less of
 * a scan over the candidates and a walk over the graph with the waiting tail
 * scanned beside it. A walk that comes back with fewer points than asked for
 * is finished by a scan, so that recall never drops silently. */
#include "engine/segment/search.h"

#include "engine/segment/body.h"
#include "engine/segment/match.h"

#include <assert.h>
#include <math.h>
#include <time.h>

/* Rough costs, measured with 384 dimensions on a Zen 4 class core: a row in
 * sequence, a row at random, a stored payload parsed and tested. */
#define ROW_NS         10.0
#define ROW_NS_PER_DIM 0.12
#define WALK_FACTOR    2.0
#define RESIDUAL_NS    1000.0
/* Rows that a walk scores for each place of its list. */
#define WALK_ROWS_PER_EF 16.0
#define VISIT_MIN        4096.0
/* Slots tried to learn how many pass a test without index. */
#define SAMPLE_SLOTS 256
/* Fewer candidates than one of so many slots are listed, not bit-mapped. */
#define SPARSE_SHARE 64

static uint64_t
now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

enum engine_code
segment_check_deadline(uint64_t deadline_ms, struct error *reterr)
{
    if (deadline_ms == 0 || now_ms() < deadline_ms)
        return ENGINE_OK;
    return error_set(reterr, ENGINE_ETIMEOUT,
                     "the operation took longer than its timeout");
}

static bool
deadline_is_due(void *ctx)
{
    const uint64_t *deadline_ms = ctx;
    return *deadline_ms != 0 && now_ms() >= *deadline_ms;
}

/* One search at work. */
struct work {
    struct segment *segment;
    const struct vectors *vectors;
    const struct segment_search *search;
    struct arena *arena;
    struct match match;
    uint64_t deadline_ms;
    struct slot_filter filter; /* what may be returned */
    bool has_words;            /* filter.allowed holds the candidates */
    struct hit *hits;          /* [k] */
    uint32_t count;
};

static bool
accept_residual(void *ctx, uint32_t slot)
{
    return match_residual(ctx, slot);
}

/* The candidates as a bitset, once. */
static enum engine_code
need_words(struct work *work, struct error *reterr)
{
    if (work->has_words || work->match.plan.slots == NULL)
        return ENGINE_OK;
    size_t count = (size_t)work->segment->slots_count / 64 + 1;
    uint64_t *words = arena_calloc(work->arena, count, sizeof(*words));
    if (words == NULL)
        return error_memory(reterr);
    slot_set_to_words(work->match.plan.slots, words, count);
    work->filter.allowed = words;
    work->filter.allowed_count = work->segment->slots_count;
    work->has_words = true;
    return ENGINE_OK;
}

static struct plain_scan
scan_all(struct work *work)
{
    return (struct plain_scan){ .vectors = &work->vectors->rows,
                                .dim = work->vectors->options.dim,
                                .metric = work->vectors->options.metric,
                                .slot_end = work->segment->slots_count,
                                .filter = &work->filter,
                                .stopper = { deadline_is_due,
                                             &work->deadline_ms } };
}

/* The candidates as a list. */
static enum engine_code
list_candidates(const struct work *work, struct plain_scan *scan,
                struct error *reterr)
{
    size_t count = (size_t)slot_set_count(work->match.plan.slots);
    uint32_t *slots = arena_alloc(work->arena, (count + 1) * sizeof(*slots));
    struct slot_cursor *cursor = slot_cursor_new(work->match.plan.slots);
    if (slots == NULL || cursor == NULL) {
        slot_cursor_free(cursor);
        return error_memory(reterr);
    }
    size_t done = 0, step;
    while (done < count &&
           (step = slot_cursor_next(cursor, slots + done, count - done)) > 0)
        done += step;
    slot_cursor_free(cursor);
    scan->slots = slots;
    scan->slot_count = (uint32_t)done;
    return ENGINE_OK;
}

static enum engine_code
search_exact(struct work *work, struct error *reterr)
{
    struct plain_scan scan = scan_all(work);
    const struct slot_set *slots = work->match.plan.slots;
    enum engine_code code = ENGINE_OK;
    if (slots != NULL && !work->has_words &&
        slot_set_count(slots) < work->segment->slots_count / SPARSE_SHARE)
        code = list_candidates(work, &scan, reterr);
    else
        code = need_words(work, reterr);
    if (code != ENGINE_OK)
        return code;
    return plain_search(&scan, work->search->query, work->search->k, work->hits,
                        &work->count, reterr);
}

/* ---- walk ---- */

static uint32_t
width_of(const struct vectors *vectors, const struct segment_search *search)
{
    uint32_t ef = search->ef;
    if (ef == 0) {
        ef = SEGMENT_EF_DEFAULT;
        if (ef < vectors->options.ef_construct)
            ef = vectors->options.ef_construct;
    }
    if (ef < search->k)
        ef = search->k;
    return ef < HNSW_EF_MAX ? ef : HNSW_EF_MAX;
}

static double
row_ns(const struct vectors *vectors)
{
    return ROW_NS + ROW_NS_PER_DIM * (double)vectors->options.dim;
}

struct costs {
    double scan_ns;
    double walk_ns;
    double visit_ns; /* of one row in the walk */
};

/* The share of the candidates that satisfies the residual, by trying some: the
 * plan only guesses what no index answers. */
static double
sample_share(struct work *work)
{
    const struct slot_set *candidates = match_candidates(&work->match);
    uint32_t step = work->segment->slots_count / SAMPLE_SLOTS + 1;
    uint32_t tried = 0, passed = 0;
    for (uint32_t slot = step / 2; slot < work->segment->slots_count;
         slot += step) {
        if (!slot_set_contains(candidates, slot))
            continue;
        tried++;
        passed += match_residual(&work->match, slot);
    }
    return (passed + 0.5) / (tried + 1.0);
}

static struct costs
estimate_costs(struct work *work)
{
    const struct vectors *vectors = work->vectors;
    const struct filter_plan *plan = &work->match.plan;
    double all = (double)ids_count(work->segment->ids) + 1.0;
    double candidates =
        plan->slots == NULL ? all : (double)slot_set_count(plan->slots);
    double test_ns = plan->residual != NULL ? RESIDUAL_NS : 0.0;
    double share = ((double)plan->estimate.expected_count + 0.5) / all;
    struct costs costs;
    if (plan->residual != NULL && vectors->graph != NULL &&
        !work->search->is_exact)
        share = sample_share(work) * candidates / all;
    costs.visit_ns = WALK_FACTOR * row_ns(vectors) + test_ns;
    costs.scan_ns = candidates * (row_ns(vectors) + test_ns);
    costs.walk_ns = WALK_ROWS_PER_EF * width_of(vectors, work->search) / share *
                    costs.visit_ns;
    return costs;
}

static bool
wants_walk(const struct work *work, const struct costs *costs)
{
    const struct vectors *vectors = work->vectors;
    if (vectors->graph == NULL || work->search->is_exact ||
        work->search->k > HNSW_K_MAX)
        return false;
    if (!match_is_all(&work->match)) {
        uint64_t size = work->match.plan.estimate.max_count *
                        vectors->options.dim * sizeof(float);
        if (size / 1024 <= vectors->options.full_scan_kib)
            return false;
    }
    return costs->walk_ns < costs->scan_ns;
}

/* Merges two ascending lists without repeats into work->hits. */
static void
merge(struct work *work, const struct hit *a, uint32_t a_count,
      const struct hit *b, uint32_t b_count)
{
    uint32_t i = 0, k = 0, count = 0;
    while (count < work->search->k && (i < a_count || k < b_count)) {
        bool is_a =
            k >= b_count ||
            (i < a_count &&
             (a[i].distance < b[k].distance ||
              (a[i].distance == b[k].distance && a[i].slot <= b[k].slot)));
        struct hit hit = is_a ? a[i++] : b[k++];
        if (count > 0 && work->hits[count - 1].slot == hit.slot)
            continue;
        work->hits[count++] = hit;
    }
    work->count = count;
}

/* Scans what waits for its link. It is listed before the walk begins, so that
 * a point that is linked meanwhile is found by one of the two. */
struct tail {
    uint32_t *slots;
    uint32_t count;
};

static enum engine_code
list_tail(struct work *work, struct tail *tail, struct error *reterr)
{
    *tail = (struct tail){ 0 };
    if (work->search->is_indexed_only)
        return ENGINE_OK;
    union {
        const struct vectors *in;
        struct vectors *out;
    } vectors = { .in = work->vectors };
    struct queue *queue = &vectors.out->queue;
    /* Pushes need the exclusive lock: it can only get shorter. */
    size_t room = queue_count(queue);
    if (room == 0)
        return ENGINE_OK;
    tail->slots = arena_alloc(work->arena, room * sizeof(*tail->slots));
    if (tail->slots == NULL)
        return error_memory(reterr);
    tail->count = (uint32_t)queue_copy(queue, tail->slots, room);
    assert(tail->count <= room);
    return ENGINE_OK;
}

static enum engine_code
walk(struct work *work, double visit_max, struct hit *hits,
     struct hnsw_found *found, struct error *reterr)
{
    const struct segment_search *search = work->search;
    struct hnsw_search options = {
        .k = search->k,
        .ef = width_of(work->vectors, search),
        .filter = &work->filter,
        .stopper = scan_all(work).stopper,
    };
    if (!match_is_all(&work->match))
        options.visit_max = visit_max < VISIT_MIN ? (uint32_t)VISIT_MIN
                            : visit_max < 2e9     ? (uint32_t)visit_max
                                                  : 0;
    return hnsw_search(work->vectors->graph, search->query, &options, hits,
                       found, reterr);
}

static enum engine_code
search_graph(struct work *work, const struct costs *costs, struct error *reterr)
{
    uint32_t k = work->search->k;
    struct tail tail;
    struct hit *walked = arena_alloc(work->arena, k * sizeof(*walked));
    struct hit *scanned = arena_alloc(work->arena, k * sizeof(*scanned));
    if (walked == NULL || scanned == NULL)
        return error_memory(reterr);
    enum engine_code code = need_words(work, reterr);
    if (code == ENGINE_OK)
        code = list_tail(work, &tail, reterr);
    if (code != ENGINE_OK)
        return code;
    struct hnsw_found found = { 0 };
    code = walk(work, costs->scan_ns / costs->visit_ns, walked, &found, reterr);
    if (code != ENGINE_OK)
        return code;
    uint32_t scanned_count = 0;
    if (tail.count > 0) {
        struct plain_scan scan = scan_all(work);
        scan.slots = tail.slots;
        scan.slot_count = tail.count;
        code = plain_search(&scan, work->search->query, k, scanned,
                            &scanned_count, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    merge(work, walked, found.count, scanned, scanned_count);
    bool is_short = work->count < k &&
                    work->count < work->match.plan.estimate.max_count &&
                    work->count < work->vectors->count;
    if ((found.is_cut || is_short) && !work->search->is_indexed_only)
        return search_exact(work, reterr);
    return ENGINE_OK;
}

enum engine_code
segment_search(struct segment *segment, const struct segment_search *search,
               struct arena *arena, const struct hit **ret_hits,
               size_t *ret_count, struct error *reterr)
{
    assert(search->number < segment->vectors_count);
    assert(search->k > 0 && search->k <= PLAIN_K_MAX);
    struct work work = { .segment = segment,
                         .vectors = &segment->vectors[search->number],
                         .search = search,
                         .arena = arena,
                         .deadline_ms = search->deadline_ms };
    enum engine_code code =
        match_make(segment, search->filter, arena, &work.match, reterr);
    if (code != ENGINE_OK)
        return code;
    work.filter.deleted = &work.vectors->absent;
    if (work.match.plan.residual != NULL) {
        work.filter.accept = accept_residual;
        work.filter.accept_ctx = &work.match;
    }
    work.hits = arena_alloc(arena, search->k * sizeof(*work.hits));
    if (work.hits == NULL) {
        code = error_memory(reterr);
    } else if (work.match.plan.estimate.max_count == 0) {
        code = ENGINE_OK;
    } else {
        struct costs costs = estimate_costs(&work);
        code = wants_walk(&work, &costs) ? search_graph(&work, &costs, reterr)
                                         : search_exact(&work, reterr);
    }
    match_release(&work.match);
    if (code != ENGINE_OK)
        return code;
    *ret_hits = work.hits;
    *ret_count = work.count;
    return ENGINE_OK;
}

uint64_t
segment_search_cost_ns(const struct segment *segment,
                       const struct segment_search *search)
{
    const struct vectors *vectors = &segment->vectors[search->number];
    double count = (double)ids_count(segment->ids);
    double test_ns = search->filter != NULL ? RESIDUAL_NS : 0.0;
    double scan_ns = count * (row_ns(vectors) + test_ns);
    if (vectors->graph == NULL || search->is_exact)
        return (uint64_t)scan_ns;
    double walk_ns = WALK_ROWS_PER_EF * width_of(vectors, search) *
                     (WALK_FACTOR * row_ns(vectors) + test_ns);
    return (uint64_t)(walk_ns < scan_ns ? walk_ns : scan_ns);
}
