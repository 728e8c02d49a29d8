/* SPDX-License-Identifier: Apache-2.0
 * What one field's index answers. */
#include "engine/filter/payload_index_body.h"

#include "engine/filter/eval.h"
#include "engine/filter/geo_index.h"

#include <assert.h>
#include <stdlib.h>

/* set |= slots with one of the values, all of the index's own type. */
static enum engine_code
values_union(const struct payload_index *index,
             const struct match_value *values, size_t count,
             struct slot_set *set, struct error *reterr)
{
    for (size_t i = 0; i < count; i++) {
        if (payload_index_owns(index, MATCH_STRING)) {
            struct posting posting;
            if (keyword_index_find(index->keywords, values[i].string, &posting))
                posting_or_into(&posting, set);
        } else if (payload_index_is_numeric(index)) {
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
    return count > 0 && payload_index_owns(index, values[0].type);
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

struct strings {
    const struct condition *condition;
    struct slot_set *set;
};

static bool
visit_string(void *ctx, struct span text, const struct posting *posting)
{
    const struct strings *strings = ctx;
    if (string_matches(strings->condition, text))
        posting_or_into(posting, strings->set);
    return true;
}

/* A test of strings: on each string that the field holds, or on the payloads
 * of the slots that may have one. */
static enum engine_code
query_strings(const struct payload_index *index,
              const struct condition *condition, struct index_result *result)
{
    if (!payload_index_owns(index, MATCH_STRING)) {
        result->answer = answer_other(index, result->slots);
        return ENGINE_OK;
    }
    struct strings strings = { condition, result->slots };
    result->answer = INDEX_EXACT;
    keyword_index_each(index->keywords, visit_string, &strings);
    return ENGINE_OK;
}

static enum engine_code
query_datetimes(const struct payload_index *index,
                const struct condition *condition,
                const struct slot_set *within, struct index_result *result,
                struct error *reterr)
{
    const struct datetime_range *range = &condition->datetimes;
    if (index->kind != PAYLOAD_INDEX_DATETIME)
        return query_strings(index, condition, result);
    result->answer = INDEX_EXACT;
    struct number_span span = { INT64_MIN, INT64_MAX };
    if (range->has_gte)
        span.first = range->gte;
    if (range->has_gt && range->gt >= span.first) {
        if (range->gt == INT64_MAX)
            return ENGINE_OK;
        span.first = range->gt + 1;
    }
    if (range->has_lte)
        span.last = range->lte;
    if (range->has_lt && range->lt <= span.last) {
        if (range->lt == INT64_MIN)
            return ENGINE_OK;
        span.last = range->lt - 1;
    }
    return number_index_between(index->numbers, span, within, result->slots,
                                reterr);
}

static enum engine_code
query_geo(const struct payload_index *index, const struct condition *condition,
          struct index_result *result, struct error *reterr)
{
    bool is_exact = false;
    if (index->kind != PAYLOAD_INDEX_GEO) {
        result->answer = answer_other(index, result->slots);
        return ENGINE_OK;
    }
    enum engine_code code = geo_index_area(index->numbers, condition->area,
                                           result->slots, &is_exact, reterr);
    result->answer = is_exact ? INDEX_EXACT : INDEX_SUPERSET;
    return code;
}

static bool
is_of_many(const struct payload_path *path)
{
    for (size_t i = 0; i < path->steps_count; i++)
        if (path->steps[i].index == PATH_INDEX_ALL)
            return true;
    return false;
}

/* The index knows who has any element, not how many: what asks for that alone
 * is exact, what leaves out 0 is bounded. */
static enum engine_code
query_count(const struct payload_index *index,
            const struct condition *condition, const struct slot_set *live,
            struct index_result *result)
{
    const struct range *range = &condition->range;
    const struct slot_set *filled = index->states[STATE_FILLED];
    bool is_open = !range->has_lt && !range->has_lte;
    bool is_below_one =
        (range->has_lt && range->lt <= 1) || (range->has_lte && range->lte < 1);
    if (!range_holds(range, 0)) {
        slot_set_or(result->slots, filled);
        result->answer =
            is_open && range_holds(range, 1) ? INDEX_EXACT : INDEX_SUPERSET;
        return ENGINE_OK;
    }
    if (is_below_one && !is_of_many(&index->path))
        return query_state(filled, true, live, result);
    result->answer = INDEX_UNKNOWN;
    return ENGINE_OK;
}

/* The slots of a query's tokens: those in all of them, or in any. */
struct asking {
    const struct payload_index *index;
    struct slot_set *set;
    bool is_any;
    size_t count; /* tokens so far */
    struct slot_set *one;
};

static bool
visit_asked(void *ctx, struct span token)
{
    struct asking *asking = ctx;
    struct posting posting;
    bool is_known =
        keyword_index_find(asking->index->keywords, token, &posting);
    asking->count++;
    if (asking->is_any || asking->count == 1) {
        if (is_known)
            posting_or_into(&posting, asking->set);
        return asking->is_any || is_known;
    }
    slot_set_free(asking->one);
    asking->one = slot_set_new();
    if (asking->one == NULL)
        return false;
    if (is_known)
        posting_or_into(&posting, asking->one);
    slot_set_and(asking->set, asking->one);
    return slot_set_count(asking->set) > 0;
}

/* The text of a phrase's candidates decides whether its tokens follow each
 * other. */
static enum engine_code
query_tokens(const struct payload_index *index,
             const struct condition *condition, struct index_result *result,
             struct error *reterr)
{
    bool is_phrase = condition->text_match == TEXT_PHRASE;
    result->answer = INDEX_EXACT;
    if (is_phrase && !tokenizer_has_phrases(index->tokenizer))
        return ENGINE_OK;
    struct token_reader *reader = token_reader_new(index->tokenizer);
    if (reader == NULL)
        return error_memory(reterr);
    struct asking asking = { .index = index,
                             .set = result->slots,
                             .is_any = condition->text_match == TEXT_ANY };
    (void)token_reader_each(reader, condition->text, TOKENS_ASKED, visit_asked,
                            &asking);
    bool is_failed = token_reader_failed(reader) ||
                     (asking.count > 1 && !asking.is_any && asking.one == NULL);
    token_reader_free(reader);
    slot_set_free(asking.one);
    if (is_failed)
        return error_memory(reterr);
    if (is_phrase && asking.count > 1)
        result->answer = INDEX_SUPERSET;
    return ENGINE_OK;
}

static enum engine_code
query_kind(const struct payload_index *index, const struct condition *condition,
           const struct index_scope *scope, struct index_result *result,
           struct error *reterr)
{
    switch (condition->kind) {
    case CONDITION_MATCH:
    case CONDITION_ANY:
        return query_any(index, condition, result, reterr);
    case CONDITION_EXCEPT:
        return query_except(index, condition, result, reterr);
    case CONDITION_RANGE:
        if (!payload_index_is_numeric(index)) {
            result->answer = answer_other(index, result->slots);
            return ENGINE_OK;
        }
        result->answer = INDEX_EXACT;
        return number_index_range(index->numbers, &condition->range,
                                  scope->within, result->slots, reterr);
    case CONDITION_DATETIME:
        return query_datetimes(index, condition, scope->within, result, reterr);
    case CONDITION_GEO:
        return query_geo(index, condition, result, reterr);
    case CONDITION_TEXT:
        return index->kind == PAYLOAD_INDEX_TEXT &&
                       condition->text_match != TEXT_PREFIX
                   ? query_tokens(index, condition, result, reterr)
                   : query_strings(index, condition, result);
    case CONDITION_IS_EMPTY:
        return query_state(index->states[STATE_FILLED], !condition->is_negated,
                           scope->live, result);
    case CONDITION_IS_NULL:
        return query_state(index->states[condition->is_whole ? STATE_NULL_WHOLE
                                                             : STATE_NULL_ANY],
                           condition->is_negated, scope->live, result);
    case CONDITION_COUNT:
        return query_count(index, condition, scope->live, result);
    case CONDITION_HAS_ID:
    case CONDITION_OR:
    case CONDITION_FILTER:
    case CONDITION_NESTED:
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
                    const struct index_scope *scope,
                    struct index_result *ret_result, struct error *reterr)
{
    assert(scope->live != NULL && ret_result != NULL);
    struct index_result result = { .slots = slot_set_new() };
    if (result.slots == NULL)
        return error_memory(reterr);
    enum engine_code code =
        query_kind(index, condition, scope, &result, reterr);
    if (code != ENGINE_OK || result.answer == INDEX_UNKNOWN) {
        slot_set_free(result.slots);
        result.slots = NULL;
    }
    if (code == ENGINE_OK)
        *ret_result = result;
    return code;
}

bool
payload_index_is_ordered(const struct payload_index *index)
{
    return payload_index_is_numeric(index) ||
           index->kind == PAYLOAD_INDEX_DATETIME;
}

size_t
payload_index_page(const struct payload_index *index,
                   enum number_direction direction,
                   const struct number_entry *from,
                   struct number_entry *ret_entries, size_t count_max)
{
    assert(payload_index_is_ordered(index));
    return number_index_page(index->numbers, direction, from, ret_entries,
                             count_max);
}
