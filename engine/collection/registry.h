/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_REGISTRY_H
#define ENGINE_COLLECTION_REGISTRY_H

#include "base/arena.h"
#include "engine/collection/collection.h"
#include "engine/collection/config.h"
#include "engine/error.h"

/* All collections of one storage directory, by name. Any thread. */
struct registry;

struct registry_options {
    const char *storage_path;        /* created when missing */
    uint32_t background_threads;     /* graph linking; 0: one per core */
    uint64_t checkpoint_interval_ms; /* 0: only at close */
    /* Progress and trouble for the log: collection name ("" for all), text.
     * Called from any thread. NULL: silent. */
    void (*report)(void *ctx, const char *collection, const char *text);
    void *report_ctx;
    /* How long what a disk refused is left alone; 0: 30 s. */
    uint64_t retry_interval_ms;
    /* The collection of that name is gone: everybody who had it has left, and
     * nobody can make another before the call returns. From any thread; must
     * not call the registry. NULL: nobody wants to know. */
    void (*forget)(void *ctx, struct span name);
    void *forget_ctx;
};

/* Opens the directory, locks it against a second process and loads every
 * collection (in parallel where there are several). A graph checkpoint that is
 * missing or corrupted is rebuilt in the background and reported. A collection
 * that cannot be opened (damaged, or of a newer version) does not keep the
 * others from being served: see registry_damaged().
 * ENGINE_EUNAVAILABLE another process holds the directory. */
enum engine_code registry_open(const struct registry_options *options,
                               struct registry **ret_registry,
                               struct error *reterr)
    __attribute__((warn_unused_result));

/* Ends background work, writes checkpoints, closes everything. No handle may
 * be out. NULL is allowed. */
void registry_close(struct registry *registry);

/* ENGINE_EVALIDPATH bad name; ENGINE_EEXIST it exists already, maybe
 * damaged. */
enum engine_code registry_create(struct registry *registry, struct span name,
                                 const struct collection_config *config,
                                 struct error *reterr)
    __attribute__((warn_unused_result));

/* ret_existed false: there was none. Running calls finish first. Damaged ones
 * go as well. */
enum engine_code registry_delete(struct registry *registry, struct span name,
                                 bool *ret_existed, struct error *reterr)
    __attribute__((warn_unused_result));

/* Applies a PATCH body to the collection's configuration, durably. */
enum engine_code registry_patch(struct registry *registry, struct span name,
                                yyjson_val *body, struct error *reterr)
    __attribute__((warn_unused_result));

/* Takes a handle, by name or alias. ENGINE_ENOTFOUND with Qdrant's text; ENGINE_ECORRUPT it is
 * damaged: names folder and cause. */
enum engine_code registry_acquire(struct registry *registry, struct span name,
                                  struct collection **ret_collection,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

void registry_release(struct registry *registry, struct collection *collection);

/* By name or alias. */
bool registry_exists(struct registry *registry, struct span name);

/* Collections that could not be opened. Nothing in their folders is changed:
 * they can be repaired while the engine is down, or deleted. One whose name
 * cannot be read is called damaged-NUMBER after its folder. */
struct damaged {
    struct span name;
    const char *folder;
    const char *cause;
};
enum engine_code registry_damaged(struct registry *registry,
                                  struct arena *arena,
                                  const struct damaged **ret_damaged,
                                  size_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

/* Names in ascending order, in `arena`, with the damaged ones. */
enum engine_code registry_list(struct registry *registry, struct arena *arena,
                               const struct span **ret_names, size_t *ret_count,
                               struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_REGISTRY_H */
