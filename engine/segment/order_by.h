/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_ORDER_BY_H
#define ENGINE_SEGMENT_ORDER_BY_H

#include "engine/filter/number_index.h"
#include "engine/segment/search.h"

/* Points in the order of a payload field's numbers. */

struct segment_order_by {
    const struct payload_path *key;
    bool is_descending;
    bool has_start;
    struct number_value start; /* inclusive */
    size_t limit;
    const struct filter *filter; /* NULL: all */
    uint64_t deadline_ms;
};

struct segment_ordered {
    uint32_t slot;
    struct number_value value; /* of a float index never an integer */
};

/* Up to `limit`, one for each value of a point; points without a value are
 * left out, equal values go by slot.
 * ENGINE_EINPUT  the field has no index that orders: integer, float, datetime.
 * ENGINE_ETIMEOUT, ENGINE_ENOMEM, or the store's. */
enum engine_code segment_order_by(struct segment_reader *reader,
                                  const struct segment_order_by *order,
                                  struct arena *arena,
                                  const struct segment_ordered **ret_items,
                                  size_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_SEGMENT_ORDER_BY_H */
