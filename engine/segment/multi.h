/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_MULTI_H
#define ENGINE_SEGMENT_MULTI_H

#include "base/arena.h"
#include "engine/index/flat_form.h"
#include "engine/index/plain.h"
#include "engine/kernel/maxsim.h"
#include "engine/segment/vectors.h"

/* Searches by multivectors: candidates come from a walk over the codes of
 * encodings (engine/index/fde.h) and are scored again with all sub-vectors, or
 * everything is scored (MaxSim; distances as in engine/kernel/maxsim.h). */

/* Candidates of a walk when the request does not say: an encoding is a rough
 * estimate. README.md has the recall. */
#define MULTI_CANDIDATES 800u

struct multi_query {
    struct flat_form flat; /* of the query and of rows */
    struct maxsim_query maxsim;
    const float *adds; /* of each sub-vector, in the arena; NULL: none */
    float *encoding;   /* float[fde_size()], in the arena; NULL: no codes */
    uint32_t k;
    struct stopper stopper; /* asked by several threads at once */
};

/* `query` is of VECTOR_MULTI, of unit sub-vectors when the metric is cosine.
 * Without a stopper, which is the caller's to put in.
 * ENGINE_ENOMEM */
enum engine_code multi_query_init(struct multi_query *multi,
                                  const struct vectors *vectors,
                                  const struct vector_value *query, uint32_t k,
                                  struct arena *arena, struct error *reterr)
    __attribute__((warn_unused_result));
void multi_query_release(struct multi_query *multi);

/* Of one row in a scan, for estimates. */
double multi_row_ns(const struct vectors *vectors, size_t query_rows);

/* The `multi->k` nearest by all sub-vectors, as plain_search(); of `scan`
 * slots, filter and stopper count. Errors as
 * multi_score(). */
enum engine_code
multi_scan(const struct vectors *vectors, const struct plain_scan *scan,
           const struct multi_query *multi, struct hit *ret_hits,
           uint32_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

/* The `k` <= HNSW_K_MAX nearest of the scan's listed slots as their codes tell:
 * hits carry estimates. */
enum engine_code multi_scan_codes(const struct vectors *vectors,
                                  const struct plain_scan *scan,
                                  const struct multi_query *multi, uint32_t k,
                                  struct hit *ret_hits, uint32_t *ret_count,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* Scores *count hits again, in place, and keeps the best `multi->k`. Errors as
 * multi_scan(). */
enum engine_code
multi_rescore(const struct vectors *vectors, const struct multi_query *multi,
              struct hit *hits, uint32_t *count, struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- multi_score.c ---- */

/* Distances of hits whose slots have the vector; a slot without record is
 * infinitely far. What rows on disk or of other datatypes take of memory comes
 * out of budget_requests, some of them at a time. ENGINE_ETIMEOUT,
 * ENGINE_EUNAVAILABLE when the budget is used up, ENGINE_ENOMEM, or the
 * store's. */
enum engine_code multi_score(const struct vectors *vectors,
                             const struct multi_query *multi, struct hit *hits,
                             uint32_t count, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_SEGMENT_MULTI_H */
