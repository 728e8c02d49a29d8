/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SNAPSHOT_UNPACK_H
#define ENGINE_SNAPSHOT_UNPACK_H

#include "engine/collection/registry_restore.h"
#include "engine/snapshot/container.h"

/* All files of a snapshot, in folders that the registry can make collections
 * of. One thread. */

#define UNPACK_COLLECTIONS_MAX 100000u

struct unpacked {
    struct registry *registry;
    struct restore **restores; /* one for each collection */
    size_t count, room;
    char *aliases; /* folder that has aliases.json; NULL: none came */
};

/* Extracts and verifies everything; all of it is on the disk then.
 * ret_unpacked is to be released in any case.
 *   staging  a folder of the caller's, for what is no collection; not there yet
 * ENGINE_EINPUT damaged, or files that do not belong there. And those of
 * container.h and registry_restore_begin(). */
enum engine_code unpack(struct registry *registry,
                        const struct container_source *source,
                        enum container_kind kind, const char *staging,
                        struct unpacked *ret_unpacked, struct error *reterr)
    __attribute__((warn_unused_result));

/* Aborts what was not committed. */
void unpacked_release(struct unpacked *unpacked);

#endif /* ENGINE_SNAPSHOT_UNPACK_H */
