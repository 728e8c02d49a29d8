/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_SLOT_SET_BODY_H
#define ENGINE_FILTER_SLOT_SET_BODY_H

#include "engine/filter/slot_set.h"

#include <roaring/roaring.h>

/* For slot_set*.c only. */

struct slot_set {
    roaring_bitmap_t *bitmap;
};

#endif /* ENGINE_FILTER_SLOT_SET_BODY_H */
