/* SPDX-License-Identifier: Apache-2.0
 * One field's index: its values in the structure of its kind, and sets of
 * slots by state, which make every answer exact on fields of mixed types.
 * For each slot in the index, over the elements at the path:
 *   PRESENT   one of the index's kind (numbers of any form for FLOAT)
 *   OWN       one that match conditions of the kind compare with
 *   OTHER     one that is neither null nor OWN
 *   MULTI     two or more different OWN
 *   FILLED    is_empty is false   NULL_WHOLE, NULL_ANY  is_null, both kinds */
#include "engine/filter/payload_index.h"

#include "base/arena.h"
#include "engine/filter/eval.h"
#include "engine/filter/keyword_index.h"
#include "engine/filter/number_index.h"
#include "engine/filter/path.h"

#include <assert.h>
#include <stdlib.h>

#define PATH_ARENA_SIZE_MAX ((size_t)64 << 10)

enum state {
    STATE_PRESENT,
    STATE_OWN,
    STATE_OTHER,
    STATE_MULTI,
    STATE_FILLED,
    STATE_NULL_WHOLE,
    STATE_NULL_ANY,
    STATE_COUNT
};

struct payload_index {
    struct arena arena; /* of the path */
    struct payload_path path;
    enum payload_index_kind kind;
    struct slot_set *states[STATE_COUNT];
    struct keyword_index *keywords; /* KEYWORD */
    struct number_index *numbers;   /* INTEGER, FLOAT */
    struct posting bools[2];        /* BOOL */
};

static bool
index_prepare(struct payload_index *index)
{
    for (size_t i = 0; i < STATE_COUNT; i++) {
        index->states[i] = slot_set_new();
        if (index->states[i] == NULL)
            return false;
    }
    switch (index->kind) {
    case PAYLOAD_INDEX_KEYWORD:
        index->keywords = keyword_index_new();
        return index->keywords != NULL;
    case PAYLOAD_INDEX_INTEGER:
    case PAYLOAD_INDEX_FLOAT:
        index->numbers = number_index_new();
        return index->numbers != NULL;
    case PAYLOAD_INDEX_BOOL:
        break;
    }
    return true;
}

enum engine_code
payload_index_new(const struct payload_path *path, enum payload_index_kind kind,
                  struct payload_index **ret_index, struct error *reterr)
{
    struct payload_index *index = calloc(1, sizeof(*index));
    if (index == NULL)
        return error_memory(reterr);
    index->kind = kind;
    arena_init(&index->arena, PATH_ARENA_SIZE_MAX);
    enum engine_code code =
        path_copy(path, &index->arena, &index->path, reterr);
    if (code == ENGINE_OK && !index_prepare(index))
        code = error_memory(reterr);
    if (code != ENGINE_OK) {
        payload_index_free(index);
        return code;
    }
    *ret_index = index;
    return ENGINE_OK;
}

void
payload_index_free(struct payload_index *index)
{
    if (index == NULL)
        return;
    for (size_t i = 0; i < STATE_COUNT; i++)
        slot_set_free(index->states[i]);
    keyword_index_free(index->keywords);
    number_index_free(index->numbers);
    posting_release(&index->bools[0]);
    posting_release(&index->bools[1]);
    arena_release(&index->arena);
    free(index);
}

/* ---- adding and removing ---- */

struct change {
    struct payload_index *index;
    uint32_t slot;
    uint32_t own_count; /* different OWN values so far */
    bool states[STATE_COUNT];
    enum engine_code code;
    struct error *reterr;
};

static struct number_entry
entry_of(yyjson_val *number, uint32_t slot)
{
    struct match_value value;
    if (match_value_read(number, &value)) {
        assert(value.type == MATCH_INTEGER);
        return number_entry_integer(value.integer, slot);
    }
    return number_entry_float(yyjson_get_num(number), slot);
}

static enum match_type
own_type(enum payload_index_kind kind)
{
    switch (kind) {
    case PAYLOAD_INDEX_KEYWORD:
        return MATCH_STRING;
    case PAYLOAD_INDEX_INTEGER:
    case PAYLOAD_INDEX_FLOAT:
        return MATCH_INTEGER;
    case PAYLOAD_INDEX_BOOL:
        break;
    }
    return MATCH_BOOL;
}

static enum engine_code
value_add(struct change *change, yyjson_val *element,
          const struct match_value *value, bool *ret_added)
{
    struct payload_index *index = change->index;
    switch (index->kind) {
    case PAYLOAD_INDEX_KEYWORD:
        return keyword_index_add(index->keywords, value->string, change->slot,
                                 ret_added, change->reterr);
    case PAYLOAD_INDEX_INTEGER:
    case PAYLOAD_INDEX_FLOAT:
        return number_index_add(index->numbers, entry_of(element, change->slot),
                                ret_added, change->reterr);
    case PAYLOAD_INDEX_BOOL:
        break;
    }
    return posting_add(&index->bools[value->boolean], change->slot, ret_added,
                       change->reterr);
}

static bool
visit_add(void *ctx, yyjson_val *element)
{
    struct change *change = ctx;
    const struct payload_index *index = change->index;
    if (yyjson_is_null(element))
        return true;
    struct match_value value = { .type = MATCH_STRING };
    bool is_own = match_value_read(element, &value) &&
                  value.type == own_type(index->kind);
    bool is_number = index->numbers != NULL && yyjson_is_num(element);
    change->states[is_own ? STATE_OWN : STATE_OTHER] = true;
    if (is_own || (is_number && index->kind == PAYLOAD_INDEX_FLOAT))
        change->states[STATE_PRESENT] = true;
    if (!is_own && !is_number)
        return true;
    bool is_added = false;
    change->code = value_add(change, element, &value, &is_added);
    if (change->code != ENGINE_OK)
        return false;
    if (is_own && is_added && ++change->own_count > 1)
        change->states[STATE_MULTI] = true;
    return true;
}

static bool
visit_state(void *ctx, yyjson_val *value)
{
    struct change *change = ctx;
    bool *states = change->states;
    if (yyjson_is_null(value)) {
        states[STATE_NULL_WHOLE] = states[STATE_NULL_ANY] = true;
        return true;
    }
    if (!yyjson_is_arr(value)) {
        states[STATE_FILLED] = true;
        return true;
    }
    size_t i, count;
    yyjson_val *element;
    yyjson_arr_foreach(value, i, count, element)
    {
        states[STATE_FILLED] = true;
        if (yyjson_is_null(element))
            states[STATE_NULL_ANY] = true;
    }
    return true;
}

enum engine_code
payload_index_add(struct payload_index *index, uint32_t slot,
                  yyjson_val *payload, struct error *reterr)
{
    struct change change = { .index = index, .slot = slot, .reterr = reterr };
    path_walk(&index->path, payload, visit_state, &change);
    path_walk_elements(&index->path, payload, visit_add, &change);
    if (change.code != ENGINE_OK) {
        payload_index_remove(index, slot, payload);
        return change.code;
    }
    for (size_t i = 0; i < STATE_COUNT; i++)
        if (change.states[i])
            slot_set_add(index->states[i], slot);
    return ENGINE_OK;
}

static bool
visit_remove(void *ctx, yyjson_val *element)
{
    const struct change *change = ctx;
    struct payload_index *index = change->index;
    switch (index->kind) {
    case PAYLOAD_INDEX_KEYWORD:
        if (yyjson_is_str(element))
            keyword_index_remove(index->keywords, json_span(element),
                                 change->slot);
        break;
    case PAYLOAD_INDEX_INTEGER:
    case PAYLOAD_INDEX_FLOAT:
        if (yyjson_is_num(element))
            number_index_remove(index->numbers,
                                entry_of(element, change->slot));
        break;
    case PAYLOAD_INDEX_BOOL:
        if (yyjson_is_bool(element))
            posting_remove(&index->bools[yyjson_get_bool(element)],
                           change->slot);
        break;
    }
    return true;
}

void
payload_index_remove(struct payload_index *index, uint32_t slot,
                     yyjson_val *payload)
{
    struct change change = { .index = index, .slot = slot };
    path_walk_elements(&index->path, payload, visit_remove, &change);
    for (size_t i = 0; i < STATE_COUNT; i++)
        slot_set_remove(index->states[i], slot);
}

/* ---- reports ---- */

const struct payload_path *
payload_index_path(const struct payload_index *index)
{
    return &index->path;
}

enum payload_index_kind
payload_index_kind(const struct payload_index *index)
{
    return index->kind;
}

uint64_t
payload_index_points(const struct payload_index *index)
{
    return slot_set_count(index->states[STATE_PRESENT]);
}

size_t
payload_index_memory(const struct payload_index *index)
{
    size_t size = sizeof(*index) + index->arena.used_size;
    for (size_t i = 0; i < STATE_COUNT; i++)
        size += slot_set_memory(index->states[i]);
    if (index->keywords != NULL)
        size += keyword_index_memory(index->keywords);
    if (index->numbers != NULL)
        size += number_index_memory(index->numbers);
    return size + posting_memory(&index->bools[0]) +
           posting_memory(&index->bools[1]);
}

/* ---- answers ---- */

/* set |= slots with one of the values, all of the index's own type. */
static enum engine_code
values_union(const struct payload_index *index,
             const struct match_value *values, size_t count,
             struct slot_set *set, struct error *reterr)
{
    for (size_t i = 0; i < count; i++) {
        if (index->keywords != NULL) {
            const struct posting *posting =
                keyword_index_find(index->keywords, values[i].string);
            if (posting != NULL)
                posting_or_into(posting, set);
        } else if (index->numbers != NULL) {
            enum engine_code code = number_index_integer(
                index->numbers, values[i].integer, set, reterr);
            if (code != ENGINE_OK)
                return code;
        } else {
            posting_or_into(&index->bools[values[i].boolean], set);
        }
    }
    return ENGINE_OK;
}

static bool
is_own_list(const struct payload_index *index, const struct match_value *values,
            size_t count)
{
    return count > 0 && values[0].type == own_type(index->kind);
}

/* Only elements that are not OWN can satisfy the condition. */
static enum index_answer
answer_other(const struct payload_index *index, struct slot_set *set)
{
    const struct slot_set *other = index->states[STATE_OTHER];
    slot_set_or(set, other);
    return slot_set_count(other) == 0 ? INDEX_EXACT : INDEX_SUPERSET;
}

static enum engine_code
query_any(const struct payload_index *index, const struct condition *condition,
          struct index_result *result, struct error *reterr)
{
    result->answer = INDEX_EXACT;
    if (condition->values_count == 0)
        return ENGINE_OK;
    if (is_own_list(index, condition->values, condition->values_count))
        return values_union(index, condition->values, condition->values_count,
                            result->slots, reterr);
    result->answer = answer_other(index, result->slots);
    return ENGINE_OK;
}

struct unlisted {
    const struct condition *condition;
    struct slot_set *set;
};

static bool
visit_unlisted(void *ctx, struct span text, const struct posting *posting)
{
    const struct unlisted *unlisted = ctx;
    struct match_value value = { .type = MATCH_STRING, .string = text };
    if (!match_values_contain(unlisted->condition->values,
                              unlisted->condition->values_count, &value))
        posting_or_into(posting, unlisted->set);
    return true;
}

/* Slots with an OWN value outside the list. Those without a listed value
 * surely; of the others only MULTI ones can, and if there are such, all
 * values are read. */
static enum engine_code
unlisted_union(const struct payload_index *index,
               const struct condition *condition, struct slot_set *set,
               struct error *reterr)
{
    struct slot_set *listed = slot_set_new();
    if (listed == NULL)
        return error_memory(reterr);
    enum engine_code code = values_union(
        index, condition->values, condition->values_count, listed, reterr);
    if (code != ENGINE_OK)
        goto out;
    if (slot_set_and_count(listed, index->states[STATE_MULTI]) == 0) {
        slot_set_or(set, index->states[STATE_OWN]);
        slot_set_subtract(set, listed);
    } else if (index->keywords != NULL) {
        struct unlisted unlisted = { condition, set };
        keyword_index_each(index->keywords, visit_unlisted, &unlisted);
    } else {
        assert(index->numbers != NULL);
        code = number_index_other(index->numbers, condition->values,
                                  condition->values_count, set, reterr);
    }
out:
    slot_set_free(listed);
    return code;
}

static enum engine_code
query_except(const struct payload_index *index,
             const struct condition *condition, struct index_result *result,
             struct error *reterr)
{
    const struct slot_set *other = index->states[STATE_OTHER];
    result->answer = INDEX_EXACT;
    if (is_own_list(index, condition->values, condition->values_count)) {
        enum engine_code code =
            unlisted_union(index, condition, result->slots, reterr);
        if (code != ENGINE_OK)
            return code;
    } else {
        /* OWN values are of another type than the list: they all match. */
        slot_set_or(result->slots, index->states[STATE_OWN]);
        if (condition->values_count > 0 && slot_set_count(other) > 0)
            result->answer = INDEX_SUPERSET;
    }
    slot_set_or(result->slots, other);
    return ENGINE_OK;
}

/* With `is_negated` the complement within live. */
static enum engine_code
query_state(const struct slot_set *state, bool is_negated,
            const struct slot_set *live, struct index_result *result)
{
    result->answer = INDEX_EXACT;
    slot_set_or(result->slots, is_negated ? live : state);
    if (is_negated)
        slot_set_subtract(result->slots, state);
    return ENGINE_OK;
}

static enum engine_code
query_kind(const struct payload_index *index, const struct condition *condition,
           const struct slot_set *live, struct index_result *result,
           struct error *reterr)
{
    switch (condition->kind) {
    case CONDITION_MATCH:
    case CONDITION_ANY:
        return query_any(index, condition, result, reterr);
    case CONDITION_EXCEPT:
        return query_except(index, condition, result, reterr);
    case CONDITION_RANGE:
        if (index->numbers == NULL) {
            result->answer = answer_other(index, result->slots);
            return ENGINE_OK;
        }
        result->answer = INDEX_EXACT;
        return number_index_range(index->numbers, &condition->range,
                                  result->slots, reterr);
    case CONDITION_IS_EMPTY:
        return query_state(index->states[STATE_FILLED], !condition->is_negated,
                           live, result);
    case CONDITION_IS_NULL:
        return query_state(index->states[condition->is_whole ? STATE_NULL_WHOLE
                                                             : STATE_NULL_ANY],
                           condition->is_negated, live, result);
    case CONDITION_HAS_ID:
    case CONDITION_OR:
    case CONDITION_FILTER:
    case CONDITION_NESTED:
    case CONDITION_COUNT:
    case CONDITION_DATETIME:
    case CONDITION_GEO:
    case CONDITION_TEXT:
    case CONDITION_HAS_VECTOR:
    case CONDITION_SLICE:
        break;
    }
    result->answer = INDEX_UNKNOWN;
    return ENGINE_OK;
}

enum engine_code
payload_index_query(const struct payload_index *index,
                    const struct condition *condition,
                    const struct slot_set *live,
                    struct index_result *ret_result, struct error *reterr)
{
    assert(live != NULL && ret_result != NULL);
    struct index_result result = { .slots = slot_set_new() };
    if (result.slots == NULL)
        return error_memory(reterr);
    enum engine_code code = query_kind(index, condition, live, &result, reterr);
    if (code != ENGINE_OK || result.answer == INDEX_UNKNOWN) {
        slot_set_free(result.slots);
        result.slots = NULL;
    }
    if (code == ENGINE_OK)
        *ret_result = result;
    return code;
}
