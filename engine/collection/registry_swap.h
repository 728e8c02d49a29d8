/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_COLLECTION_REGISTRY_SWAP_H
#define ENGINE_COLLECTION_REGISTRY_SWAP_H

#include "engine/collection/freeze.h"
#include "engine/collection/registry_pool.h"

/* The steps of a restore that the whole table sees: for registry_restore.c. */

/* The collection's name behind an alias, copied into `own`
 * [COMMAND_NAME_SIZE_MAX + 1]; else `name` itself. */
struct span registry_own_name(struct registry *registry, struct span name,
                              char *own);

/* Puts an opened entry into the table, in the place of the one of its name or
 * beside the others, and decides it on the disk. ret_old: the one that was
 * there, which new calls do not see any more, or NULL. `fresh` is held until
 * registry_retire(). On failure the table is as before, and `fresh` the
 * caller's. ENGINE_EINPUT  the one of its name has other vectors by now. */
enum engine_code registry_swap(struct registry *registry, struct entry *fresh,
                               struct entry **ret_old, struct error *reterr)
    __attribute__((warn_unused_result));

/* Waits until the calls that have the old one have left, takes its files away
 * and then the marker in the folder of `fresh`, which it lets go; what cannot be
 * taken away is when `fresh` is deleted or replaced, or at a start. NULL: there
 * is none to remove. */
void registry_retire(struct registry *registry, struct entry *old,
                     struct entry *fresh);

#endif /* ENGINE_COLLECTION_REGISTRY_SWAP_H */
