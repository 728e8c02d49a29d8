/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OAUTH_JWKS_H
#define OAUTH_JWKS_H

#include "base/bytes.h"
#include "oauth/error.h"

#include <openssl/evp.h>

/* A provider's public keys (RFC 7517). Only keys that can verify a signature
 * are kept: RSA of 2048 to 8192 bits with an odd exponent >= 3, EC on P-256,
 * P-384 and P-521, Ed25519 (RFC 8037); no symmetric key, no key with private parts, none with
 * use other than "sig" or key_ops without "verify". */

#define JWKS_KEY_COUNT_MAX 64
#define JWKS_KID_SIZE_MAX  255
#define JWKS_SIZE_MAX      ((size_t)256 << 10)

enum jwk_type { JWK_RSA, JWK_P256, JWK_P384, JWK_P521, JWK_ED25519 };

struct jwk {
    enum jwk_type type;
    char *kid; /* NULL: none */
    char *alg; /* NULL: any that fits the type */
    char *pem; /* SubjectPublicKeyInfo, for libjwt */
    EVP_PKEY *pkey;
};

struct jwks {
    size_t count;
    struct jwk items[JWKS_KEY_COUNT_MAX];
};

/* Parses a JWK set; unusable keys are left out.
 *   ret_jwks  owned by the caller, jwks_free(); immutable
 * OAUTH_EDOCUMENT  no JWK set, more than JWKS_KEY_COUNT_MAX keys, or none
 * usable.   OAUTH_ENOMEM. */
enum oauth_code jwks_parse(struct span text, struct jwks **ret_jwks,
                           struct error *reterr)
    __attribute__((warn_unused_result));

/* NULL is allowed. */
void jwks_free(struct jwks *jwks);

#endif /* OAUTH_JWKS_H */
