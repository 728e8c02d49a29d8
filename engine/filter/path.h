/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_PATH_H
#define ENGINE_FILTER_PATH_H

#include "base/arena.h"
#include "base/bytes.h"
#include "engine/error.h"
#include "engine/filter/filter.h"

#include <stdbool.h>

#include <yyjson.h>

/* Payload paths: parsing and reading. Changing a payload at a path belongs to
 * engine/segment/payload_edit, which walks the same steps:
 *   step.key           member of an object; a path never starts with an index
 *   PATH_INDEX_NONE    the member's value itself, an array is not entered
 *   PATH_INDEX_ALL     each element; nothing when the value is no array
 *   PATH_INDEX_ONE     element `element`; nothing when there is none
 * Two indexes in a row (`a[0][1]`) are two steps, the second with an empty key
 * whose `data` is NULL: path_step_has_key() is false for it. */

#define FILTER_PATH_SIZE_MAX 1024 /* bytes of a path's text */

/* Parses `text`: bare keys hold letters, digits, `_` and `-` (and any byte
 * above 0x7f); others stand in double quotes, where no escape exists.
 *   ret_path  steps and text are copied into `arena`
 * ENGINE_EFORMAT  `Invalid json path: 'TEXT'`, also past
 *                 FILTER_PATH_STEPS_MAX and FILTER_PATH_SIZE_MAX
 * ENGINE_ENOMEM   arena cap reached. Any thread. */
enum engine_code path_parse(struct span text, struct arena *arena,
                            struct payload_path *ret_path, struct error *reterr)
    __attribute__((warn_unused_result));

/* Copies `path` into `arena`. ENGINE_ENOMEM arena cap reached. */
enum engine_code path_copy(const struct payload_path *path, struct arena *arena,
                           struct payload_path *ret_path, struct error *reterr)
    __attribute__((warn_unused_result));

bool path_step_has_key(const struct path_step *step);

/* Same steps (the texts may differ in quotes). */
bool path_equal(const struct payload_path *a, const struct payload_path *b);

/* Called for one value at a path; false ends the walk. */
typedef bool (*path_visit)(void *ctx, yyjson_val *value);

/* Calls `visit` for each value of `root` (an object, or NULL for none) at
 * `path`, in document order; a missing member or a null on the way gives no
 * call, a null at the end does. An array at the end is one value.
 * Returns false when a visit did. Any thread. */
bool path_walk(const struct payload_path *path, yyjson_val *root,
               path_visit visit, void *ctx);

/* As path_walk(), but an array at the end is entered one level: the calls get
 * its elements (inner arrays stay whole). An empty array gives no call. */
bool path_walk_elements(const struct payload_path *path, yyjson_val *root,
                        path_visit visit, void *ctx);

#endif /* ENGINE_FILTER_PATH_H */
