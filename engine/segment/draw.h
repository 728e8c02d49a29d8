/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SEGMENT_DRAW_H
#define ENGINE_SEGMENT_DRAW_H

#include "engine/segment/search.h"

/* Up to `count_max` > 0 points that match `filter` (NULL: all), each as likely
 * as any other, in random order. ENGINE_ENOMEM, or the store's. */
enum engine_code segment_draw(struct segment_reader *reader,
                              const struct filter *filter, size_t count_max,
                              struct arena *arena, const uint32_t **ret_slots,
                              size_t *ret_count, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_SEGMENT_DRAW_H */
