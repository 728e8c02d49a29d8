/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_PAYLOAD_KEYS_H
#define ENGINE_FILTER_PAYLOAD_KEYS_H

#include "engine/filter/filter.h"

/* The members of a payload that a filter may read, by the first step of each
 * path: borrowed from the filter, without repeats.
 *   keys  [keys_max]
 * Returns how many; SIZE_MAX: more than keys_max. Any thread. */
size_t payload_keys(const struct filter *filter, struct span *keys,
                    size_t keys_max);

#endif /* ENGINE_FILTER_PAYLOAD_KEYS_H */
