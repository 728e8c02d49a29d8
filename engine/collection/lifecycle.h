/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_LIFECYCLE_H
#define ENGINE_COLLECTION_LIFECYCLE_H

#include "engine/collection/collection.h"

/* What only the registry does with a collection: bring it up, give it
 * background time, take it down. */

struct collection_options {
    const char *path; /* its own directory; copied */
    /* Trouble and progress; copied, may be NULL. Any thread. */
    void (*report)(void *ctx, const char *collection, const char *text);
    void *report_ctx;
    /* Says that collection_work() has something to do now. Any thread, cheap,
     * takes no lock of the collection. May be NULL. */
    void (*wake)(void *ctx);
    void *wake_ctx;
    uint64_t checkpoint_interval_ms; /* 0: only at close */
    /* At the opening: ENGINE_ENOMEM instead of going past the memory limit. */
    bool must_fit;
};

/* Makes the directory and stores name and configuration, durably: after a
 * crash the collection is there whole or collection_open() says
 * ENGINE_ENOTFOUND. Both are copied.
 * ENGINE_ENOSPACE, ENGINE_EINTERNAL  nothing usable was made. */
enum engine_code
collection_create(const struct collection_options *options, struct span name,
                  const struct collection_config *config,
                  struct collection **ret_collection, struct error *reterr)
    __attribute__((warn_unused_result));

/* Loads a collection; searches are complete when it returns, linking may go on
 * in collection_work().
 * ENGINE_ENOTFOUND  its create was interrupted: destroy the directory.
 * ENGINE_ECORRUPT, ENGINE_EVERSION  as store_open(). */
enum engine_code collection_open(const struct collection_options *options,
                                 struct collection **ret_collection,
                                 struct error *reterr)
    __attribute__((warn_unused_result));

/* Lays a PATCH body over the configuration, durably. Any thread. */
enum engine_code collection_patch(struct collection *collection,
                                  yyjson_val *body, struct error *reterr)
    __attribute__((warn_unused_result));

/* Does one bounded piece (some milliseconds) of background work: links points
 * that are not in their graph yet, syncs the log when flush_interval_sec is
 * over, writes a graph checkpoint when it is due. Several threads may work on
 * one collection at once. Returns the milliseconds after which it wants to be
 * called again (0: at once, there is more; UINT64_MAX: only after wake()). */
uint64_t collection_work(struct collection *collection);

/* Ends it: no other call is running or will come. Syncs the log and writes
 * checkpoints. NULL is allowed. */
void collection_close(struct collection *collection);

/* As collection_close() without writing anything: it is to be destroyed. */
void collection_discard(struct collection *collection);

/* Removes the files of a closed or half-made collection. */
enum engine_code collection_destroy(const char *path, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_LIFECYCLE_H */
