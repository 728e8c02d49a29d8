/* SPDX-License-Identifier: Apache-2.0
 * From a filter to slots. Each part of a filter yields a set that contains
 * every match (NULL: nothing is known, all live slots) and whether it is
 * exact. Clauses combine parts: AND intersects, OR unites (one part without a
 * set spoils the union), NOT subtracts exact parts only. What is not exact
 * stays in the residual and is checked on each candidate.
 * Recursion follows the filter's nesting: FILTER_DEPTH_MAX. */
#include "engine/filter/plan.h"

#include "engine/filter/plan_part.h"

#include <assert.h>
#include <stdlib.h>

/* min_should over more conditions is not counted, only bounded. */
#define COUNTED_CONDITIONS_MAX 64

static enum engine_code plan_filter(const struct planner *planner,
                                    const struct filter *filter,
                                    struct part *ret_part);
static enum engine_code plan_condition(const struct planner *planner,
                                       const struct condition *condition,
                                       struct part *ret_part);

/* Whether nothing can match, so that no further condition matters. */
static bool
part_is_nothing(const struct part *part)
{
    return part->slots != NULL && slot_set_count(part->slots) == 0;
}

/* The union of the parts. */
static enum engine_code
plan_any(const struct planner *planner, const struct clause *clause,
         struct part *ret_part)
{
    struct part all = { .slots = slot_set_new(), .is_exact = true };
    enum engine_code code =
        all.slots == NULL ? error_memory(planner->reterr) : ENGINE_OK;
    for (size_t i = 0; i < clause->count && code == ENGINE_OK; i++) {
        struct part part;
        code = plan_condition(planner, &clause->conditions[i], &part);
        if (code != ENGINE_OK)
            break;
        all.is_exact = all.is_exact && part.is_exact;
        bool is_everything = part.slots == NULL;
        if (!is_everything)
            slot_set_or(all.slots, part.slots);
        part_release(&part);
        if (is_everything) {
            /* Exact only if that part is all live slots by proof. */
            all.is_exact = part.is_exact;
            part_release(&all);
            break;
        }
    }
    if (code != ENGINE_OK)
        part_release(&all);
    else
        *ret_part = all;
    return code;
}

/* Moves `slots` into levels[]: levels[k] are the slots in more than k sets. */
static enum engine_code
levels_add(const struct planner *planner, struct slot_set **levels,
           size_t levels_count, struct part *part)
{
    for (size_t k = levels_count; k-- > 0;) {
        struct slot_set *both =
            slot_set_copy(k == 0 ? part->slots : levels[k - 1]);
        if (both == NULL)
            return error_memory(planner->reterr);
        if (k > 0)
            slot_set_and(both, part->slots);
        slot_set_or(levels[k], both);
        slot_set_free(both);
    }
    return ENGINE_OK;
}

static enum engine_code
part_fill(const struct planner *planner, struct part *part)
{
    if (part->slots == NULL)
        part->slots = slot_set_copy(planner->sources->live);
    return part->slots == NULL ? error_memory(planner->reterr) : ENGINE_OK;
}

static enum engine_code
plan_min_counted(const struct planner *planner, const struct filter *filter,
                 struct part *ret_part)
{
    size_t levels_count = filter->min_should_count;
    struct slot_set *levels[COUNTED_CONDITIONS_MAX] = { NULL };
    bool is_exact = true;
    enum engine_code code = ENGINE_OK;
    assert(levels_count > 0 && levels_count <= COUNTED_CONDITIONS_MAX);
    for (size_t k = 0; k < levels_count && code == ENGINE_OK; k++) {
        levels[k] = slot_set_new();
        if (levels[k] == NULL)
            code = error_memory(planner->reterr);
    }
    for (size_t i = 0; i < filter->min_should.count && code == ENGINE_OK; i++) {
        struct part part;
        code =
            plan_condition(planner, &filter->min_should.conditions[i], &part);
        if (code != ENGINE_OK)
            break;
        is_exact = is_exact && part.is_exact;
        code = part_fill(planner, &part);
        if (code == ENGINE_OK)
            code = levels_add(planner, levels, levels_count, &part);
        part_release(&part);
    }
    if (code == ENGINE_OK) {
        *ret_part = (struct part){ levels[levels_count - 1], is_exact };
        levels[levels_count - 1] = NULL;
    }
    for (size_t k = 0; k < levels_count; k++)
        slot_set_free(levels[k]);
    return code;
}

/* Counting supersets gives a superset; long lists are only bounded by their
 * union. */
static enum engine_code
plan_min_should(const struct planner *planner, const struct filter *filter,
                struct part *ret_part)
{
    const struct clause *clause = &filter->min_should;
    assert(filter->min_should_count > 0);
    if (filter->min_should_count == 1)
        return plan_any(planner, clause, ret_part);
    if (clause->count <= COUNTED_CONDITIONS_MAX &&
        filter->min_should_count <= clause->count)
        return plan_min_counted(planner, filter, ret_part);
    enum engine_code code = plan_any(planner, clause, ret_part);
    if (code == ENGINE_OK)
        ret_part->is_exact = part_is_nothing(ret_part);
    return code;
}

/* part -= condition, when the condition's set is exact. */
static enum engine_code
plan_not(const struct planner *planner, const struct condition *condition,
         struct part *part, bool *ret_exact)
{
    struct part unwanted;
    enum engine_code code = plan_condition(planner, condition, &unwanted);
    if (code != ENGINE_OK)
        return code;
    *ret_exact = unwanted.is_exact;
    if (!unwanted.is_exact) {
        part->is_exact = false;
        part_release(&unwanted);
        return ENGINE_OK;
    }
    code = part_fill(planner, part);
    if (code == ENGINE_OK)
        code = part_fill(planner, &unwanted);
    if (code == ENGINE_OK)
        slot_set_subtract(part->slots, unwanted.slots);
    part_release(&unwanted);
    return code;
}

static enum engine_code
plan_or(const struct planner *planner, const struct condition *condition,
        struct part *ret_part)
{
    struct clause tests = { condition->tests, condition->tests_count };
    return plan_any(planner, &tests, ret_part);
}

static enum engine_code
plan_condition(const struct planner *planner, const struct condition *condition,
               struct part *ret_part)
{
    switch (condition->kind) {
    case CONDITION_MATCH:
    case CONDITION_ANY:
    case CONDITION_EXCEPT:
    case CONDITION_RANGE:
    case CONDITION_IS_EMPTY:
    case CONDITION_IS_NULL:
    case CONDITION_DATETIME:
    case CONDITION_GEO:
    case CONDITION_TEXT:
    case CONDITION_COUNT:
        return part_of_field(planner, condition, ret_part);
    case CONDITION_HAS_ID:
        return part_of_ids(planner, condition, ret_part);
    case CONDITION_HAS_VECTOR:
        return part_of_vector(planner, condition, ret_part);
    case CONDITION_NESTED:
        return part_of_nested(planner, condition, ret_part);
    case CONDITION_OR:
        return plan_or(planner, condition, ret_part);
    case CONDITION_FILTER:
        return plan_filter(planner, condition->filter, ret_part);
    case CONDITION_SLICE:
        break;
    }
    *ret_part = (struct part){ 0 };
    return ENGINE_OK;
}

/* ---- a whole filter ---- */

/* Where what is not exact goes; NULL lists when nobody wants it. */
struct residual {
    struct condition *must;
    size_t must_count;
    struct condition *must_not;
    size_t must_not_count;
    bool has_should;
    bool has_min_should;
};

/* Those that a single look-up answers: first, so that they bound the others. */
static bool
is_looked_up(const struct condition *condition)
{
    return condition->kind == CONDITION_MATCH ||
           condition->kind == CONDITION_HAS_ID;
}

enum turn { TURN_LOOKED_UP, TURN_OTHERS };

static enum engine_code
plan_must_of(const struct planner *planner, const struct filter *filter,
             enum turn turn, struct part *part, struct residual *residual)
{
    for (size_t i = 0; i < filter->must.count; i++) {
        if (part_is_nothing(part))
            return ENGINE_OK;
        if (is_looked_up(&filter->must.conditions[i]) !=
            (turn == TURN_LOOKED_UP))
            continue;
        struct part next;
        struct planner bounded = *planner;
        if (part->slots != NULL)
            bounded.within = part->slots;
        enum engine_code code =
            plan_condition(&bounded, &filter->must.conditions[i], &next);
        if (code != ENGINE_OK)
            return code;
        if (!next.is_exact && residual->must != NULL)
            residual->must[residual->must_count++] = filter->must.conditions[i];
        part_and(part, &next);
    }
    return ENGINE_OK;
}

static enum engine_code
plan_must(const struct planner *planner, const struct filter *filter,
          struct part *part, struct residual *residual)
{
    enum engine_code code =
        plan_must_of(planner, filter, TURN_LOOKED_UP, part, residual);
    if (code == ENGINE_OK)
        code = plan_must_of(planner, filter, TURN_OTHERS, part, residual);
    return code;
}

static enum engine_code
plan_must_not(const struct planner *planner, const struct filter *filter,
              struct part *part, struct residual *residual)
{
    for (size_t i = 0; i < filter->must_not.count; i++) {
        if (part_is_nothing(part))
            return ENGINE_OK;
        bool is_exact = false;
        enum engine_code code =
            plan_not(planner, &filter->must_not.conditions[i], part, &is_exact);
        if (code != ENGINE_OK)
            return code;
        if (!is_exact && residual->must_not != NULL)
            residual->must_not[residual->must_not_count++] =
                filter->must_not.conditions[i];
    }
    return ENGINE_OK;
}

static enum engine_code
plan_shoulds(const struct planner *planner, const struct filter *filter,
             struct part *part, struct residual *residual)
{
    struct part next;
    enum engine_code code = ENGINE_OK;
    if (filter->should.count > 0 && !part_is_nothing(part)) {
        code = plan_any(planner, &filter->should, &next);
        if (code != ENGINE_OK)
            return code;
        residual->has_should = !next.is_exact;
        part_and(part, &next);
    }
    if (filter->min_should_count > 0 && !part_is_nothing(part)) {
        code = plan_min_should(planner, filter, &next);
        if (code != ENGINE_OK)
            return code;
        residual->has_min_should = !next.is_exact;
        part_and(part, &next);
    }
    return code;
}

static enum engine_code
plan_clauses(const struct planner *planner, const struct filter *filter,
             struct part *ret_part, struct residual *residual)
{
    struct part part = { .is_exact = true };
    struct planner bounded = *planner;
    enum engine_code code = plan_must(planner, filter, &part, residual);
    if (part.slots != NULL)
        bounded.within = part.slots;
    if (code == ENGINE_OK)
        code = plan_shoulds(&bounded, filter, &part, residual);
    if (code == ENGINE_OK)
        code = plan_must_not(&bounded, filter, &part, residual);
    if (code != ENGINE_OK) {
        part_release(&part);
        return code;
    }
    if (part_is_nothing(&part))
        part.is_exact = true;
    *ret_part = part;
    return ENGINE_OK;
}

static enum engine_code
plan_filter(const struct planner *planner, const struct filter *filter,
            struct part *ret_part)
{
    struct residual residual = { 0 };
    return plan_clauses(planner, filter, ret_part, &residual);
}

static enum engine_code
residual_init(struct residual *residual, const struct filter *filter,
              struct arena *arena, struct error *reterr)
{
    *residual = (struct residual){
        .must = arena_calloc(arena, filter->must.count + 1,
                             sizeof(struct condition)),
        .must_not = arena_calloc(arena, filter->must_not.count + 1,
                                 sizeof(struct condition)),
    };
    if (residual->must == NULL || residual->must_not == NULL)
        return error_memory(reterr);
    return ENGINE_OK;
}

static enum engine_code
residual_filter(const struct residual *residual, const struct filter *filter,
                struct arena *arena, const struct filter **ret_filter,
                struct error *reterr)
{
    struct filter *rest = arena_calloc(arena, 1, sizeof(*rest));
    if (rest == NULL)
        return error_memory(reterr);
    rest->must = (struct clause){ residual->must, residual->must_count };
    rest->must_not =
        (struct clause){ residual->must_not, residual->must_not_count };
    if (residual->has_should)
        rest->should = filter->should;
    if (residual->has_min_should) {
        rest->min_should = filter->min_should;
        rest->min_should_count = filter->min_should_count;
    }
    assert(!filter_is_empty(rest));
    *ret_filter = rest;
    return ENGINE_OK;
}

/* Half of what is left for a condition that is still to be checked, or the
 * share of a slice: a guess that only has to tell "few" from "many". */
static double
share_of(const struct clause *clause)
{
    double share = 1;
    for (size_t i = 0; i < clause->count; i++) {
        const struct condition *condition = &clause->conditions[i];
        share *= condition->kind == CONDITION_SLICE
                     ? 1 / (double)condition->slice.total
                     : 0.5;
    }
    return share;
}

static struct filter_estimate
estimate_of(const struct filter_plan *plan, const struct slot_set *live)
{
    uint64_t count = slot_set_count(plan->slots != NULL ? plan->slots : live);
    if (plan->residual == NULL)
        return (struct filter_estimate){ count, count, count };
    const struct filter *rest = plan->residual;
    double share = share_of(&rest->must);
    for (size_t i = 0; i < rest->must_not.count; i++) {
        struct clause one = { &rest->must_not.conditions[i], 1 };
        share *= 1 - share_of(&one);
    }
    share *= rest->should.count > 0 ? 0.5 : 1;
    share *= rest->min_should_count > 0 ? 0.5 : 1;
    return (struct filter_estimate){ 0, count,
                                     (uint64_t)((double)count * share) };
}

enum engine_code
filter_plan_make(const struct filter *filter,
                 const struct plan_sources *sources, struct arena *arena,
                 struct filter_plan *ret_plan, struct error *reterr)
{
    assert(sources->live != NULL && sources->slot_of != NULL);
    struct planner planner = { .sources = sources, .reterr = reterr };
    struct residual residual;
    struct part part;
    enum engine_code code = residual_init(&residual, filter, arena, reterr);
    if (code != ENGINE_OK)
        return code;
    code = plan_clauses(&planner, filter, &part, &residual);
    if (code != ENGINE_OK)
        return code;
    struct filter_plan plan = { .slots = part.slots };
    if (plan.slots != NULL)
        slot_set_and(plan.slots, sources->live);
    if (!part.is_exact) {
        code =
            residual_filter(&residual, filter, arena, &plan.residual, reterr);
        if (code != ENGINE_OK) {
            filter_plan_release(&plan);
            return code;
        }
    }
    plan.estimate = estimate_of(&plan, sources->live);
    *ret_plan = plan;
    return ENGINE_OK;
}

void
filter_plan_release(struct filter_plan *plan)
{
    slot_set_free(plan->slots);
    plan->slots = NULL;
}
