/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_PAYLOAD_FACET_H
#define ENGINE_FILTER_PAYLOAD_FACET_H

#include "engine/filter/payload_index.h"

/* How many slots hold each value of an index. */

/* Whether its values can be counted: those of KEYWORD, UUID, INTEGER, BOOL. */
bool payload_facet_has(const struct payload_index *index);

/* Called once for each value of the index's own type that has slots in
 * question, in no order; `value` and its string are valid for the call. A UUID
 * comes in one of the spellings that points have. */
typedef void (*payload_facet_visit)(void *ctx, const struct match_value *value,
                                    uint64_t count);

/* The slots in question, in two forms: a look at one is a look at its bit. */
struct facet_slots {
    const uint64_t *words; /* [words_count], a bit each */
    size_t words_count;
    const struct slot_set *set;
};

/* Counts the slots of each value, all (NULL) or those `within`. Locks as
 * payload_index_query(). ENGINE_ENOMEM */
enum engine_code payload_facet_each(const struct payload_index *index,
                                    const struct facet_slots *within,
                                    payload_facet_visit visit, void *ctx,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_FILTER_PAYLOAD_FACET_H */
