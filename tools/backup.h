/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_BACKUP_H
#define TOOLS_BACKUP_H

#include "tools/engine.h"
#include "tools/progress.h"
#include "tools/target.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Backups in a target:
 *   COLLECTION/SNAPSHOT   the engine's snapshots
 *   index.json            the sets that are whole, oldest first
 *   pending.json          a set that is being made
 * A set is {"time", "collections": [{"name","key","size","sha256"}],
 * "aliases": [...]}. Nothing of a set counts before it is in the index. */

#define BACKUP_INDEX   "index.json"
#define BACKUP_PENDING "pending.json"

struct backup_run {
    struct engine_options engine_options;
    struct target_options target_options;
    struct engine_client engine;
    struct target *target;
    uint64_t keep; /* sets; 0: all */
    bool is_restart;
    size_t damaged_count; /* collections that were left out */
    json_t *index;        /* an array of sets */
    json_t *pending;      /* {"set": {...}, "upload": {...} or null} */
};

/* The index of a target; an empty one where there is none. A new reference;
 * NULL: unreadable, not ours. */
json_t *backup_index_read(struct target *target, struct fault *reterr);

/* Both write one small object in one step. */
bool backup_index_write(struct backup_run *run, struct fault *reterr)
    __attribute__((warn_unused_result));
bool backup_pending_write(struct backup_run *run, struct fault *reterr)
    __attribute__((warn_unused_result));

/* run->pending: what an earlier run left, if it is less than a day old, or a
 * new set. */
bool backup_pending_read(struct backup_run *run, struct fault *reterr)
    __attribute__((warn_unused_result));

/* Puts run->pending's set into the index, and removes sets that are too many
 * with the objects that no other set has. */
bool backup_index_add(struct backup_run *run, struct fault *reterr)
    __attribute__((warn_unused_result));

/* One collection into the pending set. */
bool backup_collection(struct backup_run *run, const char *name,
                       struct fault *reterr)
    __attribute__((warn_unused_result));

#endif /* TOOLS_BACKUP_H */
