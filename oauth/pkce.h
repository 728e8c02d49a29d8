/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_PKCE_H
#define OAUTH_PKCE_H

#include "base/bytes.h"
#include "oauth/error.h"

/* PKCE (RFC 7636), S256 only. */

#define PKCE_SECRET_SIZE 32
#define PKCE_TEXT_SIZE   43 /* verifier and challenge alike */

/* Appends the code_verifier of `secret` (PKCE_SECRET_SIZE random bytes). */
void pkce_verifier(const unsigned char *secret, struct bytes *out);

/* Appends the code_challenge: base64url(SHA-256(verifier)).
 * OAUTH_EINTERNAL  OpenSSL. */
enum oauth_code pkce_challenge(const unsigned char *secret, struct bytes *out)
    __attribute__((warn_unused_result));

#endif /* OAUTH_PKCE_H */
