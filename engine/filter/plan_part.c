/* SPDX-License-Identifier: Apache-2.0
 * Single conditions to slots. Of a nested filter those conditions count that an
 * element has to satisfy by a value of its own: then some value at the path
 * through the array does, which an index of that path finds. */
#include "engine/filter/plan_part.h"

#include "engine/filter/path.h"

#include <string.h>

void
part_release(struct part *part)
{
    slot_set_free(part->slots);
    part->slots = NULL;
}

void
part_and(struct part *part, struct part *other)
{
    part->is_exact = part->is_exact && other->is_exact;
    if (part->slots == NULL) {
        part->slots = other->slots;
        other->slots = NULL;
    } else if (other->slots != NULL) {
        slot_set_and(part->slots, other->slots);
    }
    part_release(other);
}

enum engine_code
part_of_ids(const struct planner *planner, const struct condition *condition,
            struct part *ret_part)
{
    const struct plan_sources *sources = planner->sources;
    struct part part = { .slots = slot_set_new(), .is_exact = true };
    if (part.slots == NULL)
        return error_memory(planner->reterr);
    for (size_t i = 0; i < condition->ids_count; i++) {
        uint32_t slot;
        if (sources->slot_of(sources->slot_of_ctx, &condition->ids[i], &slot))
            slot_set_add(part.slots, slot);
    }
    *ret_part = part;
    return ENGINE_OK;
}

enum engine_code
part_of_vector(const struct planner *planner, const struct condition *condition,
               struct part *ret_part)
{
    const struct plan_sources *sources = planner->sources;
    *ret_part = (struct part){ 0 };
    if (sources->with_vector == NULL)
        return ENGINE_OK;
    ret_part->slots = slot_set_new();
    if (ret_part->slots == NULL)
        return error_memory(planner->reterr);
    sources->with_vector(sources->slot_of_ctx, condition->text,
                         ret_part->slots);
    ret_part->is_exact = true;
    return ENGINE_OK;
}

enum engine_code
part_of_field(const struct planner *planner, const struct condition *condition,
              struct part *ret_part)
{
    const struct plan_sources *sources = planner->sources;
    const struct index_scope scope = { sources->live, planner->within };
    *ret_part = (struct part){ 0 };
    for (size_t i = 0; i < sources->indexes_count; i++) {
        const struct payload_index *index = sources->indexes[i];
        if (!path_equal(payload_index_path(index), &condition->path))
            continue;
        struct index_result result;
        enum engine_code code = payload_index_query(index, condition, &scope,
                                                    &result, planner->reterr);
        if (code != ENGINE_OK)
            return code;
        struct part part = { result.slots, result.answer == INDEX_EXACT };
        bool was_exact = ret_part->is_exact;
        part_and(ret_part, &part);
        ret_part->is_exact = was_exact || result.answer == INDEX_EXACT;
    }
    return ENGINE_OK;
}

/* ---- nested ---- */

/* A path on its way in; steps are borrowed from filters. */
struct trail {
    struct path_step steps[FILTER_PATH_STEPS_MAX];
    size_t count;
};

/* False: too long for any index. */
static bool
trail_add(struct trail *trail, const struct payload_path *path)
{
    if (path->steps_count > FILTER_PATH_STEPS_MAX - trail->count)
        return false;
    memcpy(trail->steps + trail->count, path->steps,
           path->steps_count * sizeof(path->steps[0]));
    trail->count += path->steps_count;
    return true;
}

/* The elements of the array that is there. */
static bool
trail_enter(struct trail *trail)
{
    struct path_step *last = &trail->steps[trail->count - 1];
    if (last->index == PATH_INDEX_NONE) {
        last->index = PATH_INDEX_ALL;
        return true;
    }
    if (trail->count == FILTER_PATH_STEPS_MAX)
        return false;
    trail->steps[trail->count++] =
        (struct path_step){ .index = PATH_INDEX_ALL };
    return true;
}

static enum engine_code element_must(const struct planner *planner,
                                     const struct filter *filter,
                                     const struct trail *trail,
                                     struct part *part);

static enum engine_code
element_test(const struct planner *planner, const struct condition *condition,
             struct trail trail, struct part *part)
{
    struct condition whole = *condition;
    struct part found;
    if (!trail_add(&trail, &condition->path))
        return ENGINE_OK;
    if (condition->kind == CONDITION_NESTED)
        return trail_enter(&trail)
                   ? element_must(planner, condition->filter, &trail, part)
                   : ENGINE_OK;
    whole.path = (struct payload_path){ .steps = trail.steps,
                                        .steps_count = trail.count };
    enum engine_code code = part_of_field(planner, &whole, &found);
    if (code == ENGINE_OK)
        part_and(part, &found);
    return code;
}

/* part &= slots with an element that may satisfy the filter. */
static enum engine_code
element_must(const struct planner *planner, const struct filter *filter,
             const struct trail *trail, struct part *part)
{
    enum engine_code code = ENGINE_OK;
    for (size_t i = 0; code == ENGINE_OK && i < filter->must.count; i++) {
        const struct condition *condition = &filter->must.conditions[i];
        switch (condition->kind) {
        case CONDITION_MATCH:
        case CONDITION_ANY:
        case CONDITION_EXCEPT:
        case CONDITION_RANGE:
        case CONDITION_DATETIME:
        case CONDITION_GEO:
        case CONDITION_NESTED:
            code = element_test(planner, condition, *trail, part);
            break;
        case CONDITION_FILTER:
            code = element_must(planner, condition->filter, trail, part);
            break;
        case CONDITION_TEXT:     /* by bytes inside, by tokens in an index */
        case CONDITION_IS_EMPTY: /* of all values of the path together */
        case CONDITION_IS_NULL:
        case CONDITION_COUNT:
        case CONDITION_OR:
        case CONDITION_HAS_ID:
        case CONDITION_HAS_VECTOR:
        case CONDITION_SLICE:
            break;
        }
    }
    return code;
}

enum engine_code
part_of_nested(const struct planner *planner, const struct condition *condition,
               struct part *ret_part)
{
    struct trail trail = { .count = 0 };
    *ret_part = (struct part){ 0 };
    if (!trail_add(&trail, &condition->path) || !trail_enter(&trail))
        return ENGINE_OK;
    enum engine_code code =
        element_must(planner, condition->filter, &trail, ret_part);
    if (code != ENGINE_OK)
        part_release(ret_part);
    ret_part->is_exact = false;
    return code;
}
