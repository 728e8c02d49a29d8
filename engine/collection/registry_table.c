/* SPDX-License-Identifier: Apache-2.0
 * The table of collections. Invariant: entries are sorted by name, and a name
 * stands there once. */
#include "engine/collection/registry_pool.h"

#include "base/blocking.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE_MAX 4096

bool
registry_entry_find(const struct registry *registry, struct span name,
                    size_t *ret_at)
{
    size_t low = 0, high = registry->entries_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct entry *entry = registry->entries[middle];
        int order =
            span_compare(name, (struct span){ entry->name, entry->name_size });
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

void
registry_report(const struct registry *registry, const char *collection,
                const char *text)
{
    if (registry->options.report != NULL)
        registry->options.report(registry->options.report_ctx, collection,
                                 text);
}
