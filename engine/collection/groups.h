/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_GROUPS_H
#define ENGINE_COLLECTION_GROUPS_H

#include "engine/collection/collection.h"

/* Points of a query in groups that share a value of their payload. */

#define GROUPS_SIZE_MAX 10000 /* points of one group */

/* The value: a string, or an integer of the i64 or u64 range. */
struct group_key {
    bool is_string;
    bool is_negative;
    struct span string;
    uint64_t number; /* two's complement when negative */
};

struct groups_command {
    /* What is asked; its limit is the number of groups, its offset is 0. The
     * run changes its filter, limits and output. */
    struct search_command *search;
    struct payload_path key;
    size_t size; /* points of one group, 1..GROUPS_SIZE_MAX; the groups together
                    have COMMAND_LIMIT_MAX at most */
};

struct group {
    struct group_key key;
    const struct record *hits; /* best first */
    size_t hits_count;
    const struct record *lookup; /* NULL: none; the caller's */
};

struct groups {
    struct group *items; /* by their best hits */
    size_t count;
};

/* The best groups, each with its best points. A point with several values is
 * in several groups; one without a value that can be a key is in none. The query
 * runs again, without the groups that are full and the points that are known,
 * until the best groups are full: 5 times, and 5 times for these groups alone.
 * Errors as of collection_search(). Results live in `arena`. */
enum engine_code
collection_groups(struct collection *collection,
                  const struct groups_command *command, struct arena *arena,
                  struct groups *ret_groups, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_GROUPS_H */
