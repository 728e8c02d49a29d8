/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_TOKEN_H
#define OAUTH_TOKEN_H

#include "base/arena.h"
#include "base/bytes.h"
#include "oauth/error.h"

#include <stdint.h>

/* The token endpoint (RFC 6749 sections 4.1.3, 5). */

#define TOKEN_BODY_SIZE_MAX  ((size_t)64 << 10)
#define TOKEN_LIFETIME_MAX_S ((int64_t)10 * 366 * 86400)

struct token_exchange {
    struct span code;
    struct span verifier;
    struct span redirect_uri;
};

/* Appends the form of a code exchange, without the proof who we are
 * (client_prove()). */
void token_exchange_form(const struct token_exchange *exchange,
                         struct bytes *form);

/* The same for a refresh (RFC 6749 section 6). */
void token_refresh_form(struct span refresh_token, struct bytes *form);

/* The same for introspection (RFC 7662 section 2.1). */
void token_introspection_form(struct span token, struct bytes *form);

struct token_response {
    struct span access_token;
    struct span id_token;      /* size 0: none */
    struct span refresh_token; /* size 0: none */
    int64_t expires_in_s;      /* 0: not said */
};

/* Reads the answer; texts are copied into `arena`.
 * OAUTH_ECODE      the provider says invalid_grant: code or refresh token used,
 * old or not ours
 * OAUTH_EPROVIDER  429 or 5xx.   OAUTH_EDOCUMENT  anything else that is no
 * proper answer, a token_type other than Bearer included.   OAUTH_ENOMEM. */
enum oauth_code
token_response_parse(int status, struct span text, struct arena *arena,
                     struct token_response *ret_response, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* OAUTH_TOKEN_H */
