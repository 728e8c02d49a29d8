/* SPDX-License-Identifier: Apache-2.0
 * Nearest points of one segment: plan the filter, then take what costs less of
 * a scan over the candidates and a walk over the graph with the waiting tail
 * scanned beside it. A walk that comes back with fewer points than asked for
 * is finished by a scan, and so is one that had seen all it can reach before
 * its list was full, so that recall never drops silently. */
#include "engine/segment/search.h"

#include "engine/index/codes_scan.h"
#include "engine/index/cost.h"
#include "engine/segment/body.h"
#include "engine/segment/match.h"

#include <assert.h>
#include <math.h>
#include <time.h>

/* Rough costs beside those of rows (cost.h): what a walk does for a row that
 * it scores, a stored payload parsed and tested. */
#define VISIT_NS    25.0
#define RESIDUAL_NS 1000.0
/* A row on disk, in slot order. */
#define DISK_ROW_NS  300.0
#define DISK_BYTE_NS 0.4
/* The same with the payload on disk: many in slot order, one at random. */
#define RESIDUAL_DISK_NS        1500.0
#define RESIDUAL_DISK_RANDOM_NS 5000.0
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
    struct segment_reader *reader;
    struct vectors *vectors;
    struct hnsw *graph; /* NULL: none */
    const struct segment_search *search;
    struct arena *arena;
    struct match match;
    uint64_t deadline_ms;
    struct slot_filter filter; /* what may be returned */
    bool has_words;            /* filter.allowed holds the candidates */
    struct hit *hits;          /* [k] */
    uint32_t count;
    uint32_t *tail; /* slots that wait for their link */
    size_t tail_count;
    bool is_tail_long; /* it was not listed: scan */
};

static const struct view_vector *
view_vector(const struct work *work)
{
    return &work->reader->view->vectors[work->search->number];
}

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
    uint32_t slots_count = work->reader->view->slots_count;
    size_t count = (size_t)slots_count / 64 + 1;
    uint64_t *words = arena_calloc(work->arena, count, sizeof(*words));
    if (words == NULL)
        return error_memory(reterr);
    slot_set_to_words(work->match.plan.slots, words, count);
    work->filter.allowed = words;
    work->filter.allowed_count = slots_count;
    work->has_words = true;
    return ENGINE_OK;
}

static struct plain_scan
scan_all(struct work *work)
{
    return (struct plain_scan){ .vectors = &work->vectors->rows,
                                .datatype = work->vectors->form.datatype,
                                .dim = work->vectors->options.dim,
                                .metric = work->vectors->options.metric,
                                .slot_end = work->reader->view->slots_count,
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

#define SETTLE_SLOTS 256

/* Whether tests read payloads from the disk one by one. */
static bool
tests_on_disk(const struct work *work)
{
    return work->match.plan.residual != NULL && work->match.json != NULL &&
           atomic_load(&work->reader->segment->payloads.is_on_disk);
}

/* The candidates that pass the residual as a bitset: payloads on disk are
 * cheapest in slot order. */
static enum engine_code
settle_residual(struct work *work, struct error *reterr)
{
    uint32_t slots_count = work->reader->view->slots_count;
    size_t count = (size_t)slots_count / 64 + 1;
    uint64_t *words = arena_calloc(work->arena, count, sizeof(*words));
    if (words == NULL)
        return error_memory(reterr);
    struct match_cursor cursor;
    uint32_t slots[SETTLE_SLOTS];
    enum engine_code code = match_cursor_open(&work->match, &cursor, reterr);
    if (code != ENGINE_OK)
        return code;
    while (code == ENGINE_OK &&
           (count = match_cursor_next(&cursor, slots, SETTLE_SLOTS)) > 0) {
        count = match_residuals(&work->match, slots, count);
        for (size_t i = 0; i < count; i++)
            words[slots[i] / 64] |= UINT64_C(1) << (slots[i] % 64);
        code = segment_check_deadline(work->deadline_ms, reterr);
    }
    match_cursor_close(&cursor);
    if (code != ENGINE_OK)
        return code;
    for (uint32_t i = 0; work->has_words && i <= slots_count / 64; i++)
        words[i] &= work->filter.allowed[i];
    work->filter.allowed = words;
    work->filter.allowed_count = slots_count;
    work->filter.accept = NULL;
    work->has_words = true;
    return ENGINE_OK;
}

static enum engine_code
search_exact(struct work *work, struct error *reterr)
{
    if (tests_on_disk(work) && work->filter.accept != NULL) {
        enum engine_code code = settle_residual(work, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    struct plain_scan scan = scan_all(work);
    const struct slot_set *slots = work->match.plan.slots;
    enum engine_code code = ENGINE_OK;
    if (slots != NULL && !work->has_words &&
        slot_set_count(slots) < work->reader->view->slots_count / SPARSE_SHARE)
        code = list_candidates(work, &scan, reterr);
    else
        code = need_words(work, reterr);
    if (code != ENGINE_OK)
        return code;
    return vectors_scan(work->vectors, &scan, work->search->query.values,
                        work->search->k, work->arena, work->hits, &work->count,
                        reterr);
}

/* ---- walk ---- */

static uint32_t
width_of(const struct segment_reader *reader,
         const struct segment_search *search)
{
    uint32_t ef = search->ef;
    if (ef == 0) {
        ef = SEGMENT_EF_DEFAULT;
        uint32_t least = reader->view->vectors[search->number].ef_construct;
        if (ef < least)
            ef = least;
    }
    if (ef < search->k)
        ef = search->k;
    return ef < HNSW_EF_MAX ? ef : HNSW_EF_MAX;
}

static double
row_ns(const struct vectors *vectors)
{
    size_t size = vectors_row_size_about(vectors);
    if (vectors->is_on_disk)
        return DISK_ROW_NS + DISK_BYTE_NS * (double)size;
    return cost_row_ns(&cost_get()->sequence, size);
}

/* Of one row in a walk. */
static double
visit_ns(const struct vectors *vectors)
{
    size_t size = vectors->codes != NULL ? codes_row_size(vectors->codes)
                                         : vectors_row_size_about(vectors);
    return VISIT_NS + cost_row_ns(&cost_get()->random, size);
}

static bool
scans_codes(const struct work *work)
{
    return work->vectors->codes != NULL && work->search->k <= HNSW_K_MAX &&
           work->search->scoring != HNSW_IGNORE_CODES;
}

/* Of one row that waits for its link. */
static double
tail_ns(const struct work *work)
{
    if (!scans_codes(work))
        return row_ns(work->vectors);
    return cost_row_ns(&cost_get()->sequence,
                       vectors_tail_row_size(work->vectors));
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
    uint32_t end = work->reader->view->slots_count;
    uint32_t step = end / SAMPLE_SLOTS + 1;
    uint32_t tried = 0, slots[SAMPLE_SLOTS];
    for (uint32_t slot = step / 2; slot < end; slot += step)
        if (match_is_candidate(&work->match, slot))
            slots[tried++] = slot;
    assert(tried <= SAMPLE_SLOTS);
    size_t passed = match_residuals(&work->match, slots, tried);
    return ((double)passed + 0.5) / (tried + 1.0);
}

static struct costs
estimate_costs(struct work *work)
{
    const struct vectors *vectors = work->vectors;
    const struct filter_plan *plan = &work->match.plan;
    double all = (double)work->reader->view->live->count + 1.0;
    double candidates =
        plan->slots == NULL ? all : (double)slot_set_count(plan->slots);
    bool is_on_disk = tests_on_disk(work);
    double test_ns = plan->residual == NULL ? 0.0
                     : is_on_disk           ? RESIDUAL_DISK_NS
                                            : RESIDUAL_NS;
    double share = ((double)plan->estimate.expected_count + 0.5) / all;
    struct costs costs;
    if (plan->residual != NULL && work->graph != NULL &&
        !work->search->is_exact)
        share = sample_share(work) * candidates / all;
    costs.visit_ns =
        visit_ns(vectors) + (is_on_disk ? RESIDUAL_DISK_RANDOM_NS : test_ns);
    costs.scan_ns = candidates * (row_ns(vectors) + test_ns);
    costs.walk_ns = WALK_ROWS_PER_EF * width_of(work->reader, work->search) /
                        share * costs.visit_ns +
                    (double)work->tail_count * tail_ns(work);
    return costs;
}

static bool
wants_walk(const struct work *work, const struct costs *costs)
{
    const struct vectors *vectors = work->vectors;
    if (work->graph == NULL || work->is_tail_long || work->search->is_exact ||
        work->search->k > HNSW_K_MAX)
        return false;
    if (!match_is_all(&work->match)) {
        uint64_t size = work->match.plan.estimate.max_count *
                        vectors_row_size_about(vectors);
        if (size / 1024 <= view_vector(work)->full_scan_kib)
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

static enum engine_code
walk_filtered(struct work *work, double visit_max, struct hit *hits,
              struct hnsw_found *found, struct error *reterr)
{
    const struct segment_search *search = work->search;
    struct hnsw_search options = {
        .k = search->k,
        .ef = width_of(work->reader, search),
        .scoring = search->scoring,
        .rescore_count = search->rescore_count,
        .filter = &work->filter,
        .stopper = scan_all(work).stopper,
    };
    if (!match_is_all(&work->match))
        options.visit_max = visit_max < VISIT_MIN ? (uint32_t)VISIT_MIN
                            : visit_max < 2e9     ? (uint32_t)visit_max
                                                  : 0;
    return hnsw_search(work->graph, search->query.values, &options, hits, found,
                       reterr);
}

/* More hits than asked for, since some may not be in the view. */
static uint32_t
spare_k(uint32_t k)
{
    uint32_t more = k + k / 4 + 8;
    return more < HNSW_K_MAX ? more : HNSW_K_MAX;
}

/* Whether the graph holds hardly more than the view: then a walk without
 * filter, which is faster, loses little. */
static bool
view_is_most(const struct work *work)
{
    double linked = hnsw_linked_count(work->graph);
    double seen = (double)view_vector(work)->has->count;
    return match_is_all(&work->match) &&
           linked - (seen - (double)work->tail_count) <= linked / 16;
}

/* `hits` has room for spare_k(). */
static enum engine_code
walk(struct work *work, double visit_max, struct hit *hits,
     struct hnsw_found *found, struct error *reterr)
{
    uint32_t k = work->search->k;
    if (!view_is_most(work))
        return walk_filtered(work, visit_max, hits, found, reterr);
    struct hnsw_search options = { .k = spare_k(k),
                                   .ef = width_of(work->reader, work->search),
                                   .scoring = work->search->scoring,
                                   .rescore_count = work->search->rescore_count,
                                   .stopper = scan_all(work).stopper };
    enum engine_code code = hnsw_search(work->graph, work->search->query.values,
                                        &options, hits, found, reterr);
    if (code != ENGINE_OK)
        return code;
    uint32_t count = 0;
    for (uint32_t i = 0; i < found->count; i++)
        if (slotview_has(work->filter.view, hits[i].slot))
            hits[count++] = hits[i];
    if (count < k && count < found->count)
        return walk_filtered(work, visit_max, hits, found, reterr);
    found->count = count < k ? count : k;
    return ENGINE_OK;
}

/* The nearest of what waits. `distance_max`: what is further away is not
 * wanted. */
static enum engine_code
scan_tail(struct work *work, float distance_max, struct hit *hits,
          uint32_t *ret_count, struct error *reterr)
{
    const struct segment_search *search = work->search;
    struct plain_scan scan = scan_all(work);
    if (!scans_codes(work)) {
        scan.slots = work->tail;
        scan.slot_count = (uint32_t)work->tail_count;
        return vectors_scan(work->vectors, &scan, search->query.values,
                            search->k, work->arena, hits, ret_count, reterr);
    }
    struct hnsw_rows rows = vectors_rows(work->vectors);
    struct codes_scan on_codes = { .rows = &rows,
                                   .slots = work->tail,
                                   .slot_count = (uint32_t)work->tail_count,
                                   .filter = &work->filter,
                                   .distance_max = distance_max,
                                   .stopper = scan.stopper };
    return codes_search(&on_codes, search->query.values, search->k, hits,
                        ret_count, reterr);
}

/* Slots 64 * `word`.. that pass the filter's bitsets. */
static uint64_t
passing_word(const struct work *work, uint32_t word)
{
    uint64_t bits = slotview_word(work->filter.view, word);
    return work->filter.allowed == NULL ? bits
                                        : bits & work->filter.allowed[word];
}

/* Whether linked points match that the walk could not reach. What a test of
 * payloads lets pass is not known: then there may be such. */
static bool
is_beyond_reach(const struct work *work, const struct hnsw_found *found)
{
    if (!found->is_short)
        return false;
    if (work->filter.accept != NULL)
        return true;
    uint64_t linked = 0, slots_count = work->reader->view->slots_count;
    for (uint32_t word = 0; (uint64_t)word * 64 < slots_count; word++)
        linked += (uint64_t)__builtin_popcountll(passing_word(work, word));
    for (size_t i = 0; i < work->tail_count; i++)
        linked -= slot_filter_passes(&work->filter, work->tail[i]);
    return linked > found->pass_count;
}

/* From now on only linked points pass. */
static enum engine_code
need_linked(struct work *work, struct error *reterr)
{
    uint32_t slots_count = work->reader->view->slots_count;
    size_t count = (size_t)slots_count / 64 + 1;
    uint64_t *words = arena_calloc(work->arena, count, sizeof(*words));
    if (words == NULL)
        return error_memory(reterr);
    for (uint32_t word = 0; (uint64_t)word * 64 < slots_count; word++)
        for (uint64_t bits = passing_word(work, word); bits != 0;
             bits &= bits - 1) {
            uint32_t slot = word * 64 + (uint32_t)__builtin_ctzll(bits);
            if (hnsw_is_linked(work->graph, slot))
                words[word] |= bits & -bits;
        }
    work->filter.allowed = words;
    work->filter.allowed_count = slots_count;
    work->has_words = true;
    return ENGINE_OK;
}

/* What a walk did not bring: by a scan. */
static enum engine_code
finish_by_scan(struct work *work, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    if (work->search->is_indexed_only)
        code = need_linked(work, reterr);
    return code == ENGINE_OK ? search_exact(work, reterr) : code;
}

static enum engine_code
search_graph(struct work *work, const struct costs *costs, struct error *reterr)
{
    uint32_t k = work->search->k;
    struct hit *walked = arena_alloc(work->arena, spare_k(k) * sizeof(*walked));
    struct hit *scanned = arena_alloc(work->arena, k * sizeof(*scanned));
    if (walked == NULL || scanned == NULL)
        return error_memory(reterr);
    enum engine_code code = need_words(work, reterr);
    if (code != ENGINE_OK)
        return code;
    struct hnsw_found found = { 0 };
    code = walk(work, costs->scan_ns / costs->visit_ns, walked, &found, reterr);
    if (code != ENGINE_OK)
        return code;
    uint32_t scanned_count = 0;
    if (work->tail_count > 0) {
        bool is_full =
            found.count == k && work->search->scoring == HNSW_RESCORE;
        code = scan_tail(work, is_full ? walked[k - 1].distance : INFINITY,
                         scanned, &scanned_count, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    merge(work, walked, found.count, scanned, scanned_count);
    bool is_short = work->count < k &&
                    work->count < work->match.plan.estimate.max_count &&
                    work->count < view_vector(work)->has->count;
    if (found.is_cut || is_short || is_beyond_reach(work, &found))
        return finish_by_scan(work, reterr);
    return ENGINE_OK;
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
        if (room / TAIL_SHARE > view_vector(work)->has->count + TAIL_SPARE)
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

static enum engine_code
search_planned(struct work *work, struct error *reterr)
{
    work->filter.view = view_vector(work)->has;
    if (work->match.plan.residual != NULL) {
        work->filter.accept = accept_residual;
        work->filter.accept_ctx = &work->match;
    }
    work->hits =
        arena_alloc(work->arena, work->search->k * sizeof(*work->hits));
    if (work->hits == NULL)
        return error_memory(reterr);
    if (work->match.plan.estimate.max_count == 0)
        return ENGINE_OK;
    struct costs costs = estimate_costs(work);
    return wants_walk(work, &costs) ? search_graph(work, &costs, reterr)
                                    : search_exact(work, reterr);
}

enum engine_code
segment_search(struct segment_reader *reader,
               const struct segment_search *search, struct arena *arena,
               const struct hit **ret_hits, size_t *ret_count,
               struct error *reterr)
{
    struct segment *segment = reader->segment;
    assert(search->number < segment->vectors_count);
    assert(search->k > 0 && search->k <= PLAIN_K_MAX);
    struct work work = { .reader = reader,
                         .vectors = &segment->vectors[search->number],
                         .search = search,
                         .arena = arena,
                         .deadline_ms = search->deadline_ms };
    enum engine_code code = look(&work, reterr);
    if (code != ENGINE_OK)
        return code;
    code = search_planned(&work, reterr);
    if (code == ENGINE_OK)
        code = match_check(&work.match, reterr);
    match_release(&work.match);
    if (code != ENGINE_OK)
        return code;
    *ret_hits = work.hits;
    *ret_count = work.count;
    return ENGINE_OK;
}

uint64_t
segment_search_cost_ns(const struct segment_reader *reader,
                       const struct segment_search *search)
{
    const struct vectors *vectors = &reader->segment->vectors[search->number];
    double count = (double)reader->view->live->count;
    double test_ns = search->filter != NULL ? RESIDUAL_NS : 0.0;
    double scan_ns = count * (row_ns(vectors) + test_ns);
    if (atomic_load(&vectors->graph) == NULL || search->is_exact)
        return (uint64_t)scan_ns;
    double walk_ns = WALK_ROWS_PER_EF * width_of(reader, search) *
                     (visit_ns(vectors) + test_ns);
    return (uint64_t)(walk_ns < scan_ns ? walk_ns : scan_ns);
}
