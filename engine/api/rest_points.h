/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_REST_POINTS_H
#define ENGINE_API_REST_POINTS_H

#include "base/arena.h"
#include "engine/collection/command.h"

/* Reads the body of an upsert (UPDATE_UPSERT: points or batch) or of an update
 * of vectors (UPDATE_VECTORS) without a document, if it has the usual form:
 * points of an id, dense vectors and perhaps a payload, no member twice, none
 * that is unknown and not null. The command is then the one that
 * update_upsert_read() or update_vectors_read() make of the same body; it
 * borrows from `body` and lives in `arena`, which must not be in use.
 * False: anything else, also a body with an error, or memory is out; the arena
 * holds nothing to keep then. Any thread. */
bool rest_points_scan(struct span body, enum update_kind kind,
                      struct arena *arena, struct update *ret_update)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_REST_POINTS_H */
