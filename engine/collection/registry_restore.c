/* SPDX-License-Identifier: Apache-2.0
 * A folder on its way to be a collection. It has one marker more than others:
 *   restoring          nothing is decided: a start removes the folder
 *   restored           names the folder that it replaces (registry_marker.c): a
 *                      start removes that one, and then the marker
 *   no marker          a collection like others
 * The rename of the first to the second is the one moment that decides. */
#include "engine/collection/registry_restore.h"

#include "base/memory.h"
#include "engine/collection/definition.h"
#include "engine/collection/name.h"
#include "engine/collection/registry_marker.h"
#include "engine/collection/registry_pool.h"
#include "engine/collection/registry_swap.h"
#include "engine/storage/folder.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_SIZE_MAX     4096
#define DEBTS_MAX         16
#define CONFIG_ARENA_SIZE (4 * DEFINITION_SIZE_MAX)

struct restore {
    struct registry *registry;
    struct entry *entry; /* not in the table */
};

/* Removes a folder that nothing is decided about, or says why it cannot. */
static void
remove_folder(const struct registry *registry, const char *path)
{
    struct error error = { .text = "" };
    if (folder_remove(path, &error) != ENGINE_OK)
        registry_report(registry, "", error.text);
}

/* ---- what a restored folder owes ---- */

enum engine_code
registry_set_aside(const char *folder, struct bytes *gone, struct error *reterr)
{
    bytes_addf(gone, "%s.deleted", folder);
    if (bytes_failed(gone))
        return error_memory(reterr);
    if (rename(folder, gone->data) != 0)
        return error_set(reterr, ENGINE_EINTERNAL, "cannot rename %s: %s",
                         folder, strerror(errno));
    return ENGINE_OK;
}

/* Takes the name away from a folder, which need not be there. */
static enum engine_code
end_folder(const char *folder, struct error *reterr)
{
    struct bytes gone;
    if (access(folder, F_OK) != 0 && errno == ENOENT)
        return ENGINE_OK;
    bytes_init(&gone, PATH_SIZE_MAX);
    enum engine_code code = registry_set_aside(folder, &gone, reterr);
    if (code == ENGINE_OK)
        code = folder_sync_parent(folder, reterr);
    /* By that name nobody serves it: the next start removes the rest. */
    if (code == ENGINE_OK)
        (void)!collection_destroy(gone.data, NULL);
    bytes_release(&gone);
    return code;
}

enum engine_code
registry_debt_find(const char *folder, char name[REGISTRY_FOLDER_SIZE],
                   struct error *reterr)
{
    enum engine_code code = registry_marker_read(folder, name, reterr);
    if (code == ENGINE_OK && !registry_is_folder_name(name))
        name[0] = '\0';
    return code;
}

/* Those that the folder replaced, and those that these replaced: the oldest
 * last. ENGINE_EINTERNAL  a marker cannot be read, or there is no end. */
static enum engine_code
debts_find(const char *folder, struct bytes *debts, size_t *ret_count,
           struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    char name[REGISTRY_FOLDER_SIZE] = "";
    for (*ret_count = 0; code == ENGINE_OK; (*ret_count)++) {
        const char *from =
            *ret_count == 0 ? folder : debts[*ret_count - 1].data;
        code = registry_debt_find(from, name, reterr);
        if (code != ENGINE_OK || name[0] == '\0')
            break;
        if (*ret_count == DEBTS_MAX)
            return error_set(reterr, ENGINE_EINTERNAL,
                             "%s: too many folders that replaced each other",
                             folder);
        registry_path_beside(folder, name, &debts[*ret_count]);
        if (bytes_failed(&debts[*ret_count]))
            code = error_memory(reterr);
    }
    return code;
}

/* The oldest ends first: the markers of the others name it until then. A
 * damaged marker names nothing more: what was found before it ends all the
 * same. */
enum engine_code
registry_debt_pay(const char *folder, struct error *reterr)
{
    struct bytes debts[DEBTS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < DEBTS_MAX; i++)
        bytes_init(&debts[i], PATH_SIZE_MAX);
    enum engine_code found = debts_find(folder, debts, &count, reterr);
    enum engine_code code = found == ENGINE_ECORRUPT ? ENGINE_OK : found;
    /* Whoever decided may have ended before the marker was on the disk. */
    if (code == ENGINE_OK && count > 0)
        code = folder_sync(folder, reterr);
    for (size_t i = count; code == ENGINE_OK && i > 0; i--)
        code = end_folder(debts[i - 1].data, reterr);
    for (size_t i = 0; i < DEBTS_MAX; i++)
        bytes_release(&debts[i]);
    if (code == ENGINE_OK)
        code = found;
    if (code == ENGINE_OK)
        registry_marker_clear(folder);
    return code;
}

enum engine_code
registry_debt_end(const struct registry *registry, const char *folder,
                  struct error *reterr)
{
    struct error error = { .text = "" };
    enum engine_code code = registry_debt_pay(folder, &error);
    if (code == ENGINE_OK)
        return code;
    if (code != ENGINE_ECORRUPT)
        return error_set(reterr, code, "%s", error.text);
    registry_report(registry, "", error.text);
    return ENGINE_OK;
}

bool
registry_restore_settle(struct registry *registry, const char *folder)
{
    struct error error = { .text = "" };
    if (registry_marker_is_undecided(folder)) {
        registry_report(registry, "",
                        "removing a collection whose restore was interrupted");
        remove_folder(registry, folder);
        return true;
    }
    enum engine_code code = registry_debt_pay(folder, &error);
    if (code != ENGINE_OK)
        registry_report(registry, "", error.text);
    return code == ENGINE_OK;
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
    remove_folder(restore->registry, restore->entry->path);
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
registry_restore_load(struct restore *restore, struct span name,
                      struct error *reterr)
{
    char own[COMMAND_NAME_SIZE_MAX + 1];
    struct entry *entry = restore->entry;
    assert(entry->collection == NULL);
    enum engine_code code =
        name_check(name, "collection_name", ENGINE_EVALIDPATH, reterr);
    if (code == ENGINE_OK) {
        name = registry_own_name(restore->registry, name, own);
        code = rename_collection(restore, name, reterr);
    }
    if (code == ENGINE_OK)
        code = registry_entry_set_name(entry, name, reterr);
    struct collection_options options = registry_entry_options(entry);
    options.must_fit = true;
    if (code == ENGINE_OK)
        code = collection_open(&options, &entry->collection, reterr);
    return code;
}

enum engine_code
registry_restore_commit(struct restore *restore, struct error *reterr)
{
    struct entry *entry = restore->entry;
    struct entry *old = NULL;
    assert(entry->collection != NULL);
    enum engine_code code =
        registry_swap(restore->registry, entry, &old, reterr);
    if (code != ENGINE_OK) {
        registry_restore_abort(restore);
        return code;
    }
    registry_retire(restore->registry, old, entry);
    free(restore);
    return ENGINE_OK;
}
