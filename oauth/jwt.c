/* SPDX-License-Identifier: Apache-2.0
 * Compact JWS: split, allow-list, key choice, signature. The order matters:
 * algorithm and key are pinned to each other by hand before libjwt 1.x sees
 * the token, so that its own choice by the header can only confirm ours. */
#include "oauth/jwt.h"

#include "base/base64.h"
#include "oauth/json.h"

#include <assert.h>
#include <errno.h>
#include <jwt.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADER_SIZE_MAX    2048
#define SIGNATURE_SIZE_MAX 1024 /* RSA of 8192 bits */

/* Rows of one ES algorithm belong to one curve (RFC 7518 section 3.4). */
static const struct jws_alg algs[] = {
    { "RS256", JWS_RS, JWK_RSA, "SHA256" },
    { "RS384", JWS_RS, JWK_RSA, "SHA384" },
    { "RS512", JWS_RS, JWK_RSA, "SHA512" },
    { "PS256", JWS_PS, JWK_RSA, "SHA256" },
    { "PS384", JWS_PS, JWK_RSA, "SHA384" },
    { "PS512", JWS_PS, JWK_RSA, "SHA512" },
    { "ES256", JWS_ES, JWK_P256, "SHA256" },
    { "ES384", JWS_ES, JWK_P384, "SHA384" },
    { "ES512", JWS_ES, JWK_P521, "SHA512" },
    { "EdDSA", JWS_ED, JWK_ED25519, "SHA512" },
};

_Static_assert(sizeof(algs) / sizeof(algs[0]) <= 8 * sizeof(jws_algs),
               "a bit for each row");

static const struct jws_alg *
alg_find(struct span name)
{
    for (size_t i = 0; i < sizeof(algs) / sizeof(algs[0]); i++) {
        if (span_equal_text(name, algs[i].name))
            return &algs[i];
    }
    return NULL;
}

jws_algs
jws_algs_of(struct span name)
{
    const struct jws_alg *alg = alg_find(name);
    return alg == NULL ? 0 : (jws_algs)1 << (alg - algs);
}

enum oauth_code
jws_check_alg(const struct jws *jws, jws_algs allowed, struct error *reterr)
{
    assert(jws->alg != NULL);
    if (allowed != 0 && (allowed & (jws_algs)1 << (jws->alg - algs)) == 0)
        return error_set(reterr, OAUTH_ETOKEN,
                         "the token's algorithm %s is not allowed here",
                         jws->alg->name);
    return OAUTH_OK;
}

/* Media types know no case (RFC 7515 section 4.1.9). */
static bool
is_text(struct span text, const char *name)
{
    return text.size == strlen(name) &&
           strncasecmp(text.data, name, text.size) == 0;
}

static enum oauth_code
header_read(const json_t *header, struct jws *jws, struct error *reterr)
{
    static const char *const refused[] = { "crit", "b64", "zip", "enc" };
    struct span kid = json_text(header, "kid");
    struct span type = json_text(header, "typ");
    jws->alg = alg_find(json_text(header, "alg"));
    if (jws->alg == NULL)
        return error_set(reterr, OAUTH_ETOKEN,
                         "the token's algorithm is not allowed");
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        if (json_object_get(header, refused[i]) != NULL)
            return error_set(reterr, OAUTH_ETOKEN,
                             "the token's header has '%s'", refused[i]);
    }
    jws->has_kid = json_object_get(header, "kid") != NULL;
    if (jws->has_kid) {
        if (kid.data == NULL || kid.size == 0 || kid.size > JWKS_KID_SIZE_MAX)
            return error_set(reterr, OAUTH_ETOKEN, "the token's kid is bad");
        memcpy(jws->kid, kid.data, kid.size);
        jws->kid[kid.size] = '\0';
    }
    jws->is_plain_type =
        json_object_get(header, "typ") == NULL || is_text(type, "JWT");
    jws->is_access_type =
        is_text(type, "at+jwt") || is_text(type, "application/at+jwt");
    jws->is_logout_type = is_text(type, "logout+jwt");
    return OAUTH_OK;
}

/* Cuts `text` at its two dots; false when there are not exactly two. */
static bool
split(struct span text, struct span parts[3])
{
    size_t count = 0;
    size_t from = 0;
    for (size_t i = 0; i <= text.size; i++) {
        if (i < text.size && text.data[i] != '.')
            continue;
        if (count == 3)
            return false;
        parts[count++] = (struct span){ text.data + from, i - from };
        from = i + 1;
    }
    return count == 3 && parts[0].size > 0 && parts[1].size > 0 &&
           parts[2].size > 0;
}

/* JSON that is bad is here a token that is bad. */
static enum oauth_code
blame_token(enum oauth_code code, struct error *reterr)
{
    if (code != OAUTH_EDOCUMENT)
        return code;
    if (reterr != NULL)
        reterr->code = OAUTH_ETOKEN;
    return OAUTH_ETOKEN;
}

enum oauth_code
jws_parse(struct span text, struct jws *ret_jws, struct error *reterr)
{
    struct span parts[3];
    struct bytes raw;
    json_t *header = NULL;
    struct jws jws = { .text = text };
    enum oauth_code code = OAUTH_ETOKEN;
    if (text.size == 0 || text.size > JWT_SIZE_MAX || !split(text, parts))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the token is not three parts of at most %zu bytes",
                         JWT_SIZE_MAX);
    /* From here on a buffer that fails lacks memory. */
    if (parts[0].size > BASE64_TEXT_SIZE((size_t)HEADER_SIZE_MAX) ||
        parts[2].size > BASE64_TEXT_SIZE((size_t)SIGNATURE_SIZE_MAX))
        return error_set(reterr, OAUTH_ETOKEN,
                         "the token's header or signature is too long");
    jws.input = (struct span){ text.data, parts[0].size + 1 + parts[1].size };
    bytes_init(&raw, HEADER_SIZE_MAX);
    bytes_init(&jws.payload, JWT_SIZE_MAX);
    bytes_init(&jws.signature, SIGNATURE_SIZE_MAX);
    if (!base64_decode(parts[0], &raw) ||
        !base64_decode(parts[1], &jws.payload) ||
        !base64_decode(parts[2], &jws.signature)) {
        bool is_memory =
            raw.is_failed || jws.payload.is_failed || jws.signature.is_failed;
        code = is_memory ? error_memory(reterr)
                         : error_set(reterr, OAUTH_ETOKEN,
                                     "the token's parts are no base64url");
        goto out;
    }
    code = json_parse(bytes_span(&raw), HEADER_SIZE_MAX, "the token's header",
                      &header, reterr);
    if (code != OAUTH_OK) {
        code = blame_token(code, reterr);
        goto out;
    }
    code = header_read(header, &jws, reterr);
out:
    json_decref(header);
    bytes_release(&raw);
    if (code == OAUTH_OK)
        *ret_jws = jws;
    else
        jws_release(&jws);
    return code;
}

void
jws_release(struct jws *jws)
{
    bytes_wipe(&jws->payload);
    bytes_wipe(&jws->signature);
    jws->alg = NULL;
}

/* libjwt reads the header again: the same key and algorithm must come out. */
static enum oauth_code
verify_libjwt(const struct jws *jws, const struct jwk *jwk)
{
    jwt_t *parsed = NULL;
    char *text = strndup(jws->text.data, jws->text.size);
    if (text == NULL)
        return OAUTH_ENOMEM;
    int failure = jwt_decode(&parsed, text, (unsigned char *)jwk->pem,
                             (int)strlen(jwk->pem));
    bool is_good =
        failure == 0 && parsed != NULL &&
        strcmp(jwt_alg_str(jwt_get_alg(parsed)), jws->alg->name) == 0;
    if (parsed != NULL)
        jwt_free(parsed);
    explicit_bzero(text, jws->text.size);
    free(text);
    if (is_good)
        return OAUTH_OK;
    return failure == ENOMEM ? OAUTH_ENOMEM : OAUTH_ETOKEN;
}

/* r and s as in RFC 7518 section 3.4 -> the DER that OpenSSL wants. */
static unsigned char *
der_of(const struct bytes *signature, enum jwk_type type, int *ret_size)
{
    size_t half = type == JWK_P256 ? 32 : type == JWK_P384 ? 48 : 66;
    unsigned char *der = NULL;
    if (signature->size != 2 * half)
        return NULL;
    const unsigned char *raw = (const unsigned char *)signature->data;
    BIGNUM *r = BN_bin2bn(raw, (int)half, NULL);
    BIGNUM *s = BN_bin2bn(raw + half, (int)half, NULL);
    ECDSA_SIG *pair = ECDSA_SIG_new();
    if (r == NULL || s == NULL || pair == NULL ||
        ECDSA_SIG_set0(pair, r, s) != 1) {
        BN_free(r);
        BN_free(s);
    } else {
        *ret_size = i2d_ECDSA_SIG(pair, &der);
    }
    ECDSA_SIG_free(pair);
    return der;
}

static enum oauth_code
verify_openssl(const struct jws *jws, const struct jwk *jwk)
{
    enum oauth_code code = OAUTH_ETOKEN;
    EVP_PKEY_CTX *key = NULL; /* owned by ctx */
    const unsigned char *signature = (const unsigned char *)jws->signature.data;
    int size = (int)jws->signature.size;
    unsigned char *der = NULL;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    /* EdDSA hashes by itself (RFC 8032). */
    const char *digest = jws->alg->family == JWS_ED ? NULL : jws->alg->digest;
    if (ctx == NULL)
        return OAUTH_ENOMEM;
    if (EVP_DigestVerifyInit_ex(ctx, &key, digest, NULL, NULL, jwk->pkey,
                                NULL) != 1)
        goto out;
    if (jws->alg->family == JWS_PS &&
        (EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) != 1 ||
         EVP_PKEY_CTX_set_rsa_pss_saltlen(key, RSA_PSS_SALTLEN_DIGEST) != 1))
        goto out;
    if (jws->alg->family == JWS_ES) {
        der = der_of(&jws->signature, jws->alg->type, &size);
        if (der == NULL || size <= 0)
            goto out;
        signature = der;
    }
    if (EVP_DigestVerify(ctx, signature, (size_t)size,
                         (const unsigned char *)jws->input.data,
                         jws->input.size) == 1)
        code = OAUTH_OK;
out:
    OPENSSL_free(der);
    EVP_MD_CTX_free(ctx);
    return code;
}

static bool
key_fits(const struct jws *jws, const struct jwk *jwk)
{
    if (jwk->type != jws->alg->type)
        return false;
    if (jwk->alg != NULL && strcmp(jwk->alg, jws->alg->name) != 0)
        return false;
    if (!jws->has_kid)
        return true;
    return jwk->kid != NULL && strcmp(jwk->kid, jws->kid) == 0;
}

enum oauth_code
jws_verify(const struct jws *jws, const struct jwks *jwks, struct error *reterr)
{
    size_t fit_count = 0;
    enum oauth_code code = OAUTH_ETOKEN;
    assert(jws->alg != NULL);
    for (size_t i = 0; i < jwks->count; i++)
        fit_count += key_fits(jws, &jwks->items[i]);
    if (fit_count == 0 || (!jws->has_kid && fit_count > 1))
        return error_set(reterr, OAUTH_EKEY,
                         "no %s key of the provider fits the token",
                         jws->alg->name);
    for (size_t i = 0; i < jwks->count && code == OAUTH_ETOKEN; i++) {
        if (!key_fits(jws, &jwks->items[i]))
            continue;
        bool is_old = jws->alg->family == JWS_RS || jws->alg->family == JWS_ES;
        if (is_old && jws->is_plain_type)
            code = verify_libjwt(jws, &jwks->items[i]);
        else
            code = verify_openssl(jws, &jwks->items[i]);
    }
    if (code == OAUTH_ENOMEM)
        return error_memory(reterr);
    if (code != OAUTH_OK)
        return error_set(reterr, OAUTH_ETOKEN,
                         "the token's signature is wrong");
    return OAUTH_OK;
}

enum oauth_code
jws_open(const struct jws *jws, const struct jwks *jwks, jws_algs allowed,
         json_t **ret_claims, struct error *reterr)
{
    enum oauth_code code = jws_check_alg(jws, allowed, reterr);
    if (code == OAUTH_OK)
        code = jws_verify(jws, jwks, reterr);
    if (code != OAUTH_OK)
        return code;
    code = json_parse(bytes_span(&jws->payload), JWT_SIZE_MAX,
                      "the token's payload", ret_claims, reterr);
    return blame_token(code, reterr);
}
