/* SPDX-License-Identifier: Apache-2.0
 * What each condition means, on one point's payload. A field condition holds
 * when any value at its path does; a value that is an array is entered one
 * level. is_empty looks at all values: no value, nulls and [] are empty.
 * Recursion follows the filter's own nesting: FILTER_DEPTH_MAX. */
#define _GNU_SOURCE /* memmem() */
#include "engine/filter/eval.h"

#include "engine/filter/datetime.h"
#include "engine/filter/path.h"
#include "engine/filter/slice.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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

bool
datetime_range_holds(const struct datetime_range *range, int64_t us)
{
    return (!range->has_lt || us < range->lt) &&
           (!range->has_gt || us > range->gt) &&
           (!range->has_lte || us <= range->lte) &&
           (!range->has_gte || us >= range->gte);
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
visit_geo(void *ctx, yyjson_val *value)
{
    const struct condition *condition = ctx;
    struct geo_point point;
    return !(geo_point_read(value, &point) &&
             geo_area_holds(condition->area, point));
}

static bool
span_has(struct span text, struct span part)
{
    return part.size == 0 ||
           (text.size >= part.size &&
            memmem(text.data, text.size, part.data, part.size) != NULL);
}

/* Whether one of the words of `words`, which blanks part, is in `text`. */
static bool
span_has_word(struct span text, struct span words)
{
    size_t at = 0;
    while (at < words.size) {
        size_t begin = at;
        while (at < words.size && words.data[at] != ' ' &&
               (words.data[at] < '\t' || words.data[at] > '\r'))
            at++;
        struct span word = { words.data + begin, at - begin };
        if (word.size > 0 && span_has(text, word))
            return true;
        at++;
    }
    return false;
}

static bool
text_holds(const struct condition *condition, struct span text)
{
    struct span wanted = condition->text;
    switch (condition->text_match) {
    case TEXT_ALL:
    case TEXT_PHRASE:
        return span_has(text, wanted);
    case TEXT_ANY:
        return span_has_word(text, wanted);
    case TEXT_PREFIX:
        break;
    }
    return text.size >= wanted.size &&
           (wanted.size == 0 ||
            memcmp(text.data, wanted.data, wanted.size) == 0);
}

bool
string_matches(const struct condition *condition, struct span text)
{
    int64_t us;
    if (condition->kind == CONDITION_TEXT)
        return text_holds(condition, text);
    assert(condition->kind == CONDITION_DATETIME);
    return datetime_parse(text, &us) &&
           datetime_range_holds(&condition->datetimes, us);
}

static bool
visit_string(void *ctx, yyjson_val *value)
{
    const struct condition *condition = ctx;
    return !(yyjson_is_str(value) &&
             string_matches(condition, json_span(value)));
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
        struct subject subject = { .payload = element };
        if (yyjson_is_obj(element) &&
            filter_matches(condition->filter, &subject))
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
            const struct subject *subject)
{
    for (size_t i = 0; i < count; i++)
        if (condition_matches(&conditions[i], subject))
            return true;
    return false;
}

/* By tokens where the field has a `text` index, else by bytes. */
static bool
text_matches(const struct condition *condition, const struct subject *subject)
{
    for (size_t i = 0; i < subject->texts_count; i++)
        if (condition->text_match != TEXT_PREFIX &&
            path_equal(text_field_path(subject->texts[i]), &condition->path))
            return text_field_matches(subject->texts[i], condition,
                                      subject->payload);
    return has_element(condition, subject->payload, visit_string);
}

static bool
has_id(const struct condition *condition, const struct point_id *id)
{
    return id != NULL && condition->ids_count > 0 &&
           bsearch(id, condition->ids, condition->ids_count, sizeof(*id),
                   compare_ids) != NULL;
}

static bool
in_slice(const struct id_slice *slice, const struct point_id *id)
{
    return id != NULL && slice_of(id, slice->total) == slice->index;
}

bool
condition_matches(const struct condition *condition,
                  const struct subject *subject)
{
    yyjson_val *payload = subject->payload;
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
        return has_id(condition, subject->id);
    case CONDITION_OR:
        return any_matches(condition->tests, condition->tests_count, subject);
    case CONDITION_FILTER:
        return filter_matches(condition->filter, subject);
    case CONDITION_NESTED:
        return has_found(condition, payload, visit_nested);
    case CONDITION_COUNT:
        return count_matches(condition, payload);
    case CONDITION_DATETIME:
        return has_element(condition, payload, visit_string);
    case CONDITION_TEXT:
        return text_matches(condition, subject);
    case CONDITION_GEO:
        return has_element(condition, payload, visit_geo);
    case CONDITION_HAS_VECTOR:
        return subject->has_vector != NULL &&
               subject->has_vector(subject->ctx, condition->text);
    case CONDITION_SLICE:
        return in_slice(&condition->slice, subject->id);
    }
    assert(!"a condition of no known kind");
    return false;
}

static bool
min_should_holds(const struct filter *filter, const struct subject *subject)
{
    size_t held = 0;
    for (size_t i = 0; i < filter->min_should.count; i++) {
        if (held >= filter->min_should_count)
            break;
        if (condition_matches(&filter->min_should.conditions[i], subject))
            held++;
    }
    return held >= filter->min_should_count;
}

bool
filter_matches(const struct filter *filter, const struct subject *subject)
{
    for (size_t i = 0; i < filter->must.count; i++)
        if (!condition_matches(&filter->must.conditions[i], subject))
            return false;
    if (any_matches(filter->must_not.conditions, filter->must_not.count,
                    subject))
        return false;
    if (filter->should.count > 0 &&
        !any_matches(filter->should.conditions, filter->should.count, subject))
        return false;
    return min_should_holds(filter, subject);
}

static bool
clause_reads_payload(const struct clause *clause)
{
    for (size_t i = 0; i < clause->count; i++) {
        const struct condition *condition = &clause->conditions[i];
        if (condition->kind == CONDITION_HAS_ID ||
            condition->kind == CONDITION_HAS_VECTOR ||
            condition->kind == CONDITION_SLICE)
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
