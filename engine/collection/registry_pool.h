/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_REGISTRY_POOL_H
#define ENGINE_COLLECTION_REGISTRY_POOL_H

#include "engine/collection/aliases.h"
#include "engine/collection/lifecycle.h"
#include "engine/collection/registry.h"
#include "engine/collection/registry_marker.h"

#include <pthread.h>

/* Inside of the registry: its table of collections and the background threads
 * that give each of them time.
 * Lock order: a collection may call wake() with its own locks held, so no
 * collection_*() function is ever called with `lock` held. */

enum entry_state {
    ENTRY_CREATING, /* reserves the name */
    ENTRY_LIVE,
    ENTRY_DAMAGED,  /* could not be opened; `damage` says why */
    ENTRY_CHANGING, /* as before, while another is put in its place */
    ENTRY_DELETING  /* no new users; the last one wakes the deleter */
};

struct entry {
    struct registry *registry;
    struct collection *collection; /* NULL while creating, or damaged */
    char *damage;                  /* NULL: none */
    char *name;
    size_t name_size;
    char *path;
    enum entry_state state;
    uint32_t users;
    uint64_t due_ms; /* when collection_work() wants a call; UINT64_MAX never */
    uint64_t wakes;
    struct entry *next_retired;
    /* What it replaced stays: it may not be durable on the disk that it did. */
    bool keeps_debt;
    uint64_t debt_due_ms; /* when that is tried again; UINT64_MAX: not now */
};

struct registry {
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t changed;
    struct entry **entries; /* by name */
    size_t entries_count;
    size_t entries_room;
    size_t next_work; /* round robin */
    /* Replaced ones that still have users; not in the table. */
    struct entry *retired;
    bool may_have_debts; /* an entry that keeps one may be there */
    struct aliases aliases;
    struct aliases aliases_next; /* being saved: its names are taken, too */
    bool is_stopping;
    /* Held by who changes aliases, from begin to end; before `lock`. */
    pthread_mutex_t alias_lock;
    bool has_stale_aliases; /* the file differs; by alias_lock */
    /* Held by who puts a restored collection into the table; before `lock`. */
    pthread_mutex_t restore_lock;
    /* Immutable after registry_open(). */
    struct registry_options options;
    char *path;
    int lock_fd;
    pthread_t *threads;
    uint32_t threads_count;
    uint64_t next_number; /* of directories; guarded by lock */
};

/* The table (registry_table.c). entry_new() gives the entry
 * of directory `number`, without a name; NULL when memory is out.
 * entry_insert() needs the lock (or a registry that nobody else knows yet) and
 * takes the entry on success. */
struct entry *registry_entry_new(struct registry *registry, uint64_t number);
void registry_entry_free(struct entry *entry);
enum engine_code registry_entry_set_name(struct entry *entry, struct span name,
                                         struct error *reterr)
    __attribute__((warn_unused_result));
enum engine_code registry_entry_insert(struct registry *registry,
                                       struct entry *entry,
                                       struct error *reterr)
    __attribute__((warn_unused_result));

/* Index of the entry of that name in ret_at, or where it would stand. Caller
 * holds the lock. */
bool registry_entry_find(const struct registry *registry, struct span name,
                         size_t *ret_at);

/* Takes it out of the table. Caller holds the lock. */
void registry_entry_remove(struct registry *registry, struct entry *entry);

/* Waits for a change of the table. Whoever waits here computes nothing: the
 * executor may run another task meanwhile, else a few that wait for one long
 * search would hold up everybody. Caller holds the lock. */
void registry_wait(struct registry *registry);

/* A folder that was being restored when the process ended (registry_restore.c):
 * finishes what was decided, removes what was not. Other folders stay as they
 * are. At the start only. False: the folder that it replaced could not be taken
 * away, and must not be served. */
bool registry_restore_settle(struct registry *registry, const char *folder);

/* The folder (its last name) that `folder` replaced and that may still be there;
 * empty: there is none. ENGINE_ECORRUPT, ENGINE_EINTERNAL, ENGINE_ENOMEM */
enum engine_code registry_debt_find(const char *folder,
                                    char name[REGISTRY_FOLDER_SIZE],
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* Takes it away, so that no start serves it; before `folder`, which has the
 * marker, may go itself. On failure the marker stays. ENGINE_ECORRUPT  a marker
 * is damaged; what others named is gone. */
enum engine_code registry_debt_pay(const char *folder, struct error *reterr)
    __attribute__((warn_unused_result));

/* The same before `folder` is deleted: a damaged marker is reported, and keeps
 * nobody from it. */
enum engine_code registry_debt_end(const struct registry *registry,
                                   const char *folder, struct error *reterr)
    __attribute__((warn_unused_result));

/* Makes it durable on the disk that the entry was restored, and then takes away
 * what it replaced (registry_swap.c). Caller holds the lock, which is released
 * meanwhile. */
void registry_debt_retry(struct registry *registry, struct entry *entry);

/* Renaming is what deletes: it works on a full disk, and what is left behind by
 * a crash is removed at the next start. `gone`: the new name, appended. On
 * failure nothing was renamed. */
enum engine_code registry_set_aside(const char *folder, struct bytes *gone,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* Whether the name is a collection's, also of one that is being made. Caller
 * holds the lock. */
bool registry_entry_exists(const struct registry *registry, struct span name);

/* Tells the options' report, if there is one; `collection` may be empty. */
void registry_report(const struct registry *registry, const char *collection,
                     const char *text);

/* Starts and joins the background threads. */
enum engine_code registry_pool_start(struct registry *registry,
                                     struct error *reterr)
    __attribute__((warn_unused_result));
void registry_pool_stop(struct registry *registry);

/* collection_options.wake of every collection; ctx is its entry. */
void registry_pool_wake(void *ctx);

/* What calls of a damaged collection are told. */
enum engine_code registry_damage_error(const struct entry *entry,
                                       enum engine_code code,
                                       struct error *reterr);

struct collection_options registry_entry_options(struct entry *entry);

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t registry_now_ms(void);

#endif /* ENGINE_COLLECTION_REGISTRY_POOL_H */
