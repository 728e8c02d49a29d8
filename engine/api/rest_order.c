/* SPDX-License-Identifier: Apache-2.0
 * `order_by` of queries and scrolls. */
#include "engine/api/rest_body.h"
#include "engine/api/rest_query.h"
#include "engine/filter/datetime.h"
#include "engine/filter/path.h"

#include <math.h>

static enum engine_code
direction_parse(yyjson_val *object, bool *ret_is_descending,
                struct error *reterr)
{
    struct span name = { "asc", 3 };
    enum engine_code code = rest_string(object, "direction", &name, reterr);
    if (code != ENGINE_OK)
        return code;
    *ret_is_descending = span_equal_text(name, "desc");
    if (*ret_is_descending || span_equal_text(name, "asc"))
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EFORMAT,
                     "unknown variant `%.*s`, expected `asc` or `desc`",
                     name.size < 64 ? (int)name.size : 64, name.data);
}

/* An integer, a number, or a moment. */
static enum engine_code
start_parse(yyjson_val *value, struct query_order *order, struct error *reterr)
{
    struct number_value *start = &order->start;
    if (value == NULL)
        return ENGINE_OK;
    order->has_start = true;
    start->real = yyjson_get_num(value);
    start->is_integer =
        yyjson_is_sint(value) ||
        (yyjson_is_uint(value) && yyjson_get_uint(value) <= INT64_MAX);
    if (start->is_integer)
        start->integer = yyjson_get_sint(value);
    if (yyjson_is_num(value) && isfinite(start->real))
        return ENGINE_OK;
    if (!yyjson_is_str(value))
        return rest_type_error(value, "start_from",
                               "an integer, a number, or a date and time",
                               reterr);
    start->is_integer = true;
    if (datetime_parse(json_span(value), &start->integer))
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EFORMAT,
                     "start_from: '%.64s' does not match accepted datetime "
                     "format (RFC3339). Example: 2014-01-01T00:00:00Z",
                     yyjson_get_str(value));
}

enum engine_code
rest_order_parse(yyjson_val *value, struct arena *arena,
                 struct query_order *ret_order, struct error *reterr)
{
    yyjson_val *key = value;
    enum engine_code code = ENGINE_OK;
    if (yyjson_is_obj(value)) {
        code = rest_required(NULL, value, "key", &key, reterr);
        if (code == ENGINE_OK)
            code = direction_parse(value, &ret_order->is_descending, reterr);
        if (code == ENGINE_OK)
            code = start_parse(rest_member(value, "start_from"), ret_order,
                               reterr);
    }
    if (code == ENGINE_OK && !yyjson_is_str(key))
        code = rest_type_error(key, "order_by", "a path or an object", reterr);
    return code == ENGINE_OK
               ? path_parse(json_span(key), arena, &ret_order->key, reterr)
               : code;
}
