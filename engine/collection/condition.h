/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_CONDITION_H
#define ENGINE_COLLECTION_CONDITION_H

#include "engine/collection/command.h"
#include "engine/segment/change.h"

/* Which points of an update may change: its mode and its condition, tested on
 * the points as they were when the change began. One thread. */
struct condition_met {
    const struct update *update;
    const struct change *change;
    struct segment_reader reader; /* open while there is a condition */
    const uint32_t *slots;        /* of points that meet it, ascending */
    size_t count;
};

/* Begins, whatever it returns. ENGINE_ENOMEM, or the store's. */
enum engine_code condition_test(struct segment *segment, struct change *change,
                                const struct update *update,
                                struct condition_met *ret_met,
                                struct error *reterr)
    __attribute__((warn_unused_result));

bool condition_lets(const struct condition_met *met, const struct point_id *id);

void condition_end(struct condition_met *met);

#endif /* ENGINE_COLLECTION_CONDITION_H */
