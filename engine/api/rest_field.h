/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_REST_FIELD_H
#define ENGINE_API_REST_FIELD_H

#include "base/arena.h"
#include "engine/error.h"
#include "engine/filter/filter.h"

#include <yyjson.h>

/* One test of a field condition: `match`, `range`, `values_count`, `is_empty`,
 * `is_null`, `geo_bounding_box`, `geo_radius` or `geo_polygon` (asserted).
 *   value  its JSON, from which strings are borrowed
 *   ret    its kind and what belongs to it; the path stays as it is
 * ENGINE_EFORMAT  no such test, or a value that cannot be; the text says what
 *                 is wrong where the reference keeps silent
 * ENGINE_ENOMEM   arena cap reached. */
enum engine_code rest_field_test(const char *name, yyjson_val *value,
                                 struct arena *arena, struct condition *ret,
                                 struct error *reterr)
    __attribute__((warn_unused_result));

/* ENGINE_EFORMAT with the reference's text for a condition that is none, and
 * `why` (NULL: nothing) behind it. */
enum engine_code rest_field_bad(const char *why, struct error *reterr);

#endif /* ENGINE_API_REST_FIELD_H */
