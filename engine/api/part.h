/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_PART_H
#define ENGINE_API_PART_H

#include "engine/api/call.h"

/* A token with `payload` beside `access` (rights.h) shows a part of a
 * collection, the points with these values: call->part. What reads or deletes
 * points by a filter sees no others (ROUTE_PART); all that has no filter, and
 * all that could change what a point says, is refused, as Qdrant did up to 1.15.
 * Any thread. */

/* The member `filter` of `body`, narrowed to the caller's part.
 *   where  as rest_filter_parse()
 * Errors of rest_filter_parse(). */
enum engine_code
part_filter_read(struct call *call, yyjson_val *body, const char *where,
                 const struct filter **ret_filter, struct error *reterr)
    __attribute__((warn_unused_result));

/* Narrows a filter that was read; NULL stands for all points.
 * ENGINE_ENOMEM. */
enum engine_code part_narrow(const struct call *call,
                             const struct filter **filter, struct error *reterr)
    __attribute__((warn_unused_result));

/* The same for points by their ids or a filter; ids become one, too. */
enum engine_code part_narrow_selector(const struct call *call,
                                      struct point_selector *selector,
                                      struct error *reterr)
    __attribute__((warn_unused_result));

/* For what needs all of the call's collection.
 * ENGINE_EFORBIDDEN  the caller sees a part: Qdrant's text. */
enum engine_code part_refuse(struct call *call, struct error *reterr)
    __attribute__((warn_unused_result));

/* The same for another collection. */
enum engine_code part_refuse_in(struct call *call, struct span collection,
                                struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_PART_H */
