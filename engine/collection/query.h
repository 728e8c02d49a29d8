/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_QUERY_H
#define ENGINE_COLLECTION_QUERY_H

#include "engine/collection/command.h"

/* What a stage of the query API asks, where it is more than the nearest points
 * of one vector. A stage is a struct search_command: its prefetches are stages
 * themselves. Plain data, borrowed for the call. */

#define QUERY_DEPTH_MAX      64      /* prefetches inside prefetches */
#define QUERY_STAGES_MAX     1024    /* of one query */
#define QUERY_CANDIDATES_MAX 1000000 /* limits of all its stages together */
#define QUERY_EXAMPLES_MAX   10000   /* of one stage */
#define QUERY_MMR_MAX        16384   /* candidates */

enum query_kind {
    QUERY_AVERAGE,    /* recommend: positives, negatives */
    QUERY_BEST_SCORE, /* likewise */
    QUERY_SUM_SCORES, /* likewise */
    QUERY_DISCOVER,   /* target, pairs */
    QUERY_CONTEXT,    /* pairs */
    QUERY_FEEDBACK,   /* target, positives with grades, a, b, c */
    QUERY_MMR,        /* target, diversity, candidates */
    QUERY_ORDER_BY,   /* order */
    QUERY_SAMPLE,     /* random points */
    QUERY_RRF,        /* rank_constant, weights */
    QUERY_DBSF,
    QUERY_FORMULA /* formula */
};

/* A vector, or the vector of a point. With both the vector counts: it comes
 * from elsewhere (collection_lookup()). */
struct query_example {
    const struct point_id *by_id; /* left out of the answer; may be NULL */
    bool has_vector;
    struct vector_value vector;
};

struct query_order {
    struct payload_path key;
    bool is_descending;
    bool has_start;
    struct number_value start; /* inclusive; moments in microseconds */
};

struct formula; /* formula.h */

struct query {
    enum query_kind kind;
    struct query_example target;
    struct query_example *positives;
    size_t positives_count;
    struct query_example *negatives; /* of pairs: as many as positives */
    size_t negatives_count;
    const float *grades; /* FEEDBACK: [positives_count] */
    float a, b, c;
    float diversity;   /* 0..1 */
    size_t candidates; /* 0: the limit */
    struct query_order order;
    uint64_t rank_constant; /* >= 1 */
    const float *weights;   /* NULL: all 1; [weights_count] */
    size_t weights_count;
    const struct formula *formula;
};

/* Whether the stages of a query merge those before them instead of asking the
 * segment. */
static inline bool
query_is_fusion(const struct query *query)
{
    return query != NULL &&
           (query->kind == QUERY_RRF || query->kind == QUERY_DBSF ||
            query->kind == QUERY_FORMULA);
}

#endif /* ENGINE_COLLECTION_QUERY_H */
