/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_GROUPS_FOUND_H
#define ENGINE_COLLECTION_GROUPS_FOUND_H

#include "engine/codec/json_reader.h"
#include "engine/collection/groups.h"

/* What the runs of a query with groups have found: one list of entries, a point
 * and one of its values, in the order found, which is from best to worst. The
 * groups are its runs of equal values. One thread. */

struct groups_entry {
    struct group_key key;
    size_t place; /* in `seen` */
    size_t sequence;
};

/* One group: entries[begin..end), best first. */
struct groups_run {
    size_t begin, end;
    size_t sequence; /* of its best entry */
};

struct groups_found {
    struct arena *arena;
    const struct payload_path *key;
    struct json_reader *json;
    struct record *seen; /* every point that was found */
    size_t seen_count, seen_room;
    struct groups_entry *entries; /* by key once groups_sort() was called */
    size_t entries_count, entries_room;
    size_t sequence;         /* of the next one */
    struct groups_run *runs; /* best first */
    size_t runs_count;
    bool is_failed; /* no memory */
};

/* Takes points, with the payload at the key, that are worse than those before.
 * ENGINE_ENOMEM */
enum engine_code groups_take(struct groups_found *found,
                             const struct records *records,
                             struct error *reterr)
    __attribute__((warn_unused_result));

/* Makes `runs`. ENGINE_ENOMEM */
enum engine_code groups_sort(struct groups_found *found, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_GROUPS_FOUND_H */
