/* SPDX-License-Identifier: Apache-2.0
 * The registry's aliases. A change is made on a copy, saved, and put in place:
 * whoever looks up meanwhile sees the old table, whoever creates a collection
 * sees the names of both. */
#include "engine/collection/registry_alias.h"

#include "engine/collection/registry_pool.h"

static enum engine_code
no_collection(struct span name, struct error *reterr)
{
    return error_set(reterr, ENGINE_ENOTFOUND,
                     "Collection `%.*s` doesn't exist!",
                     name.size < 256 ? (int)name.size : 256, name.data);
}

/* Whoever changes aliases holds `lock` for single looks only: many actions on
 * many aliases take long, and everybody needs it. */
static bool
collection_is_there(struct registry *registry, struct span name)
{
    pthread_mutex_lock(&registry->lock);
    bool exists = registry_entry_exists(registry, name);
    pthread_mutex_unlock(&registry->lock);
    return exists;
}

static enum engine_code
name_is_taken(struct span name, struct error *reterr)
{
    return error_set(reterr, ENGINE_EEXIST, "Collection `%.*s` already exists!",
                     (int)name.size, name.data);
}

static enum engine_code
create(struct registry *registry, const struct alias_action *action,
       struct aliases *table, struct error *reterr)
{
    if (!collection_is_there(registry, action->collection))
        return no_collection(action->collection, reterr);
    if (collection_is_there(registry, action->name))
        return name_is_taken(action->name, reterr);
    return aliases_put(table, action->name, action->collection, reterr);
}

static enum engine_code
rename_one(struct registry *registry, const struct alias_action *action,
           struct aliases *table, struct error *reterr)
{
    const struct span *collection = aliases_find(table, action->name);
    if (collection == NULL)
        return error_set(reterr, ENGINE_ENOTFOUND,
                         "Alias %.*s does not exists!", (int)action->name.size,
                         action->name.data);
    if (collection_is_there(registry, action->new_name))
        return name_is_taken(action->new_name, reterr);
    if (span_equal(action->name, action->new_name))
        return ENGINE_OK;
    enum engine_code code =
        aliases_put(table, action->new_name, *collection, reterr);
    if (code == ENGINE_OK)
        (void)aliases_remove(table, action->name);
    return code;
}

static enum engine_code
act(struct registry *registry, const struct alias_action *action,
    struct aliases *table, struct error *reterr)
{
    switch (action->kind) {
    case ALIAS_CREATE:
        return create(registry, action, table, reterr);
    case ALIAS_RENAME:
        return rename_one(registry, action, table, reterr);
    case ALIAS_DELETE:
        (void)aliases_remove(table, action->name);
        break;
    }
    return ENGINE_OK;
}

/* Collections may have come and gone since the actions were done on `next`.
 * From here on nobody makes one of a name that is in there. */
static enum engine_code
announce(struct registry *registry, const struct alias_action *actions,
         size_t count, const struct aliases *next, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    pthread_mutex_lock(&registry->lock);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++) {
        struct span name = actions[i].kind == ALIAS_RENAME ? actions[i].new_name
                                                           : actions[i].name;
        const struct span *collection = aliases_find(next, name);
        if (collection == NULL)
            continue;
        if (registry_entry_exists(registry, name))
            code = name_is_taken(name, reterr);
        else if (!registry_entry_exists(registry, *collection))
            code = no_collection(*collection, reterr);
    }
    if (code == ENGINE_OK)
        registry->aliases_next = *next; /* nobody else changes it */
    pthread_mutex_unlock(&registry->lock);
    return code;
}

/* Caller holds alias_lock: the table is read without `lock`. */
static enum engine_code
change(struct registry *registry, const struct alias_action *actions,
       size_t count, struct error *reterr)
{
    struct aliases next, unused;
    enum engine_code code = aliases_copy(&registry->aliases, &next, reterr);
    if (code != ENGINE_OK)
        return code;
    for (size_t i = 0; code == ENGINE_OK && i < count; i++)
        code = act(registry, &actions[i], &next, reterr);
    if (code == ENGINE_OK)
        code = announce(registry, actions, count, &next, reterr);
    if (code == ENGINE_OK) {
        code = aliases_save(&next, registry->path, reterr);
        registry->has_stale_aliases = code != ENGINE_OK;
    }
    pthread_mutex_lock(&registry->lock);
    unused = code == ENGINE_OK ? registry->aliases : next;
    if (code == ENGINE_OK)
        registry->aliases = next;
    registry->aliases_next = (struct aliases){ 0 };
    pthread_mutex_unlock(&registry->lock);
    aliases_clear(&unused);
    return code;
}

enum engine_code
registry_change_aliases(struct registry *registry,
                        const struct alias_action *actions, size_t count,
                        struct error *reterr)
{
    pthread_mutex_lock(&registry->alias_lock);
    enum engine_code code = change(registry, actions, count, reterr);
    pthread_mutex_unlock(&registry->alias_lock);
    return code;
}

static struct span
copy_text(struct arena *arena, struct span text)
{
    return (struct span){ arena_strndup(arena, text.data, text.size),
                          text.size };
}

enum engine_code
registry_aliases(struct registry *registry, const struct span *collection,
                 struct arena *arena, const struct alias **ret_aliases,
                 size_t *ret_count, struct error *reterr)
{
    pthread_mutex_lock(&registry->lock);
    const struct aliases *table = &registry->aliases;
    struct alias *list = arena_calloc(arena, table->count + 1, sizeof(*list));
    size_t count = 0;
    for (size_t i = 0; list != NULL && i < table->count; i++) {
        const struct alias *alias = &table->items[i];
        if (collection != NULL && !span_equal(alias->collection, *collection))
            continue;
        list[count++] = (struct alias){
            .name = copy_text(arena, alias->name),
            .collection = copy_text(arena, alias->collection),
        };
    }
    pthread_mutex_unlock(&registry->lock);
    if (arena_failed(arena))
        return error_memory(reterr);
    *ret_aliases = list;
    *ret_count = count;
    return ENGINE_OK;
}

bool
registry_alias_is_taken(const struct registry *registry, struct span name)
{
    return aliases_find(&registry->aliases, name) != NULL ||
           aliases_find(&registry->aliases_next, name) != NULL;
}

/* Only who holds alias_lock changes the table, so that reading it for the file
 * needs no other lock. Caller holds it. */
static enum engine_code
save_now(struct registry *registry, struct error *reterr)
{
    enum engine_code code =
        aliases_save(&registry->aliases, registry->path, reterr);
    registry->has_stale_aliases = code != ENGINE_OK;
    return code;
}

void
registry_alias_forget(struct registry *registry, struct span collection)
{
    pthread_mutex_lock(&registry->alias_lock);
    pthread_mutex_lock(&registry->lock);
    bool is_changed = aliases_remove_collection(&registry->aliases, collection);
    pthread_mutex_unlock(&registry->lock);
    if (is_changed)
        (void)!save_now(registry, NULL);
    pthread_mutex_unlock(&registry->alias_lock);
}

enum engine_code
registry_alias_settle(struct registry *registry, struct error *reterr)
{
    pthread_mutex_lock(&registry->alias_lock);
    enum engine_code code =
        registry->has_stale_aliases ? save_now(registry, reterr) : ENGINE_OK;
    pthread_mutex_unlock(&registry->alias_lock);
    return code;
}

enum engine_code
registry_alias_load(struct registry *registry, struct error *reterr)
{
    struct aliases *table = &registry->aliases;
    enum engine_code code = aliases_load(registry->path, table, reterr);
    for (size_t i = table->count; i > 0; i--) {
        const struct alias *alias = &table->items[i - 1];
        if (registry_entry_exists(registry, alias->collection) &&
            !registry_entry_exists(registry, alias->name))
            continue;
        (void)aliases_remove(table, alias->name);
        registry->has_stale_aliases = true;
    }
    return code;
}

enum engine_code
registry_aliases_path(const struct registry *registry, struct bytes *path,
                      struct error *reterr)
{
    bytes_addf(path, "%s/aliases.json", registry->path);
    return bytes_failed(path) ? error_memory(reterr) : ENGINE_OK;
}
