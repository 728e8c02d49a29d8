/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_REST_SPARSE_H
#define ENGINE_API_REST_SPARSE_H

#include "engine/api/rest_vector.h"

/* Sparse vectors in JSON bodies: {indices: [u32], values: [f32]}, and texts
 * that the engine makes such of. Any thread. */

/* Whether it has both members. */
bool rest_sparse_is(yyjson_val *object);

/* Reads it, all but the name, sorted by index, in `arena`; an empty one is
 * fine. ENGINE_EFORMAT  another type, or an index that u32 cannot hold.
 * ENGINE_EVALID  lengths differ, an index comes twice. */
enum engine_code rest_sparse_parse(yyjson_val *object, struct rest_where where,
                                   struct arena *arena,
                                   struct named_vector *ret_vector,
                                   struct error *reterr)
    __attribute__((warn_unused_result));

/* ---- rest_bm25.c ---- */

/* qdrant/bm25 or bm25, in any case of letters. */
bool rest_bm25_is_model(struct span name);

/* Whether it is {text, model} with a model that is computed here. */
bool rest_bm25_is(yyjson_val *object);

/* The sparse vector of its text, by its `options`: a stored text has weights of
 * its tokens' frequency, a query has 1 for each token. ENGINE_EFORMAT,
 * ENGINE_EREQUEST  an option that cannot be. ENGINE_ENOMEM */
enum engine_code rest_bm25_parse(yyjson_val *object, struct rest_where where,
                                 struct arena *arena,
                                 struct named_vector *ret_vector,
                                 struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_REST_SPARSE_H */
