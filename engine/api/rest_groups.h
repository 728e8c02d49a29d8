/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_REST_GROUPS_H
#define ENGINE_API_REST_GROUPS_H

#include "engine/api/call.h"
#include "engine/collection/groups.h"

/* Runs what one of the parsers of rest_groups.c read. The groups are in the
 * request's arena, with the points looked up. */
enum engine_code groups_find(struct call *call, struct groups *ret_groups,
                             struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_REST_GROUPS_H */
