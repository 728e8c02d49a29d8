/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_ASSERTION_H
#define OAUTH_ASSERTION_H

#include "base/bytes.h"
#include "oauth/error.h"

#include <stdint.h>

/* Our word to the engine about who asks: a JWT (RFC 7519) signed with HS256
 * (RFC 7518 section 3.2) by a key that both share. It is made when a session
 * is opened and goes with every request until the session is opened anew, so
 * it lives longer than a cached session (at most 30 s) and any request. */

#define ASSERTION_KEY_SIZE     32
#define ASSERTION_LIFE_S       90
#define ASSERTION_SIZE_MAX     4096
#define ASSERTION_SUB_SIZE_MAX 255 /* OpenID Connect Core section 2 */
#define ASSERTION_NAME_SIZE    128 /* longer names are cut */

struct assertion_key;

/* Takes a copy of ASSERTION_KEY_SIZE secret bytes.
 *   ret_key  assertion_key_free(); constant, any thread may use it
 * OAUTH_ENOMEM. */
enum oauth_code assertion_key_create(const unsigned char *secret,
                                     struct assertion_key **ret_key)
    __attribute__((warn_unused_result));

/* Wipes and frees; NULL is allowed. */
void assertion_key_free(struct assertion_key *key);

struct assertion {
    struct span issuer; /* this gateway: its public URL */
    struct span sub;    /* not empty */
    struct span name;   /* what people call them; may be empty */
    struct span access; /* JSON, as rights_write() makes it */
    int64_t now_s;
};

/* Appends the token, printable ASCII without spaces.
 * OAUTH_ELIMIT  sub, or the whole (ASSERTION_SIZE_MAX), is too long.
 * OAUTH_ENOMEM.   OAUTH_EINTERNAL  OpenSSL. */
enum oauth_code assertion_write(const struct assertion_key *key,
                                const struct assertion *assertion,
                                struct bytes *out, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* OAUTH_ASSERTION_H */
