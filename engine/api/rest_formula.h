/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_REST_FORMULA_H
#define ENGINE_API_REST_FORMULA_H

#include "base/arena.h"
#include "engine/collection/formula.h"

/* {formula: Expression, defaults: {NAME: value}}, the formula of a query, in
 * `arena`; strings and defaults are borrowed from its document. An expression is
 * a number, the name of a variable (`$score`, `$score[2]`, a payload path), a
 * condition of a filter, or an object of one operation.
 *   where  the query's place for the texts of a 422
 * ENGINE_EFORMAT  none of these, or past a limit of formula.h, which is named
 * ENGINE_EINPUT   a name that is none; a decay that cannot be
 * ENGINE_EVALID   in a condition. ENGINE_ENOMEM. Any thread. */
enum engine_code
rest_formula_parse(yyjson_val *query, const char *where, struct arena *arena,
                   const struct formula **ret_formula, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_REST_FORMULA_H */
