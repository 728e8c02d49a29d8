/* SPDX-License-Identifier: Apache-2.0
 * Opens the collections of the storage directory, in parallel, each into the
 * table: as itself, or as a damaged one that is named and left alone. */
#include "engine/collection/registry_load.h"

#include "engine/collection/command.h"
#include "engine/collection/definition.h"
#include "engine/collection/lifecycle.h"
#include "engine/collection/registry_pool.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOAD_THREADS_MAX 16
#define NAME_ARENA_SIZE  ((size_t)1 << 20)

/* Shared by the threads. */
struct load {
    struct registry *registry;
    const uint64_t *numbers;
    size_t count;
    atomic_size_t next;
    atomic_size_t done;
    pthread_mutex_t lock; /* code and error: the first failure */
    enum engine_code code;
    struct error error;
};

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
load_damaged(struct registry *registry, struct entry *entry,
             struct error *reterr)
{
    entry->state = ENTRY_DAMAGED;
    entry->damage = strdup(reterr->text);
    enum engine_code code = entry->damage == NULL
                                ? error_memory(reterr)
                                : insert_damaged(registry, entry, reterr);
    if (code != ENGINE_OK)
        registry_entry_free(entry);
    return code;
}

static uint64_t
folder_number(const struct entry *entry)
{
    return strtoull(strrchr(entry->path, '/') + 1, NULL, 10);
}

/* Of two folders of one name the one that was made last is served, whichever is
 * loaded first: it may have replaced the other, and its marker cannot be read.
 * Returns the one that stood there, which is the caller's; NULL: it stays. */
static struct entry *
outrank(struct registry *registry, struct entry *entry)
{
    size_t at;
    struct entry *other = NULL;
    struct span name = { entry->name, entry->name_size };
    pthread_mutex_lock(&registry->lock);
    if (registry_entry_find(registry, name, &at) &&
        folder_number(registry->entries[at]) < folder_number(entry)) {
        other = registry->entries[at];
        assert(other->users == 0); /* nothing is served before the load ends */
        registry->entries[at] = entry;
    }
    pthread_mutex_unlock(&registry->lock);
    return other;
}

/* An opened one; closed again when it does not come in. ret_other: it has the
 * place of this one, `reterr` says so. */
static enum engine_code
load_live(struct registry *registry, struct entry *entry,
          struct entry **ret_other, struct error *reterr)
{
    enum engine_code code = registry_entry_set_name(
        entry, collection_name(entry->collection), reterr);
    entry->state = ENTRY_LIVE;
    if (code == ENGINE_OK)
        code = insert(registry, entry, reterr);
    *ret_other = code == ENGINE_ECORRUPT ? outrank(registry, entry) : NULL;
    if (*ret_other != NULL)
        return ENGINE_OK;
    if (code != ENGINE_OK) {
        collection_discard(entry->collection);
        entry->collection = NULL;
    }
    return code;
}

/* One that lost its place. */
static enum engine_code
load_outranked(struct registry *registry, struct entry *entry,
               struct error *reterr)
{
    collection_discard(entry->collection);
    entry->collection = NULL;
    if (entry->damage != NULL)
        error_set(reterr, ENGINE_ECORRUPT, "%s", entry->damage);
    free(entry->damage);
    entry->damage = NULL;
    return load_damaged(registry, entry, reterr);
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
        registry_report(registry, "",
                        "removing a collection whose creation was interrupted");
        /* What cannot be removed today holds nothing and hurts nobody. */
        if (collection_destroy(entry->path, reterr) != ENGINE_OK)
            registry_report(registry, "", reterr->text);
        registry_entry_free(entry);
        return ENGINE_OK;
    }
    struct entry *other = NULL;
    /* A copy: the entry's may go when another thread outranks it. */
    char name[COMMAND_NAME_SIZE_MAX + 1] = "";
    if (code == ENGINE_OK) {
        struct span own = collection_name(entry->collection);
        snprintf(name, sizeof(name), "%.*s", (int)own.size, own.data);
        code = load_live(registry, entry, &other, reterr);
    }
    if (is_damage(code))
        return load_damaged(registry, entry, reterr);
    if (code != ENGINE_OK) {
        registry_entry_free(entry);
        return code;
    }
    char text[64];
    snprintf(text, sizeof(text), "loaded, %zu of %zu",
             atomic_fetch_add(&load->done, 1) + 1, load->count);
    registry_report(registry, name, text);
    return other == NULL ? ENGINE_OK : load_outranked(registry, other, reterr);
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

static void
run_threads(struct load *load)
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
}

enum engine_code
registry_load_all(struct registry *registry, const uint64_t *numbers,
                  size_t count, struct error *reterr)
{
    struct load load = { .registry = registry,
                         .numbers = numbers,
                         .count = count };
    pthread_mutex_init(&load.lock, NULL);
    run_threads(&load);
    pthread_mutex_destroy(&load.lock);
    if (load.code != ENGINE_OK && reterr != NULL)
        *reterr = load.error;
    return load.code;
}
