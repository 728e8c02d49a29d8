/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_SEARCH_H
#define ENGINE_SEGMENT_SEARCH_H

#include "base/arena.h"
#include "engine/filter/plan.h"
#include "engine/index/hnsw.h"
#include "engine/index/plain.h"
#include "engine/segment/segment.h"

/* Questions to one segment by a reader, which may have a newer view afterwards;
 * answers live in `arena`. Deadlines are CLOCK_MONOTONIC milliseconds,
 * 0: none; past them ENGINE_ETIMEOUT. */

/* The width of a walk without a filter when the request does not say: raised to
 * k and to ef_construct. Chosen for recall@10 >= 0.99 on the real set, 76,688
 * points written in batches (inserted in parallel), 1,000 held-out queries:
 * 0.9896 at 128, 0.9902 at 160, which leaves no room for how threads fall. */
#define SEGMENT_EF_DEFAULT 192u

/* The same with a filter, and for each hit; at most as without. Chosen for
 * recall@10 >= 0.97 whatever the filter, 800 queries: README.md of this folder.
 * Filter-first walks are at least so wide. */
#define SEGMENT_EF_FILTERED         92u
#define SEGMENT_EF_FILTERED_PER_HIT 2u
#define SEGMENT_EF_FIRST            160u

/* The ways of a search. */
enum segment_plan {
    SEGMENT_PLAN_NOTHING,     /* nothing can match */
    SEGMENT_PLAN_SCAN,        /* every candidate's vector */
    SEGMENT_PLAN_SCAN_CODES,  /* their codes, and the vectors of the best */
    SEGMENT_PLAN_WALK,        /* the graph; nothing is filtered */
    SEGMENT_PLAN_WALK_LIST,   /* the graph; its list is filtered at the end */
    SEGMENT_PLAN_WALK_RESULT, /* the graph; what does not pass is left out */
    SEGMENT_PLAN_WALK_FIRST   /* the graph; only what passes is scored */
};

#define SEGMENT_UNINDEXED_MAX 4

/* What a search has done. */
struct segment_report {
    enum segment_plan plan;
    struct filter_estimate estimate; /* how many points match */
    uint64_t candidates;             /* slots that the plan left over */
    bool is_cached;                  /* they come from the cache */
    bool is_finished_by_scan;        /* the walk did not bring enough */
    uint64_t tested;                 /* payloads */
    /* Fields that payloads were read for, since no index answers: their first
     * steps, borrowed from the filter. */
    struct span unindexed[SEGMENT_UNINDEXED_MAX];
    size_t unindexed_count;
    uint64_t scored;    /* codes or, without, vectors */
    uint64_t bridges;   /* lists looked through beside the walk */
    uint64_t rescored;  /* vectors, after codes */
    uint64_t waiting;   /* points without link, scanned */
    double expected_ns; /* of the search, by its estimate */
    uint64_t plan_ns;
    uint64_t search_ns;
};

struct segment_search {
    size_t number;             /* which vector */
    struct vector_value query; /* of its kind; see segment_vector_is_unit() */
    uint32_t k;                /* 1..PLAIN_K_MAX */
    uint32_t ef;               /* 0: default */
    enum hnsw_scoring scoring;
    uint32_t rescore_count; /* as in struct hnsw_search */
    bool is_exact;
    bool is_indexed_only;        /* leave out what is not linked yet */
    const struct filter *filter; /* NULL: all */
    /* With the modifier `idf`: the points whose frequencies count; NULL: all
     * that have the vector. */
    const struct filter *idf_corpus;
    uint64_t deadline_ms;
    struct segment_report *report; /* written at success; may be NULL */
};

/* The nearest points, best first; fewer than k only when fewer match and have
 * the vector (or with is_indexed_only).
 * ENGINE_ETIMEOUT, ENGINE_ENOMEM */
enum engine_code segment_search(struct segment_reader *reader,
                                const struct segment_search *search,
                                struct arena *arena,
                                const struct hit **ret_hits, size_t *ret_count,
                                struct error *reterr)
    __attribute__((warn_unused_result));

/* Nanoseconds, roughly; the filter counts as unknown. */
uint64_t segment_search_cost_ns(const struct segment_reader *reader,
                                const struct segment_search *search);

struct segment_scroll {
    const struct point_id *from; /* inclusive; NULL: the first */
    size_t limit;
    const struct filter *filter;
    uint64_t deadline_ms;
};

/* Slots by ascending id, up to limit + 1: the last one is where the next page
 * starts. */
enum engine_code segment_scroll(struct segment_reader *reader,
                                const struct segment_scroll *scroll,
                                struct arena *arena, const uint32_t **ret_slots,
                                size_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

/* How many points match; not exact: the plan's estimate. */
enum count_kind { COUNT_EXACT, COUNT_ESTIMATE };
enum engine_code segment_count(struct segment_reader *reader,
                               const struct filter *filter,
                               enum count_kind kind, uint64_t deadline_ms,
                               uint64_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

/* All slots that match, in no order. */
enum engine_code segment_select(struct segment_reader *reader,
                                const struct filter *filter,
                                struct arena *arena, const uint32_t **ret_slots,
                                size_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

/* Keeps in `slots` (sorted here) those that match; returns how many in
 * *ret_count. ENGINE_ENOMEM, or the store's. */
enum engine_code segment_keep_matching(struct segment_reader *reader,
                                       const struct filter *filter,
                                       struct arena *arena, uint32_t *slots,
                                       size_t count, size_t *ret_count,
                                       struct error *reterr)
    __attribute__((warn_unused_result));

/* The deadline of work that nobody waits for (one at a time: the recall
 * monitor). It is over when segment_idle_begin() said, and as soon as somebody
 * waits for what that work holds: segment_idle_end(). Any thread. */
#define SEGMENT_DEADLINE_IDLE UINT64_MAX
void segment_idle_begin(uint64_t deadline_ms);
void segment_idle_end(void);

/* ENGINE_ETIMEOUT once `deadline_ms` is over. */
enum engine_code segment_check_deadline(uint64_t deadline_ms,
                                        struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_SEGMENT_SEARCH_H */
