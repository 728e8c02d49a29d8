/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_PLAN_H
#define ENGINE_FILTER_PLAN_H

#include "base/arena.h"
#include "engine/codec/point_id.h"
#include "engine/error.h"
#include "engine/filter/filter.h"
#include "engine/filter/payload_index.h"
#include "engine/filter/slot_set.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a filter amounts to, given the indexes: which slots to look at, what is
 * left to check on each, and how many will match. */

/* What a plan may use; all borrowed, under the owner's shared lock. */
struct plan_sources {
    struct payload_index *const *indexes;
    size_t indexes_count;
    const struct slot_set *live; /* slots in use */
    /* The slot of an id; false: no such point. For has_id. */
    bool (*slot_of)(void *ctx, const struct point_id *id, uint32_t *ret_slot);
    void *slot_of_ctx;
    /* Adds the living slots that have the vector of that name, perhaps none,
     * for has_vector; NULL: that is not known. Same ctx. */
    void (*with_vector)(void *ctx, struct span name, struct slot_set *set);
};

/* How many points match: exact when min_count == max_count. */
struct filter_estimate {
    uint64_t min_count;
    uint64_t max_count;
    uint64_t expected_count; /* min_count..max_count */
};

struct filter_plan {
    struct filter_estimate estimate;
    /* Candidates, a subset of live; owned, freed by filter_plan_release().
     * NULL: every live slot is a candidate. */
    struct slot_set *slots;
    /* What each candidate must still satisfy (filter_matches()); NULL when
     * `slots` is already the exact answer. In the plan's arena or the filter
     * itself. */
    const struct filter *residual;
};

/* Plans `filter`. `arena` holds the residual.
 * ENGINE_ENOMEM. Any thread that holds the owner's shared lock; the plan
 * describes that moment. */
enum engine_code
filter_plan_make(const struct filter *filter,
                 const struct plan_sources *sources, struct arena *arena,
                 struct filter_plan *ret_plan, struct error *reterr)
    __attribute__((warn_unused_result));

void filter_plan_release(struct filter_plan *plan);

#endif /* ENGINE_FILTER_PLAN_H */
