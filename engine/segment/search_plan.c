/* SPDX-License-Identifier: Apache-2.0
 * Which way a search goes: the cheapest by what the plan of its filter knows
 * (how many candidates, how many of them will pass) and by what rows cost on
 * this machine (cost.h). Figures of walks were fitted to counts of rows and
 * lists on the real set (bench/filter.py). */
#include "engine/segment/search_body.h"
#include "engine/segment/search_sparse.h"

#include "engine/index/cost.h"

#include <assert.h>
#include <math.h>

/* Rough costs beside those of rows: what a walk does for a row that it scores,
 * and for a list that it looks through; what a scan does for a code; a scan on
 * codes before it begins; a stored payload parsed and tested. */
#define VISIT_NS       36.0
#define LIST_NS        100.0
#define CODE_NS        4.0
#define CODES_BEGIN_NS 8000.0
/* A row on disk, in slot order. */
#define DISK_ROW_NS  300.0
#define DISK_BYTE_NS 0.4
/* A test with the payload on disk: many in slot order, one at random. */
#define RESIDUAL_DISK_NS        600.0
#define RESIDUAL_DISK_RANDOM_NS 2400.0
/* Rows that a walk scores for each place of its list, without filter and
 * filter-first; vectors that are scored after codes, for each hit. */
#define WALK_ROWS_PER_EF  12.0
#define FIRST_ROWS_PER_EF 20.0
#define RESCORED_PER_HIT  4.0
/* Of the lists that a filter-first walk comes by, those that it has not read
 * yet. */
#define FRESH_SHARE 0.9
/* Where fewer pass, a walk must be so much cheaper to be chosen: it may miss
 * some. */
#define WALK_SHARE_MIN 0.1
#define WALK_CAUTION   1.5
/* A longer list of the plain walk: places for each hit and each point beside
 * it that does not pass; at least this share must pass. */
#define LIST_PER_HIT   2.0
#define LIST_SHARE_MIN 0.1
/* It must be so much cheaper than a scan: it is for nothing where fewer pass
 * around the query. */
#define LIST_CAUTION 1.2
/* What of it passes is expected to be so many times the hits. */
#define LIST_HITS_MIN 1.25
/* Candidates that are fewer than one of so many slots are read at random. */
#define SPARSE_SHARE 8.0
/* Slots tried to learn how many pass a test without index: in steps, until so
 * many passed. */
#define SAMPLE_SLOTS  64
#define SAMPLE_STEPS  4u
#define SAMPLE_PASSED 5u

uint32_t
work_width(const struct work *work)
{
    const struct segment_search *search = work->search;
    uint32_t ef = search->ef;
    if (ef == 0) {
        ef = SEGMENT_EF_FILTERED + SEGMENT_EF_FILTERED_PER_HIT * search->k;
        if (ef > SEGMENT_EF_DEFAULT || match_is_all(&work->match))
            ef = SEGMENT_EF_DEFAULT;
        uint32_t least = work_vector(work)->ef_construct;
        if (ef < least)
            ef = least;
    }
    if (ef < search->k)
        ef = search->k;
    return ef < HNSW_EF_MAX ? ef : HNSW_EF_MAX;
}

uint32_t
work_first_width(const struct work *work)
{
    uint32_t ef = work_width(work);
    return work->search->ef == 0 && ef < SEGMENT_EF_FIRST ? SEGMENT_EF_FIRST
                                                          : ef;
}

double
work_list_width(const struct work *work, double share)
{
    double ef = work_width(work), k = work->search->k;
    double width = ef + LIST_PER_HIT * k * (1.0 / share - 1.0);
    double most = (ef > LIST_HITS_MIN * k ? ef : LIST_HITS_MIN * k) / share;
    width = width < most ? width : most;
    return width < HNSW_EF_MAX ? width : HNSW_EF_MAX;
}

bool
work_may_use_codes(const struct work *work)
{
    return work->vectors->codes != NULL && !work->search->is_exact &&
           work->search->k <= HNSW_K_MAX &&
           work->search->scoring != HNSW_IGNORE_CODES;
}

/* Of one row of a scan over `share` of all. */
static double
row_ns(const struct work *work, double share)
{
    const struct vectors *vectors = work->vectors;
    const struct cost *cost = cost_get();
    if (vectors->options.kind == VECTOR_MULTI)
        return multi_row_ns(vectors, work->search->query.rows);
    size_t size = vectors_row_size_about(vectors);
    if (vectors->is_on_disk)
        return DISK_ROW_NS + DISK_BYTE_NS * (double)size;
    return cost_row_ns(
        share * SPARSE_SHARE < 1.0 ? &cost->random : &cost->sequence, size);
}

static double
code_ns(const struct vectors *vectors, double share)
{
    const struct cost *cost = cost_get();
    size_t size = vectors_tail_row_size(vectors);
    double random = cost_row_ns(&cost->random, size);
    double sequence = cost_row_ns(&cost->sequence, size);
    /* What was measured beside others may say that order costs more. */
    bool is_random = share * SPARSE_SHARE < 1.0 || sequence > random;
    return CODE_NS + (is_random ? random : sequence);
}

/* Of one row in a walk. */
static double
visit_ns(const struct vectors *vectors)
{
    size_t size = vectors->codes != NULL ? codes_row_size(vectors->codes)
                                         : vectors_row_size_about(vectors);
    return VISIT_NS + cost_row_ns(&cost_get()->random, size);
}

/* What is known of the candidates. */
struct known {
    double all;        /* points */
    double candidates; /* of them */
    double share;      /* of all that will pass */
    double test_share; /* of the candidates */
    double test_ns;    /* of one candidate, in slot order; 0: no test */
    double random_test_ns;
    double tried_ns; /* of one of those that were tried, measured */
};

/* Every fourth of the slots first: where several of them pass, that will do. */
static double
sample_some(struct work *work, const uint32_t *slots, uint32_t count,
            double *ret_ns)
{
    uint32_t some[SAMPLE_SLOTS], tried = 0;
    size_t passed = 0;
    uint64_t begin = work_now_ns();
    for (uint32_t first = 0; first < SAMPLE_STEPS; first++) {
        uint32_t taken = 0;
        for (uint32_t i = first; i < count; i += SAMPLE_STEPS)
            some[taken++] = slots[i];
        tried += taken;
        work->report.tested += taken;
        passed += match_residuals(&work->match, some, taken);
        if (passed >= SAMPLE_PASSED)
            break;
    }
    *ret_ns = (double)(work_now_ns() - begin) / (tried + 1.0);
    return ((double)passed + 0.5) / (tried + 1.0);
}

/* The share of the candidates that satisfies the residual, by trying some: the
 * plan only guesses what no index answers. */
static double
sample_share(struct work *work, double *ret_ns)
{
    uint32_t end = work->reader->view->slots_count;
    uint32_t step = end / SAMPLE_SLOTS + 1;
    uint32_t tried = 0, slots[SAMPLE_SLOTS];
    for (uint32_t slot = step / 2; slot < end; slot += step)
        if (match_is_candidate(&work->match, slot))
            slots[tried++] = slot;
    assert(tried <= SAMPLE_SLOTS);
    return sample_some(work, slots, tried, ret_ns);
}

static struct known
look_at(struct work *work)
{
    const struct filter_plan *plan = &work->match.plan;
    bool is_on_disk = match_reads_disk(&work->match);
    struct known known = { .all = (double)work->reader->view->live->count + 1.0,
                           .candidates =
                               (double)match_candidates_count(&work->match) };
    known.share = (known.candidates + 0.5) / known.all;
    known.test_share = 1.0;
    if (plan->residual == NULL)
        return known;
    known.test_ns = is_on_disk ? RESIDUAL_DISK_NS : RESIDUAL_NS;
    known.random_test_ns = is_on_disk ? RESIDUAL_DISK_RANDOM_NS : RESIDUAL_NS;
    known.test_share =
        work->search->is_exact ? 0.5 : sample_share(work, &known.tried_ns);
    known.share *= known.test_share;
    return known;
}

static void
propose(struct costs *costs, enum segment_plan plan, double ns)
{
    if (ns >= costs->plan_ns)
        return;
    costs->plan = plan;
    costs->plan_ns = ns;
}

/* How many candidates a scan on codes tests: those that are better than the
 * best k that passed so far, in an order that is a matter of chance. */
static double
tests_of_best(const struct known *known, double k)
{
    double pass = known->share * known->all + 1.0;
    double passed = pass > k ? k * (1.0 + log(pass / k)) : pass;
    double tests = 2.0 * passed * known->candidates / pass;
    return tests < known->candidates ? tests : known->candidates;
}

static void
propose_scans(struct work *work, const struct known *known, struct costs *costs)
{
    const struct vectors *vectors = work->vectors;
    double share = known->candidates / known->all;
    double pass = known->share * known->all;
    costs->wants_settled = known->test_ns > 0.0;
    propose(costs, SEGMENT_PLAN_SCAN,
            pass * row_ns(work, known->share) +
                known->candidates * known->test_ns);
    /* Encodings are too rough for what a scan promises; and what has no graph
     * is small, and exact by the API's word. */
    if (vectors->options.kind != VECTOR_MULTI && work_may_use_codes(work) &&
        work->graph != NULL && !match_is_all(&work->match)) {
        double k = work->search->k;
        double begin =
            CODES_BEGIN_NS + RESCORED_PER_HIT * k * row_ns(work, 0.0);
        double settled = begin + pass * code_ns(vectors, known->share) +
                         known->candidates * known->test_ns;
        double late = begin + known->candidates * code_ns(vectors, share) +
                      tests_of_best(known, k) * known->random_test_ns;
        if (known->test_ns > 0.0 && late < settled && late < costs->plan_ns)
            costs->wants_settled = false;
        propose(costs, SEGMENT_PLAN_SCAN_CODES,
                known->test_ns > 0.0 && late < settled ? late : settled);
    }
    costs->scan_ns = costs->plan_ns;
    costs->is_on_codes = costs->plan == SEGMENT_PLAN_SCAN_CODES;
}

/* Lists that a filter-first walk looks through for each node that it expands;
 * hnsw_filter.c says how. */
static double
bridges_of(double share, double m0)
{
    double met = m0 * share, rest = m0 - met, want = 1.5 * m0;
    double bridges = met > 0.0 ? (want - met) / met : m0 * m0;
    double most = want > 2.0 * m0 * met ? m0 * rest : rest;
    return FRESH_SHARE * (bridges < most ? bridges : most);
}

static void
propose_walks(struct work *work, const struct known *known, struct costs *costs)
{
    const struct vectors *vectors = work->vectors;
    double m0 = 2.0 * hnsw_params_of(work->graph).m;
    double ef = work_width(work);
    double rows = WALK_ROWS_PER_EF * ef;
    double tail = (double)work->tail_count * code_ns(vectors, 0.0);
    costs->visit_ns = visit_ns(vectors) + known->random_test_ns;
    bool is_late = work_may_test_late(work);
    double tests_ns = known->random_test_ns;
    costs->place_ns = WALK_ROWS_PER_EF * visit_ns(vectors) +
                      (is_late ? row_ns(work, 0.0) : tests_ns);
    if (match_is_all(&work->match)) {
        propose(costs, SEGMENT_PLAN_WALK, rows * costs->visit_ns + tail);
        return;
    }
    double long_ns =
        work_list_width(work, known->share) * costs->place_ns + tail;
    if (is_late)
        long_ns +=
            tests_ns * work_late_batch(work->search->k, known->test_share);
    if (known->share >= LIST_SHARE_MIN &&
        LIST_CAUTION * long_ns < costs->scan_ns)
        propose(costs, SEGMENT_PLAN_WALK_LIST, long_ns);
    double result_ns = rows / known->share * costs->visit_ns + tail;
    propose(costs, SEGMENT_PLAN_WALK_RESULT, result_ns);
    costs->filtered_plan = SEGMENT_PLAN_WALK_RESULT;
    costs->filtered_ns = result_ns;
    if (known->test_ns > 0.0)
        return;
    ef = work_first_width(work);
    rows = FIRST_ROWS_PER_EF * ef;
    double passed = rows < known->candidates ? rows : known->candidates;
    double list_ns = LIST_NS + cost_row_ns(&cost_get()->random,
                                           (size_t)m0 * sizeof(uint32_t));
    double first_ns = passed * costs->visit_ns +
                      ef * bridges_of(known->share, m0) * list_ns + tail;
    if (known->share < WALK_SHARE_MIN)
        first_ns *= WALK_CAUTION;
    costs->filtered_plan = SEGMENT_PLAN_WALK_FIRST;
    costs->filtered_ns = first_ns;
    propose(costs, SEGMENT_PLAN_WALK_FIRST, first_ns);
}

/* Whether few enough match for full_scan_threshold. */
static bool
is_below_threshold(const struct work *work)
{
    uint64_t size = work->match.plan.estimate.max_count *
                    vectors_row_size_about(work->vectors);
    return !match_is_all(&work->match) &&
           size / 1024 <= work_vector(work)->full_scan_kib;
}

struct costs
work_costs(struct work *work)
{
    struct costs costs = { .plan = SEGMENT_PLAN_SCAN, .plan_ns = INFINITY };
    struct known known = look_at(work);
    costs.share = known.share;
    costs.test_share = known.test_share;
    costs.settle_ns = known.candidates * known.tried_ns;
    propose_scans(work, &known, &costs);
    if (work->graph != NULL && !work->is_tail_long && !work->search->is_exact &&
        work->search->k <= HNSW_K_MAX && !is_below_threshold(work))
        propose_walks(work, &known, &costs);
    return costs;
}

/* With a filter whose answer is known from before: what the plan will say. */
static bool
recall_cost_ns(struct work *work, double *ret_ns)
{
    if (work->search->filter == NULL ||
        work->vectors->options.kind == VECTOR_MULTI ||
        !match_recall(work->reader, work->search->filter, &work->match))
        return false;
    work->tail_count = queue_count(&work->vectors->queue);
    *ret_ns = work_costs(work).plan_ns;
    match_release(&work->match);
    return true;
}

uint64_t
segment_search_cost_ns(const struct segment_reader *reader,
                       const struct segment_search *search)
{
    struct vectors *vectors = segment_reader_vectors(reader, search->number);
    if (vectors->options.kind == VECTOR_SPARSE)
        return segment_sparse_cost_ns(reader, search);
    struct segment_reader look = *reader;
    struct work work = { .reader = &look,
                         .vectors = vectors,
                         .search = search,
                         .graph = atomic_load(&vectors->graph) };
    double known_ns;
    if (recall_cost_ns(&work, &known_ns))
        return (uint64_t)known_ns;
    double count = (double)reader->view->live->count;
    /* A filter that is not known may read every payload, whatever the walk. */
    double filter_ns = search->filter != NULL ? count * RESIDUAL_NS : 0.0;
    double scan_ns = count * row_ns(&work, 1.0);
    if (work.graph == NULL || search->is_exact)
        return (uint64_t)(scan_ns + filter_ns);
    double walk_ns = WALK_ROWS_PER_EF * work_width(&work) * visit_ns(vectors);
    return (uint64_t)((walk_ns < scan_ns ? walk_ns : scan_ns) + filter_ns);
}
