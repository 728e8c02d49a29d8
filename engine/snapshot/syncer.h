/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SNAPSHOT_SYNCER_H
#define ENGINE_SNAPSHOT_SYNCER_H

#include "engine/error.h"

/* Syncs files on a thread beside, in the order in which they come: who writes
 * them goes on with the next. Any thread adds, one waits. */

#define SYNCER_FILES_MAX 64u /* that wait; who brings more waits, too */

struct syncer;

/* NULL: no memory. Without a thread the caller's own syncs. */
struct syncer *syncer_new(void) __attribute__((warn_unused_result));

/* Takes the file `fd`, which is closed once it is synced. */
void syncer_add(struct syncer *syncer, int fd);

/* Waits for all that were added. ENGINE_ENOSPACE, ENGINE_EINTERNAL  one of them
 * could not be synced. */
enum engine_code syncer_wait(struct syncer *syncer, struct error *reterr)
    __attribute__((warn_unused_result));

/* Closes the rest as it is. NULL is allowed. */
void syncer_free(struct syncer *syncer);

#endif /* ENGINE_SNAPSHOT_SYNCER_H */
