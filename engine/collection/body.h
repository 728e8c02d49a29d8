/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_BODY_H
#define ENGINE_COLLECTION_BODY_H

#include "engine/collection/lifecycle.h"
#include "engine/collection/optimizations.h"
#include "engine/segment/segment.h"

#include <pthread.h>
#include <stdatomic.h>

/* What a collection is made of: for collection.c, apply.c and search.c. */
struct collection {
    char *path;
    char *name;
    size_t name_size;
    struct collection_options options;
    struct segment *segment; /* the one shard; never changes */
    /* By `config_lock`. */
    pthread_mutex_t config_lock;
    struct arena config_arena;
    struct collection_config config;
    _Atomic uint64_t flush_interval_ms;
    /* Strict mode: `strict` is NULL when it is off; by `strict_lock`, which is
     * held for a look. */
    _Atomic bool is_strict;
    pthread_mutex_t strict_lock;
    struct strict_limits *strict;
    /* Background: when it was done last, and whether there is need. The flags
     * are set after a change and cleared before the work for it. */
    pthread_mutex_t upkeep_lock; /* one thread syncs and checkpoints */
    _Atomic uint64_t synced_ms;
    _Atomic uint64_t saved_ms;
    _Atomic uint64_t changed_ms; /* last update, or when it was opened */
    _Atomic bool needs_sync;
    _Atomic bool needs_save;
    struct optimizations optimizations;
    /* By `upkeep_lock`: size 0 when the last upkeep went well. */
    struct error upkeep_failure;
    bool has_failed_upkeep;
};

/* An empty collection closes its files when nothing changed for so long. */
#define COLLECTION_REST_MS 3000

/* Points that one piece of background work links. */
#define COLLECTION_WORK_POINTS 64

uint64_t collection_now_ms(void);

/* Notes in `optimizations` what waits now. */
void collection_see_work(struct collection *collection);

/* Of one configuration, at most; it is kept as text, too. */
#define COLLECTION_CONFIG_SIZE ((size_t)64 << 20)

/* What the segment needs to know of each vector, in `arena`; NULL: no
 * memory. */
struct segment_vector_options *
collection_vector_options(const struct collection_config *config,
                          struct arena *arena)
    __attribute__((warn_unused_result));

/* UPDATE_CREATE_VECTOR and UPDATE_DELETE_VECTOR; *ret_sequence 0: nothing
 * changed. Errors of config_vector.h and of the segment's. */
enum engine_code collection_change_names(struct collection *collection,
                                         const struct update *update,
                                         uint64_t *ret_sequence,
                                         struct error *reterr)
    __attribute__((warn_unused_result));

/* To the report of the options. */
void collection_say(const struct collection *collection, const char *text);

#endif /* ENGINE_COLLECTION_BODY_H */
