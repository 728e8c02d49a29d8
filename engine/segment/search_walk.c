/* SPDX-License-Identifier: Apache-2.0
 * Searches by the graph. What passes a filter is a bitset; a walk either scores
 * everything and leaves out of its result what does not pass, or scores only
 * what passes. What waits for its link is scanned beside it. A walk gives up
 * when it has cost as much as the scan would: then the scan answers. */
#include "engine/segment/search_body.h"

#include "engine/index/codes_scan.h"

#include <math.h>

/* A walk that cost less is never given up. */
#define VISIT_MIN 1024.0
/* Slots that pass from which a walk begins, too. */
#define SAMPLES_COUNT   64u
#define LIST_DEPTHS_MAX 2.0
/* A second list is so much longer than it must be. */
#define LIST_SPARE 1.25
/* Where fewer pass around the query than everywhere, a walk that filters costs
 * so many times as much. */
#define FILTERED_FAR 2.0

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

/* Some slots that pass, from all over: the first from each of so many places.
 */
static uint32_t
draw_samples(const struct work *work, uint32_t *samples)
{
    const uint64_t *words = work->filter.allowed;
    uint32_t words_count = work->filter.allowed_count / 64 + 1;
    uint32_t count = 0;
    uint64_t next = 0;
    for (uint64_t i = 0; i < SAMPLES_COUNT; i++) {
        uint64_t at = i * words_count / SAMPLES_COUNT;
        at = at > next ? at : next;
        while (at < words_count && words[at] == 0)
            at++;
        if (at >= words_count)
            break;
        samples[count++] =
            (uint32_t)(at * 64) + (uint32_t)__builtin_ctzll(words[at]);
        next = at + 1;
    }
    return count;
}

static enum engine_code
walk_filtered(struct work *work, const struct costs *costs, struct hit *hits,
              struct hnsw_found *found, struct error *reterr)
{
    const struct segment_search *search = work->search;
    uint32_t samples[SAMPLES_COUNT];
    double visit_max = costs->scan_ns / costs->visit_ns;
    struct hnsw_search options = {
        .k = search->k,
        .ef = work_width(work),
        .scoring = search->scoring,
        .rescore_count = search->rescore_count,
        .filter = &work->filter,
        .stopper = work_stopper(work),
    };
    if (work->report.plan == SEGMENT_PLAN_WALK_FIRST) {
        options.filtering = HNSW_FILTER_FIRST;
        options.ef = work_first_width(work);
        options.samples = samples;
        options.samples_count = draw_samples(work, samples);
        options.pass_per_list =
            (uint32_t)(costs->share * 2.0 * hnsw_params_of(work->graph).m +
                       0.5);
    }
    if (!match_is_all(&work->match))
        options.visit_max = visit_max < VISIT_MIN ? (uint32_t)VISIT_MIN
                            : visit_max < 2e9     ? (uint32_t)visit_max
                                                  : 0;
    return hnsw_search(work->graph, search->query.values, &options, hits, found,
                       reterr);
}

static void
count_walk(struct work *work, const struct hnsw_found *found)
{
    work->report.scored += found->visit_count;
    work->report.bridges += found->bridge_count;
    work->report.rescored += found->rescore_count;
}

static enum engine_code
walk_list_once(struct work *work, const struct late_list *list,
               struct hit *hits, struct hnsw_found *found, struct error *reterr)
{
    const struct segment_search *search = work->search;
    if (work_may_test_late(work))
        return work_walk_late(work, list, hits, found, reterr);
    struct hnsw_search options = {
        .k = search->k,
        .ef = list->width,
        .scoring = search->scoring,
        .rescore_count = search->rescore_count,
        .filter = &work->filter,
        .filtering = HNSW_FILTER_LIST,
        .stopper = work_stopper(work),
    };
    return hnsw_search(work->graph, search->query.values, &options, hits, found,
                       reterr);
}

/* How many times the depth of its last hit a list must be long: the ends of
 * lists are not complete. Less where the request asks for hardly more than its
 * hits. */
static double
list_depths(const struct work *work)
{
    double wanted = (1.0 + (double)work_width(work) / work->search->k) / 2.0;
    return wanted < LIST_DEPTHS_MAX ? wanted : LIST_DEPTHS_MAX;
}

/* After a list that was too short: the length of one that is not; 0 where that
 * is not known, or something else costs less. */
static double
next_width(const struct work *work, const struct costs *costs,
           const struct hnsw_found *found, double other_ns)
{
    double width = found->pass_depth * list_depths(work) * LIST_SPARE;
    return width <= HNSW_EF_MAX && width * costs->place_ns < other_ns ? width
                                                                      : 0.0;
}

/* Where many pass: a plain walk with a longer list. If fewer pass around the
 * query than everywhere, what then costs least follows. */
static enum engine_code
walk_list(struct work *work, const struct costs *costs, struct hit *hits,
          struct hnsw_found *found, struct error *reterr)
{
    double width = work_list_width(work, costs->share);
    double filtered_ns = costs->filtered_ns * FILTERED_FAR;
    double other_ns =
        filtered_ns < costs->scan_ns ? filtered_ns : costs->scan_ns;
    for (bool is_again = false; width > 0.0; is_again = true) {
        const struct late_list list = { (uint32_t)width, costs->test_share };
        enum engine_code code =
            walk_list_once(work, &list, hits, found, reterr);
        double wanted = found->pass_depth * list_depths(work);
        if (code != ENGINE_OK ||
            (found->pass_depth > 0 && (is_again || wanted <= width)))
            return code;
        count_walk(work, found);
        width = is_again ? 0.0 : next_width(work, costs, found, other_ns);
    }
    if (filtered_ns < costs->scan_ns) {
        work->report.plan = costs->filtered_plan;
        return walk_filtered(work, costs, hits, found, reterr);
    }
    *found = (struct hnsw_found){ .is_cut = true };
    return ENGINE_OK;
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
    double seen = (double)work_vector(work)->has->count;
    return match_is_all(&work->match) &&
           linked - (seen - (double)work->tail_count) <= linked / 16;
}

/* `hits` has room for spare_k(). */
static enum engine_code
walk(struct work *work, const struct costs *costs, struct hit *hits,
     struct hnsw_found *found, struct error *reterr)
{
    uint32_t k = work->search->k;
    if (work->report.plan == SEGMENT_PLAN_WALK_LIST)
        return walk_list(work, costs, hits, found, reterr);
    if (!view_is_most(work))
        return walk_filtered(work, costs, hits, found, reterr);
    struct hnsw_search options = { .k = spare_k(k),
                                   .ef = work_width(work),
                                   .scoring = work->search->scoring,
                                   .rescore_count = work->search->rescore_count,
                                   .stopper = work_stopper(work) };
    enum engine_code code = hnsw_search(work->graph, work->search->query.values,
                                        &options, hits, found, reterr);
    if (code != ENGINE_OK)
        return code;
    uint32_t count = 0;
    for (uint32_t i = 0; i < found->count; i++)
        if (slotview_has(work->filter.view, hits[i].slot))
            hits[count++] = hits[i];
    if (count < k && count < found->count)
        return walk_filtered(work, costs, hits, found, reterr);
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
    struct plain_scan scan = work_scan(work);
    uint32_t rescored = 0;
    scan.slots = work->tail;
    scan.slot_count = (uint32_t)work->tail_count;
    work->report.scored += work->tail_count;
    if (work->multi != NULL)
        return multi_scan_codes(work->vectors, &scan, work->multi, search->k,
                                hits, ret_count, reterr);
    if (!work_may_use_codes(work))
        return vectors_scan(work->vectors, &scan, search->query.values,
                            search->k, work->arena, hits, ret_count, reterr);
    struct hnsw_rows rows = vectors_rows(work->vectors);
    struct codes_scan on_codes = { .rows = &rows,
                                   .slots = work->tail,
                                   .slot_count = (uint32_t)work->tail_count,
                                   .filter = &work->filter,
                                   .distance_max = distance_max,
                                   .stopper = scan.stopper,
                                   .rescored_count = &rescored };
    enum engine_code code = codes_search(&on_codes, search->query.values,
                                         search->k, hits, ret_count, reterr);
    work->report.rescored += rescored;
    return code;
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
        linked += (uint64_t)__builtin_popcountll(work_word(work, word));
    for (size_t i = 0; i < work->tail_count; i++)
        linked -= slot_filter_passes(&work->filter, work->tail[i]);
    return linked > found->pass_count;
}

/* What a walk did not bring: by a scan. */
static enum engine_code
finish_by_scan(struct work *work, const struct costs *costs,
               struct error *reterr)
{
    work->report.is_finished_by_scan = true;
    return work_search_scan(work, costs, reterr);
}

/* Testing payloads one by one got too much. */
static enum engine_code
finish_settled(struct work *work, const struct costs *costs,
               struct error *reterr)
{
    struct costs settled = *costs;
    settled.wants_settled = true;
    work->match.is_spent = false;
    return finish_by_scan(work, &settled, reterr);
}

enum engine_code
work_search_walk(struct work *work, const struct costs *costs,
                 struct error *reterr)
{
    uint32_t k = work->search->k;
    struct hit *walked = arena_alloc(work->arena, spare_k(k) * sizeof(*walked));
    struct hit *scanned = arena_alloc(work->arena, k * sizeof(*scanned));
    if (walked == NULL || scanned == NULL)
        return error_memory(reterr);
    enum engine_code code = work_need_words(work, reterr);
    if (code != ENGINE_OK)
        return code;
    struct hnsw_found found = { 0 };
    if (match_reads_disk(&work->match))
        match_limit_tests(&work->match);
    code = walk(work, costs, walked, &found, reterr);
    if (work->match.is_spent)
        return finish_settled(work, costs, reterr);
    if (code != ENGINE_OK)
        return code;
    count_walk(work, &found);
    uint32_t scanned_count = 0;
    if (work->tail_count > 0 && !found.is_cut) {
        bool is_full =
            found.count == k && work->search->scoring == HNSW_RESCORE;
        code = scan_tail(work, is_full ? walked[k - 1].distance : INFINITY,
                         scanned, &scanned_count, reterr);
        if (work->match.is_spent)
            return finish_settled(work, costs, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    merge(work, walked, found.count, scanned, scanned_count);
    bool is_short = work->count < k &&
                    work->count < work->match.plan.estimate.max_count &&
                    work->count < work_vector(work)->has->count;
    if (found.is_cut || is_short || is_beyond_reach(work, &found))
        return finish_by_scan(work, costs, reterr);
    return ENGINE_OK;
}
