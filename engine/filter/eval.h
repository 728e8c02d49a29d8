/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_EVAL_H
#define ENGINE_FILTER_EVAL_H

#include "engine/codec/point_id.h"
#include "engine/filter/filter.h"
#include "engine/filter/text_field.h"

#include <stdbool.h>

#include <yyjson.h>

/* A point as a filter sees it. */
struct subject {
    const struct point_id *id; /* NULL: has_id and slice never match */
    yyjson_val *payload;       /* an object, or NULL for a point without one */
    /* Whether it has the vector of that name; NULL: has_vector never matches */
    bool (*has_vector)(void *ctx, struct span name);
    void *ctx;
    struct text_field *const *texts; /* fields with a `text` index */
    size_t texts_count;
};

/* Whether one point satisfies a filter, read from its payload: the meaning of
 * every condition. Payload indexes answer exactly the same (test_plan). Inside
 * `nested` only the payload counts.
 * No allocation, no failure. Depth is bounded by FILTER_DEPTH_MAX, which the
 * parsers hold. Any thread. */
bool filter_matches(const struct filter *filter, const struct subject *subject);

/* As filter_matches() for one condition. */
bool condition_matches(const struct condition *condition,
                       const struct subject *subject);

/* Whether the filter reads the payload at all (false: only ids and vectors),
 * so that a caller may skip parsing it. */
bool filter_reads_payload(const struct filter *filter);

/* ---- tests of one value, shared with the indexes ---- */

/* Reads a string, a bool or an integer of the i64 range; false for anything
 * else. The string is borrowed. */
bool match_value_read(yyjson_val *value, struct match_value *ret_value);

/* Whether `value` is in the sorted list. */
bool match_values_contain(const struct match_value *values, size_t count,
                          const struct match_value *value);

/* Whether `number` satisfies every bound. */
bool range_holds(const struct range *range, double number);
bool datetime_range_holds(const struct datetime_range *range, int64_t us);

/* Whether a string satisfies a DATETIME or TEXT condition. */
bool string_matches(const struct condition *condition, struct span text);

#endif /* ENGINE_FILTER_EVAL_H */
