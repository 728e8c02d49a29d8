/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_REST_BODY_H
#define ENGINE_API_REST_BODY_H

#include "engine/api/call.h"

/* Members of JSON bodies. A member that is null counts as absent. Texts name
 * the member. Any thread. */

/* The member, or NULL. */
yyjson_val *rest_member(yyjson_val *object, const char *name);

/* The member; ENGINE_EFORMAT "missing field `name`" when it is absent, with
 * the place of the body's end as Qdrant gives it when `call` is not NULL. */
enum engine_code rest_required(const struct call *call, yyjson_val *object,
                               const char *name, yyjson_val **ret_value,
                               struct error *reterr)
    __attribute__((warn_unused_result));

/* An unsigned integer, a bool, a string; *ret_x stays as it is when the member
 * is absent. ENGINE_EFORMAT another type. */
enum engine_code rest_u64(yyjson_val *object, const char *name,
                          uint64_t *ret_value, struct error *reterr)
    __attribute__((warn_unused_result));
enum engine_code rest_bool(yyjson_val *object, const char *name,
                           bool *ret_value, struct error *reterr)
    __attribute__((warn_unused_result));
enum engine_code rest_string(yyjson_val *object, const char *name,
                             struct span *ret_value, struct error *reterr)
    __attribute__((warn_unused_result));

/* ENGINE_EUNSUPPORTED "NAME is not supported yet" when the member is there. */
enum engine_code rest_refuse(yyjson_val *object, const char *const *names,
                             size_t count, struct error *reterr)
    __attribute__((warn_unused_result));

/* ENGINE_EVALID "[WHERE.NAME: value V invalid, must be 1 or larger]" for 0. */
enum engine_code rest_at_least_one(const char *where, const char *name,
                                   uint64_t value, struct error *reterr)
    __attribute__((warn_unused_result));

/* "invalid type: X, expected Y" as ENGINE_EFORMAT. */
enum engine_code rest_type_error(yyjson_val *value, const char *name,
                                 const char *expected, struct error *reterr);

/* The body of a query, if call->body is not set yet: a list of numbers that is
 * its `query` or `vector` becomes the raw value of rest_vector.h without a
 * document of its own. Errors as call_read_body(). */
enum engine_code rest_query_body(struct call *call, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_REST_BODY_H */
