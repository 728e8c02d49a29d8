/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_QUERY_RUN_H
#define ENGINE_COLLECTION_QUERY_RUN_H

#include "base/arena.h"
#include "engine/collection/query.h"
#include "engine/segment/segment.h"

/* Whether the command is more than one search by a vector, a point or nothing:
 * a tree of stages. */
bool query_has_stages(const struct search_command *command);

/* Nanoseconds, roughly; UINT64_MAX where it may take long. */
uint64_t query_cost_ns(const struct segment_reader *reader,
                       const struct search_command *command);

/* Runs the tree, leaves first, all of it in one read of the segment. A stage
 * with prefetches merges their points (fusion, formula) or asks only for them.
 * The filters of a stage and of those above it hold for its leaves; points that
 * are examples anywhere are left out.
 * Errors of the searches, and ENGINE_EINPUT for what only the data show. */
enum engine_code query_run(struct segment_reader *reader,
                           const struct search_command *command,
                           struct arena *arena, struct records *ret_records,
                           struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_COLLECTION_QUERY_RUN_H */
