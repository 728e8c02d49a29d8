/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SNAPSHOT_FETCH_H
#define ENGINE_SNAPSHOT_FETCH_H

#include "engine/error.h"

#include <stdatomic.h>
#include <stdint.h>

/* Downloads by HTTP. */

#define FETCH_CONNECT_SECONDS 10L
#define FETCH_STALL_SECONDS   60L /* slower than FETCH_RATE_MIN for so long */
#define FETCH_RATE_MIN        8192L
#define FETCH_REDIRECTS_MAX   5L

struct fetch {
    const char *url;     /* http:// or https:// */
    const char *api_key; /* sent as `api-key`, to that host alone; "" none */
    const char *user_agent;
    uint64_t size_max;
    const atomic_bool *stop;
};

/* Appends the body of the answer to the file. With a key redirects are not
 * followed. ENGINE_EINPUT  no URL, not answered by 200, or larger than size_max.
 * ENGINE_EUNAVAILABLE  the host does not answer, or too slowly.
 * ENGINE_ENOSPACE, ENGINE_ENOMEM */
enum engine_code fetch_to(const struct fetch *fetch, int fd, uint64_t *ret_size,
                          struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_SNAPSHOT_FETCH_H */
