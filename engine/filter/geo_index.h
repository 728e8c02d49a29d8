/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_GEO_INDEX_H
#define ENGINE_FILTER_GEO_INDEX_H

#include "engine/error.h"
#include "engine/filter/geo.h"
#include "engine/filter/number_index.h"
#include "engine/filter/slot_set.h"

/* Points in a number_index, in the order of a Z curve (Morton, 1966): both
 * coordinates on a grid of 2^32 steps, their bits in turns. A step is 9 mm at
 * the equator. */

/* The entry of a valid point; its key is a place on the curve. */
struct number_entry geo_index_entry(struct geo_point point, uint32_t slot);

/* set |= slots with a point in `area`, and those with a point that lies within
 * a step of its edge: *ret_exact is false when there is such a one.
 * ENGINE_ENOMEM. */
enum engine_code
geo_index_area(const struct number_index *index, const struct geo_area *area,
               struct slot_set *set, bool *ret_exact, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_FILTER_GEO_INDEX_H */
