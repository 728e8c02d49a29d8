/* SPDX-License-Identifier: Apache-2.0
 * Reading single members of JSON bodies, with the server's texts. */
#include "engine/api/rest_body.h"

#include <assert.h>

yyjson_val *
rest_member(yyjson_val *object, const char *name)
{
    yyjson_val *value = yyjson_obj_get(object, name);
    return yyjson_is_null(value) ? NULL : value;
}

/* The place after the last byte that is no white space. */
static void
body_end(struct span body, size_t *ret_line, size_t *ret_column)
{
    size_t line = 1, column = 0, end = body.size;
    while (end > 0 &&
           (body.data[end - 1] == ' ' || body.data[end - 1] == '\n' ||
            body.data[end - 1] == '\r' || body.data[end - 1] == '\t'))
        end--;
    for (size_t i = 0; i < end; i++) {
        column++;
        if (body.data[i] == '\n') {
            line++;
            column = 0;
        }
    }
    *ret_line = line;
    *ret_column = column;
}

enum engine_code
rest_required(const struct call *call, yyjson_val *object, const char *name,
              yyjson_val **ret_value, struct error *reterr)
{
    yyjson_val *value = rest_member(object, name);
    if (value != NULL) {
        *ret_value = value;
        return ENGINE_OK;
    }
    if (call == NULL || call->grpc != NULL)
        return error_set(reterr, ENGINE_EFORMAT, "missing field `%s`", name);
    size_t line, column;
    body_end(call->request->body, &line, &column);
    return error_set(reterr, ENGINE_EFORMAT,
                     "missing field `%s` at line %zu column %zu", name, line,
                     column);
}

enum engine_code
rest_type_error(yyjson_val *value, const char *name, const char *expected,
                struct error *reterr)
{
    return error_set(reterr, ENGINE_EFORMAT,
                     "%s: invalid type: %s, expected %s", name,
                     yyjson_get_type_desc(value), expected);
}

enum engine_code
rest_u64(yyjson_val *object, const char *name, uint64_t *ret_value,
         struct error *reterr)
{
    yyjson_val *value = rest_member(object, name);
    if (value == NULL)
        return ENGINE_OK;
    if (!yyjson_is_uint(value))
        return rest_type_error(value, name, "an unsigned integer", reterr);
    *ret_value = yyjson_get_uint(value);
    return ENGINE_OK;
}

enum engine_code
rest_bool(yyjson_val *object, const char *name, bool *ret_value,
          struct error *reterr)
{
    yyjson_val *value = rest_member(object, name);
    if (value == NULL)
        return ENGINE_OK;
    if (!yyjson_is_bool(value))
        return rest_type_error(value, name, "a boolean", reterr);
    *ret_value = yyjson_get_bool(value);
    return ENGINE_OK;
}

enum engine_code
rest_string(yyjson_val *object, const char *name, struct span *ret_value,
            struct error *reterr)
{
    yyjson_val *value = rest_member(object, name);
    if (value == NULL)
        return ENGINE_OK;
    if (!yyjson_is_str(value))
        return rest_type_error(value, name, "a string", reterr);
    *ret_value = json_span(value);
    return ENGINE_OK;
}

enum engine_code
rest_refuse(yyjson_val *object, const char *const *names, size_t count,
            struct error *reterr)
{
    for (size_t i = 0; i < count; i++) {
        if (rest_member(object, names[i]) != NULL)
            return error_set(reterr, ENGINE_EUNSUPPORTED,
                             "`%s` is not supported yet", names[i]);
    }
    return ENGINE_OK;
}

enum engine_code
rest_at_least_one(const char *where, const char *name, uint64_t value,
                  struct error *reterr)
{
    if (value >= 1)
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EVALID,
                     "[%s.%s: value 0 invalid, must be 1 or larger]", where,
                     name);
}
