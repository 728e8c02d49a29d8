/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_SLICE_H
#define ENGINE_FILTER_SLICE_H

#include "engine/codec/point_id.h"

#include <stdint.h>

/* Which of `total` (> 0) even parts of all ids `id` belongs to: SipHash-2-4
 * (Aumasson and Bernstein, 2012) with a key of zeroes over the number's 8
 * bytes, little endian, or the UUID's 16, modulo `total`. Any thread. */
uint64_t slice_of(const struct point_id *id, uint64_t total);

#endif /* ENGINE_FILTER_SLICE_H */
