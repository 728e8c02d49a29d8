/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_ACCESS_H
#define ENGINE_API_ACCESS_H

#include "engine/api/identity.h"
#include "engine/api/request.h"
#include "engine/config.h"
#include "engine/error.h"

#include <stdbool.h>

/* Who asks, by the gateway's identity or an API key, and cross-origin rules.
 * Any thread. */

enum caller_kind {
    CALLER_UNKNOWN,  /* nobody we know, and somebody is wanted */
    CALLER_ANYONE,   /* no key is set */
    CALLER_KEY,      /* api_key or alt_api_key */
    CALLER_READER,   /* read_only_api_key */
    CALLER_IDENTITY, /* the gateway's word */
    CALLER_KIND_COUNT
};

struct caller {
    enum caller_kind kind;
    struct identity identity; /* rights of each kind; sub and name only of
                                 CALLER_IDENTITY */
};

enum access_result {
    ACCESS_GRANTED,
    ACCESS_MISSING,  /* 401: no key came */
    ACCESS_INVALID,  /* 401: it is none of ours */
    ACCESS_UNTRUSTED /* 401: an identity came that is not believed: reterr */
};

/* Finds out who asks. An identity counts more than a key, and a bad one is
 * never overlooked: whoever sent it meant to act under it. Keys are compared
 * in constant time; without any configured key everybody may do everything.
 *   keys        of the gateway, or NULL: then no identity is believed
 *   ret_caller  filled in any case; in the request's arena */
enum access_result
access_identify(const struct server_config *config,
                const struct identity_keys *keys, struct request *request,
                struct caller *ret_caller, struct error *reterr)
    __attribute__((warn_unused_result));

/* "identity", "api_key", ...: for the audit log. */
const char *caller_name(enum caller_kind kind);

/* Adds the Access-Control headers that the request's Origin deserves. They
 * point into `request` and `config`. */
void access_cors(const struct server_config *config,
                 const struct request *request, struct reply *reply);

#endif /* ENGINE_API_ACCESS_H */
