/* SPDX-License-Identifier: Apache-2.0
 * Key sets: what is usable is kept, the rest left out (T3, T38). */
#include "tests/unit/oauth/forge.h"

#include "oauth/jwks.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static EVP_PKEY *rsa;

static void
setup(void)
{
    rsa = forge_rsa(2048);
}

static void
teardown(void)
{
    EVP_PKEY_free(rsa);
}

/* Keys of the set, or 0 when it is refused. Takes `set`. */
static size_t
count_of(char *set)
{
    struct jwks *jwks = NULL;
    size_t count = 0;
    if (jwks_parse(span_of(set), &jwks, NULL) == OAUTH_OK)
        count = jwks->count;
    jwks_free(jwks);
    free(set);
    return count;
}

static size_t
count_one(char *jwk)
{
    char *set = forge_text("{\"keys\":[%s]}", jwk);
    free(jwk);
    return count_of(set);
}

START_TEST(jwks_keeps_rsa_and_ec_keys)
{
    static const char *const curves[] = { "P-256", "P-384", "P-521" };
    static const enum jwk_type types[] = { JWK_P256, JWK_P384, JWK_P521 };
    for (size_t i = 0; i < 3; i++) {
        EVP_PKEY *ec = forge_ec(curves[i]);
        char *set = forge_jwks(ec, "k1");
        struct jwks *jwks = NULL;
        ck_assert_int_eq(jwks_parse(span_of(set), &jwks, NULL), OAUTH_OK);
        ck_assert_uint_eq(jwks->count, 1);
        ck_assert_int_eq(jwks->items[0].type, types[i]);
        ck_assert_str_eq(jwks->items[0].kid, "k1");
        ck_assert_ptr_nonnull(strstr(jwks->items[0].pem, "BEGIN PUBLIC KEY"));
        jwks_free(jwks);
        free(set);
        EVP_PKEY_free(ec);
    }
    ck_assert_uint_eq(count_one(forge_jwk(rsa, NULL, "")), 1);
    ck_assert_uint_eq(
        count_one(forge_jwk(rsa, "k", "\"key_ops\":[\"verify\"],")), 1);
}
END_TEST

/* T38 */
START_TEST(jwks_keeps_edwards_keys_of_one_curve)
{
    static const char *const bad[] = {
        "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"AAAA\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":"
        "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"AA\",\"x\":"
        "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
    };
    EVP_PKEY *edwards = forge_ed25519();
    char *set = forge_jwks(edwards, "k1");
    struct jwks *jwks = NULL;
    ck_assert_int_eq(jwks_parse(span_of(set), &jwks, NULL), OAUTH_OK);
    ck_assert_int_eq(jwks->items[0].type, JWK_ED25519);
    jwks_free(jwks);
    free(set);
    EVP_PKEY_free(edwards);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(count_one(strdup(bad[i])) == 0, "kept %s", bad[i]);
}
END_TEST

START_TEST(jwks_leaves_out_keys_for_other_purposes)
{
    static const char *const more[] = {
        "\"use\":\"enc\",",
        "\"use\":7,",
        "\"key_ops\":[\"sign\"],",
        "\"key_ops\":\"verify\",",
        "\"d\":\"AQAB\",",
        "\"k\":\"AQAB\",",
        "\"alg\":7,",
    };
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++)
        ck_assert_uint_eq(count_one(forge_jwk(rsa, "k", more[i])), 0);
}
END_TEST

START_TEST(jwks_leaves_out_weak_and_broken_keys)
{
    static const char *const jwks[] = {
        "{\"kty\":\"oct\",\"kid\":\"k\",\"k\":\"AAAA\"}",
        "{\"kty\":\"oct\",\"kid\":\"k\"}",
        "{\"kty\":\"RSA\"}",
        "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\"}",
        "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"AA\",\"y\":\"AA\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\","
        "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
        "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}",
        "{\"kty\":7}",
        "[]",
        "null",
    };
    for (size_t i = 0; i < sizeof(jwks) / sizeof(jwks[0]); i++)
        ck_assert_uint_eq(count_one(forge_text("%s", jwks[i])), 0);
    EVP_PKEY *small = forge_rsa(1024);
    ck_assert_uint_eq(count_one(forge_jwk(small, "k", "")), 0);
    EVP_PKEY_free(small);
    /* e = 1 and an even e */
    static const char *const exponents[] = { "AQ", "Ag", "AQABAQABAQABAQAB" };
    for (size_t i = 0; i < 3; i++) {
        char *jwk = forge_jwk(rsa, "k", "");
        char *e = strstr(jwk, "\"e\":\"");
        *e = '\0';
        char *bad = forge_text("%s\"e\":\"%s\"}", jwk, exponents[i]);
        free(jwk);
        ck_assert_uint_eq(count_one(bad), 0);
    }
}
END_TEST

/* One bad key does not spoil the others. */
START_TEST(jwks_keeps_the_good_keys_of_a_mixed_set)
{
    char *good = forge_jwk(rsa, "k", "");
    char *set =
        forge_text("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AA\"},%s,7]}", good);
    free(good);
    ck_assert_uint_eq(count_of(set), 1);
}
END_TEST

START_TEST(jwks_refuses_sets_past_their_limits)
{
    ck_assert_uint_eq(count_of(forge_text("{\"keys\":[]}")), 0);
    ck_assert_uint_eq(count_of(forge_text("{\"keys\":{}}")), 0);
    ck_assert_uint_eq(count_of(forge_text("{}")), 0);
    ck_assert_uint_eq(count_of(forge_text("[]")), 0);
    ck_assert_uint_eq(count_of(forge_text("{\"keys\":[]} x")), 0);
    char *one = forge_jwk(rsa, "k", "");
    struct bytes set;
    bytes_init(&set, (size_t)1 << 20);
    bytes_addf(&set, "{\"keys\":[%s", one);
    for (size_t i = 0; i < JWKS_KEY_COUNT_MAX; i++)
        bytes_addf(&set, ",%s", one);
    bytes_add_text(&set, "]}");
    ck_assert_uint_eq(count_of(bytes_take(&set)), 0);
    free(one);
    char *blank = forge_text("{\"keys\":[],\"x\":\"%0300000d\"}", 1);
    ck_assert_uint_eq(count_of(blank), 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/jwks");
    TCase *tcase = tcase_create("jwks");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, jwks_keeps_rsa_and_ec_keys);
    tcase_add_test(tcase, jwks_keeps_edwards_keys_of_one_curve);
    tcase_add_test(tcase, jwks_leaves_out_keys_for_other_purposes);
    tcase_add_test(tcase, jwks_leaves_out_weak_and_broken_keys);
    tcase_add_test(tcase, jwks_keeps_the_good_keys_of_a_mixed_set);
    tcase_add_test(tcase, jwks_refuses_sets_past_their_limits);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
