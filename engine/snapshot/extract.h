/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SNAPSHOT_EXTRACT_H
#define ENGINE_SNAPSHOT_EXTRACT_H

#include "engine/snapshot/container.h"
#include "engine/snapshot/syncer.h"

/* The files of a container, copied by several threads. One thread calls. */

struct extract;

/* `source` and `syncer`, which gets the files, must outlive it. NULL: no
 * memory. */
struct extract *extract_new(const struct container_source *source,
                            struct syncer *syncer)
    __attribute__((warn_unused_result));

/* One more: it will be FOLDER/NAME, in a folder that is there. `folder` must
 * outlive `extract`. ENGINE_ENOMEM */
enum engine_code
extract_add(struct extract *extract, const char *folder, const char *name,
            const struct container_part *part, struct error *reterr)
    __attribute__((warn_unused_result));

/* Copies and compares all of them; the first failure ends it. Errors as of
 * container_copy(). */
enum engine_code extract_run(struct extract *extract, struct error *reterr)
    __attribute__((warn_unused_result));

/* NULL is allowed. */
void extract_free(struct extract *extract);

#endif /* ENGINE_SNAPSHOT_EXTRACT_H */
