/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_COLLECTION_H
#define ENGINE_COLLECTION_COLLECTION_H

#include "base/arena.h"
#include "engine/collection/command.h"
#include "engine/collection/config.h"
#include "engine/error.h"

/* One open collection. Handles come from registry_acquire() and are given back
 * by registry_release(). Every function may be called by any thread at any
 * time; calls on one collection run concurrently (readers with readers and
 * with the writer; writes take turns inside). */
struct collection;
struct segment_memory; /* engine/segment/memory.h */

/* Its own name, also when it was asked for by an alias. Valid as long as the
 * handle. */
struct span collection_name(const struct collection *collection);

/* Applies one update: durable (WAL) before it returns; with options->wait also
 * synced to disk and visible to searches. On failure nothing of it was
 * applied, except where Qdrant's rules say otherwise (ids that are missing).
 * ENGINE_EINPUT wrong dimension or vector name, ENGINE_ENOTFOUND missing point
 * ENGINE_ENOSPACE disk full (the data stays as it was, reads go on). */
enum engine_code
collection_update(struct collection *collection, const struct update *update,
                  const struct update_options *options,
                  struct update_result *ret_result, struct error *reterr)
    __attribute__((warn_unused_result));

/* Nearest points, best first. Results live in `arena`. */
enum engine_code
collection_search(struct collection *collection,
                  const struct search_command *command, struct arena *arena,
                  struct records *ret_records, struct error *reterr)
    __attribute__((warn_unused_result));

/* The vectors `name` of points here, for a query elsewhere: into `vector` of
 * each example, whose `by_id` stays. ENGINE_EINPUT  no such vector.
 * ENGINE_ENOTFOUND  a point or its vector. */
struct query_example; /* query.h */
enum engine_code
collection_lookup(struct collection *collection, struct span name,
                  struct query_example *const *examples, size_t count,
                  struct arena *arena, struct error *reterr)
    __attribute__((warn_unused_result));

/* Points by ascending id. */
enum engine_code
collection_scroll(struct collection *collection,
                  const struct scroll_command *command, struct arena *arena,
                  struct records *ret_records, struct error *reterr)
    __attribute__((warn_unused_result));

/* Points by id, in the order asked; missing ones are left out. */
enum engine_code
collection_retrieve(struct collection *collection,
                    const struct retrieve_command *command, struct arena *arena,
                    struct records *ret_records, struct error *reterr)
    __attribute__((warn_unused_result));

enum engine_code collection_count(struct collection *collection,
                                  const struct count_command *command,
                                  uint64_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

/* Whether a read might wait now, for a change of the configuration that is
 * being saved: then it is nothing for a loop that others share. */
bool collection_is_busy(struct collection *collection);

/* A rough cost of this search in nanoseconds, so that wire can decide whether
 * it runs on the loop (cheap) or on the executor. Never fails. */
uint64_t collection_search_cost_ns(struct collection *collection,
                                   const struct search_command *command);

/* How many numbers the selected vectors of one point have together. Names that
 * are not there count nothing. */
size_t collection_selected_dims(const struct collection *collection,
                                const struct vector_selection *selection);

enum collection_status {
    COLLECTION_GREEN,  /* everything is linked into its graph */
    COLLECTION_YELLOW, /* linking runs, or an index is made; searches are
                          complete all the same */
    COLLECTION_RED     /* a background step failed: see status_text */
};

struct payload_index_info {
    struct span field;
    enum payload_schema schema;
    struct span schema_json; /* size 0: only the type was given */
    uint64_t points;         /* with an indexed value, so far */
};

struct collection_info {
    enum collection_status status;
    struct span status_text; /* cause of red */
    uint64_t points_count;
    uint64_t vectors_count;
    uint64_t indexed_vectors_count;
    uint64_t segments_count;
    const struct collection_config *config; /* copied into the arena */
    const struct payload_index_info *indexes;
    size_t indexes_count;
};

enum engine_code
collection_info(struct collection *collection, struct arena *arena,
                struct collection_info *ret_info, struct error *reterr)
    __attribute__((warn_unused_result));

/* What changes all the time of that, without the rest: for a scrape of many
 * collections. `vectors` are in the arena. ENGINE_ENOMEM */
struct collection_vector_counts {
    struct span name; /* valid as long as the handle */
    uint64_t count, indexed_count, waiting_count;
};
struct collection_counts {
    uint64_t points_count;
    uint32_t builds_count; /* payload indexes that are being made */
    const struct collection_vector_counts *vectors;
    size_t vectors_count;
};
enum engine_code
collection_counts(struct collection *collection, struct arena *arena,
                  struct collection_counts *ret_counts, struct error *reterr)
    __attribute__((warn_unused_result));

/* What it takes of memory and disk. ENGINE_ENOMEM */
enum engine_code
collection_memory(struct collection *collection, struct arena *arena,
                  struct segment_memory *ret_memory, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_COLLECTION_H */
