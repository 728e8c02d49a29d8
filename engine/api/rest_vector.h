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
 * when index is REST_NO_INDEX. */
#define REST_NO_INDEX ((size_t)-1)
struct rest_where {
    const char *prefix;
    size_t index;
};

/* One dense vector, all but its name; the floats are in `arena`. A list of
 * lists (multivector), {indices, values} (sparse), {text, model} and the like
 * are refused by name.
 * ENGINE_EFORMAT  no list of numbers; a number that f32 cannot hold.
 * ENGINE_EVALID   empty. ENGINE_EREQUEST not supported yet.
 * ENGINE_EINFERENCE  a Document, with the reference's text. */
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

/* Whether an object is another kind of vector or query input (sparse,
 * Document, Image, InferenceObject): fills reterr then. */
enum engine_code rest_vector_refuse(yyjson_val *object, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_REST_VECTOR_H */
