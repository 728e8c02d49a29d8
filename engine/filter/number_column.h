/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_NUMBER_COLUMN_H
#define ENGINE_FILTER_NUMBER_COLUMN_H

#include "engine/filter/number_index_body.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The other direction of a number index: the key of each slot, for who asks
 * about a few slots. Made when it is first asked for, kept true by changes
 * after that; without memory the index does without. 8 bytes a slot. */

/* The keys by slot, making them if need be; NULL: no memory, or too few of the
 * slots have a number. Under the owner's shared lock; any thread. */
const struct number_column *number_column_get(struct number_index *index);

/* After an entry came, before one goes: under the owner's exclusive lock.
 * Nothing to do while nobody has asked. */
void number_column_add(struct number_index *index, struct number_entry entry);
void number_column_remove(struct number_index *index,
                          struct number_entry entry);

void number_column_drop(struct number_index *index);

size_t number_column_memory(const struct number_index *index);

/* Those of `slots` whose key lies in low..high go to `found`, in the same
 * order; *ret_count says how many. False: one of the slots has several
 * numbers, which this does not know. */
bool number_column_pick(const struct number_column *column,
                        const struct number_keys *keys, const uint32_t *slots,
                        size_t count, uint32_t *found, size_t *ret_count)
    __attribute__((warn_unused_result));

#endif /* ENGINE_FILTER_NUMBER_COLUMN_H */
