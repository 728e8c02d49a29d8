/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_FILTER_KEY_H
#define ENGINE_FILTER_FILTER_KEY_H

#include "base/bytes.h"
#include "engine/filter/filter.h"

/* Longer keys are refused: looking such filters up would not pay. */
#define FILTER_KEY_SIZE_MAX 4096u

/* Appends bytes that tell a filter from every filter of another meaning. The
 * order of conditions within a clause and how a path was quoted do not matter.
 *   key  born with a maximum of FILTER_KEY_SIZE_MAX at least
 * False: too long, or memory is out. Any thread. */
bool filter_key(const struct filter *filter, struct bytes *key)
    __attribute__((warn_unused_result));

#endif /* ENGINE_FILTER_FILTER_KEY_H */
