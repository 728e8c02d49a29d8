/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SNAPSHOT_SWEEP_H
#define ENGINE_SNAPSHOT_SWEEP_H

#include "engine/snapshot/container.h"

/* Sums of a whole source from begin to end, on a thread beside those that take
 * it apart. One thread calls. */

struct sweep;

/* Begins. The container_sum is of the first `sum_size` bytes (0: none is asked
 * for), SHA-256 of all, where the source has_digest. NULL: no memory. */
struct sweep *sweep_new(const struct container_source *source,
                        uint64_t sum_size) __attribute__((warn_unused_result));

/* Waits. ret_digest [65] is filled if there is one. ENGINE_EINTERNAL,
 * ENGINE_ECORRUPT, ENGINE_EUNAVAILABLE  it could not be read. */
enum engine_code sweep_wait(struct sweep *sweep, struct container_sum *ret_sum,
                            char *ret_digest, struct error *reterr)
    __attribute__((warn_unused_result));

/* Ends it soon. NULL is allowed. */
void sweep_free(struct sweep *sweep);

#endif /* ENGINE_SNAPSHOT_SWEEP_H */
