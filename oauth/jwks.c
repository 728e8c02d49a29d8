/* SPDX-License-Identifier: Apache-2.0
 * JWK set -> OpenSSL keys. A key that breaks a rule is left out instead of
 * spoiling the set: providers publish keys for other uses beside ours. */
#include "oauth/jwks.h"

#include "base/base64.h"
#include "oauth/json.h"

#include <assert.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#define RSA_BITS_MIN    2048
#define RSA_BITS_MAX    8192
#define RSA_E_BITS_MAX  64
#define NUMBER_SIZE_MAX 1100 /* bytes of an 8192 bit modulus, and some */
#define ED25519_SIZE    32

static const struct curve {
    const char *name; /* RFC 7518 section 6.2.1.1 */
    const char *group;
    enum jwk_type type;
    size_t size; /* of one coordinate */
} curves[] = {
    { "P-256", "prime256v1", JWK_P256, 32 },
    { "P-384", "secp384r1", JWK_P384, 48 },
    { "P-521", "secp521r1", JWK_P521, 66 },
};

/* Makes a checked public key out of parameters; NULL when OpenSSL refuses. */
static EVP_PKEY *
pkey_build(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY_CTX *check = NULL;
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
        goto out;
    check = EVP_PKEY_CTX_new(pkey, NULL);
    if (check == NULL || EVP_PKEY_public_check(check) != 1) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
out:
    EVP_PKEY_CTX_free(check);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return pkey;
}

static BIGNUM *
number_of(const json_t *object, const char *name)
{
    struct bytes raw;
    BIGNUM *number = NULL;
    bytes_init(&raw, NUMBER_SIZE_MAX);
    if (base64_decode(json_text(object, name), &raw) && raw.size > 0)
        number =
            BN_bin2bn((const unsigned char *)raw.data, (int)raw.size, NULL);
    bytes_release(&raw);
    return number;
}

static EVP_PKEY *
rsa_parse(const json_t *object)
{
    EVP_PKEY *pkey = NULL;
    BIGNUM *n = number_of(object, "n");
    BIGNUM *e = number_of(object, "e");
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (n == NULL || e == NULL || build == NULL)
        goto out;
    if (BN_num_bits(n) < RSA_BITS_MIN || BN_num_bits(n) > RSA_BITS_MAX ||
        !BN_is_odd(n) || !BN_is_odd(e) || BN_is_one(e) ||
        BN_num_bits(e) > RSA_E_BITS_MAX)
        goto out;
    if (OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1)
        pkey = pkey_build("RSA", build);
out:
    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);
    return pkey;
}

static EVP_PKEY *
ec_parse(const json_t *object, enum jwk_type *ret_type)
{
    unsigned char point[1 + 2 * 66] = { 0x04 }; /* uncompressed, SEC 1 */
    const struct curve *curve = NULL;
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
        if (span_equal_text(json_text(object, "crv"), curves[i].name))
            curve = &curves[i];
    }
    if (curve == NULL ||
        !base64_decode_exact(json_text(object, "x"), point + 1, curve->size) ||
        !base64_decode_exact(json_text(object, "y"), point + 1 + curve->size,
                             curve->size))
        return NULL;
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (build != NULL &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME,
                                        curve->group, 0) == 1 &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         1 + 2 * curve->size) == 1)
        pkey = pkey_build("EC", build);
    OSSL_PARAM_BLD_free(build);
    *ret_type = curve->type;
    return pkey;
}

/* RFC 8037 section 2; Ed448 is left out. */
static EVP_PKEY *
okp_parse(const json_t *object)
{
    unsigned char point[ED25519_SIZE];
    if (!span_equal_text(json_text(object, "crv"), "Ed25519") ||
        !base64_decode_exact(json_text(object, "x"), point, sizeof(point)))
        return NULL;
    return EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, point,
                                          sizeof(point));
}

static char *
pem_of(EVP_PKEY *pkey)
{
    char *text = NULL;
    char *pem = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio != NULL && PEM_write_bio_PUBKEY(bio, pkey) == 1) {
        long size = BIO_get_mem_data(bio, &text);
        pem = size > 0 ? strndup(text, (size_t)size) : NULL;
    }
    BIO_free(bio);
    return pem;
}

/* Whether the key may verify a signature, by its own words. */
static bool
is_for_verifying(const json_t *object)
{
    const json_t *use = json_object_get(object, "use");
    const json_t *key_ops = json_object_get(object, "key_ops");
    if (use != NULL && !span_equal_text(json_text(object, "use"), "sig"))
        return false;
    if (key_ops != NULL &&
        (!json_is_array(key_ops) || !json_has_text(key_ops, span_of("verify"))))
        return false;
    return json_object_get(object, "d") == NULL &&
           json_object_get(object, "k") == NULL;
}

/* Copies an optional short text; false when it is there but unusable. */
static bool
copy_text(const json_t *object, const char *name, char **ret_text)
{
    struct span text = json_text(object, name);
    if (json_object_get(object, name) == NULL)
        return true;
    if (text.data == NULL || text.size == 0 || text.size > JWKS_KID_SIZE_MAX)
        return false;
    *ret_text = strndup(text.data, text.size);
    return *ret_text != NULL;
}

static void
jwk_release(struct jwk *jwk)
{
    EVP_PKEY_free(jwk->pkey);
    free(jwk->kid);
    free(jwk->alg);
    free(jwk->pem);
    *jwk = (struct jwk){ 0 };
}

static bool
jwk_parse(const json_t *object, struct jwk *ret_jwk)
{
    struct jwk jwk = { 0 };
    if (!is_for_verifying(object))
        return false;
    struct span kty = json_text(object, "kty");
    if (span_equal_text(kty, "RSA"))
        jwk.pkey = rsa_parse(object);
    else if (span_equal_text(kty, "EC"))
        jwk.pkey = ec_parse(object, &jwk.type);
    else if (span_equal_text(kty, "OKP")) {
        jwk.pkey = okp_parse(object);
        jwk.type = JWK_ED25519;
    }
    if (jwk.pkey == NULL)
        return false;
    jwk.pem = pem_of(jwk.pkey);
    if (jwk.pem == NULL || !copy_text(object, "kid", &jwk.kid) ||
        !copy_text(object, "alg", &jwk.alg)) {
        jwk_release(&jwk);
        return false;
    }
    *ret_jwk = jwk;
    return true;
}

enum oauth_code
jwks_parse(struct span text, struct jwks **ret_jwks, struct error *reterr)
{
    json_t *root = NULL;
    struct jwks *jwks = NULL;
    enum oauth_code code =
        json_parse(text, JWKS_SIZE_MAX, "the key set", &root, reterr);
    if (code != OAUTH_OK)
        return code;
    const json_t *keys = json_object_get(root, "keys");
    if (!json_is_array(keys) || json_array_size(keys) > JWKS_KEY_COUNT_MAX) {
        code = error_set(reterr, OAUTH_EDOCUMENT,
                         "the key set has no array of at most %d keys",
                         JWKS_KEY_COUNT_MAX);
        goto out;
    }
    jwks = calloc(1, sizeof(*jwks));
    if (jwks == NULL) {
        code = error_memory(reterr);
        goto out;
    }
    for (size_t i = 0; i < json_array_size(keys); i++) {
        assert(jwks->count < JWKS_KEY_COUNT_MAX);
        if (jwk_parse(json_array_get(keys, i), &jwks->items[jwks->count]))
            jwks->count++;
    }
    if (jwks->count == 0) {
        code = error_set(reterr, OAUTH_EDOCUMENT,
                         "the key set has no key that we can use");
        goto out;
    }
    *ret_jwks = jwks;
    jwks = NULL;
out:
    jwks_free(jwks);
    json_decref(root);
    return code;
}

void
jwks_free(struct jwks *jwks)
{
    if (jwks == NULL)
        return;
    for (size_t i = 0; i < jwks->count; i++)
        jwk_release(&jwks->items[i]);
    free(jwks);
}
