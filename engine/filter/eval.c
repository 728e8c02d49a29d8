/* SPDX-License-Identifier: Apache-2.0
 * What each condition means, on one point's payload. A field condition holds
 * when any value at its path does; a value that is an array is entered one
 * level. is_empty looks at all values: no value, nulls and [] are empty.
 * Recursion follows the filter's own nesting: FILTER_DEPTH_MAX. */
#include "engine/filter/eval.h"

#include "engine/filter/path.h"

#include <assert.h>
#include <stdlib.h>

static int
compare_values(const void *a, const void *b)
{
    return match_value_compare(a, b);
}

static int
compare_ids(const void *a, const void *b)
{
    return point_id_compare(a, b);
}

bool
match_value_read(yyjson_val *value, struct match_value *ret_value)
{
    struct match_value read = { .type = MATCH_STRING };
    if (yyjson_is_str(value)) {
        read.string = json_span(value);
    } else if (yyjson_is_bool(value)) {
        read.type = MATCH_BOOL;
        read.boolean = unsafe_yyjson_get_bool(value);
    } else if (yyjson_is_sint(value) ||
               (yyjson_is_uint(value) &&
                unsafe_yyjson_get_uint(value) <= INT64_MAX)) {
        read.type = MATCH_INTEGER;
        read.integer = unsafe_yyjson_get_sint(value);
    } else {
        return false;
    }
    *ret_value = read;
    return true;
}

bool
match_values_contain(const struct match_value *values, size_t count,
                     const struct match_value *value)
{
    return count > 0 && bsearch(value, values, count, sizeof(*values),
                                compare_values) != NULL;
}

bool
range_holds(const struct range *range, double number)
{
    return (!range->has_lt || number < range->lt) &&
           (!range->has_gt || number > range->gt) &&
           (!range->has_lte || number <= range->lte) &&
           (!range->has_gte || number >= range->gte);
}

/* ---- visits: false ends the walk, because the answer is known ---- */

static bool
visit_match(void *ctx, yyjson_val *value)
{
    const struct condition *condition = ctx;
    struct match_value read;
    return !(match_value_read(value, &read) &&
             match_values_contain(condition->values, condition->values_count,
                                  &read));
}

/* Some element that is not null and not in the list. */
static bool
visit_except(void *ctx, yyjson_val *value)
{
    const struct condition *condition = ctx;
    struct match_value read;
    if (yyjson_is_null(value))
        return true;
    return match_value_read(value, &read) &&
           match_values_contain(condition->values, condition->values_count,
                                &read);
}

static bool
visit_range(void *ctx, yyjson_val *value)
{
    const struct condition *condition = ctx;
    return !(yyjson_is_num(value) &&
             range_holds(&condition->range, yyjson_get_num(value)));
}

static bool
visit_filled(void *ctx, yyjson_val *value)
{
    (void)ctx;
    return yyjson_is_null(value) ||
           (yyjson_is_arr(value) && yyjson_arr_size(value) == 0);
}

static bool
visit_null(void *ctx, yyjson_val *value)
{
    const struct condition *condition = ctx;
    if (yyjson_is_null(value))
        return false;
    if (condition->is_whole || !yyjson_is_arr(value))
        return true;
    size_t i, count;
    yyjson_val *element;
    yyjson_arr_foreach(value, i, count, element)
    {
        if (yyjson_is_null(element))
            return false;
    }
    return true;
}

struct count_test {
    const struct condition *condition;
    bool has_value;
};

static bool
visit_count(void *ctx, yyjson_val *value)
{
    struct count_test *test = ctx;
    test->has_value = true;
    double count = yyjson_is_null(value)  ? 0
                   : yyjson_is_arr(value) ? (double)yyjson_arr_size(value)
                                          : 1;
    return !range_holds(&test->condition->range, count);
}

/* The array's own elements only: a plain object at the key never matches. */
static bool
visit_nested(void *ctx, yyjson_val *value)
{
    const struct condition *condition = ctx;
    size_t i, count;
    yyjson_val *element;
    if (!yyjson_is_arr(value))
        return true;
    yyjson_arr_foreach(value, i, count, element)
    {
        if (yyjson_is_obj(element) &&
            filter_matches(condition->filter, NULL, element))
            return false;
    }
    return true;
}

static bool
has_found(const struct condition *condition, yyjson_val *payload,
          path_visit visit)
{
    union {
        const struct condition *in;
        void *out;
    } ctx = { .in = condition };
    return !path_walk(&condition->path, payload, visit, ctx.out);
}

static bool
has_element(const struct condition *condition, yyjson_val *payload,
            path_visit visit)
{
    union {
        const struct condition *in;
        void *out;
    } ctx = { .in = condition };
    return !path_walk_elements(&condition->path, payload, visit, ctx.out);
}

static bool
count_matches(const struct condition *condition, yyjson_val *payload)
{
    struct count_test test = { .condition = condition };
    if (!path_walk(&condition->path, payload, visit_count, &test))
        return true;
    return !test.has_value && range_holds(&condition->range, 0);
}

static bool
any_matches(const struct condition *conditions, size_t count,
            const struct point_id *id, yyjson_val *payload)
{
    for (size_t i = 0; i < count; i++)
        if (condition_matches(&conditions[i], id, payload))
            return true;
    return false;
}

bool
condition_matches(const struct condition *condition, const struct point_id *id,
                  yyjson_val *payload)
{
    switch (condition->kind) {
    case CONDITION_MATCH:
        assert(condition->values_count == 1);
        return has_element(condition, payload, visit_match);
    case CONDITION_ANY:
        return has_element(condition, payload, visit_match);
    case CONDITION_EXCEPT:
        return has_element(condition, payload, visit_except);
    case CONDITION_RANGE:
        return has_element(condition, payload, visit_range);
    case CONDITION_IS_EMPTY:
        return has_found(condition, payload, visit_filled) ==
               condition->is_negated;
    case CONDITION_IS_NULL:
        return has_found(condition, payload, visit_null) !=
               condition->is_negated;
    case CONDITION_HAS_ID:
        return id != NULL && condition->ids_count > 0 &&
               bsearch(id, condition->ids, condition->ids_count, sizeof(*id),
                       compare_ids) != NULL;
    case CONDITION_OR:
        return any_matches(condition->tests, condition->tests_count, id,
                           payload);
    case CONDITION_FILTER:
        return filter_matches(condition->filter, id, payload);
    case CONDITION_NESTED:
        return has_found(condition, payload, visit_nested);
    case CONDITION_COUNT:
        return count_matches(condition, payload);
    }
    assert(!"a condition of no known kind");
    return false;
}

static bool
min_should_holds(const struct filter *filter, const struct point_id *id,
                 yyjson_val *payload)
{
    size_t held = 0;
    for (size_t i = 0; i < filter->min_should.count; i++) {
        if (held >= filter->min_should_count)
            break;
        if (condition_matches(&filter->min_should.conditions[i], id, payload))
            held++;
    }
    return held >= filter->min_should_count;
}

bool
filter_matches(const struct filter *filter, const struct point_id *id,
               yyjson_val *payload)
{
    for (size_t i = 0; i < filter->must.count; i++)
        if (!condition_matches(&filter->must.conditions[i], id, payload))
            return false;
    if (any_matches(filter->must_not.conditions, filter->must_not.count, id,
                    payload))
        return false;
    if (filter->should.count > 0 &&
        !any_matches(filter->should.conditions, filter->should.count, id,
                     payload))
        return false;
    return min_should_holds(filter, id, payload);
}

static bool
clause_reads_payload(const struct clause *clause)
{
    for (size_t i = 0; i < clause->count; i++) {
        const struct condition *condition = &clause->conditions[i];
        if (condition->kind == CONDITION_HAS_ID)
            continue;
        if (condition->kind != CONDITION_FILTER ||
            filter_reads_payload(condition->filter))
            return true;
    }
    return false;
}

bool
filter_reads_payload(const struct filter *filter)
{
    return clause_reads_payload(&filter->must) ||
           clause_reads_payload(&filter->should) ||
           clause_reads_payload(&filter->must_not) ||
           clause_reads_payload(&filter->min_should);
}
