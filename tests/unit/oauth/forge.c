/* SPDX-License-Identifier: Apache-2.0
 * Signs tokens and writes key sets for the tests, also such as no provider
 * should ever send. */
#include "tests/unit/oauth/forge.h"

#include "base/base64.h"

#include <assert.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MAX_OF_ALL ((size_t)4 << 20)

char *
forge_text(const char *format, ...)
{
    va_list args;
    va_list again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(size >= 0);
    char *text = malloc((size_t)size + 1);
    assert(text != NULL);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return text;
}

EVP_PKEY *
forge_rsa(int bits)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
    assert(pkey != NULL);
    return pkey;
}

EVP_PKEY *
forge_ec(const char *curve)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);
    assert(pkey != NULL);
    return pkey;
}

EVP_PKEY *
forge_ed25519(void)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    assert(pkey != NULL);
    return pkey;
}

static void
add_number(struct bytes *out, const BIGNUM *number, int size)
{
    unsigned char raw[2048];
    if (size == 0)
        size = BN_num_bytes(number);
    assert(size <= (int)sizeof(raw));
    assert(BN_bn2binpad(number, raw, size) == size);
    base64_encode((struct span){ (const char *)raw, (size_t)size }, out);
}

static BIGNUM *
param_of(EVP_PKEY *pkey, const char *name)
{
    BIGNUM *number = NULL;
    assert(EVP_PKEY_get_bn_param(pkey, name, &number) == 1);
    return number;
}

static void
add_ec(struct bytes *out, EVP_PKEY *pkey)
{
    int bits = EVP_PKEY_get_bits(pkey);
    BIGNUM *x = param_of(pkey, OSSL_PKEY_PARAM_EC_PUB_X);
    BIGNUM *y = param_of(pkey, OSSL_PKEY_PARAM_EC_PUB_Y);
    bytes_addf(out, "\"kty\":\"EC\",\"crv\":\"P-%d\",\"x\":\"", bits);
    add_number(out, x, (bits + 7) / 8);
    bytes_add_text(out, "\",\"y\":\"");
    add_number(out, y, (bits + 7) / 8);
    BN_free(x);
    BN_free(y);
}

static void
add_okp(struct bytes *out, EVP_PKEY *pkey)
{
    unsigned char raw[32];
    size_t size = sizeof(raw);
    assert(EVP_PKEY_get_raw_public_key(pkey, raw, &size) == 1);
    bytes_add_text(out, "\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"");
    base64_encode((struct span){ (const char *)raw, size }, out);
}

static void
add_rsa(struct bytes *out, EVP_PKEY *pkey)
{
    BIGNUM *n = param_of(pkey, OSSL_PKEY_PARAM_RSA_N);
    BIGNUM *e = param_of(pkey, OSSL_PKEY_PARAM_RSA_E);
    bytes_add_text(out, "\"kty\":\"RSA\",\"n\":\"");
    add_number(out, n, 0);
    bytes_add_text(out, "\",\"e\":\"");
    add_number(out, e, 0);
    BN_free(n);
    BN_free(e);
}

char *
forge_jwk(EVP_PKEY *pkey, const char *kid, const char *more)
{
    struct bytes out;
    bytes_init(&out, SIZE_MAX_OF_ALL);
    bytes_addf(&out, "{%s", more);
    if (kid != NULL)
        bytes_addf(&out, "\"kid\":\"%s\",", kid);
    if (EVP_PKEY_is_a(pkey, "RSA"))
        add_rsa(&out, pkey);
    else if (EVP_PKEY_is_a(pkey, "ED25519"))
        add_okp(&out, pkey);
    else
        add_ec(&out, pkey);
    bytes_add_text(&out, "\"}");
    return bytes_take(&out);
}

char *
forge_jwks(EVP_PKEY *pkey, const char *kid)
{
    char *jwk = forge_jwk(pkey, kid, "\"use\":\"sig\",");
    char *jwks = forge_text("{\"keys\":[%s]}", jwk);
    free(jwk);
    return jwks;
}

static void
add_input(struct bytes *out, const char *header, const char *payload)
{
    base64_encode(span_of(header), out);
    bytes_add_char(out, '.');
    base64_encode(span_of(payload), out);
}

/* DER of OpenSSL -> r and s side by side. */
static size_t
raw_of_der(EVP_PKEY *pkey, unsigned char *signature, size_t size)
{
    const unsigned char *at = signature;
    int half = (EVP_PKEY_get_bits(pkey) + 7) / 8;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)size);
    assert(pair != NULL);
    unsigned char raw[2 * 66];
    assert(BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, half) == half);
    assert(BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + half, half) == half);
    ECDSA_SIG_free(pair);
    memcpy(signature, raw, 2 * (size_t)half);
    return 2 * (size_t)half;
}

char *
forge_token(EVP_PKEY *pkey, const char *alg, const char *header,
            const char *payload)
{
    struct bytes out;
    unsigned char signature[2048];
    size_t size = sizeof(signature);
    EVP_PKEY_CTX *key = NULL;
    char digest[8] = "SHA";
    bytes_init(&out, SIZE_MAX_OF_ALL);
    add_input(&out, header, payload);
    if (strcmp(alg, "none") == 0) {
        bytes_add_char(&out, '.');
        return bytes_take(&out);
    }
    memcpy(digest + 3, alg + 2, 4);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is_edwards = EVP_PKEY_is_a(pkey, "ED25519") == 1;
    assert(EVP_DigestSignInit_ex(ctx, &key, is_edwards ? NULL : digest, NULL,
                                 NULL, pkey, NULL) == 1);
    if (alg[0] == 'P') {
        assert(EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) == 1);
        assert(EVP_PKEY_CTX_set_rsa_pss_saltlen(key, RSA_PSS_SALTLEN_DIGEST) ==
               1);
    }
    assert(EVP_DigestSign(ctx, signature, &size,
                          (const unsigned char *)out.data, out.size) == 1);
    EVP_MD_CTX_free(ctx);
    if (EVP_PKEY_is_a(pkey, "EC"))
        size = raw_of_der(pkey, signature, size);
    bytes_add_char(&out, '.');
    base64_encode((struct span){ (const char *)signature, size }, &out);
    return bytes_take(&out);
}

char *
forge_hmac_token(struct span secret, const char *header, const char *payload)
{
    struct bytes out;
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    bytes_init(&out, SIZE_MAX_OF_ALL);
    add_input(&out, header, payload);
    HMAC(EVP_sha256(), secret.size > 0 ? secret.data : "", (int)secret.size,
         (const unsigned char *)out.data, out.size, mac, &size);
    bytes_add_char(&out, '.');
    base64_encode((struct span){ (const char *)mac, size }, &out);
    return bytes_take(&out);
}

char *
forge_pem(EVP_PKEY *pkey)
{
    char *data = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    assert(PEM_write_bio_PUBKEY(bio, pkey) == 1);
    long size = BIO_get_mem_data(bio, &data);
    char *pem = strndup(data, (size_t)size);
    BIO_free(bio);
    return pem;
}

char *
forge_half_hash(const char *digest, const char *text)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    size_t size = 0;
    struct bytes out;
    assert(EVP_Q_digest(NULL, digest, NULL, text, strlen(text), hash, &size) ==
           1);
    bytes_init(&out, 128);
    base64_encode((struct span){ (const char *)hash, size / 2 }, &out);
    return bytes_take(&out);
}
