/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_REST_COLLECTIONS_H
#define ENGINE_API_REST_COLLECTIONS_H

#include "engine/api/call.h"

/* Puts the defaults of the process's configuration into the call's create body
 * where it says nothing; what was read from the body before is gone.
 * ENGINE_ENOMEM */
enum engine_code rest_defaults_put(struct call *call, struct error *reterr)
    __attribute__((warn_unused_result));

/* "green", "yellow", "red" */
const char *collections_status_name(enum collection_status status);

/* Whether a collection can be made with these defaults: at the start, so that
 * it is not found out by the first who makes one.
 * ENGINE_EINPUT  names the key.   ENGINE_ENOMEM */
enum engine_code rest_defaults_check(const struct server_config *config,
                                     struct error *reterr)
    __attribute__((warn_unused_result));

/* Whether storage.max_collections allows one more, of the name in the path. Two
 * that are made at the same moment may both get in.
 * ENGINE_EREQUEST, ENGINE_ENOMEM */
enum engine_code collections_check_count(struct call *call,
                                         struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_REST_COLLECTIONS_H */
