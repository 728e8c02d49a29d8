/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_CONFIG_QUANTIZATION_H
#define ENGINE_COLLECTION_CONFIG_QUANTIZATION_H

#include "base/bytes.h"
#include "engine/index/codes.h"

/* What `quantization_config` means here: codes of as many bits for each
 * component as its kind of Qdrant's has bytes (README.md says how they
 * compare). What it may be is config_check.h's to say.
 *   scalar                   8 bits
 *   product x4 .. x64        8, 4, 2, 1 and half a bit
 *   binary one_bit, one_and_half_bits, two_bits    1, 1.5 and 2 bits
 *   turbo bits1, bits1_5, bits2, bits4             1, 1.5, 2 and 4 bits
 *
 * `own` is a vector's object that may have a quantization_config, `common` the
 * collection's quantization_config; JSON texts, size 0: none. A vector's own
 * goes first. Text that is no such thing counts as none. Any thread. */
struct codes_wish config_quantization(struct span own, struct span common);

#endif /* ENGINE_COLLECTION_CONFIG_QUANTIZATION_H */
