/* SPDX-License-Identifier: Apache-2.0
 * Client authentication: one proof per call, and the right one. */
#include "tests/unit/oauth/forge.h"

#include "oauth/client.h"
#include "oauth/json.h"
#include "oauth/jwt.h"
#include "oauth/url.h"

#include <check.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct provider_metadata metadata;
static struct client client;
static struct client_call call;
static struct bytes form;
static struct bytes authorization;
static struct error error;
static EVP_PKEY *pkey;
static struct client_key *key;

static void
setup(void)
{
    static const unsigned char jti[CLIENT_JTI_SIZE] = "0123456789abcde";
    char *data = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    pkey = forge_ec("P-256");
    ck_assert_int_eq(
        PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
    long size = BIO_get_mem_data(bio, &data);
    ck_assert_int_eq(client_key_create((struct span){ data, (size_t)size },
                                       span_of("k"), &key, NULL),
                     OAUTH_OK);
    BIO_free(bio);
    metadata = (struct provider_metadata){ .issuer = "https://i.test/r",
                                           .has_basic_auth = true,
                                           .has_post_auth = true };
    client = (struct client){ .id = span_of("a:b"), .secret = span_of("p%") };
    call = (struct client_call){ .metadata = &metadata,
                                 .url = span_of("https://i.test/token"),
                                 .jti = jti,
                                 .now_s = 1790000000 };
    bytes_init(&form, 16384);
    bytes_init(&authorization, 4096);
}

static void
teardown(void)
{
    client_key_free(key);
    EVP_PKEY_free(pkey);
    bytes_release(&form);
    bytes_release(&authorization);
}

static void
prove(void)
{
    bytes_release(&form);
    bytes_release(&authorization);
    ck_assert_int_eq(client_check(&client, &error), OAUTH_OK);
    ck_assert_int_eq(
        client_prove(&client, &call, &form, &authorization, &error), OAUTH_OK);
}

/* RFC 6749 section 2.3.1 */
START_TEST(client_uses_its_secret_as_the_provider_can)
{
    prove();
    ck_assert_uint_eq(form.size, 0);
    ck_assert_str_eq(authorization.data, "Basic YSUzQWI6cCUyNQ==");
    metadata.has_basic_auth = false;
    prove();
    ck_assert_uint_eq(authorization.size, 0);
    ck_assert_str_eq(form.data, "client_id=a%3Ab&client_secret=p%25");
    client.method = CLIENT_BASIC; /* pinned, whatever the metadata say */
    prove();
    ck_assert_uint_eq(form.size, 0);
    metadata.has_basic_auth = true;
    client.method = CLIENT_POST;
    prove();
    ck_assert_uint_eq(authorization.size, 0);
    call.has_id = true;
    prove();
    ck_assert_str_eq(form.data, "client_secret=p%25");
}
END_TEST

START_TEST(client_without_a_secret_only_says_its_name)
{
    client.secret = span_of("");
    prove();
    ck_assert_uint_eq(authorization.size, 0);
    ck_assert_str_eq(form.data, "client_id=a%3Ab");
    client.method = CLIENT_NONE;
    call.has_id = true;
    prove();
    ck_assert_uint_eq(form.size, 0);
}
END_TEST

/* The claims of the assertion in `form`. Freed by the caller. */
static json_t *
open_assertion(void)
{
    struct bytes token;
    struct jws jws;
    struct jwks *jwks = NULL;
    json_t *claims = NULL;
    char *set = forge_jwks(pkey, "k");
    bytes_init(&token, 8192);
    ck_assert_int_eq(url_param(bytes_span(&form), "client_assertion", &token),
                     URL_PARAM_FOUND);
    ck_assert_int_eq(jws_parse(bytes_span(&token), &jws, &error), OAUTH_OK);
    ck_assert_int_eq(jwks_parse(span_of(set), &jwks, NULL), OAUTH_OK);
    ck_assert_int_eq(jws_verify(&jws, jwks, &error), OAUTH_OK);
    ck_assert_int_eq(
        json_parse(bytes_span(&jws.payload), 4096, "claims", &claims, &error),
        OAUTH_OK);
    jws_release(&jws);
    jwks_free(jwks);
    bytes_release(&token);
    free(set);
    return claims;
}

/* RFC 7523 section 3 */
START_TEST(client_signs_who_it_is)
{
    int64_t issued_s = 0;
    int64_t expires_s = 0;
    client.secret = span_of("");
    client.key = key;
    prove();
    ck_assert_uint_eq(authorization.size, 0);
    ck_assert_ptr_nonnull(
        strstr(form.data, "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A"
                          "client-assertion-type%3Ajwt-bearer&"));
    ck_assert_ptr_null(strstr(form.data, "client_secret"));
    json_t *claims = open_assertion();
    ck_assert(span_equal_text(json_text(claims, "iss"), "a:b"));
    ck_assert(span_equal_text(json_text(claims, "sub"), "a:b"));
    ck_assert(span_equal_text(json_text(claims, "aud"), "https://i.test/r"));
    ck_assert_uint_eq(json_text(claims, "jti").size, 22);
    ck_assert(json_time(claims, "iat", &issued_s));
    ck_assert(json_time(claims, "exp", &expires_s));
    ck_assert_int_eq(issued_s, 1790000000);
    ck_assert_int_eq(expires_s, 1790000000 + CLIENT_ASSERTION_S);
    json_decref(claims);
    client.is_for_endpoint = true;
    prove();
    claims = open_assertion();
    ck_assert(
        span_equal_text(json_text(claims, "aud"), "https://i.test/token"));
    json_decref(claims);
}
END_TEST

START_TEST(client_needs_what_its_method_uses)
{
    static const struct {
        enum client_method method;
        const char *secret;
        bool has_key;
        bool is_good;
    } rows[] = {
        { CLIENT_AUTO, "", false, true },   { CLIENT_AUTO, "s", false, true },
        { CLIENT_AUTO, "", true, true },    { CLIENT_AUTO, "s", true, false },
        { CLIENT_BASIC, "", false, false }, { CLIENT_BASIC, "s", false, true },
        { CLIENT_POST, "", true, false },   { CLIENT_POST, "s", false, true },
        { CLIENT_KEY, "s", false, false },  { CLIENT_KEY, "", true, true },
        { CLIENT_NONE, "", false, true },   { CLIENT_NONE, "s", false, false },
        { CLIENT_NONE, "", true, false },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        client.method = rows[i].method;
        client.secret = span_of(rows[i].secret);
        client.key = rows[i].has_key ? key : NULL;
        ck_assert_int_eq(client_check(&client, &error),
                         rows[i].is_good ? OAUTH_OK : OAUTH_ECONFIG);
    }
}
END_TEST

START_TEST(client_methods_have_the_names_of_the_metadata)
{
    enum client_method method = CLIENT_AUTO;
    ck_assert(client_method_of(span_of("client_secret_basic"), &method));
    ck_assert_int_eq(method, CLIENT_BASIC);
    ck_assert(client_method_of(span_of("client_secret_post"), &method));
    ck_assert_int_eq(method, CLIENT_POST);
    ck_assert(client_method_of(span_of("private_key_jwt"), &method));
    ck_assert_int_eq(method, CLIENT_KEY);
    ck_assert(client_method_of(span_of("none"), &method));
    ck_assert_int_eq(method, CLIENT_NONE);
    ck_assert(client_method_of(span_of("auto"), &method));
    ck_assert_int_eq(method, CLIENT_AUTO);
    ck_assert(!client_method_of(span_of("client_secret_jwt"), &method));
    ck_assert(!client_method_of(span_of(""), &method));
}
END_TEST

START_TEST(client_proof_that_does_not_fit_fails)
{
    bytes_release(&form);
    bytes_init(&form, 16);
    client.secret = span_of("");
    client.key = key;
    ck_assert_int_eq(
        client_prove(&client, &call, &form, &authorization, &error),
        OAUTH_ENOMEM);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/client");
    TCase *tcase = tcase_create("client");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, client_uses_its_secret_as_the_provider_can);
    tcase_add_test(tcase, client_without_a_secret_only_says_its_name);
    tcase_add_test(tcase, client_signs_who_it_is);
    tcase_add_test(tcase, client_needs_what_its_method_uses);
    tcase_add_test(tcase, client_methods_have_the_names_of_the_metadata);
    tcase_add_test(tcase, client_proof_that_does_not_fit_fails);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
