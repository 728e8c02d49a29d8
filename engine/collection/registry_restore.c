/* SPDX-License-Identifier: Apache-2.0
 * A folder on its way to be a collection. It has one marker more than others:
 *   restoring          nothing is decided: a start removes the folder
 *   restored           holds the name of the folder that it replaces ("-":
 *                      none): a start removes that one, and then the marker
 *   no marker          a collection like others
 * The rename of the first to the second is the one moment that decides. */
#include "engine/collection/registry_restore.h"

#include "base/memory.h"
#include "engine/collection/definition.h"
#include "engine/collection/name.h"
#include "engine/collection/registry_pool.h"
#include "engine/collection/registry_swap.h"
#include "engine/storage/checkpoint.h"
#include "engine/storage/folder.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE_MAX     4096
#define FOLDER_NAME_MAX   32
#define CONFIG_ARENA_SIZE (4 * DEFINITION_SIZE_MAX)

struct restore {
    struct registry *registry;
    struct entry *entry; /* not in the table */
};

static enum engine_code
path_in(const char *folder, const char *name, struct bytes *path,
        struct error *reterr)
{
    bytes_init(path, PATH_SIZE_MAX);
    bytes_addf(path, "%s/%s", folder, name);
    return bytes_failed(path) ? error_memory(reterr) : ENGINE_OK;
}

/* ---- markers ---- */

enum engine_code
registry_marker_write(const char *folder, const char *replaced,
                      struct error *reterr)
{
    struct bytes path;
    enum engine_code code = path_in(folder, "restoring", &path, reterr);
    if (code == ENGINE_OK)
        code = checkpoint_write(path.data, span_of(replaced), reterr);
    bytes_release(&path);
    return code;
}

enum engine_code
registry_marker_decide(const char *folder, struct error *reterr)
{
    struct bytes from, to;
    enum engine_code code = path_in(folder, "restoring", &from, reterr);
    bytes_init(&to, PATH_SIZE_MAX);
    bytes_addf(&to, "%s/restored", folder);
    if (code == ENGINE_OK && bytes_failed(&to))
        code = error_memory(reterr);
    if (code == ENGINE_OK && rename(from.data, to.data) != 0)
        code = error_set(reterr,
                         errno == ENOSPC || errno == EDQUOT ? ENGINE_ENOSPACE
                                                            : ENGINE_EINTERNAL,
                         "cannot rename %s: %s", from.data, strerror(errno));
    /* When only the sync fails, it is decided in this process' life. */
    if (code == ENGINE_OK)
        (void)!folder_sync(folder, NULL);
    bytes_release(&from);
    bytes_release(&to);
    return code;
}

void
registry_marker_clear(const char *folder)
{
    struct bytes path;
    if (path_in(folder, "restored", &path, NULL) == ENGINE_OK &&
        unlink(path.data) == 0)
        (void)!folder_sync(folder, NULL);
    bytes_release(&path);
}

/* The folder's name in the marker; empty: there is no such marker. */
static void
marker_read(const char *folder, char name[FOLDER_NAME_MAX])
{
    struct bytes path;
    struct checkpoint *file = NULL;
    name[0] = '\0';
    enum engine_code code = path_in(folder, "restored", &path, NULL);
    if (code == ENGINE_OK)
        code = checkpoint_open(path.data, &file, NULL);
    size_t size = code == ENGINE_OK ? checkpoint_left(file) : 0;
    if (size > 0 && size < FOLDER_NAME_MAX &&
        checkpoint_read(file, name, size, NULL) == ENGINE_OK)
        name[size] = '\0';
    else if (code == ENGINE_OK)
        memcpy(name, "-", 2); /* unreadable: nothing is removed for it */
    checkpoint_close(file);
    bytes_release(&path);
}

static void
say(const struct registry *registry, const char *text)
{
    if (registry->options.report != NULL)
        registry->options.report(registry->options.report_ctx, "", text);
}

/* Removes a folder beside; false: it is still there. */
static bool
remove_folder(const struct registry *registry, const char *path)
{
    struct error error = { .text = "" };
    if (folder_remove(path, &error) == ENGINE_OK)
        return true;
    say(registry, error.text);
    return false;
}

/* Whether it is the name of a collection's folder. */
static bool
is_number(const char *name)
{
    return name[0] != '\0' && name[strspn(name, "0123456789")] == '\0';
}

void
registry_restore_settle(struct registry *registry, const char *folder)
{
    struct bytes path;
    char old[FOLDER_NAME_MAX];
    enum engine_code code = path_in(folder, "restoring", &path, NULL);
    bool is_undecided = code == ENGINE_OK && access(path.data, F_OK) == 0;
    bytes_release(&path);
    if (is_undecided) {
        say(registry, "removing a collection whose restore was interrupted");
        (void)remove_folder(registry, folder);
        return;
    }
    marker_read(folder, old);
    if (old[0] == '\0')
        return;
    bool is_done = true;
    if (is_number(old)) {
        bytes_init(&path, PATH_SIZE_MAX);
        bytes_addf(&path, "%.*s/%s", (int)(strrchr(folder, '/') - folder),
                   folder, old);
        is_done = !bytes_failed(&path) && remove_folder(registry, path.data);
        bytes_release(&path);
    }
    if (is_done)
        registry_marker_clear(folder);
}

/* ---- begin, abort, commit ---- */

enum engine_code
registry_restore_begin(struct registry *registry, struct restore **ret_restore,
                       struct error *reterr)
{
    struct restore *restore = calloc(1, sizeof(*restore));
    if (restore == NULL)
        return error_memory(reterr);
    restore->registry = registry;
    pthread_mutex_lock(&registry->lock);
    uint64_t number = registry->next_number++;
    pthread_mutex_unlock(&registry->lock);
    restore->entry = registry_entry_new(registry, number);
    if (restore->entry == NULL) {
        free(restore);
        return error_memory(reterr);
    }
    enum engine_code code = folder_make(restore->entry->path, reterr);
    if (code == ENGINE_OK)
        code = registry_marker_write(restore->entry->path, "-", reterr);
    if (code != ENGINE_OK) {
        registry_restore_abort(restore);
        return code;
    }
    *ret_restore = restore;
    return ENGINE_OK;
}

const char *
registry_restore_folder(const struct restore *restore)
{
    return restore->entry->path;
}

void
registry_restore_abort(struct restore *restore)
{
    if (restore == NULL)
        return;
    collection_discard(restore->entry->collection);
    /* What cannot be removed now is at the next start. */
    (void)remove_folder(restore->registry, restore->entry->path);
    registry_entry_free(restore->entry);
    free(restore);
}

/* Gives the collection its name here. */
static enum engine_code
rename_collection(const struct restore *restore, struct span name,
                  struct error *reterr)
{
    struct arena arena;
    struct definition definition;
    struct collection *present = NULL;
    const char *folder = restore->entry->path;
    arena_init(&arena, CONFIG_ARENA_SIZE);
    enum engine_code code =
        definition_load(folder, &arena, &definition, reterr);
    if (code == ENGINE_ENOTFOUND)
        code = error_set(reterr, ENGINE_ECORRUPT,
                         "the snapshot has no collection.json");
    if (code == ENGINE_OK && registry_acquire(restore->registry, name, &present,
                                              NULL) == ENGINE_OK) {
        code = collection_check_same(present, &definition.config, reterr);
        registry_release(restore->registry, present);
    }
    if (code == ENGINE_OK)
        code = definition_save(folder, name, &definition.config, reterr);
    arena_release(&arena);
    return code;
}

enum engine_code
registry_restore_commit(struct restore *restore, struct span name,
                        struct error *reterr)
{
    char own[COMMAND_NAME_SIZE_MAX + 1];
    struct entry *entry = restore->entry;
    enum engine_code code =
        name_check(name, "collection_name", ENGINE_EVALIDPATH, reterr);
    if (code == ENGINE_OK) {
        name = registry_own_name(restore->registry, name, own);
        code = rename_collection(restore, name, reterr);
    }
    if (code == ENGINE_OK)
        code = registry_entry_set_name(entry, name, reterr);
    struct collection_options options = registry_entry_options(entry);
    if (code == ENGINE_OK)
        code = collection_open(&options, &entry->collection, reterr);
    struct entry *old = NULL;
    if (code == ENGINE_OK)
        code = registry_swap(restore->registry, entry, &old, reterr);
    if (code != ENGINE_OK) {
        registry_restore_abort(restore);
        return code;
    }
    registry_retire(restore->registry, old, entry);
    free(restore);
    return ENGINE_OK;
}
