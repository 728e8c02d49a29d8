/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_ACCESS_H
#define ENGINE_API_ACCESS_H

#include "engine/api/request.h"
#include "engine/config.h"
#include "engine/error.h"

#include <stdbool.h>

/* Who may ask: API keys and cross-origin rules. Any thread. */

enum access_result {
    ACCESS_GRANTED,
    ACCESS_MISSING,  /* 401: no key came */
    ACCESS_INVALID,  /* 401: it is none of ours */
    ACCESS_READ_ONLY /* the read-only key, and the route writes: 403 */
};

/* Compares in constant time against every configured key. Without a
 * configured key everything is granted. */
enum access_result access_check(const struct server_config *config,
                                const struct request *request, bool is_write);

/* Adds the Access-Control headers that the request's Origin deserves. They
 * point into `request` and `config`. */
void access_cors(const struct server_config *config,
                 const struct request *request, struct reply *reply);

#endif /* ENGINE_API_ACCESS_H */
