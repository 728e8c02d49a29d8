/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_SCORE_H
#define ENGINE_SEGMENT_SCORE_H

#include "engine/segment/search.h"

/* Points by a score of the caller's, made of how similar each is to several
 * vectors. Similar is what is near: a similarity is the negated distance of
 * kernel.h (Euclid: of the square), of sparse vectors the dot product. Every
 * candidate is looked at. */

#define SEGMENT_SCORE_QUERIES_MAX 20001u

struct segment_scoring {
    size_t number; /* which vector */
    /* As the query of a search. [queries_count], up to the maximum */
    const struct vector_value *queries;
    size_t queries_count;
    const struct filter *filter;     /* NULL: all */
    const struct filter *idf_corpus; /* as in struct segment_search */
    uint32_t k;                      /* 1..PLAIN_K_MAX */
    /* The score, higher is better, of [queries_count] similarities. */
    float (*score)(void *ctx, const float *similarities);
    void *ctx;
    uint64_t deadline_ms;
};

/* The best, best first; the distance of a hit is its negated score.
 * ENGINE_ETIMEOUT, ENGINE_ENOMEM, ENGINE_EUNAVAILABLE when the memory of
 * requests is used up, or the store's. */
enum engine_code segment_score(struct segment_reader *reader,
                               const struct segment_scoring *scoring,
                               struct arena *arena, const struct hit **ret_hits,
                               size_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

/* How similar the points in `slots` are to `query`: ret_similarities[count];
 * -INFINITY without the vector. Errors as above. */
enum engine_code
segment_similarities(struct segment_reader *reader, size_t number,
                     const struct vector_value *query, const uint32_t *slots,
                     size_t count, float *ret_similarities,
                     struct error *reterr) __attribute__((warn_unused_result));

#endif /* ENGINE_SEGMENT_SCORE_H */
