/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_REST_PARAMS_H
#define ENGINE_API_REST_PARAMS_H

#include "base/arena.h"
#include "engine/collection/command.h"
#include "engine/error.h"

#include <yyjson.h>

/* `params` of a search, in `arena`; NULL or null leaves `params` as they are.
 * `where` is the body's place for the texts of a 422. `acorn` is taken.
 * ENGINE_EFORMAT, ENGINE_EVALID, ENGINE_ENOMEM. Any thread. */
enum engine_code
rest_params_parse(yyjson_val *object, const char *where, struct arena *arena,
                  struct search_params *params, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_REST_PARAMS_H */
