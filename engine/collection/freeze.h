/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_FREEZE_H
#define ENGINE_COLLECTION_FREEZE_H

#include "engine/collection/collection.h"
#include "engine/collection/config.h"

/* A collection's files of one moment: for the registry. */

/* Makes a collection's folder in `folder`, which is not there yet and lies on
 * the same disk: what was acknowledged before the call is in it, whole. Writes a
 * checkpoint first, so that nothing has to be linked again. Reads and changes go
 * on. ENGINE_ENOSPACE, ENGINE_EINTERNAL  what was made is to be removed. */
enum engine_code collection_freeze(struct collection *collection,
                                   const char *folder, struct error *reterr)
    __attribute__((warn_unused_result));

/* ENGINE_EINPUT  points of `config` would not be points of the collection: names
 * the vector that differs. */
enum engine_code collection_check_same(struct collection *collection,
                                       const struct collection_config *config,
                                       struct error *reterr)
    __attribute__((warn_unused_result));

/* The same for one that was opened, and that nobody else has yet. */
enum engine_code collection_check_alike(struct collection *collection,
                                        const struct collection *other,
                                        struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_FREEZE_H */
