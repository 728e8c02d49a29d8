/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_CONFIG_VECTOR_H
#define ENGINE_COLLECTION_CONFIG_VECTOR_H

#include "engine/collection/config.h"

/* One vector name more, or less, of a configuration (Qdrant 1.18:
 * /collections/C/vectors/NAME). */

/* Reads {dense: {size, distance, multivector_config, datatype}} or {sparse:
 * {modifier, datatype}} as the vector `name`, into `arena`.
 * ENGINE_EFORMAT, ENGINE_EVALID  as config_parse(). */
enum engine_code
config_vector_parse(struct span name, yyjson_val *body, struct arena *arena,
                    struct vector_config *ret_vector, struct error *reterr)
    __attribute__((warn_unused_result));

/* A copy in `arena` with the vector, and the collection's settings for its
 * graph. ret_is_same: there is just such a one already, and no copy.
 * ENGINE_EINPUT  another one of that name. ENGINE_EVALID  too many. */
enum engine_code config_vector_add(const struct collection_config *config,
                                   const struct vector_config *vector,
                                   struct arena *arena,
                                   struct collection_config *ret_config,
                                   bool *ret_is_same, struct error *reterr)
    __attribute__((warn_unused_result));

/* A copy in `arena` without it. ret_was_there false: no such name, and no copy.
 * ENGINE_ENOMEM */
enum engine_code config_vector_remove(const struct collection_config *config,
                                      struct span name, struct arena *arena,
                                      struct collection_config *ret_config,
                                      bool *ret_was_there, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_CONFIG_VECTOR_H */
