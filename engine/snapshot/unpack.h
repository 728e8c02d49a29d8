/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SNAPSHOT_UNPACK_H
#define ENGINE_SNAPSHOT_UNPACK_H

#include "engine/collection/registry_restore.h"
#include "engine/snapshot/container.h"
#include "engine/snapshot/digest.h"
#include "engine/snapshot/syncer.h"

/* All files of a snapshot, in folders that the registry can make collections
 * of. One thread. */

#define UNPACK_COLLECTIONS_MAX 100000u

struct unpacked {
    struct registry *registry;
    struct restore **restores; /* one for each collection */
    size_t count, room;
    char *aliases;         /* folder that has aliases.json; NULL: none came */
    struct syncer *syncer; /* has the files */
    char digest[DIGEST_TEXT_SIZE]; /* of a source that has_digest */
};

/* Extracts and verifies everything; the disk is at work on it then, see
 * unpacked_sync(). ret_unpacked is to be released in any case.
 *   staging  a folder of the caller's, for what is no collection; not there yet
 * ENGINE_EINPUT damaged, or files that do not belong there. And those of
 * container.h and registry_restore_begin(). */
enum engine_code unpack(struct registry *registry,
                        const struct container_source *source,
                        enum container_kind kind, const char *staging,
                        struct unpacked *ret_unpacked, struct error *reterr)
    __attribute__((warn_unused_result));

/* Waits until all that unpack() wrote is on the disk: before a commit. The
 * folders may be collections by then. ENGINE_ENOSPACE, ENGINE_EINTERNAL */
enum engine_code unpacked_sync(const struct unpacked *unpacked,
                               struct error *reterr)
    __attribute__((warn_unused_result));

/* Aborts what was not committed. */
void unpacked_release(struct unpacked *unpacked);

#endif /* ENGINE_SNAPSHOT_UNPACK_H */
