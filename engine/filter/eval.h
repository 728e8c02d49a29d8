/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_EVAL_H
#define ENGINE_FILTER_EVAL_H

#include "engine/codec/point_id.h"
#include "engine/filter/filter.h"

#include <stdbool.h>

#include <yyjson.h>

/* Whether one point satisfies a filter, read from its payload: the meaning of
 * every condition. Payload indexes answer exactly the same (test_plan).
 *   id       for has_id; NULL: has_id never matches (inside `nested`)
 *   payload  the payload object, or NULL for a point without one
 * No allocation, no failure. Depth is bounded by FILTER_DEPTH_MAX, which the
 * parsers hold. Any thread. */
bool filter_matches(const struct filter *filter, const struct point_id *id,
                    yyjson_val *payload);

/* As filter_matches() for one condition. */
bool condition_matches(const struct condition *condition,
                       const struct point_id *id, yyjson_val *payload);

/* Whether the filter reads the payload at all (false: only has_id), so that a
 * caller may skip parsing it. */
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

#endif /* ENGINE_FILTER_EVAL_H */
