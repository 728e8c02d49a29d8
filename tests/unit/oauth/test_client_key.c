/* SPDX-License-Identifier: Apache-2.0
 * Our own private key: which ones are taken, and that what they sign can be
 * verified with the public half by the code that verifies a provider's. */
#include "tests/unit/oauth/forge.h"

#include "oauth/client_key.h"
#include "oauth/jwt.h"

#include <check.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct error error;

/* Freed by the caller. */
static char *
private_pem(EVP_PKEY *pkey, const char *password)
{
    char *data = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    ck_assert_int_eq(PEM_write_bio_PrivateKey(
                         bio, pkey, password == NULL ? NULL : EVP_aes_128_cbc(),
                         NULL, 0, NULL, (void *)(uintptr_t)password),
                     1);
    long size = BIO_get_mem_data(bio, &data);
    char *pem = strndup(data, (size_t)size);
    BIO_free(bio);
    return pem;
}

static enum oauth_code
create(EVP_PKEY *pkey, const char *kid, struct client_key **ret_key)
{
    char *pem = private_pem(pkey, NULL);
    enum oauth_code code =
        client_key_create(span_of(pem), span_of(kid), ret_key, &error);
    free(pem);
    return code;
}

START_TEST(client_key_signs_what_its_public_half_verifies)
{
    EVP_PKEY *pkeys[] = { forge_rsa(2048), forge_ec("P-256") };
    static const char *const algs[] = { "RS256", "ES256" };
    for (size_t i = 0; i < 2; i++) {
        struct client_key *key = NULL;
        struct jwks *jwks = NULL;
        struct bytes token;
        struct jws jws;
        char *set = forge_jwks(pkeys[i], "my-key");
        bytes_init(&token, 4096);
        ck_assert_int_eq(create(pkeys[i], "my-key", &key), OAUTH_OK);
        /* An EC signature has a fixed size, also when r or s is short. */
        for (int turn = 0; turn < 64; turn++) {
            bytes_release(&token);
            ck_assert_int_eq(client_key_sign(key, span_of("{\"a\":1}"), &token),
                             OAUTH_OK);
            ck_assert_int_eq(jws_parse(bytes_span(&token), &jws, &error),
                             OAUTH_OK);
            ck_assert_str_eq(jws.alg->name, algs[i]);
            ck_assert_str_eq(jws.kid, "my-key");
            ck_assert_str_eq(jws.payload.data, "{\"a\":1}");
            ck_assert_int_eq(jwks_parse(span_of(set), &jwks, NULL), OAUTH_OK);
            ck_assert_int_eq(jws_verify(&jws, jwks, &error), OAUTH_OK);
            jws_release(&jws);
            jwks_free(jwks);
        }
        bytes_release(&token);
        client_key_free(key);
        free(set);
        EVP_PKEY_free(pkeys[i]);
    }
}
END_TEST

START_TEST(client_key_may_have_no_name)
{
    EVP_PKEY *pkey = forge_ec("P-256");
    struct client_key *key = NULL;
    struct bytes token;
    struct jws jws;
    bytes_init(&token, 4096);
    ck_assert_int_eq(create(pkey, "", &key), OAUTH_OK);
    ck_assert_int_eq(client_key_sign(key, span_of("{}"), &token), OAUTH_OK);
    ck_assert_int_eq(jws_parse(bytes_span(&token), &jws, NULL), OAUTH_OK);
    ck_assert(!jws.has_kid);
    jws_release(&jws);
    bytes_release(&token);
    client_key_free(key);
    EVP_PKEY_free(pkey);
}
END_TEST

START_TEST(client_key_refuses_keys_that_it_cannot_use)
{
    EVP_PKEY *bad[] = { forge_rsa(1024), forge_ec("P-384"), forge_ed25519() };
    struct client_key *key = NULL;
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(create(bad[i], "k", &key), OAUTH_ECONFIG);
        EVP_PKEY_free(bad[i]);
    }
    EVP_PKEY *pkey = forge_ec("P-256");
    char *public = forge_pem(pkey);
    char *locked = private_pem(pkey, "secret");
    char *good = private_pem(pkey, NULL);
    const char *texts[] = { "", "nonsense", public, locked };
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(
            client_key_create(span_of(texts[i]), span_of("k"), &key, &error),
            OAUTH_ECONFIG);
    static char long_kid[CLIENT_KEY_KID_SIZE_MAX + 2];
    memset(long_kid, 'k', sizeof(long_kid) - 1);
    ck_assert_int_eq(
        client_key_create(span_of(good), span_of(long_kid), &key, &error),
        OAUTH_ECONFIG);
    ck_assert_int_eq(
        client_key_create(span_of(good), span_of("a\nb"), &key, &error),
        OAUTH_ECONFIG);
    ck_assert_ptr_null(key);
    client_key_free(NULL);
    free(public);
    free(locked);
    free(good);
    EVP_PKEY_free(pkey);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/client_key");
    TCase *tcase = tcase_create("client_key");
    tcase_add_test(tcase, client_key_signs_what_its_public_half_verifies);
    tcase_add_test(tcase, client_key_may_have_no_name);
    tcase_add_test(tcase, client_key_refuses_keys_that_it_cannot_use);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
