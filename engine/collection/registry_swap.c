/* SPDX-License-Identifier: Apache-2.0
 * One collection takes the place of another:
 *   LIVE or DAMAGED -> CHANGING -> (decided on the disk) -> retired, DELETING
 *                          '-----> (failed) -> as before
 * Calls find the old one until the new one stands there; nobody waits. */
#include "engine/collection/registry_swap.h"

#include "engine/collection/lifecycle.h"
#include "engine/collection/registry_alias.h"
#include "engine/collection/registry_marker.h"
#include "engine/segment/search.h"
#include "engine/storage/folder.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define PATH_SIZE_MAX     4096
#define RETRY_INTERVAL_MS 30000

struct span
registry_own_name(struct registry *registry, struct span name, char *own)
{
    pthread_mutex_lock(&registry->lock);
    const struct span *target = aliases_find(&registry->aliases, name);
    if (target != NULL && target->size <= COMMAND_NAME_SIZE_MAX) {
        memcpy(own, target->data, target->size);
        own[target->size] = '\0';
        name = (struct span){ own, target->size };
    }
    pthread_mutex_unlock(&registry->lock);
    return name;
}

/* Finds who has the name, once it is settled, and keeps it as it is; without
 * one `fresh` reserves it. Caller holds the lock. */
static enum engine_code
take_place(struct registry *registry, struct entry *fresh,
           struct entry **ret_old, enum entry_state *ret_state,
           struct error *reterr)
{
    struct span name = { fresh->name, fresh->name_size };
    size_t at;
    while (registry_entry_find(registry, name, &at)) {
        struct entry *old = registry->entries[at];
        if (old->state == ENTRY_LIVE || old->state == ENTRY_DAMAGED) {
            *ret_state = old->state;
            old->state = ENTRY_CHANGING;
            *ret_old = old;
            return ENGINE_OK;
        }
        registry_wait(registry);
    }
    if (registry_alias_is_taken(registry, name))
        return error_set(reterr, ENGINE_EINPUT,
                         "Can't create collection with name %s. Alias with the "
                         "same name already exists",
                         fresh->name);
    fresh->state = ENTRY_CREATING;
    fresh->due_ms = UINT64_MAX;
    *ret_old = NULL;
    return registry_entry_insert(registry, fresh, reterr);
}

/* Caller holds the lock. */
static void
put_in_place(struct registry *registry, struct entry *fresh, struct entry *old)
{
    if (old != NULL) {
        size_t at;
        bool is_there = registry_entry_find(
            registry, (struct span){ fresh->name, fresh->name_size }, &at);
        assert(is_there && registry->entries[at] == old);
        registry->entries[at] = fresh;
        old->state = ENTRY_DELETING;
        old->next_retired = registry->retired;
        registry->retired = old;
    }
    fresh->state = ENTRY_LIVE;
    fresh->due_ms = 0;
    /* Until registry_retire() is done: its marker is what ends the old one, so
     * nothing may remove or replace it before. */
    fresh->users++;
    pthread_cond_broadcast(&registry->changed);
}

static enum engine_code
decide(struct entry *fresh, const struct entry *old, struct error *reterr)
{
    bool is_durable = false;
    const char *replaced = old == NULL ? "-" : strrchr(old->path, '/') + 1;
    enum engine_code code =
        registry_marker_write(fresh->path, replaced, reterr);
    if (code == ENGINE_OK)
        code = registry_marker_decide(fresh->path, &is_durable, reterr);
    fresh->keeps_debt = !is_durable;
    fresh->debt_due_ms = UINT64_MAX; /* registry_retire() */
    return code;
}

enum engine_code
registry_swap(struct registry *registry, struct entry *fresh,
              struct entry **ret_old, struct error *reterr)
{
    struct entry *old = NULL;
    enum entry_state state = ENTRY_LIVE;
    pthread_mutex_lock(&registry->restore_lock);
    enum engine_code code = registry_alias_settle(registry, reterr);
    pthread_mutex_lock(&registry->lock);
    if (code == ENGINE_OK)
        code = take_place(registry, fresh, &old, &state, reterr);
    pthread_mutex_unlock(&registry->lock);
    if (code != ENGINE_OK) {
        pthread_mutex_unlock(&registry->restore_lock);
        return code;
    }
    /* It may be another than the one that was compared before the load. */
    if (old != NULL && old->collection != NULL)
        code =
            collection_check_alike(old->collection, fresh->collection, reterr);
    if (code == ENGINE_OK)
        code = decide(fresh, old, reterr);
    pthread_mutex_lock(&registry->lock);
    if (code == ENGINE_OK) {
        put_in_place(registry, fresh, old);
    } else if (old != NULL) {
        old->state = state;
        pthread_cond_broadcast(&registry->changed);
    } else {
        registry_entry_remove(registry, fresh);
    }
    pthread_mutex_unlock(&registry->lock);
    pthread_mutex_unlock(&registry->restore_lock);
    if (code == ENGINE_OK)
        *ret_old = old;
    return code;
}

/* Caller holds the lock. */
static void
unlist(struct registry *registry, const struct entry *old)
{
    struct entry **at = &registry->retired;
    while (*at != old)
        at = &(*at)->next_retired;
    *at = old->next_retired;
}

/* Caller holds the lock. */
static void
keep_debt(struct registry *registry, struct entry *entry)
{
    uint64_t after_ms = registry->options.retry_interval_ms;
    if (after_ms == 0)
        after_ms = RETRY_INTERVAL_MS;
    entry->debt_due_ms = registry_now_ms() + after_ms;
    registry->may_have_debts = true;
}

void
registry_retire(struct registry *registry, struct entry *old,
                struct entry *fresh)
{
    if (old != NULL) {
        pthread_mutex_lock(&registry->lock);
        segment_idle_end();
        while (old->users > 0)
            registry_wait(registry);
        unlist(registry, old);
        pthread_mutex_unlock(&registry->lock);
        collection_discard(old->collection);
        registry_entry_free(old);
    }
    /* Where that fails the marker stays, and the next start tries again. */
    if (!fresh->keeps_debt)
        (void)!registry_debt_pay(fresh->path, NULL);
    else
        registry_report(registry, fresh->name,
                        "the disk refused to keep that it was restored: it is "
                        "asked again");
    pthread_mutex_lock(&registry->lock);
    if (fresh->keeps_debt)
        keep_debt(registry, fresh);
    fresh->users--;
    pthread_cond_broadcast(&registry->changed);
    pthread_mutex_unlock(&registry->lock);
}

/* Once the marker is on the disk, the rest is as in registry_retire(). */
void
registry_debt_retry(struct registry *registry, struct entry *entry)
{
    assert(entry->keeps_debt && entry->state == ENTRY_LIVE);
    entry->debt_due_ms = UINT64_MAX;
    entry->users++;
    pthread_mutex_unlock(&registry->lock);
    bool is_durable = registry_marker_renew(entry->path, NULL) == ENGINE_OK;
    if (is_durable)
        (void)!registry_debt_pay(entry->path, NULL);
    pthread_mutex_lock(&registry->lock);
    entry->keeps_debt = !is_durable;
    if (!is_durable)
        keep_debt(registry, entry);
    entry->users--;
    pthread_cond_broadcast(&registry->changed);
}
