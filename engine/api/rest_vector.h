/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_REST_VECTOR_H
#define ENGINE_API_REST_VECTOR_H

#include "base/arena.h"
#include "engine/codec/json_read.h"
#include "engine/collection/command.h"
#include "engine/collection/config.h"
#include "engine/error.h"

/* Vectors in JSON bodies. Any thread. */

/* Where a vector stands, for the 422 text: "PREFIX[INDEX].vector", or "PREFIX"
 * when index is REST_NO_INDEX: then it is a query. */
#define REST_NO_INDEX ((size_t)-1)
struct rest_where {
    const char *prefix;
    size_t index;
    bool is_named; /* one of the point's named vectors */
};

/* One vector, all but its name, in `arena`: a list of numbers, a list of lists
 * (multivector), {indices, values} (sparse), or {text, model: "qdrant/bm25"}.
 * Other models are refused by name.
 * ENGINE_EFORMAT  none of these; a number that f32 cannot hold.
 * ENGINE_EVALID   empty, too many numbers, sub-vectors of several lengths, or
 *                 as in rest_sparse.h.
 * ENGINE_EINFERENCE  another model, with the reference's text. */
enum engine_code rest_vector_parse(yyjson_val *value, struct rest_where where,
                                   struct arena *arena,
                                   struct named_vector *ret_vector,
                                   struct error *reterr)
    __attribute__((warn_unused_result));

/* The `vector` of a point: a list (name ""), or an object of named vectors.
 * Names are borrowed from the document. Errors as above. */
enum engine_code rest_vectors_of_point(yyjson_val *value,
                                       struct rest_where where,
                                       struct arena *arena,
                                       const struct named_vector **ret_vectors,
                                       size_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

/* Whether it is one of the objects that rest_vector_parse() reads; or a raw
 * value, which no body has. It is float[size / 4] in the machine's order, a
 * list of numbers that was read before (rest_apart.c, grpc_json.c); or shorter,
 * a multivector of no vectors, for which JSON has no form of its own
 * (grpc_shape.c). */
bool rest_vector_is_object(yyjson_val *value);

#endif /* ENGINE_API_REST_VECTOR_H */
