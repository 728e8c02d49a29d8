/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_REGISTRY_RESTORE_H
#define ENGINE_COLLECTION_REGISTRY_RESTORE_H

#include "engine/collection/registry.h"

/* Files of collections out of the registry and into it. Any thread; all of it
 * waits for disks. */

/* A collection's files of one moment, in a folder of the storage directory that
 * belongs to the caller until registry_thaw(); ret_name is its own name, when it
 * was asked for by an alias. Both are in `arena`.
 * ENGINE_ENOTFOUND, ENGINE_ECORRUPT  as registry_acquire().
 * ENGINE_ENOSPACE, ENGINE_EINTERNAL, ENGINE_ENOMEM  nothing was left. */
struct frozen {
    const char *folder;
    struct span name;
};
enum engine_code registry_freeze(struct registry *registry, struct span name,
                                 struct arena *arena, struct frozen *ret_frozen,
                                 struct error *reterr)
    __attribute__((warn_unused_result));

/* Removes it again; what cannot be removed is at the next start. */
void registry_thaw(const struct frozen *frozen);

/* ---- the way back ----
 *
 *   begin -> (the caller puts files into the folder) -> load -> commit -> served
 *                                       '------------------> abort  -> gone
 *
 * A kill at any moment leaves the old collection or the new one: until the
 * folder says otherwise, by one rename, the next start removes it; after it,
 * the next start removes the old one. */
struct restore;

enum engine_code registry_restore_begin(struct registry *registry,
                                        struct restore **ret_restore,
                                        struct error *reterr)
    __attribute__((warn_unused_result));

/* Where collection.json and shard-0/ are expected; valid as long as it. */
const char *registry_restore_folder(const struct restore *restore);

/* Loads the collection beside the one of that name (or alias), which goes on to
 * be served. Once; on failure `restore` is to be aborted.
 * ENGINE_EINPUT    other vectors than the present collection's.
 * ENGINE_EVALIDPATH bad name.
 * ENGINE_ENOMEM    there is no memory for both, or the limit forbids it.
 * ENGINE_ECORRUPT, ENGINE_EVERSION, ENGINE_ENOSPACE */
enum engine_code registry_restore_load(struct restore *restore,
                                       struct span name, struct error *reterr)
    __attribute__((warn_unused_result));

/* Puts what was loaded, and is on the disk, in the place of that one; calls that
 * have the old one end on it. Without one of that name there is one then. Takes
 * `restore`, also on failure: then all is as before.
 * ENGINE_EINPUT  an alias has the name. ENGINE_ENOSPACE, ENGINE_ENOMEM */
enum engine_code registry_restore_commit(struct restore *restore,
                                         struct error *reterr)
    __attribute__((warn_unused_result));

/* NULL is allowed. */
void registry_restore_abort(struct restore *restore);

#endif /* ENGINE_COLLECTION_REGISTRY_RESTORE_H */
