/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_IDENTITY_H
#define ENGINE_API_IDENTITY_H

#include "engine/api/jwt.h"
#include "engine/api/rights.h"

#include <stdint.h>

/* The gateway's word about who asks: header X-Azimuth-Identity, a JWT (RFC
 * 7519) signed with HS256 (RFC 7518 section 3.2) by a key that gateway and
 * engine share. Claims: sub, name, iat, exp, access (rights.h); others are
 * ignored. The algorithm is never taken from the token. */

#define IDENTITY_HEADER         "x-azimuth-identity"
#define IDENTITY_KEY_SIZE       32
#define IDENTITY_KEYS_MAX       JWT_KEYS_MAX
#define IDENTITY_FILE_SIZE_MAX  4096
#define IDENTITY_TOKEN_SIZE_MAX 4096
#define IDENTITY_SKEW_S         5   /* between the two clocks */
#define IDENTITY_LIFE_S_MAX     300 /* exp - iat: a long-lived one is no such */
#define IDENTITY_SUB_SIZE_MAX   512
#define IDENTITY_NAME_SIZE_MAX  512

struct identity_keys;

struct identity {
    struct span sub;  /* in the arena, never empty */
    struct span name; /* likewise; may be empty */
    struct rights rights;
    int64_t from_s, until_s; /* believed in between, skew counted in */
    /* A filter (JSON text) that a point of that collection must match; size 0:
     * none (claims.h). */
    struct span wanted_in, wanted;
};

/* Reads a file of keys: one per line, 64 hexadecimal digits, empty lines and
 * those with '#' skipped. A regular file that group and others cannot read.
 *   ret_keys  identity_keys_free(); constant, any thread may use it
 * ENGINE_EINPUT  names file, line and what is wrong.   ENGINE_ENOMEM. */
enum engine_code identity_keys_read(const char *path,
                                    struct identity_keys **ret_keys,
                                    struct error *reterr)
    __attribute__((warn_unused_result));

/* Wipes and frees; NULL is allowed. */
void identity_keys_free(struct identity_keys *keys);

/* Believes `token` or says why not. The signature is compared in constant time
 * with that of every key, before anything in the token is looked at.
 *   now_s  wall clock, seconds since 1970
 *   arena  keeps what ret_identity points to
 * ENGINE_EFORBIDDEN  not signed by us, expired, too new, malformed.
 * ENGINE_ENOMEM. */
enum engine_code
identity_verify(const struct identity_keys *keys, struct span token,
                int64_t now_s, struct arena *arena,
                struct identity *ret_identity, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_IDENTITY_H */
