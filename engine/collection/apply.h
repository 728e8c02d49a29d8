/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_APPLY_H
#define ENGINE_COLLECTION_APPLY_H

#include "engine/collection/command.h"
#include "engine/segment/change.h"

/* The one way in which an update becomes a change of the points. What comes
 * out follows from the points and the update alone. */

struct applied {
    struct change_commit commit;
    /* A point that was named by id and is not there; the others were
     * changed. */
    bool has_missing;
    struct point_id missing;
};

/* `waits`: a payload index is there when this returns; else it is asked for.
 * ENGINE_EINPUT     wrong dimension, name, value or size; nothing was changed.
 * ENGINE_ENOSPACE, ENGINE_ENOMEM, ENGINE_EINTERNAL  nothing was changed. */
enum engine_code apply_update(struct segment *segment,
                              const struct update *update, bool waits,
                              struct applied *ret_applied, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_APPLY_H */
