/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_JWT_H
#define OAUTH_JWT_H

#include "base/bytes.h"
#include "oauth/error.h"
#include "oauth/jwks.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdint.h>

/* Signed tokens in compact form (RFC 7515, 7519; rules of RFC 8725).
 * The names say jws: libjwt, which jwt.c calls, owns the prefix jwt_. */

#define JWT_SIZE_MAX ((size_t)16 << 10)

enum jws_family { JWS_RS, JWS_PS, JWS_ES, JWS_ED };

/* One row of the allow-list: nothing symmetric, nothing without signature. */
struct jws_alg {
    const char *name;
    enum jws_family family;
    enum jwk_type type;
    const char *digest; /* OpenSSL's name; also that of at_hash */
};

/* A set of algorithms, a bit for each row. 0 stands for all of them. */
typedef uint32_t jws_algs;

/* The set of this one name ("RS256" ... "ES512", "EdDSA"); 0: unknown. */
jws_algs jws_algs_of(struct span name);

struct jws {
    const struct jws_alg *alg;
    char kid[JWKS_KID_SIZE_MAX + 1];
    bool has_kid;
    bool is_plain_type;     /* no `typ`, or "JWT" */
    bool is_logout_type;    /* `typ` is "logout+jwt" */
    bool is_access_type;    /* `typ` is "at+jwt" (RFC 9068) */
    struct span text;       /* borrowed: the whole token */
    struct span input;      /* borrowed: header.payload */
    struct bytes payload;   /* decoded; not yet believed */
    struct bytes signature; /* decoded */
};

/* Splits a token and reads its header; believes nothing.
 *   text     must outlive ret_jws
 *   ret_jws  jws_release() it after success
 * OAUTH_ETOKEN  not three base64url parts, too long, header no strict JSON,
 * alg not in the list, any `crit`, `b64`, `zip` or `enc`, kid no short text.
 * jku, x5u, x5c and jwk are ignored.   OAUTH_ENOMEM. */
enum oauth_code jws_parse(struct span text, struct jws *ret_jws,
                          struct error *reterr)
    __attribute__((warn_unused_result));

void jws_release(struct jws *jws);

/* Whether the token's algorithm is in `algs` (0: any of the list).
 * OAUTH_ETOKEN  it is not. */
enum oauth_code jws_check_alg(const struct jws *jws, jws_algs algs,
                              struct error *reterr)
    __attribute__((warn_unused_result));

/* Checks the signature. The key is chosen by kid and must fit the algorithm
 * by type, curve and its own `alg`; a token without kid is accepted only when
 * exactly one key fits. libjwt gets RS and ES after that choice is made,
 * OpenSSL gets the rest.
 * OAUTH_EKEY    no key fits: the caller may fetch the set once more.
 * OAUTH_ETOKEN  the signature is wrong.   OAUTH_ENOMEM. */
enum oauth_code jws_verify(const struct jws *jws, const struct jwks *jwks,
                           struct error *reterr)
    __attribute__((warn_unused_result));

/* Both checks; then the claims, which are believed from here on. The caller's
 * to release, NULL on failure.
 * Besides the above: OAUTH_ETOKEN  the payload is no strict JSON object. */
enum oauth_code jws_open(const struct jws *jws, const struct jwks *jwks,
                         jws_algs algs, json_t **ret_claims,
                         struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* OAUTH_JWT_H */
