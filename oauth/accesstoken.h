/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_ACCESSTOKEN_H
#define OAUTH_ACCESSTOKEN_H

#include "oauth/idtoken.h"

#include <stdbool.h>

/* Access tokens that are presented to us: JWTs (RFC 9068, and Keycloak's
 * dialect), and what introspection (RFC 7662) says of others. */

#define ACCESSTOKEN_ANSWER_SIZE_MAX ((size_t)64 << 10)

struct accesstoken_rules {
    struct idtoken_rules basic; /* nonce, access_token, code: not used */
    /* Words with a space between. */
    struct span audiences; /* one of them must be in `aud`; empty: client_id */
    struct span clients;   /* `azp` (or client_id) must be one; empty: any */
    struct span scopes;    /* all must be in `scope` (or scp); empty: none */
    bool allows_untyped;   /* a JWT that nowhere says that it is an access
                              token, as some providers make them */
};

/* Verifies a JWT and reads who it is about. An ID, refresh or logout token is
 * refused, and so is one that is bound to a key of its client (`cnf`), since
 * the proof of that key is not looked at.
 *   ret_session  as idtoken_check() writes it, and issuer, audience and
 *                expires_s: when it stops being good, clock skew included
 * OAUTH_EKEY    no key fits: fetch the key set once more and repeat.
 * OAUTH_ETOKEN  a rule is broken; the text says which.
 * OAUTH_ESCOPE  all is well but the scope.   OAUTH_ENOMEM. */
enum oauth_code
accesstoken_check(struct span token, const struct accesstoken_rules *rules,
                  struct arena *arena, struct session *ret_session,
                  struct error *reterr) __attribute__((warn_unused_result));

/* Reads an introspection answer, under the same rules; the key set is not
 * needed. An answer without `exp` is good for ACCESSTOKEN_ANSWER_S seconds.
 *   status, text  of the answer
 * OAUTH_EPROVIDER  429 or 5xx.   OAUTH_EDOCUMENT  no proper answer.
 * Others as above; OAUTH_ETOKEN also for a token that is not active. */
#define ACCESSTOKEN_ANSWER_S 30
enum oauth_code
accesstoken_read(int status, struct span text,
                 const struct accesstoken_rules *rules, struct arena *arena,
                 struct session *ret_session, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* OAUTH_ACCESSTOKEN_H */
