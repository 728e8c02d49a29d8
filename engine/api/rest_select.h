/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_REST_SELECT_H
#define ENGINE_API_REST_SELECT_H

#include "base/arena.h"
#include "engine/collection/command.h"
#include "engine/error.h"

#include <yyjson.h>

/* The parts of a JSON body that say which points and which of their fields.
 * Strings are borrowed from the body's document, arrays are in `arena`. */

/* A list of point ids, 0..COMMAND_POINTS_MAX.
 * ENGINE_EFORMAT  no list, or a bad id (Qdrant's text). ENGINE_ENOMEM. */
enum engine_code rest_ids_parse(yyjson_val *value, struct arena *arena,
                                const struct point_id **ret_ids,
                                size_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

/* `points` or `filter` of an update body object; `points` wins when both are
 * there. `where` as for rest_filter_parse(), of the body itself.
 * ENGINE_EFORMAT  neither is there. */
enum engine_code
rest_selector_parse(yyjson_val *body, const char *where, struct arena *arena,
                    struct point_selector *ret_selector, struct error *reterr)
    __attribute__((warn_unused_result));

/* `with_payload`: bool, [path], {include: [path]} or {exclude: [path]}. NULL or
 * null gives `otherwise`.
 * ENGINE_EFORMAT  another form, an unknown field, a bad path. */
enum engine_code rest_payload_parse(yyjson_val *value, enum selection otherwise,
                                    struct arena *arena,
                                    struct payload_selection *ret_selection,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* `with_vector` (`with_vectors`): bool or [name]. NULL or null: none. */
enum engine_code rest_vectors_parse(yyjson_val *value, struct arena *arena,
                                    struct vector_selection *ret_selection,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* Both out of a body object: `with_payload`, and `with_vector` or
 * `with_vectors`. */
enum engine_code
rest_output_parse(yyjson_val *body, enum selection payload, struct arena *arena,
                  struct output_selection *ret_output, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_REST_SELECT_H */
