/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_SEARCH_SPARSE_H
#define ENGINE_SEGMENT_SEARCH_SPARSE_H

#include "engine/segment/search.h"

/* segment_search() of a sparse vector: exact, whatever the search asks for.
 * Distances are negative dot products; points that have no index in common with
 * the query are left out. With the modifier `idf` each weight of the query
 * counts ln((N - n + 0.5) / (n + 0.5) + 1) times, N points having the vector
 * and n of them the index, both as the reader sees them: of all points, or of
 * those that match `idf_corpus`. */
enum engine_code segment_search_sparse(struct segment_reader *reader,
                                       const struct segment_search *search,
                                       struct arena *arena,
                                       const struct hit **ret_hits,
                                       size_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

/* Replaces the weights of `queries` by those with the modifier, in `arena`, as
 * a search by each would; nothing without the modifier. Of `search` count the
 * vector, the corpus and the deadline. ENGINE_ETIMEOUT, ENGINE_ENOMEM */
enum engine_code segment_sparse_weigh(struct segment_reader *reader,
                                      const struct segment_search *search,
                                      struct vector_value *queries,
                                      size_t count, struct arena *arena,
                                      struct error *reterr)
    __attribute__((warn_unused_result));

/* Nanoseconds, roughly; the filter counts as unknown. */
uint64_t segment_sparse_cost_ns(const struct segment_reader *reader,
                                const struct segment_search *search);

#endif /* ENGINE_SEGMENT_SEARCH_SPARSE_H */
