/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_JWT_H
#define ENGINE_API_JWT_H

#include "base/arena.h"
#include "engine/codec/json_read.h"
#include "engine/error.h"

#include <stdint.h>

/* Compact tokens signed with HS256 (RFC 7515, 7519; RFC 7518 section 3.2):
 * the gateway's word and Qdrant's tokens. The algorithm is never taken from
 * the token, and nothing in one is parsed before its signature was found to be
 * one of ours. No key is added once others read tokens; any thread. */

#define JWT_KEYS_MAX       8
#define JWT_TOKEN_SIZE_MAX 16384
#define JWT_TIME_MAX       ((int64_t)1 << 53)

struct jwt_key;

/* Zeroed: none. */
struct jwt_keys {
    size_t count;
    struct jwt_key *all[JWT_KEYS_MAX];
};

enum jwt_fault {
    JWT_FINE,
    JWT_MALFORMED, /* no token at all: size, parts, the form of a signature */
    JWT_FOREIGN,   /* not signed by any of the keys */
    JWT_HEADER,    /* signed, but not plain HS256 */
    JWT_CONTENT,   /* signed, but its claims are no JSON object */
    JWT_MEMORY
};

/* One more key of any size but 0; at most JWT_KEYS_MAX (asserted).
 * ENGINE_ENOMEM. */
enum engine_code jwt_keys_add(struct jwt_keys *keys, const void *key,
                              size_t size) __attribute__((warn_unused_result));

/* Wipes; zeroed again after it. */
void jwt_keys_release(struct jwt_keys *keys);

/* Opens `token`: its signature is compared in constant time with that of every
 * key.
 *   arena    for texts in between
 *   ret_doc  the claims, an object; yyjson_doc_free(). Only of JWT_FINE. */
enum jwt_fault jwt_open(const struct jwt_keys *keys, struct span token,
                        struct arena *arena, yyjson_doc **ret_doc)
    __attribute__((warn_unused_result));

/* "is not signed ...": goes on from a noun. */
const char *jwt_fault_text(enum jwt_fault fault);

/* A time claim, seconds since 1970 (RFC 7519's NumericDate, whole and not
 * negative). False: absent or something else. */
bool jwt_time(yyjson_val *claims, const char *name, int64_t *ret_s);

/* A text claim into the arena, so that it outlives the document; empty where
 * there is none. ENGINE_EFORBIDDEN  longer than size_max. ENGINE_ENOMEM. */
enum engine_code jwt_text(yyjson_val *claims, const char *name, size_t size_max,
                          struct arena *arena, struct span *ret_text)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_JWT_H */
