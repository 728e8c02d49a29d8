/* SPDX-License-Identifier: Apache-2.0
 * Frozen collections: folders of hard links in STORAGE/staging, which each start
 * removes. */
#include "engine/collection/freeze.h"
#include "engine/collection/registry_pool.h"
#include "engine/collection/registry_restore.h"
#include "engine/storage/folder.h"

#include <inttypes.h>
#include <string.h>

#define PATH_SIZE_MAX 4096

/* A folder that nobody else has; `number` counts those of this process. */
static enum engine_code
staging_path(struct registry *registry, struct arena *arena,
             const char **ret_path, struct error *reterr)
{
    struct bytes path;
    bytes_init(&path, PATH_SIZE_MAX);
    bytes_addf(&path, "%s/staging", registry->path);
    enum engine_code code =
        bytes_failed(&path) ? error_memory(reterr) : ENGINE_OK;
    if (code == ENGINE_OK)
        code = folder_make(path.data, reterr);
    pthread_mutex_lock(&registry->lock);
    uint64_t number = registry->next_number++;
    pthread_mutex_unlock(&registry->lock);
    bytes_addf(&path, "/%08" PRIu64, number);
    if (code == ENGINE_OK) {
        *ret_path = arena_strndup(arena, path.data, path.size);
        if (*ret_path == NULL || bytes_failed(&path))
            code = error_memory(reterr);
    }
    bytes_release(&path);
    return code;
}

enum engine_code
registry_freeze(struct registry *registry, struct span name,
                struct arena *arena, struct frozen *ret_frozen,
                struct error *reterr)
{
    struct frozen frozen = { .folder = NULL };
    struct collection *collection = NULL;
    enum engine_code code =
        registry_acquire(registry, name, &collection, reterr);
    if (code != ENGINE_OK)
        return code;
    struct span own = collection_name(collection);
    frozen.name =
        (struct span){ arena_strndup(arena, own.data, own.size), own.size };
    code = frozen.name.data == NULL
               ? error_memory(reterr)
               : staging_path(registry, arena, &frozen.folder, reterr);
    if (code == ENGINE_OK)
        code = collection_freeze(collection, frozen.folder, reterr);
    registry_release(registry, collection);
    if (code == ENGINE_OK)
        *ret_frozen = frozen;
    else if (frozen.folder != NULL)
        registry_thaw(&frozen);
    return code;
}

void
registry_thaw(const struct frozen *frozen)
{
    (void)!folder_remove(frozen->folder, NULL);
}
