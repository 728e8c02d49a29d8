/* SPDX-License-Identifier: Apache-2.0
 * Collections by name. Each has a directory with a number for a name, so that
 * any collection name is possible. States of an entry:
 *   create: CREATING -> LIVE (or gone when it failed)
 *   delete: LIVE -> DELETING -> gone, once its users have left */
#include "engine/collection/registry.h"

#include "base/memory.h"
#include "engine/collection/lifecycle.h"
#include "engine/collection/name.h"
#include "engine/collection/registry_alias.h"
#include "engine/collection/registry_pool.h"
#include "engine/segment/search.h"
#include "engine/storage/folder.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE_MAX 4096

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

/* It is served, or (with another `code`) gone. */
static void
end_opening(struct registry *registry, struct entry *entry,
            struct collection *collection, enum engine_code code)
{
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
    end_opening(registry, entry, collection, code);
    return code;
}

/* What could not be deleted is opened again: it must not come back by itself
 * at the next start. */
static void
revive(struct registry *registry, struct entry *entry)
{
    struct collection_options options = registry_entry_options(entry);
    struct collection *collection = NULL;
    if (entry->damage == NULL) {
        enum engine_code code = collection_open(&options, &collection, NULL);
        end_opening(registry, entry, collection, code);
        return;
    }
    pthread_mutex_lock(&registry->lock);
    entry->state = ENTRY_DAMAGED;
    pthread_cond_broadcast(&registry->changed);
    pthread_mutex_unlock(&registry->lock);
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
    if (registry->options.forget != NULL)
        registry->options.forget(registry->options.forget_ctx, name);
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
