/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_IDTOKEN_H
#define OAUTH_IDTOKEN_H

#include "base/arena.h"
#include "base/bytes.h"
#include "oauth/error.h"
#include "oauth/jwt.h"
#include "oauth/session.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define IDTOKEN_SKEW_S        60 /* clocks may differ so far: the default */
#define IDTOKEN_SKEW_MAX_S    300
#define IDTOKEN_SUB_SIZE_MAX  255
#define IDTOKEN_TEXT_SIZE_MAX 1024

/* What an ID token is held against. */
struct idtoken_rules {
    struct span issuer;
    struct span client_id;
    struct span nonce;        /* of this login; size 0: the token has none */
    bool is_refresh;          /* it may lack the nonce (Core section 12.2) */
    struct span access_token; /* for at_hash; may be empty */
    struct span code;         /* for c_hash; may be empty */
    struct span claim_names;  /* more to remember, one per line; or empty */
    const struct jwks *jwks;
    jws_algs algs;  /* 0: all that we know */
    int64_t skew_s; /* 0: IDTOKEN_SKEW_S */
    int64_t now_s;
};

/* Verifies an ID token (OpenID Connect Core 1.0 section 3.1.3.7) and reads
 * who it is about.
 *   ret_session  sub, preferred_username, email, name, the roles, groups, sid,
 *                claims and auth_s are written, copied into `arena`; untouched
 *                on failure
 * OAUTH_EKEY    no key fits: fetch the key set once more and repeat.
 * OAUTH_ECLOCK  exp, iat or nbf do not fit our clock; all else may be well.
 * OAUTH_ETOKEN  a rule is broken; the text says which.   OAUTH_ENOMEM. */
enum oauth_code idtoken_check(struct span token,
                              const struct idtoken_rules *rules,
                              struct arena *arena, struct session *ret_session,
                              struct error *reterr)
    __attribute__((warn_unused_result));

/* Two of its parts, for other tokens of the same provider: exp, iat and nbf,
 * and who the claims are about. */
enum oauth_code idtoken_check_times(const json_t *claims,
                                    const struct idtoken_rules *rules,
                                    struct error *reterr)
    __attribute__((warn_unused_result));
enum oauth_code idtoken_read(const json_t *claims,
                             const struct idtoken_rules *rules,
                             struct arena *arena, struct session *ret_session,
                             struct error *reterr)
    __attribute__((warn_unused_result));

/* Adds the roles and groups of an access token that is a JWT of the same
 * issuer about the same sub with a good signature; leaves the session alone
 * otherwise (an access token may be opaque). */
void idtoken_add_access_roles(const struct idtoken_rules *rules,
                              struct arena *arena, struct session *session);

#endif /* OAUTH_IDTOKEN_H */
