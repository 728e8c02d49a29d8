/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_LOGOUT_TOKEN_H
#define OAUTH_LOGOUT_TOKEN_H

#include "base/arena.h"
#include "base/bytes.h"
#include "oauth/error.h"
#include "oauth/jwks.h"
#include "oauth/jwt.h"

#include <stdint.h>

/* Logout tokens (OpenID Connect Back-Channel Logout 1.0 sections 2.4, 2.6):
 * the provider tells us which sessions are over. */

#define LOGOUT_TOKEN_AGE_MAX_S    300
#define LOGOUT_TOKEN_SKEW_S       60
#define LOGOUT_TOKEN_ID_SIZE_MAX  255  /* sub and jti */
#define LOGOUT_TOKEN_SID_SIZE_MAX 1024 /* as kept in a session */

/* How long the use of a jti has to be remembered. */
#define LOGOUT_TOKEN_MARK_S (LOGOUT_TOKEN_AGE_MAX_S + 2 * 300)

struct logout_token_rules {
    struct span issuer;
    struct span client_id;
    const struct jwks *jwks;
    jws_algs algs;  /* 0: all that we know */
    int64_t skew_s; /* 0: LOGOUT_TOKEN_SKEW_S; at most 300 */
    int64_t now_s;
};

/* What a good token says; sub or sid may be empty, never both. */
struct logout_token {
    struct span sub;
    struct span sid;
    struct span jti;
};

/* Whether `text` can be one at all: three parts, a header of the allow-list,
 * a type that a logout token may have. Before keys are fetched for it.
 * OAUTH_ETOKEN; OAUTH_ENOMEM. */
enum oauth_code logout_token_look(struct span text, struct error *reterr)
    __attribute__((warn_unused_result));

/* Verifies a logout token.
 *   ret_token  copied into `arena`; untouched on failure
 * OAUTH_EKEY    no key fits: fetch the key set once more and repeat.
 * OAUTH_ETOKEN  a rule is broken; the text says which.   OAUTH_ENOMEM. */
enum oauth_code
logout_token_check(struct span text, const struct logout_token_rules *rules,
                   struct arena *arena, struct logout_token *ret_token,
                   struct error *reterr) __attribute__((warn_unused_result));

#endif /* OAUTH_LOGOUT_TOKEN_H */
