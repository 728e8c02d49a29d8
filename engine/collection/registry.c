/* SPDX-License-Identifier: Apache-2.0
 * Collections by name. Each has a directory with a number for a name, so that
 * any collection name is possible. States of an entry:
 *   create: CREATING -> LIVE (or gone when it failed)
 *   delete: LIVE -> DELETING -> gone, once its users have left
 * Invariant: entries are sorted by name, and a name stands there once. */
#include "engine/collection/registry.h"

#include "base/blocking.h"
#include "base/memory.h"
#include "engine/collection/lifecycle.h"
#include "engine/collection/name.h"
#include "engine/collection/registry_alias.h"
#include "engine/collection/registry_pool.h"
#include "engine/segment/search.h"
#include "engine/storage/folder.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE_MAX 4096

static int
name_compare(struct span name, const struct entry *entry)
{
    size_t shared = name.size < entry->name_size ? name.size : entry->name_size;
    int order = shared == 0 ? 0 : memcmp(name.data, entry->name, shared);
    if (order != 0)
        return order;
    return (name.size > entry->name_size) - (name.size < entry->name_size);
}

bool
registry_entry_find(const struct registry *registry, struct span name,
                    size_t *ret_at)
{
    size_t low = 0, high = registry->entries_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = name_compare(name, registry->entries[middle]);
        if (order == 0) {
            *ret_at = middle;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *ret_at = low;
    return false;
}

void
registry_entry_free(struct entry *entry)
{
    if (entry == NULL)
        return;
    free(entry->name);
    free(entry->damage);
    free(entry->path);
    free(entry);
}

struct entry *
registry_entry_new(struct registry *registry, uint64_t number)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    struct bytes path;
    bytes_init(&path, PATH_SIZE_MAX);
    bytes_addf(&path, "%s/collections/%08" PRIu64, registry->path, number);
    if (entry != NULL) {
        entry->registry = registry;
        entry->path = bytes_take(&path);
    }
    bytes_release(&path);
    if (entry == NULL || entry->path == NULL) {
        registry_entry_free(entry);
        return NULL;
    }
    return entry;
}

enum engine_code
registry_entry_set_name(struct entry *entry, struct span name,
                        struct error *reterr)
{
    entry->name = malloc(name.size + 1);
    if (entry->name == NULL)
        return error_memory(reterr);
    memcpy(entry->name, name.data, name.size);
    entry->name[name.size] = '\0';
    entry->name_size = name.size;
    return ENGINE_OK;
}

/* Caller holds the lock, and the name is not there. */
enum engine_code
registry_entry_insert(struct registry *registry, struct entry *entry,
                      struct error *reterr)
{
    if (registry->entries_count == registry->entries_room) {
        size_t room = registry->entries_room * 2 + 16;
        struct entry **entries =
            realloc(registry->entries, room * sizeof(struct entry *));
        if (entries == NULL)
            return error_memory(reterr);
        registry->entries = entries;
        registry->entries_room = room;
    }
    size_t at;
    if (registry_entry_find(
            registry, (struct span){ entry->name, entry->name_size }, &at))
        return error_set(reterr, ENGINE_ECORRUPT,
                         "%s and %s both hold collection `%s`: move one away",
                         registry->entries[at]->path, entry->path, entry->name);
    memmove(registry->entries + at + 1, registry->entries + at,
            (registry->entries_count - at) * sizeof(struct entry *));
    registry->entries[at] = entry;
    registry->entries_count++;
    return ENGINE_OK;
}

bool
registry_entry_exists(const struct registry *registry, struct span name)
{
    size_t at;
    return registry_entry_find(registry, name, &at) &&
           registry->entries[at]->state != ENTRY_DELETING;
}

void
registry_entry_remove(struct registry *registry, struct entry *entry)
{
    size_t at;
    bool is_there = registry_entry_find(
        registry, (struct span){ entry->name, entry->name_size }, &at);
    assert(is_there && registry->entries[at] == entry);
    registry->entries_count--;
    memmove(registry->entries + at, registry->entries + at + 1,
            (registry->entries_count - at) * sizeof(struct entry *));
    pthread_cond_broadcast(&registry->changed);
}

struct collection_options
registry_entry_options(struct entry *entry)
{
    assert(entry != NULL && entry->registry != NULL);
    const struct registry_options *options = &entry->registry->options;
    return (struct collection_options){
        .path = entry->path,
        .report = options->report,
        .report_ctx = options->report_ctx,
        .wake = registry_pool_wake,
        .wake_ctx = entry,
        .checkpoint_interval_ms = options->checkpoint_interval_ms,
    };
}

void
registry_wait(struct registry *registry)
{
    blocking_begin();
    pthread_cond_wait(&registry->changed, &registry->lock);
    blocking_end();
}

enum engine_code
registry_damage_error(const struct entry *entry, enum engine_code code,
                      struct error *reterr)
{
    assert(entry->damage != NULL);
    /* The log has all of the cause; here what to do must fit as well. */
    return error_set(
        reterr, code,
        "collection `%.80s` cannot be opened (%.150s): stop, put its "
        "folder %s back from a backup and start again, or DELETE "
        "the collection",
        entry->name, entry->damage, entry->path);
}

/* Reserves the name; waits for one that is being deleted. */
static enum engine_code
reserve(struct registry *registry, struct span name, struct entry **ret_entry,
        struct error *reterr)
{
    enum engine_code code;
    struct entry *entry = NULL;
    size_t at;
    pthread_mutex_lock(&registry->lock);
    while (registry_entry_find(registry, name, &at)) {
        if (registry->entries[at]->damage != NULL) {
            code = registry_damage_error(registry->entries[at], ENGINE_EEXIST,
                                         reterr);
            goto out;
        }
        if (registry->entries[at]->state != ENTRY_DELETING) {
            code = error_set(reterr, ENGINE_EEXIST,
                             "Collection `%.*s` already exists!",
                             (int)name.size, name.data);
            goto out;
        }
        registry_wait(registry);
    }
    if (registry_alias_is_taken(registry, name)) {
        code = error_set(reterr, ENGINE_EINPUT,
                         "Can't create collection with name %.*s. Alias with "
                         "the same name already exists",
                         (int)name.size, name.data);
        goto out;
    }
    entry = registry_entry_new(registry, registry->next_number++);
    if (entry == NULL) {
        code = error_memory(reterr);
        goto out;
    }
    entry->state = ENTRY_CREATING;
    entry->due_ms = UINT64_MAX;
    code = registry_entry_set_name(entry, name, reterr);
    if (code == ENGINE_OK)
        code = registry_entry_insert(registry, entry, reterr);
out:
    pthread_mutex_unlock(&registry->lock);
    if (code != ENGINE_OK)
        registry_entry_free(entry);
    else
        *ret_entry = entry;
    return code;
}

/* What an empty collection takes: mostly its store. */
#define COLLECTION_SIZE ((uint64_t)512 << 10)

enum engine_code
registry_create(struct registry *registry, struct span name,
                const struct collection_config *config, struct error *reterr)
{
    enum engine_code code =
        name_check(name, "collection_name", ENGINE_EVALIDPATH, reterr);
    if (code != ENGINE_OK)
        return code;
    uint64_t used = 0;
    if (!memory_may_grow(COLLECTION_SIZE, &used))
        return error_memory_limit(reterr, "a collection", COLLECTION_SIZE, used,
                                  memory_limit());
    struct entry *entry = NULL;
    code = reserve(registry, name, &entry, reterr);
    if (code != ENGINE_OK)
        return code;
    struct collection_options options = registry_entry_options(entry);
    struct collection *collection = NULL;
    code = registry_alias_settle(registry, reterr);
    if (code == ENGINE_OK)
        code = collection_create(&options, name, config, &collection, reterr);
    if (code != ENGINE_OK)
        (void)!collection_destroy(entry->path, NULL);
    pthread_mutex_lock(&registry->lock);
    if (code == ENGINE_OK) {
        entry->collection = collection;
        entry->state = ENTRY_LIVE;
        entry->due_ms = 0;
        pthread_cond_broadcast(&registry->changed);
    } else {
        registry_entry_remove(registry, entry);
    }
    pthread_mutex_unlock(&registry->lock);
    if (code != ENGINE_OK)
        registry_entry_free(entry);
    return code;
}

/* What could not be deleted is opened again: it must not come back by itself
 * at the next start. */
static void
revive(struct registry *registry, struct entry *entry)
{
    struct collection_options options = registry_entry_options(entry);
    struct collection *collection = NULL;
    enum engine_code code = ENGINE_OK;
    if (entry->damage == NULL)
        code = collection_open(&options, &collection, NULL);
    pthread_mutex_lock(&registry->lock);
    if (entry->damage != NULL) {
        entry->state = ENTRY_DAMAGED;
        pthread_cond_broadcast(&registry->changed);
    } else if (code == ENGINE_OK) {
        entry->collection = collection;
        entry->state = ENTRY_LIVE;
        entry->due_ms = 0;
        pthread_cond_broadcast(&registry->changed);
    } else {
        registry_entry_remove(registry, entry);
    }
    pthread_mutex_unlock(&registry->lock);
    if (code != ENGINE_OK)
        registry_entry_free(entry);
}

static bool
is_there(const struct entry *entry)
{
    return entry->state == ENTRY_LIVE || entry->state == ENTRY_DAMAGED ||
           entry->state == ENTRY_CHANGING;
}

/* Waits until the last user left. NULL: there is no such collection. */
static struct entry *
take_for_delete(struct registry *registry, struct span name)
{
    size_t at;
    struct entry *entry = NULL;
    pthread_mutex_lock(&registry->lock);
    while (registry_entry_find(registry, name, &at) &&
           registry->entries[at]->state == ENTRY_CHANGING)
        registry_wait(registry);
    if (registry_entry_find(registry, name, &at) &&
        is_there(registry->entries[at])) {
        entry = registry->entries[at];
        entry->state = ENTRY_DELETING;
        segment_idle_end();
        while (entry->users > 0)
            registry_wait(registry);
    }
    pthread_mutex_unlock(&registry->lock);
    return entry;
}

enum engine_code
registry_delete(struct registry *registry, struct span name, bool *ret_existed,
                struct error *reterr)
{
    struct entry *entry = take_for_delete(registry, name);
    if (entry == NULL) {
        *ret_existed = false;
        return ENGINE_OK;
    }
    struct bytes gone;
    bytes_init(&gone, PATH_SIZE_MAX);
    collection_discard(entry->collection);
    entry->collection = NULL;
    enum engine_code code = registry_debt_end(registry, entry->path, reterr);
    if (code == ENGINE_OK)
        code = registry_set_aside(entry->path, &gone, reterr);
    if (code != ENGINE_OK) {
        revive(registry, entry);
        goto out;
    }
    code = folder_sync_parent(gone.data, reterr);
    if (code == ENGINE_OK)
        code = collection_destroy(gone.data, reterr);
    registry_alias_forget(registry, name);
    pthread_mutex_lock(&registry->lock);
    registry_entry_remove(registry, entry);
    pthread_mutex_unlock(&registry->lock);
    registry_entry_free(entry);
    if (code == ENGINE_OK)
        *ret_existed = true;
out:
    bytes_release(&gone);
    return code;
}

/* By its own name or an alias; NULL: there is none that anybody may see.
 * Caller holds the lock. */
static struct entry *
lookup(const struct registry *registry, struct span name)
{
    const struct span *target = aliases_find(&registry->aliases, name);
    size_t at;
    if (!registry_entry_find(registry, target == NULL ? name : *target, &at))
        return NULL;
    struct entry *entry = registry->entries[at];
    return is_there(entry) ? entry : NULL;
}

enum engine_code
registry_acquire(struct registry *registry, struct span name,
                 struct collection **ret_collection, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    pthread_mutex_lock(&registry->lock);
    struct entry *entry = lookup(registry, name);
    if (entry != NULL && entry->collection != NULL) {
        entry->users++;
        *ret_collection = entry->collection;
    } else if (entry != NULL) {
        code = registry_damage_error(entry, ENGINE_ECORRUPT, reterr);
    } else {
        code = error_set(reterr, ENGINE_ENOTFOUND,
                         "Collection `%.*s` doesn't exist!",
                         name.size < 256 ? (int)name.size : 256, name.data);
    }
    pthread_mutex_unlock(&registry->lock);
    return code;
}

/* The entry of a collection that has users. Caller holds the lock. */
static struct entry *
entry_of(const struct registry *registry, const struct collection *collection)
{
    size_t at;
    struct entry *entry = registry->retired;
    if (registry_entry_find(registry, collection_name(collection), &at) &&
        registry->entries[at]->collection == collection)
        return registry->entries[at];
    while (entry != NULL && entry->collection != collection)
        entry = entry->next_retired;
    assert(entry != NULL);
    return entry;
}

void
registry_release(struct registry *registry, struct collection *collection)
{
    pthread_mutex_lock(&registry->lock);
    struct entry *entry = entry_of(registry, collection);
    assert(entry->users > 0);
    if (--entry->users == 0 && entry->state == ENTRY_DELETING)
        pthread_cond_broadcast(&registry->changed);
    pthread_mutex_unlock(&registry->lock);
}

enum engine_code
registry_patch(struct registry *registry, struct span name, yyjson_val *body,
               struct error *reterr)
{
    struct collection *collection;
    enum engine_code code =
        registry_acquire(registry, name, &collection, reterr);
    if (code != ENGINE_OK)
        return code;
    code = collection_patch(collection, body, reterr);
    registry_release(registry, collection);
    return code;
}

bool
registry_exists(struct registry *registry, struct span name)
{
    pthread_mutex_lock(&registry->lock);
    bool exists = lookup(registry, name) != NULL;
    pthread_mutex_unlock(&registry->lock);
    return exists;
}

enum engine_code
registry_list(struct registry *registry, struct arena *arena,
              const struct span **ret_names, size_t *ret_count,
              struct error *reterr)
{
    pthread_mutex_lock(&registry->lock);
    struct span *names =
        arena_calloc(arena, registry->entries_count + 1, sizeof(*names));
    size_t count = 0;
    for (size_t i = 0; names != NULL && i < registry->entries_count; i++) {
        const struct entry *entry = registry->entries[i];
        if (!is_there(entry))
            continue;
        names[count].data = arena_strndup(arena, entry->name, entry->name_size);
        names[count++].size = entry->name_size;
    }
    pthread_mutex_unlock(&registry->lock);
    if (arena_failed(arena))
        return error_memory(reterr);
    *ret_names = names;
    *ret_count = count;
    return ENGINE_OK;
}

enum engine_code
registry_damaged(struct registry *registry, struct arena *arena,
                 const struct damaged **ret_damaged, size_t *ret_count,
                 struct error *reterr)
{
    size_t count = 0;
    pthread_mutex_lock(&registry->lock);
    struct damaged *list =
        arena_calloc(arena, registry->entries_count + 1, sizeof(*list));
    for (size_t i = 0; list != NULL && i < registry->entries_count; i++) {
        const struct entry *entry = registry->entries[i];
        if (entry->state != ENTRY_DAMAGED)
            continue;
        list[count++] = (struct damaged){
            .name = { arena_strndup(arena, entry->name, entry->name_size),
                      entry->name_size },
            .folder = arena_strndup(arena, entry->path, strlen(entry->path)),
            .cause = arena_strndup(arena, entry->damage, strlen(entry->damage)),
        };
    }
    pthread_mutex_unlock(&registry->lock);
    if (arena_failed(arena))
        return error_memory(reterr);
    *ret_damaged = list;
    *ret_count = count;
    return ENGINE_OK;
}
