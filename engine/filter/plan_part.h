/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_PLAN_PART_H
#define ENGINE_FILTER_PLAN_PART_H

#include "engine/filter/plan.h"

/* Between plan.c, which combines, and plan_part.c: what one condition amounts
 * to. */
struct part {
    struct slot_set *slots; /* owned; NULL: all live slots */
    bool is_exact;          /* no other slot matches, and each of these does */
};

struct planner {
    const struct plan_sources *sources;
    /* NULL, or what a part will be ANDed with anyway: it needs to be right
     * about these slots alone. */
    const struct slot_set *within;
    struct error *reterr;
};

void part_release(struct part *part);

/* part &= other; takes other's set. */
void part_and(struct part *part, struct part *other);

/* Of a test of one field: what its indexes say. */
enum engine_code part_of_field(const struct planner *planner,
                               const struct condition *condition,
                               struct part *ret_part)
    __attribute__((warn_unused_result));
enum engine_code part_of_ids(const struct planner *planner,
                             const struct condition *condition,
                             struct part *ret_part)
    __attribute__((warn_unused_result));
enum engine_code part_of_vector(const struct planner *planner,
                                const struct condition *condition,
                                struct part *ret_part)
    __attribute__((warn_unused_result));

/* Never exact: indexes do not know which values are of one element. */
enum engine_code part_of_nested(const struct planner *planner,
                                const struct condition *condition,
                                struct part *ret_part)
    __attribute__((warn_unused_result));

#endif /* ENGINE_FILTER_PLAN_PART_H */
