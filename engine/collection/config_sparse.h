/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_CONFIG_SPARSE_H
#define ENGINE_COLLECTION_CONFIG_SPARSE_H

#include "engine/collection/config.h"

/* `sparse_vectors` of create and PATCH bodies: {name: {index, modifier}}. Its
 * vectors stand behind the dense ones in config->vectors. */

/* Adds the vectors of `map`, which may be absent. Errors as config_parse(). */
enum engine_code config_sparse_parse(yyjson_val *map, struct arena *arena,
                                     struct collection_config *config,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

/* Lays `map` over those that are there. ENGINE_EINPUT  an unknown name. */
enum engine_code config_sparse_patch(yyjson_val *map, struct arena *arena,
                                     struct collection_config *config,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

/* Writes the member, if there are sparse vectors. */
void config_sparse_write(const struct collection_config *config,
                         struct json_writer *writer);

#endif /* ENGINE_COLLECTION_CONFIG_SPARSE_H */
