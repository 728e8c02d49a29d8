/* SPDX-License-Identifier: Apache-2.0
 * The signed identity: form, signature (RFC 7515 appendix A.1 in our claims),
 * limits. */
#include "oauth/assertion.h"

#include "base/base64.h"
#include "oauth/json.h"

#include <check.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static unsigned char secret[ASSERTION_KEY_SIZE];
static struct assertion_key *key;
static struct bytes token;
static struct error error;
static struct assertion assertion;

static void
setup(void)
{
    memset(secret, 0x5a, sizeof(secret));
    ck_assert_int_eq(assertion_key_create(secret, &key), OAUTH_OK);
    bytes_init(&token, ASSERTION_SIZE_MAX);
    assertion = (struct assertion){ .issuer = span_of("https://dash.test"),
                                    .sub = span_of("u-1"),
                                    .name = span_of("Zo\303\253 \"Z\""),
                                    .access = span_of("\"m\""),
                                    .now_s = 1764300000 };
}

static void
teardown(void)
{
    assertion_key_free(key);
    assertion_key_free(NULL);
    bytes_wipe(&token);
}

/* Part `index` of the token, decoded. */
static void
part(unsigned index, struct bytes *ret)
{
    struct span rest = bytes_span(&token);
    for (;; index--) {
        const char *end = memchr(rest.data, '.', rest.size);
        size_t size = end == NULL ? rest.size : (size_t)(end - rest.data);
        if (index == 0) {
            bytes_init(ret, 8192);
            ck_assert(base64_decode((struct span){ rest.data, size }, ret));
            return;
        }
        rest.data += size + 1;
        rest.size -= size + 1;
    }
}

START_TEST(assertion_is_an_hs256_token_of_its_claims)
{
    struct bytes header, claims, mac;
    unsigned char own[32];
    unsigned size = 0;
    ck_assert_int_eq(assertion_write(key, &assertion, &token, &error),
                     OAUTH_OK);
    part(0, &header);
    part(1, &claims);
    part(2, &mac);
    ck_assert_str_eq(header.data, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
    ck_assert_str_eq(claims.data,
                     "{\"iss\":\"https://dash.test\",\"sub\":\"u-1\","
                     "\"name\":\"Zo\303\253 \\\"Z\\\"\",\"iat\":1764300000,"
                     "\"exp\":1764300090,\"access\":\"m\"}");
    const char *end = strrchr(token.data, '.');
    ck_assert_ptr_nonnull(HMAC(EVP_sha256(), secret, sizeof(secret),
                               (const unsigned char *)token.data,
                               (size_t)(end - token.data), own, &size));
    ck_assert_uint_eq(mac.size, 32);
    ck_assert_int_eq(memcmp(mac.data, own, 32), 0);
    bytes_release(&header);
    bytes_release(&claims);
    bytes_release(&mac);
}
END_TEST

START_TEST(assertion_without_a_name_has_none)
{
    struct bytes claims;
    assertion.name.size = 0;
    ck_assert_int_eq(assertion_write(key, &assertion, &token, &error),
                     OAUTH_OK);
    part(1, &claims);
    ck_assert_ptr_null(strstr(claims.data, "\"name\""));
    bytes_release(&claims);
}
END_TEST

/* A long name is cut, wherever that is, and the claims stay JSON. */
START_TEST(assertion_cuts_a_long_name)
{
    char name[ASSERTION_NAME_SIZE + 10];
    struct bytes claims;
    json_t *root = NULL;
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = "x\303\251"[i == 0 ? 0 : 1 + (i - 1) % 2];
    assertion.name = (struct span){ name, sizeof(name) };
    ck_assert_int_eq(assertion_write(key, &assertion, &token, &error),
                     OAUTH_OK);
    part(1, &claims);
    ck_assert_msg(json_parse(bytes_span(&claims), 8192, "claims", &root,
                             &error) == OAUTH_OK,
                  "%s", error.text);
    ck_assert_uint_lt(json_text(root, "name").size, sizeof(name));
    json_decref(root);
    bytes_release(&claims);
}
END_TEST

START_TEST(assertion_is_bounded)
{
    static char text[8192];
    memset(text, 'a', sizeof(text));
    assertion.sub = (struct span){ text, ASSERTION_SUB_SIZE_MAX };
    ck_assert_int_eq(assertion_write(key, &assertion, &token, &error),
                     OAUTH_OK);
    bytes_release(&token);
    assertion.sub.size++;
    ck_assert_int_eq(assertion_write(key, &assertion, &token, &error),
                     OAUTH_ELIMIT);
    assertion.sub.size--;
    assertion.access = (struct span){ text, 2900 };
    ck_assert_int_eq(assertion_write(key, &assertion, &token, &error),
                     OAUTH_ELIMIT);
    ck_assert_uint_eq(token.size, 0);
    /* The longest list of rights fits beside the longest names. */
    assertion.access.size = 2048;
    assertion.issuer = (struct span){ text, 255 };
    assertion.name = (struct span){ text, sizeof(text) };
    ck_assert_msg(assertion_write(key, &assertion, &token, &error) == OAUTH_OK,
                  "%s", error.text);
    ck_assert_uint_le(token.size, ASSERTION_SIZE_MAX);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/assertion");
    TCase *tcase = tcase_create("assertion");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, assertion_is_an_hs256_token_of_its_claims);
    tcase_add_test(tcase, assertion_without_a_name_has_none);
    tcase_add_test(tcase, assertion_cuts_a_long_name);
    tcase_add_test(tcase, assertion_is_bounded);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
