/* SPDX-License-Identifier: Apache-2.0
 * Start and end of the registry: the lock on the storage directory, loading of
 * all collections in parallel, removal of what a crash left half done. */
#include "engine/collection/registry.h"

#include "engine/collection/definition.h"
#include "engine/collection/lifecycle.h"
#include "engine/collection/registry_alias.h"
#include "engine/collection/registry_pool.h"
#include "engine/storage/folder.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PATH_SIZE_MAX    4096
#define LOAD_THREADS_MAX 16
#define NAME_ARENA_SIZE  ((size_t)1 << 20)
#define SHUNNED_MAX      64

/* Directories to load and what came of it, shared by the loading threads. */
struct load {
    struct registry *registry;
    uint64_t *numbers;
    size_t count;
    size_t room;
    /* Replaced ones that could not be taken away: not to be served. */
    uint64_t shunned[SHUNNED_MAX];
    size_t shunned_count;
    atomic_size_t next;
    atomic_size_t done;
    pthread_mutex_t lock; /* code and error: the first failure */
    enum engine_code code;
    struct error error;
};

static void
report(struct registry *registry, const char *collection, const char *text)
{
    if (registry->options.report != NULL)
        registry->options.report(registry->options.report_ctx, collection,
                                 text);
}

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
numbers_add(struct load *load, uint64_t number, struct error *reterr)
{
    if (load->count == load->room) {
        size_t room = load->room * 2 + 64;
        uint64_t *numbers = realloc(load->numbers, room * sizeof(*numbers));
        if (numbers == NULL)
            return error_memory(reterr);
        load->numbers = numbers;
        load->room = room;
    }
    load->numbers[load->count++] = number;
    return ENGINE_OK;
}

/* What `folder` replaced is still there. Where its marker cannot be read both
 * are served, the later one as damaged: their names are the same. */
static enum engine_code
shun(struct load *load, const char *folder, struct error *reterr)
{
    char name[REGISTRY_FOLDER_SIZE];
    if (registry_debt_find(folder, name, NULL) != ENGINE_OK || name[0] == '\0')
        return ENGINE_OK;
    if (load->shunned_count == SHUNNED_MAX)
        return error_set(reterr, ENGINE_EINTERNAL,
                         "more than %d replaced collections cannot be removed",
                         SHUNNED_MAX);
    load->shunned[load->shunned_count++] = strtoull(name, NULL, 10);
    return ENGINE_OK;
}

static bool
is_shunned(const struct load *load, uint64_t number)
{
    for (size_t i = 0; i < load->shunned_count; i++)
        if (load->shunned[i] == number)
            return true;
    return false;
}

/* Finishes or undoes restores that were interrupted, before anything is
 * listed: they name other directories. */
static enum engine_code
settle_restores(struct load *load, const char *path, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    DIR *folder = opendir(path);
    if (folder == NULL)
        return error_set(reterr, ENGINE_EINTERNAL, "cannot read %s: %s", path,
                         strerror(errno));
    const struct dirent *item;
    while (code == ENGINE_OK && (item = readdir(folder)) != NULL) {
        if (item->d_name[strspn(item->d_name, "0123456789")] != '\0')
            continue;
        struct bytes name;
        bytes_init(&name, PATH_SIZE_MAX);
        bytes_addf(&name, "%s/%s", path, item->d_name);
        if (bytes_failed(&name))
            code = error_memory(reterr);
        else if (!registry_restore_settle(load->registry, name.data))
            code = shun(load, name.data, reterr);
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
list_directories(struct load *load, const char *path, struct error *reterr)
{
    enum engine_code code = folder_make(path, reterr);
    if (code == ENGINE_OK)
        code = settle_restores(load, path, reterr);
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
        if (number >= load->registry->next_number)
            load->registry->next_number = number + 1;
        if (*end == '\0' && !is_shunned(load, number)) {
            code = numbers_add(load, number, reterr);
        } else if (strcmp(end, ".deleted") == 0) {
            struct bytes gone;
            bytes_init(&gone, PATH_SIZE_MAX);
            bytes_addf(&gone, "%s/%s", path, item->d_name);
            struct error error = { 0 };
            /* Nobody sees it: what cannot be removed only takes space. */
            if (!bytes_failed(&gone) &&
                collection_destroy(gone.data, &error) != ENGINE_OK)
                report(load->registry, "", error.text);
            bytes_release(&gone);
        }
    }
    closedir(folder);
    return code;
}

/* Trouble of this one collection, which another start does not mend. */
static bool
is_damage(enum engine_code code)
{
    return code == ENGINE_ECORRUPT || code == ENGINE_EVERSION ||
           code == ENGINE_EINTERNAL;
}

static enum engine_code
insert(struct registry *registry, struct entry *entry, struct error *reterr)
{
    pthread_mutex_lock(&registry->lock);
    enum engine_code code = registry_entry_insert(registry, entry, reterr);
    pthread_mutex_unlock(&registry->lock);
    return code;
}

/* An opened one; closed again when it does not come in. */
static enum engine_code
load_live(struct load *load, struct entry *entry, struct error *reterr)
{
    enum engine_code code = registry_entry_set_name(
        entry, collection_name(entry->collection), reterr);
    entry->state = ENTRY_LIVE;
    if (code == ENGINE_OK)
        code = insert(load->registry, entry, reterr);
    if (code != ENGINE_OK) {
        collection_discard(entry->collection);
        entry->collection = NULL;
    }
    return code;
}

/* Gives `entry` the name that its folder says, if that is free, else one after
 * the folder. */
static enum engine_code
insert_damaged(struct registry *registry, struct entry *entry,
               struct error *reterr)
{
    struct arena arena;
    arena_init(&arena, NAME_ARENA_SIZE);
    const char *folder = strrchr(entry->path, '/') + 1;
    struct span name = definition_name(entry->path, &arena);
    enum engine_code code = ENGINE_ECORRUPT;
    for (unsigned i = 0; code == ENGINE_ECORRUPT; i++) {
        char made[64];
        if (name.size == 0 || i > 0) {
            int size = snprintf(made, sizeof(made),
                                i > 1 ? "damaged-%.16s-%u" : "damaged-%.16s",
                                folder, i);
            name = (struct span){ made, (size_t)size };
        }
        free(entry->name);
        entry->name = NULL;
        code = registry_entry_set_name(entry, name, reterr);
        if (code == ENGINE_OK)
            code = insert(registry, entry, reterr);
    }
    arena_release(&arena);
    return code;
}

/* Serves the others without this one, whose files stay as they are; takes the
 * entry. `reterr` has the cause. */
static enum engine_code
load_damaged(struct load *load, struct entry *entry, struct error *reterr)
{
    entry->state = ENTRY_DAMAGED;
    entry->damage = strdup(reterr->text);
    enum engine_code code = entry->damage == NULL
                                ? error_memory(reterr)
                                : insert_damaged(load->registry, entry, reterr);
    if (code != ENGINE_OK)
        registry_entry_free(entry);
    return code;
}

static enum engine_code
load_one(struct load *load, uint64_t number, struct error *reterr)
{
    struct registry *registry = load->registry;
    struct entry *entry = registry_entry_new(registry, number);
    if (entry == NULL)
        return error_memory(reterr);
    struct collection_options options = registry_entry_options(entry);
    enum engine_code code =
        collection_open(&options, &entry->collection, reterr);
    if (code == ENGINE_ENOTFOUND) {
        report(registry, "",
               "removing a collection whose creation was "
               "interrupted");
        /* What cannot be removed today holds nothing and hurts nobody. */
        if (collection_destroy(entry->path, reterr) != ENGINE_OK)
            report(registry, "", reterr->text);
        registry_entry_free(entry);
        return ENGINE_OK;
    }
    if (code == ENGINE_OK)
        code = load_live(load, entry, reterr);
    if (is_damage(code))
        return load_damaged(load, entry, reterr);
    if (code != ENGINE_OK) {
        registry_entry_free(entry);
        return code;
    }
    char text[64];
    snprintf(text, sizeof(text), "loaded, %zu of %zu",
             atomic_fetch_add(&load->done, 1) + 1, load->count);
    report(registry, entry->name, text);
    return ENGINE_OK;
}

static void *
load_main(void *ctx)
{
    struct load *load = ctx;
    for (;;) {
        size_t at = atomic_fetch_add(&load->next, 1);
        if (at >= load->count)
            return NULL;
        struct error error;
        enum engine_code code = load_one(load, load->numbers[at], &error);
        if (code == ENGINE_OK)
            continue;
        pthread_mutex_lock(&load->lock);
        if (load->code == ENGINE_OK) {
            load->code = code;
            load->error = error;
        }
        pthread_mutex_unlock(&load->lock);
        atomic_store(&load->next, load->count);
        return NULL;
    }
}

static enum engine_code
load_all(struct load *load, struct error *reterr)
{
    pthread_t threads[LOAD_THREADS_MAX];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t count = cores > 0 ? (size_t)cores : 1;
    if (count > LOAD_THREADS_MAX)
        count = LOAD_THREADS_MAX;
    if (count > load->count)
        count = load->count;
    size_t started = 0;
    while (started + 1 < count &&
           pthread_create(&threads[started], NULL, load_main, load) == 0)
        started++;
    load_main(load); /* this thread helps, so one is always at work */
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    if (load->code != ENGINE_OK && reterr != NULL)
        *reterr = load->error;
    return load->code;
}

static enum engine_code
registry_load(struct registry *registry, struct error *reterr)
{
    struct load load = { .registry = registry };
    pthread_mutex_init(&load.lock, NULL);
    struct bytes path;
    bytes_init(&path, PATH_SIZE_MAX);
    bytes_addf(&path, "%s/collections", registry->path);
    enum engine_code code = bytes_failed(&path)
                                ? error_memory(reterr)
                                : list_directories(&load, path.data, reterr);
    if (code == ENGINE_OK)
        code = clear_staging(registry, reterr);
    if (code == ENGINE_OK)
        code = load_all(&load, reterr);
    bytes_release(&path);
    free(load.numbers);
    pthread_mutex_destroy(&load.lock);
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
