/* SPDX-License-Identifier: Apache-2.0
 * PKCE (RFC 7636). The secret stays in the sealed login cookie; the provider
 * sees the challenge first and the verifier only with the code. */
#include "oauth/pkce.h"

#include "base/base64.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

void
pkce_verifier(const unsigned char *secret, struct bytes *out)
{
    base64_encode((struct span){ (const char *)secret, PKCE_SECRET_SIZE }, out);
}

enum oauth_code
pkce_challenge(const unsigned char *secret, struct bytes *out)
{
    unsigned char hash[32];
    unsigned size = 0;
    struct bytes verifier;
    bytes_init(&verifier, PKCE_TEXT_SIZE);
    pkce_verifier(secret, &verifier);
    enum oauth_code code = OAUTH_EINTERNAL;
    if (bytes_failed(&verifier))
        code = OAUTH_ENOMEM;
    else if (EVP_Digest(verifier.data, verifier.size, hash, &size, EVP_sha256(),
                        NULL) == 1) {
        base64_encode((struct span){ (const char *)hash, sizeof(hash) }, out);
        code = OAUTH_OK;
    }
    bytes_wipe(&verifier);
    return code;
}
