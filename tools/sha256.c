/* SPDX-License-Identifier: Apache-2.0
 * OpenSSL's digest behind three calls. */
#include "tools/sha256.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

void
sha256_start(struct sha256 *sha)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context == NULL || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
        abort();
    sha->context = context;
}

void
sha256_add(struct sha256 *sha, struct span data)
{
    if (data.size > 0 &&
        EVP_DigestUpdate(sha->context, data.data, data.size) != 1)
        abort();
}

void
sha256_end(struct sha256 *sha, char ret_text[SHA256_TEXT_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_DigestFinal_ex(sha->context, digest, &size) != 1)
        abort();
    EVP_MD_CTX_free(sha->context);
    sha->context = NULL;
    for (unsigned i = 0; ret_text != NULL && i < size; i++)
        snprintf(ret_text + (size_t)i * 2, 3, "%02x", digest[i]);
}
