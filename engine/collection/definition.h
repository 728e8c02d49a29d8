/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_DEFINITION_H
#define ENGINE_COLLECTION_DEFINITION_H

#include "base/arena.h"
#include "base/bytes.h"
#include "engine/collection/config.h"
#include "engine/error.h"

/* collection.json: what makes a folder a collection. Whole or absent. */

#define DEFINITION_SIZE_MAX ((size_t)16 << 20)

struct definition {
    struct span name; /* NUL-terminated */
    struct collection_config config;
};

/* ENGINE_ENOSPACE, ENGINE_EINTERNAL  the old file is still there. */
enum engine_code definition_save(const char *folder, struct span name,
                                 const struct collection_config *config,
                                 struct error *reterr)
    __attribute__((warn_unused_result));

/* Everything is copied into `arena`.
 * ENGINE_ENOTFOUND there is none. ENGINE_ECORRUPT, ENGINE_EVERSION name it. */
enum engine_code definition_load(const char *folder, struct arena *arena,
                                 struct definition *ret_definition,
                                 struct error *reterr)
    __attribute__((warn_unused_result));

/* Only the name, of a definition that may be damaged otherwise or newer; size 0
 * when it cannot be read. In `arena`. */
struct span definition_name(const char *folder, struct arena *arena);

/* Where it is; the caller releases `path` in any case. ENGINE_ENOMEM */
enum engine_code definition_path(const char *folder, struct bytes *path,
                                 struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_DEFINITION_H */
