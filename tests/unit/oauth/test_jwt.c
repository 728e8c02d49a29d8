/* SPDX-License-Identifier: Apache-2.0
 * Signed tokens: every algorithm of the list verifies, by libjwt or OpenSSL,
 * and T1-T6 of the attack list are refused. */
#include "tests/unit/oauth/forge.h"

#include "oauth/jwt.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define PAYLOAD "{\"sub\":\"u\"}"

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

static enum oauth_code
parse(const char *token, struct error *error)
{
    struct jws jws;
    enum oauth_code code = jws_parse(span_of(token), &jws, error);
    if (code == OAUTH_OK)
        jws_release(&jws);
    return code;
}

/* Parses and verifies with a key set given as JSON. */
static enum oauth_code
judge(const char *token, const char *set)
{
    struct jws jws;
    struct jwks *jwks = NULL;
    enum oauth_code code = jws_parse(span_of(token), &jws, NULL);
    if (code != OAUTH_OK)
        return code;
    ck_assert_int_eq(jwks_parse(span_of(set), &jwks, NULL), OAUTH_OK);
    code = jws_verify(&jws, jwks, NULL);
    jws_release(&jws);
    jwks_free(jwks);
    return code;
}

static enum oauth_code
judge_key(const char *token, EVP_PKEY *pkey, const char *kid)
{
    char *set = forge_jwks(pkey, kid);
    enum oauth_code code = judge(token, set);
    free(set);
    return code;
}

START_TEST(jwt_verifies_every_algorithm_of_the_list)
{
    static const struct {
        const char *alg;
        const char *curve;
    } rows[] = {
        { "RS256", NULL },    { "RS384", NULL },    { "RS512", NULL },
        { "PS256", NULL },    { "PS384", NULL },    { "PS512", NULL },
        { "ES256", "P-256" }, { "ES384", "P-384" }, { "ES512", "P-521" },
        { "EdDSA", "" },
    };
    static const char *const types[] = { "", ",\"typ\":\"JWT\"",
                                         ",\"typ\":\"at+jwt\"" };
    for (size_t i = 0; i < 30; i++) {
        EVP_PKEY *pkey = rsa;
        if (rows[i / 3].curve != NULL)
            pkey = rows[i / 3].curve[0] == '\0' ? forge_ed25519()
                                                : forge_ec(rows[i / 3].curve);
        char *header = forge_text("{\"alg\":\"%s\",\"kid\":\"k\"%s}",
                                  rows[i / 3].alg, types[i % 3]);
        char *token = forge_token(pkey, rows[i / 3].alg, header, PAYLOAD);
        ck_assert_int_eq(judge_key(token, pkey, "k"), OAUTH_OK);
        /* one bit of payload or signature spoils it */
        token[strlen(token) - 20] ^= 1;
        ck_assert_int_ne(judge_key(token, pkey, "k"), OAUTH_OK);
        free(token);
        free(header);
        if (pkey != rsa)
            EVP_PKEY_free(pkey);
    }
}
END_TEST

/* T1 */
START_TEST(jwt_rejects_alg_none_in_any_spelling)
{
    static const char *const headers[] = {
        "{\"alg\":\"none\"}", "{\"alg\":\"None\"}",    "{\"alg\":\"nOnE\"}",
        "{\"alg\":\"\"}",     "{\"alg\":null}",        "{}",
        "{\"alg\":0}",        "{\"alg\":[\"RS256\"]}",
    };
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        char *token = forge_token(NULL, "none", headers[i], PAYLOAD);
        ck_assert_int_eq(parse(token, NULL), OAUTH_ETOKEN);
        char *padded = forge_text("%sAAAA", token);
        ck_assert_int_eq(parse(padded, NULL), OAUTH_ETOKEN);
        free(padded);
        free(token);
    }
    char *token = forge_token(rsa, "RS256", "{\"alg\":\"RS256\"}", PAYLOAD);
    char *dot = strrchr(token, '.');
    dot[1] = '\0';
    ck_assert_int_eq(parse(token, NULL), OAUTH_ETOKEN);
    dot[0] = '\0';
    ck_assert_int_eq(parse(token, NULL), OAUTH_ETOKEN);
    free(token);
}
END_TEST

/* T3: what the configuration does not name is refused, whatever the key. */
START_TEST(jwt_knows_only_the_algorithms_it_is_told)
{
    struct jws jws;
    jws_algs algs =
        jws_algs_of(span_of("ES256")) | jws_algs_of(span_of("EdDSA"));
    char *token = forge_token(rsa, "RS256", "{\"alg\":\"RS256\"}", PAYLOAD);
    ck_assert_int_eq(jws_parse(span_of(token), &jws, NULL), OAUTH_OK);
    ck_assert_int_eq(jws_check_alg(&jws, algs, NULL), OAUTH_ETOKEN);
    ck_assert_int_eq(
        jws_check_alg(&jws, algs | jws_algs_of(span_of("RS256")), NULL),
        OAUTH_OK);
    ck_assert_int_eq(jws_check_alg(&jws, 0, NULL), OAUTH_OK);
    jws_release(&jws);
    free(token);
    static const char *const unknown[] = { "none", "HS256",  "rs256",
                                           "",     "RS256 ", "ES256K" };
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        ck_assert_uint_eq(jws_algs_of(span_of(unknown[i])), 0);
}
END_TEST

/* T3: an Edwards key verifies EdDSA and nothing else, and only it does. */
START_TEST(jwt_pins_edwards_keys_to_eddsa)
{
    EVP_PKEY *edwards = forge_ed25519();
    EVP_PKEY *other = forge_ed25519();
    char *token = forge_token(edwards, "EdDSA",
                              "{\"alg\":\"EdDSA\",\"kid\":\"k\"}", PAYLOAD);
    ck_assert_int_eq(judge_key(token, edwards, "k"), OAUTH_OK);
    ck_assert_int_eq(judge_key(token, other, "k"), OAUTH_ETOKEN);
    ck_assert_int_eq(judge_key(token, rsa, "k"), OAUTH_EKEY);
    free(token);
    token = forge_token(edwards, "EdDSA", "{\"alg\":\"ES256\",\"kid\":\"k\"}",
                        PAYLOAD);
    ck_assert_int_eq(judge_key(token, edwards, "k"), OAUTH_EKEY);
    free(token);
    EVP_PKEY_free(edwards);
    EVP_PKEY_free(other);
}
END_TEST

/* T2: the public key as a shared secret. */
START_TEST(jwt_rejects_hmac_with_the_public_key)
{
    char *pem = forge_pem(rsa);
    static const char *const algs[] = { "HS256", "RS256" };
    for (size_t i = 0; i < 2; i++) {
        char *header = forge_text("{\"alg\":\"%s\",\"kid\":\"k\"}", algs[i]);
        char *token = forge_hmac_token(span_of(pem), header, PAYLOAD);
        ck_assert_int_eq(judge_key(token, rsa, "k"), OAUTH_ETOKEN);
        free(token);
        token = forge_hmac_token(span_of(""), header, PAYLOAD);
        ck_assert_int_eq(judge_key(token, rsa, "k"), OAUTH_ETOKEN);
        free(token);
        free(header);
    }
    free(pem);
}
END_TEST

/* T3: key and algorithm must be made for each other. */
START_TEST(jwt_rejects_a_key_of_another_type_or_purpose)
{
    EVP_PKEY *p256 = forge_ec("P-256");
    EVP_PKEY *p384 = forge_ec("P-384");
    char *token =
        forge_token(rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"k\"}", PAYLOAD);
    ck_assert_int_eq(judge_key(token, p256, "k"), OAUTH_EKEY);
    char *jwk = forge_jwk(rsa, "k", "\"alg\":\"PS256\",");
    char *set = forge_text("{\"keys\":[%s]}", jwk);
    ck_assert_int_eq(judge(token, set), OAUTH_EKEY);
    free(set);
    free(jwk);
    free(token);
    token = forge_token(p256, "ES256", "{\"alg\":\"ES256\",\"kid\":\"k\"}",
                        PAYLOAD);
    ck_assert_int_eq(judge_key(token, p384, "k"), OAUTH_EKEY);
    free(token);
    token = forge_token(p256, "ES256", "{\"alg\":\"ES384\",\"kid\":\"k\"}",
                        PAYLOAD);
    ck_assert_int_eq(judge_key(token, p384, "k"), OAUTH_ETOKEN);
    free(token);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(p384);
}
END_TEST

/* T4 */
START_TEST(jwt_finds_keys_by_kid_only)
{
    EVP_PKEY *other = forge_rsa(2048);
    char *token =
        forge_token(rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"k\"}", PAYLOAD);
    char *bare = forge_token(rsa, "RS256", "{\"alg\":\"RS256\"}", PAYLOAD);
    char *right = forge_jwk(rsa, "k", "");
    char *wrong = forge_jwk(other, "k", "");
    char *second = forge_jwk(other, "l", "");
    char *both = forge_text("{\"keys\":[%s,%s]}", wrong, right);
    ck_assert_int_eq(judge(token, both), OAUTH_OK); /* a kid twice */
    char *two = forge_text("{\"keys\":[%s,%s]}", second, right);
    ck_assert_int_eq(judge(token, two), OAUTH_OK);
    ck_assert_int_eq(judge(bare, two), OAUTH_EKEY); /* which of them? */
    ck_assert_int_eq(judge_key(bare, rsa, "k"), OAUTH_OK);
    ck_assert_int_eq(judge_key(token, rsa, "other"), OAUTH_EKEY);
    ck_assert_int_eq(judge_key(token, rsa, NULL), OAUTH_EKEY);
    free(two);
    free(both);
    free(second);
    free(wrong);
    free(right);
    free(bare);
    free(token);
    EVP_PKEY_free(other);
}
END_TEST

START_TEST(jwt_rejects_strange_kids)
{
    char *huge = forge_text("{\"alg\":\"RS256\",\"kid\":\"%0300d\"}", 1);
    const char *const headers[] = {
        huge,
        "{\"alg\":\"RS256\",\"kid\":\"\"}",
        "{\"alg\":\"RS256\",\"kid\":7}",
        "{\"alg\":\"RS256\",\"kid\":\"a\\u0000b\"}",
        "{\"alg\":\"RS256\",\"kid\":\"a\",\"kid\":\"b\"}",
    };
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        char *token = forge_token(rsa, "RS256", headers[i], PAYLOAD);
        ck_assert_int_eq(parse(token, NULL), OAUTH_ETOKEN);
        free(token);
    }
    free(huge);
    char *token = forge_token(
        rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"' OR 1;--../../etc\"}",
        PAYLOAD);
    ck_assert_int_eq(judge_key(token, rsa, "k"), OAUTH_EKEY);
    free(token);
}
END_TEST

/* T5: keys that come with the token are not looked at. */
START_TEST(jwt_ignores_keys_inside_the_token)
{
    EVP_PKEY *evil = forge_rsa(2048);
    char *jwk = forge_jwk(evil, "k", "");
    char *header = forge_text(
        "{\"alg\":\"RS256\",\"kid\":\"k\",\"jwk\":%s,"
        "\"jku\":\"https://evil.test\",\"x5u\":\"https://evil.test\"}",
        jwk);
    char *token = forge_token(evil, "RS256", header, PAYLOAD);
    ck_assert_int_eq(judge_key(token, rsa, "k"), OAUTH_ETOKEN);
    free(token);
    token = forge_token(rsa, "RS256", header, PAYLOAD);
    ck_assert_int_eq(judge_key(token, rsa, "k"), OAUTH_OK);
    free(token);
    free(header);
    free(jwk);
    EVP_PKEY_free(evil);
}
END_TEST

/* T6 */
START_TEST(jwt_rejects_headers_that_change_the_rules)
{
    static const char *const more[] = {
        "\"crit\":[\"exp\"]", "\"crit\":[]",         "\"b64\":false",
        "\"zip\":\"DEF\"",    "\"enc\":\"A256GCM\"", "\"alg\":\"RS256\"",
    };
    for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
        char *header = forge_text("{\"alg\":\"RS256\",%s}", more[i]);
        char *token = forge_token(rsa, "RS256", header, PAYLOAD);
        ck_assert_int_eq(parse(token, NULL), OAUTH_ETOKEN);
        free(token);
        free(header);
    }
}
END_TEST

START_TEST(jwt_rejects_what_is_no_compact_token)
{
    static const char *const texts[] = {
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c.d",
        "a.b.c.d.e",
        "a b.c.d",
        "e30.e30.",
        ".e30.AAAA",
        "e30..AAAA",
        "e30=.e30.AAAA",
        "e30.e30.AAAA\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_int_eq(parse(texts[i], NULL), OAUTH_ETOKEN);
    char *payload = forge_text("{\"a\":\"%016384d\"}", 1);
    char *token = forge_token(rsa, "RS256", "{\"alg\":\"RS256\"}", payload);
    struct error error;
    ck_assert_int_eq(parse(token, &error), OAUTH_ETOKEN);
    ck_assert_ptr_nonnull(strstr(error.text, "16384"));
    free(token);
    free(payload);
}
END_TEST

/* The last signature character has bits that do not count: one spelling. */
START_TEST(jwt_rejects_a_respelled_signature)
{
    char *token =
        forge_token(rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"k\"}", PAYLOAD);
    char *end = token + strlen(token) - 1;
    ck_assert_ptr_nonnull(strchr("AQgw", *end));
    (*end)++;
    ck_assert_int_eq(parse(token, NULL), OAUTH_ETOKEN);
    free(token);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/jwt");
    TCase *tcase = tcase_create("jwt");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, jwt_verifies_every_algorithm_of_the_list);
    tcase_add_test(tcase, jwt_knows_only_the_algorithms_it_is_told);
    tcase_add_test(tcase, jwt_pins_edwards_keys_to_eddsa);
    tcase_add_test(tcase, jwt_rejects_alg_none_in_any_spelling);
    tcase_add_test(tcase, jwt_rejects_hmac_with_the_public_key);
    tcase_add_test(tcase, jwt_rejects_a_key_of_another_type_or_purpose);
    tcase_add_test(tcase, jwt_finds_keys_by_kid_only);
    tcase_add_test(tcase, jwt_rejects_strange_kids);
    tcase_add_test(tcase, jwt_ignores_keys_inside_the_token);
    tcase_add_test(tcase, jwt_rejects_headers_that_change_the_rules);
    tcase_add_test(tcase, jwt_rejects_what_is_no_compact_token);
    tcase_add_test(tcase, jwt_rejects_a_respelled_signature);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
