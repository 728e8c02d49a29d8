/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_PAYLOAD_EDIT_H
#define ENGINE_SEGMENT_PAYLOAD_EDIT_H

#include "base/bytes.h"
#include "engine/error.h"
#include "engine/filter/filter.h"

/* Changes of one payload, text to text. `payload` is stored text or size 0 for
 * none; results replace the content of `out`, `{}` when nothing is left.
 * ENGINE_EINPUT  the result is larger than `out` may become.
 * ENGINE_ENOMEM. Any thread. */

/* Lays the members of `change` (a JSON object) over the object at `key` (NULL:
 * the payload itself); a null member removes. What is no object on the way
 * becomes one; `[]` goes into every element of an array, `[n]` into one that
 * exists, and what is no array there becomes an empty one. */
enum engine_code payload_merge(struct span payload, struct span change,
                               const struct payload_path *key,
                               struct bytes *out, struct error *reterr)
    __attribute__((warn_unused_result));

/* Removes what is at the paths. A path that ends in `[]` empties the array;
 * single elements are not removed, since that cannot be repeated safely. */
enum engine_code payload_remove(struct span payload,
                                const struct payload_path *paths, size_t count,
                                struct bytes *out, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_SEGMENT_PAYLOAD_EDIT_H */
