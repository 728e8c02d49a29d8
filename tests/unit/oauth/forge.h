/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UNIT_OAUTH_FORGE_H
#define UNIT_OAUTH_FORGE_H

#include "base/bytes.h"

#include <openssl/evp.h>

/* A provider's workshop for tests: keys, key sets, tokens, good and bad.
 * Failures are assertions. */

struct forge_key {
    EVP_PKEY *pkey;
    const char *kid;
};

EVP_PKEY *forge_rsa(int bits);
EVP_PKEY *forge_ec(const char *curve); /* "P-256" ... */
EVP_PKEY *forge_ed25519(void);

/* A JWK (JSON object) of the public half; `more` is put in front of its
 * members, such as "\"use\":\"sig\",". Freed by the caller. */
char *forge_jwk(EVP_PKEY *pkey, const char *kid, const char *more);

/* {"keys":[JWK]} of one key. Freed by the caller. */
char *forge_jwks(EVP_PKEY *pkey, const char *kid);

/* A signed compact token. `alg` is done as asked, "none" and "HS256" (with
 * `secret` as key) included. Freed by the caller. */
char *forge_token(EVP_PKEY *pkey, const char *alg, const char *header,
                  const char *payload);
char *forge_hmac_token(struct span secret, const char *header,
                       const char *payload);

/* PEM of the public key. Freed by the caller. */
char *forge_pem(EVP_PKEY *pkey);

/* base64url of the left half of the digest, as in at_hash. Freed by the
 * caller. */
char *forge_half_hash(const char *digest, const char *text);

/* printf into memory that the caller frees. */
char *forge_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* UNIT_OAUTH_FORGE_H */
