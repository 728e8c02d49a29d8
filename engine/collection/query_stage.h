/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_QUERY_STAGE_H
#define ENGINE_COLLECTION_QUERY_STAGE_H

#include "engine/collection/query_run.h"
#include "engine/segment/search.h"

/* Between the files query_*.c. */

/* One query at work. */
struct query_run {
    struct segment_reader *reader;
    struct arena *arena; /* of lists of points, and of the answer */
    uint64_t deadline_ms;
    struct segment_report *reports; /* [QUERY_REPORTS_MAX] */
    size_t reports_count;
};

#define QUERY_REPORTS_MAX 16u

/* A point of a stage's list, best first. Between two leaves a point may get
 * another slot, so that lists are compared by id. */
struct query_hit {
    struct point_id id;
    uint32_t slot;
    float score;
    bool is_unscored; /* it came without scoring: version 0 */
    bool has_order;
    struct number_value order;
};

struct query_hits {
    struct query_hit *items; /* in the run's arena */
    size_t count;
};

/* A leaf: asks the segment for the best `k` that match `filter`, and takes
 * those that pass the threshold. `command` is no fusion. */
enum engine_code query_ask(struct query_run *run,
                           const struct search_command *command,
                           const struct filter *filter, size_t k,
                           struct query_hits *ret_hits, struct error *reterr)
    __attribute__((warn_unused_result));

/* Takes the hits of a search into the run's arena. `is_similar`: the score is
 * the negated distance, else that of the metric. */
enum engine_code
query_take(struct query_run *run, const struct search_command *command,
           enum metric metric, bool is_similar, const struct hit *hits,
           size_t count, struct query_hits *ret_hits, struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- query_examples.c ---- */

/* The vector of an example, as a search of vector `number` is asked by it. */
enum engine_code
query_example_vector(const struct query_run *run, size_t number,
                     const struct query_example *example, struct arena *arena,
                     struct vector_value *ret_vector, struct error *reterr)
    __attribute__((warn_unused_result));

/* What QUERY_AVERAGE looks for. */
enum engine_code query_average(const struct query_run *run, size_t number,
                               const struct query *query, struct arena *arena,
                               struct vector_value *ret_vector,
                               struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- query_score.c: best_score, sum_scores, discover, context, feedback ---- */

enum engine_code
query_score(struct query_run *run, const struct search_command *command,
            const struct filter *filter, size_t k, struct arena *arena,
            struct query_hits *ret_hits, struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- query_fusion.c ---- */

/* Reciprocal ranks or distributions of scores of several lists; all points,
 * best first. ENGINE_EINPUT  another number of weights. */
enum engine_code query_fuse(struct query_run *run, const struct query *query,
                            const struct query_hits *lists, size_t count,
                            struct query_hits *ret_hits, struct error *reterr)
    __attribute__((warn_unused_result));

/* All points of the lists, each once, in the order of their first coming.
 * places[i][k], made here: where the k-th of list i is in there. */
enum engine_code query_unite(struct query_run *run,
                             const struct query_hits *lists, size_t count,
                             struct query_hits *ret_hits, uint32_t **places,
                             struct error *reterr)
    __attribute__((warn_unused_result));

/* Best first; equal scores by id. */
void query_sort(struct query_hits *hits);

/* ---- query_mmr.c ---- */

/* The best `k` of candidates, each chosen for being near and unlike those
 * before. */
enum engine_code
query_mmr(struct query_run *run, const struct search_command *command,
          const struct filter *filter, size_t k, struct arena *arena,
          struct query_hits *ret_hits, struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- query_formula.c ---- */

/* Scores all points of the lists by the formula. */
enum engine_code query_formula(struct query_run *run, const struct query *query,
                               const struct query_hits *lists, size_t count,
                               struct query_hits *ret_hits,
                               struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_QUERY_STAGE_H */
