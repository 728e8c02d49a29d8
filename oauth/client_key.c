/* SPDX-License-Identifier: Apache-2.0
 * A private key of ours, and the tokens that it signs. */
#include "oauth/client_key.h"

#include "base/base64.h"
#include "oauth/json.h"

#include <assert.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#define RSA_BITS_MIN   2048
#define RSA_BITS_MAX   8192
#define SIGNATURE_MAX  (RSA_BITS_MAX / 8)
#define P256_HALF_SIZE 32

struct client_key {
    EVP_PKEY *pkey;
    const char *alg;
    struct bytes header; /* base64url, ready to be signed */
};

/* An encrypted file must not make the server ask a terminal. */
static int
no_password(char *buffer, int size, int is_writing, void *data)
{
    (void)buffer;
    (void)size;
    (void)is_writing;
    (void)data;
    return -1;
}

static EVP_PKEY *
read_pem(struct span pem)
{
    EVP_PKEY *pkey = NULL;
    BIO *bio = BIO_new_mem_buf(pem.data, (int)pem.size);
    if (bio != NULL)
        pkey = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return pkey;
}

/* The one algorithm that this key signs; NULL: none of ours. */
static const char *
alg_of(const EVP_PKEY *pkey)
{
    char group[32];
    size_t size = 0;
    int bits = EVP_PKEY_get_bits(pkey);
    if (EVP_PKEY_is_a(pkey, "RSA"))
        return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX ? "RS256" : NULL;
    if (EVP_PKEY_is_a(pkey, "EC") &&
        EVP_PKEY_get_group_name(pkey, group, sizeof(group), &size) == 1 &&
        strcmp(group, "prime256v1") == 0)
        return "ES256";
    return NULL;
}

static void
format_header(struct client_key *key, struct span kid)
{
    struct bytes json;
    bytes_init(&json, 4096);
    bytes_init(&key->header, 4096);
    bytes_addf(&json, "{\"alg\":\"%s\",\"typ\":\"JWT\"", key->alg);
    if (kid.size > 0) {
        bytes_add_text(&json, ",\"kid\":");
        json_add_text(&json, kid);
    }
    bytes_add_char(&json, '}');
    base64_encode(bytes_span(&json), &key->header);
    key->header.is_failed = key->header.is_failed || bytes_failed(&json);
    bytes_release(&json);
}

enum oauth_code
client_key_create(struct span pem, struct span kid, struct client_key **ret_key,
                  struct error *reterr)
{
    if (pem.size == 0 || pem.size > CLIENT_KEY_PEM_SIZE_MAX)
        return error_set(reterr, OAUTH_ECONFIG, "the key is empty or too long");
    if (kid.size > CLIENT_KEY_KID_SIZE_MAX)
        return error_set(reterr, OAUTH_ECONFIG, "the key's kid is too long");
    for (size_t i = 0; i < kid.size; i++) {
        if (kid.data[i] < 0x20 || kid.data[i] >= 0x7f)
            return error_set(reterr, OAUTH_ECONFIG,
                             "the key's kid is not printable");
    }
    struct client_key *key = calloc(1, sizeof(*key));
    if (key == NULL)
        return error_memory(reterr);
    key->pkey = read_pem(pem);
    key->alg = key->pkey == NULL ? NULL : alg_of(key->pkey);
    if (key->alg == NULL) {
        enum oauth_code code = error_set(
            reterr, OAUTH_ECONFIG,
            key->pkey == NULL
                ? "no private key in PEM form that is not encrypted"
                : "the key is neither RSA of 2048 to 8192 bits nor EC P-256");
        client_key_free(key);
        return code;
    }
    format_header(key, kid);
    if (bytes_failed(&key->header)) {
        client_key_free(key);
        return error_memory(reterr);
    }
    *ret_key = key;
    return OAUTH_OK;
}

void
client_key_free(struct client_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->pkey);
    if (key->header.size_max > 0)
        bytes_release(&key->header);
    free(key);
}

/* DER of OpenSSL -> r and s side by side (RFC 7518 section 3.4). */
static bool
raw_of_der(unsigned char *signature, size_t *size)
{
    const unsigned char *at = signature;
    unsigned char raw[2 * P256_HALF_SIZE];
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)*size);
    bool is_good = pair != NULL &&
                   BN_bn2binpad(ECDSA_SIG_get0_r(pair), raw, P256_HALF_SIZE) ==
                       P256_HALF_SIZE &&
                   BN_bn2binpad(ECDSA_SIG_get0_s(pair), raw + P256_HALF_SIZE,
                                P256_HALF_SIZE) == P256_HALF_SIZE;
    ECDSA_SIG_free(pair);
    if (is_good) {
        memcpy(signature, raw, sizeof(raw));
        *size = sizeof(raw);
    }
    return is_good;
}

static bool
sign(const struct client_key *key, struct span input, unsigned char *signature,
     size_t *size)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool is_good =
        ctx != NULL &&
        EVP_DigestSignInit_ex(ctx, NULL, "SHA256", NULL, NULL, key->pkey,
                              NULL) == 1 &&
        EVP_DigestSign(ctx, signature, size, (const unsigned char *)input.data,
                       input.size) == 1;
    EVP_MD_CTX_free(ctx);
    if (is_good && key->alg[0] == 'E')
        is_good = raw_of_der(signature, size);
    return is_good;
}

enum oauth_code
client_key_sign(const struct client_key *key, struct span claims,
                struct bytes *out)
{
    unsigned char signature[SIGNATURE_MAX];
    size_t size = sizeof(signature);
    struct bytes token;
    bytes_init(&token, (size_t)16 << 10);
    bytes_add_span(&token, bytes_span(&key->header));
    bytes_add_char(&token, '.');
    base64_encode(claims, &token);
    enum oauth_code code = OAUTH_ENOMEM;
    if (!bytes_failed(&token))
        code = sign(key, bytes_span(&token), signature, &size)
                   ? OAUTH_OK
                   : OAUTH_EINTERNAL;
    if (code == OAUTH_OK) {
        bytes_add_char(&token, '.');
        base64_encode((struct span){ (const char *)signature, size }, &token);
        bytes_add_span(out, bytes_span(&token));
        if (bytes_failed(&token) || bytes_failed(out))
            code = OAUTH_ENOMEM;
    }
    bytes_wipe(&token);
    return code;
}
