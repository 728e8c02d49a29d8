/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_REST_FILTER_H
#define ENGINE_API_REST_FILTER_H

#include "base/arena.h"
#include "engine/error.h"
#include "engine/filter/filter.h"

#include <yyjson.h>

/* Reads a `filter` of a JSON body. Strings are borrowed from `value`'s
 * document, everything else is in `arena`: both must outlive the filter.
 *   value    the filter object; NULL or null gives *ret_filter = NULL
 *   where    where it stands in the request for 422 texts, e.g.
 *            "search_request.filter"; NUL-terminated
 * ENGINE_EFORMAT  unknown field (named with the allowed ones), no condition,
 *                 bad key, bad id, past FILTER_DEPTH_MAX, _CONDITIONS_MAX or
 *                 _ANY_MAX
 * ENGINE_EVALID   a key without a test; min_count 0: "[WHERE.must[0]...]"
 * ENGINE_ENOMEM   arena cap reached. Any thread. */
enum engine_code
rest_filter_parse(yyjson_val *value, const char *where, struct arena *arena,
                  const struct filter **ret_filter, struct error *reterr)
    __attribute__((warn_unused_result));

/* One condition, as a filter that has only this one; the same otherwise. */
enum engine_code
rest_condition_parse(yyjson_val *value, const char *where, struct arena *arena,
                     struct filter *ret_filter, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_REST_FILTER_H */
