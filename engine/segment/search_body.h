/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_SEARCH_BODY_H
#define ENGINE_SEGMENT_SEARCH_BODY_H

#include "engine/segment/body.h"
#include "engine/segment/match.h"
#include "engine/segment/multi.h"
#include "engine/segment/search.h"

/* A stored payload in memory parsed and tested, about. */
#define RESIDUAL_NS 300.0

/* One search at work, for search*.c: search.c looks at the segment, _plan says
 * which way is cheapest, _scan and _walk go it. */
struct work {
    struct segment_reader *reader;
    struct vectors *vectors;
    struct hnsw *graph; /* NULL: none */
    const struct segment_search *search;
    struct arena *arena;
    struct match match;
    uint64_t deadline_ms;
    /* What may be returned. With a filter, work_need_words() and _list() turn
     * its view into what `allowed` or `list` hold. */
    struct slot_filter filter;
    uint32_t *list; /* the candidates that have the vector; NULL: not made */
    uint32_t list_count;
    struct hit *hits; /* [k] */
    uint32_t count;
    uint32_t *tail; /* slots that wait for their link */
    size_t tail_count;
    bool is_tail_long; /* it was not listed: scan */
    /* By multivectors: `search` asks for candidates, by their encoding. */
    const struct multi_query *multi; /* NULL: dense */
    bool is_scored;                  /* the hits are by all sub-vectors */
    struct segment_report report;    /* of what was done */
};

/* What ways would cost, in nanoseconds. */
struct costs {
    enum segment_plan plan; /* the cheapest that is allowed */
    double plan_ns;
    double scan_ns; /* the cheapest scan */
    /* The walk that filters on its way, for this filter. */
    enum segment_plan filtered_plan;
    double filtered_ns;
    double visit_ns;    /* of one row or list in a walk */
    double place_ns;    /* of one place of the list of a plain walk */
    double share;       /* of all points that will pass */
    double test_share;  /* of the candidates that pass the tests */
    double settle_ns;   /* all candidates tested, as long as those tried took */
    bool is_on_codes;   /* the cheapest scan is */
    bool wants_settled; /* and it tests payloads before */
};

/* ---- search.c ---- */

static inline const struct view_vector *
work_vector(const struct work *work)
{
    return &work->reader->view->vectors[work->search->number];
}

struct stopper work_stopper(struct work *work);
uint64_t work_now_ns(void);
/* What is left of a filter for tests of payloads; NULL: nothing. */
void work_report_residual(struct segment_report *report,
                          const struct filter *residual);

/* ---- search_plan.c ---- */

/* The list of the walk. */
uint32_t work_width(const struct work *work);
/* The same of filter-first walks. */
uint32_t work_first_width(const struct work *work);
/* The same of one whose list is filtered at the end, where `share` pass. */
double work_list_width(const struct work *work, double share);
bool work_may_use_codes(const struct work *work);
struct costs work_costs(struct work *work);

/* ---- search_scan.c ---- */

/* The candidates that have the vector, as the bitset `filter.allowed`; nothing
 * when everything matches. ENGINE_ENOMEM */
enum engine_code work_need_words(struct work *work, struct error *reterr)
    __attribute__((warn_unused_result));

/* Slots 64 * `word`.. that pass the filter's bitsets. */
uint64_t work_word(const struct work *work, uint32_t word);

/* A scan of all rows; the caller narrows it. */
struct plain_scan work_scan(struct work *work);

/* Every candidate is looked at. */
enum engine_code work_search_scan(struct work *work, const struct costs *costs,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- search_late.c ---- */

/* Whether a plain walk's list is tested from the nearest on, by its vectors. */
bool work_may_test_late(const struct work *work);

/* How many payloads are read at once where so many hits are missing. */
uint32_t work_late_batch(uint32_t missing, double share);

struct late_list {
    uint32_t width;
    double share; /* of its places that pass the tests, about; > 0 */
};

/* The nearest of the walk's list that pass the bitsets and the tests; of
 * `found` pass_depth counts places that pass the bitsets. */
enum engine_code work_walk_late(struct work *work, const struct late_list *list,
                                struct hit *hits, struct hnsw_found *found,
                                struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- search_walk.c ---- */

enum engine_code work_search_walk(struct work *work, const struct costs *costs,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_SEGMENT_SEARCH_BODY_H */
