/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_NUMBER_COLUMN_H
#define ENGINE_FILTER_NUMBER_COLUMN_H

#include "engine/filter/number_index_body.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The other direction of a number index: the keys of each slot, for who asks
 * about a few slots. Made when it is first asked for, by one reader while others
 * do without, and kept true by changes after that; without memory, or above the
 * process's limit, the index does without. 8 bytes a slot, and for slots with
 * several numbers 8 more and 8 for each number. */

/* The keys by slot, making them if need be; NULL: no memory, somebody makes
 * them, or too few of the slots have a number. Under the owner's shared lock;
 * any thread. */
const struct number_column *number_column_get(struct number_index *index);

/* After an entry came, before one goes: under the owner's exclusive lock.
 * Nothing to do while nobody has asked. */
void number_column_add(struct number_index *index, struct number_entry entry);
void number_column_remove(struct number_index *index,
                          struct number_entry entry);

void number_column_drop(struct number_index *index);

/* Bytes, of the index's heap or malloc. */
size_t number_column_memory(const struct number_index *index);

/* Those of `slots` that have a key in low..high go to `found`, in the same
 * order; returns how many. */
size_t number_column_pick(const struct number_column *column,
                          const struct number_keys *keys, const uint32_t *slots,
                          size_t count, uint32_t *found);

#endif /* ENGINE_FILTER_NUMBER_COLUMN_H */
