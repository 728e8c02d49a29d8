/* SPDX-License-Identifier: Apache-2.0
 * Start and end of the registry: the lock on the storage directory, its folders,
 * removal of what a crash left half done. */
#include "engine/collection/registry.h"

#include "engine/collection/lifecycle.h"
#include "engine/collection/registry_alias.h"
#include "engine/collection/registry_load.h"
#include "engine/collection/registry_pool.h"
#include "engine/storage/folder.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PATH_SIZE_MAX 4096
#define SHUNNED_MAX   64

/* The folders of the storage directory. */
struct listing {
    struct registry *registry;
    uint64_t *numbers; /* to load */
    size_t count, room;
    /* Replaced ones that could not be taken away: not to be served. */
    uint64_t shunned[SHUNNED_MAX];
    size_t shunned_count;
};

/* One process at a time: the kernel drops the lock with the process. */
static enum engine_code
storage_lock(struct registry *registry, struct error *reterr)
{
    struct bytes path;
    bytes_init(&path, PATH_SIZE_MAX);
    bytes_addf(&path, "%s/.lock", registry->path);
    if (bytes_failed(&path))
        return error_memory(reterr);
    enum engine_code code = ENGINE_OK;
    registry->lock_fd = open(path.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (registry->lock_fd < 0)
        code = error_set(reterr, ENGINE_EINTERNAL, "cannot open %s: %s",
                         path.data, strerror(errno));
    else if (flock(registry->lock_fd, LOCK_EX | LOCK_NB) != 0)
        code = error_set(reterr, ENGINE_EUNAVAILABLE,
                         "the storage %s is in use by another process",
                         registry->path);
    bytes_release(&path);
    return code;
}

static enum engine_code
numbers_add(struct listing *listing, uint64_t number, struct error *reterr)
{
    if (listing->count == listing->room) {
        size_t room = listing->room * 2 + 64;
        uint64_t *numbers = realloc(listing->numbers, room * sizeof(*numbers));
        if (numbers == NULL)
            return error_memory(reterr);
        listing->numbers = numbers;
        listing->room = room;
    }
    listing->numbers[listing->count++] = number;
    return ENGINE_OK;
}

/* What `folder` replaced is still there. Where its marker cannot be read both
 * are loaded, the one that was made before as damaged: their names are the
 * same. */
static enum engine_code
shun(struct listing *listing, const char *folder, struct error *reterr)
{
    char name[REGISTRY_FOLDER_SIZE];
    if (registry_debt_find(folder, name, NULL) != ENGINE_OK || name[0] == '\0')
        return ENGINE_OK;
    if (listing->shunned_count == SHUNNED_MAX)
        return error_set(reterr, ENGINE_EINTERNAL,
                         "more than %d replaced collections cannot be removed",
                         SHUNNED_MAX);
    listing->shunned[listing->shunned_count++] = strtoull(name, NULL, 10);
    return ENGINE_OK;
}

static bool
is_shunned(const struct listing *listing, uint64_t number)
{
    for (size_t i = 0; i < listing->shunned_count; i++)
        if (listing->shunned[i] == number)
            return true;
    return false;
}

/* Finishes or undoes restores that were interrupted, before anything is
 * listed: they name other directories. */
static enum engine_code
settle_restores(struct listing *listing, const char *path, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return error_set(reterr, ENGINE_EINTERNAL, "cannot read %s: %s", path,
                         strerror(errno));
    const struct dirent *item;
    while (code == ENGINE_OK && (item = readdir(folder)) != NULL) {
        if (!registry_is_folder_name(item->d_name))
            continue;
        struct bytes name;
        code = folder_path(path, item->d_name, &name, reterr);
        if (code == ENGINE_OK &&
            !registry_restore_settle(listing->registry, name.data))
            code = shun(listing, name.data, reterr);
        bytes_release(&name);
    }
    closedir(folder);
    return code;
}

/* Frozen collections are of no use to another process. */
static enum engine_code
clear_staging(const struct registry *registry, struct error *reterr)
{
    struct bytes path;
    bytes_init(&path, PATH_SIZE_MAX);
    bytes_addf(&path, "%s/staging", registry->path);
    enum engine_code code = bytes_failed(&path)
                                ? error_memory(reterr)
                                : folder_remove(path.data, reterr);
    bytes_release(&path);
    return code;
}

/* Collects the directories; removes those whose deletion was interrupted. */
static enum engine_code
list_directories(struct listing *listing, const char *path,
                 struct error *reterr)
{
    enum engine_code code = folder_make(path, reterr);
    if (code == ENGINE_OK)
        code = settle_restores(listing, path, reterr);
    if (code != ENGINE_OK)
        return code;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return error_set(reterr, ENGINE_EINTERNAL, "cannot read %s: %s", path,
                         strerror(errno));
    const struct dirent *item;
    while (code == ENGINE_OK && (item = readdir(folder)) != NULL) {
        char *end;
        uint64_t number = strtoull(item->d_name, &end, 10);
        if (end == item->d_name)
            continue;
        if (number >= listing->registry->next_number)
            listing->registry->next_number = number + 1;
        if (*end == '\0' && !is_shunned(listing, number)) {
            code = numbers_add(listing, number, reterr);
        } else if (strcmp(end, ".deleted") == 0) {
            struct bytes gone;
            struct error error = { 0 };
            /* Nobody sees it: what cannot be removed only takes space. */
            if (folder_path(path, item->d_name, &gone, NULL) == ENGINE_OK &&
                collection_destroy(gone.data, &error) != ENGINE_OK)
                registry_report(listing->registry, "", error.text);
            bytes_release(&gone);
        }
    }
    closedir(folder);
    return code;
}

/* Where no collection is damaged, none that was replaced is left: their names
 * would be the same. So nothing is owed any more, whatever the markers said. */
static void
clear_markers(const struct registry *registry)
{
    char name[REGISTRY_FOLDER_SIZE];
    for (size_t i = 0; i < registry->entries_count; i++)
        if (registry->entries[i]->state == ENTRY_DAMAGED)
            return;
    for (size_t i = 0; i < registry->entries_count; i++) {
        const char *folder = registry->entries[i]->path;
        if (registry_marker_read(folder, name, NULL) == ENGINE_ECORRUPT)
            registry_marker_clear(folder);
    }
}

static enum engine_code
registry_load(struct registry *registry, struct error *reterr)
{
    struct listing listing = { .registry = registry };
    struct bytes path;
    bytes_init(&path, PATH_SIZE_MAX);
    bytes_addf(&path, "%s/collections", registry->path);
    enum engine_code code = bytes_failed(&path)
                                ? error_memory(reterr)
                                : list_directories(&listing, path.data, reterr);
    if (code == ENGINE_OK)
        code = clear_staging(registry, reterr);
    if (code == ENGINE_OK)
        code =
            registry_load_all(registry, listing.numbers, listing.count, reterr);
    if (code == ENGINE_OK)
        clear_markers(registry);
    bytes_release(&path);
    free(listing.numbers);
    return code;
}

static enum engine_code
registry_new(const struct registry_options *options,
             struct registry **ret_registry, struct error *reterr)
{
    struct registry *registry = calloc(1, sizeof(*registry));
    if (registry == NULL)
        return error_memory(reterr);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&registry->lock, NULL);
    pthread_mutex_init(&registry->alias_lock, NULL);
    pthread_mutex_init(&registry->restore_lock, NULL);
    pthread_cond_init(&registry->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    registry->options = *options;
    registry->lock_fd = -1;
    registry->next_number = 1;
    registry->path = strdup(options->storage_path);
    if (registry->path == NULL) {
        registry_close(registry);
        return error_memory(reterr);
    }
    *ret_registry = registry;
    return ENGINE_OK;
}

enum engine_code
registry_open(const struct registry_options *options,
              struct registry **ret_registry, struct error *reterr)
{
    assert(options->storage_path != NULL);
    struct registry *registry = NULL;
    enum engine_code code = registry_new(options, &registry, reterr);
    if (code != ENGINE_OK)
        return code;
    assert(registry != NULL);
    code = folder_make_all(registry->path, reterr);
    if (code == ENGINE_OK)
        code = storage_lock(registry, reterr);
    if (code == ENGINE_OK)
        code = registry_load(registry, reterr);
    if (code == ENGINE_OK)
        code = registry_alias_load(registry, reterr);
    if (code == ENGINE_OK)
        code = registry_pool_start(registry, reterr);
    if (code != ENGINE_OK) {
        registry_close(registry);
        return code;
    }
    *ret_registry = registry;
    return ENGINE_OK;
}

void
registry_close(struct registry *registry)
{
    if (registry == NULL)
        return;
    registry_pool_stop(registry);
    for (size_t i = 0; i < registry->entries_count; i++) {
        assert(registry->entries[i]->users == 0);
        collection_close(registry->entries[i]->collection);
        registry_entry_free(registry->entries[i]);
    }
    free(registry->entries);
    aliases_clear(&registry->aliases);
    if (registry->lock_fd >= 0)
        close(registry->lock_fd);
    pthread_cond_destroy(&registry->changed);
    pthread_mutex_destroy(&registry->lock);
    pthread_mutex_destroy(&registry->alias_lock);
    pthread_mutex_destroy(&registry->restore_lock);
    free(registry->path);
    free(registry);
}
