/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_ACCESS_H
#define ENGINE_API_ACCESS_H

#include "engine/api/identity.h"
#include "engine/api/request.h"
#include "engine/api/token_cache.h"
#include "engine/config.h"
#include "engine/error.h"

#include <stdbool.h>

/* Who asks, by the gateway's identity, an API key or a token signed with one,
 * and cross-origin rules. Any thread. */

enum caller_kind {
    CALLER_UNKNOWN,  /* nobody we know, and somebody is wanted */
    CALLER_ANYONE,   /* no key is set */
    CALLER_KEY,      /* api_key or alt_api_key */
    CALLER_READER,   /* read_only_api_key */
    CALLER_TOKEN,    /* a token that one of the first two signed */
    CALLER_IDENTITY, /* the gateway's word */
    CALLER_KIND_COUNT
};

struct caller {
    enum caller_kind kind;
    struct identity identity; /* rights of each kind; sub and name only of
                                 CALLER_TOKEN and CALLER_IDENTITY */
    struct token *token;      /* what identity points into; NULL: nothing */
};

enum access_result {
    ACCESS_GRANTED,
    ACCESS_MISSING,   /* 401: no key came */
    ACCESS_INVALID,   /* 401: it is none of ours; reterr may say more */
    ACCESS_REFUSED,   /* 403: a token that is not, or no more, ours: reterr */
    ACCESS_UNTRUSTED, /* 401: an identity came that is not believed: reterr */
    ACCESS_UNABLE     /* 503: there is no memory to find out */
};

/* All keys, and the tokens that were believed. */
struct access;

/* Reads service.identity_key_file. `config` must outlive it.
 * ENGINE_EINPUT  the file is not usable.
 * ENGINE_ENOMEM. */
enum engine_code access_open(const struct server_config *config,
                             struct access **ret_access, struct error *reterr)
    __attribute__((warn_unused_result));

/* Wipes and frees; NULL is allowed. */
void access_close(struct access *access);

/* Finds out who asks. An identity counts more than a key, and a bad one is
 * never overlooked: whoever sent it meant to act under it. Keys are compared
 * in constant time; without any configured key everybody may do everything.
 *   ret_caller  filled in any case; access_release() */
enum access_result
access_identify(struct access *access, const struct request *request,
                struct caller *ret_caller, struct error *reterr)
    __attribute__((warn_unused_result));

void access_release(struct caller *caller);

/* "identity", "api_key", ...: for the audit log. */
const char *caller_name(enum caller_kind kind);

/* Adds the Access-Control headers that the request's Origin deserves. They
 * point into `request` and `config`. */
void access_cors(const struct server_config *config,
                 const struct request *request, struct reply *reply);

#endif /* ENGINE_API_ACCESS_H */
