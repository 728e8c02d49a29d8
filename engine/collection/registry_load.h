/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_REGISTRY_LOAD_H
#define ENGINE_COLLECTION_REGISTRY_LOAD_H

#include "engine/collection/registry.h"

/* Loads the collections of these folders into the table, before anything is
 * served. One that cannot be opened is in it as damaged; where two hold one
 * name, the one of the lower number is.
 * ENGINE_ENOMEM, ENGINE_ENOSPACE  the first failure, of this process. */
enum engine_code registry_load_all(struct registry *registry,
                                   const uint64_t *numbers, size_t count,
                                   struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_REGISTRY_LOAD_H */
