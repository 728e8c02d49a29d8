/* SPDX-License-Identifier: Apache-2.0
 * The rules of an access token, T1-T10 of the attack list, and what
 * introspection says. */
#include "tests/unit/oauth/forge.h"

#include "oauth/accesstoken.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define NOW_S 1790000000
#define REST  "\"sub\":\"u\",\"exp\":1790000300,\"iat\":1790000000,\"azp\":\"c\""
#define BASE  "\"iss\":\"https://idp.test\",\"aud\":[\"me\",\"x\"]," REST
#define GOOD  BASE ",\"typ\":\"Bearer\""

static EVP_PKEY *rsa;
static struct jwks *jwks;
static struct accesstoken_rules rules;
static struct arena arena;
static struct session session;
static struct error error;

static void
setup(void)
{
    rsa = forge_rsa(2048);
    char *set = forge_jwks(rsa, "k");
    ck_assert_int_eq(jwks_parse(span_of(set), &jwks, NULL), OAUTH_OK);
    free(set);
    rules = (struct accesstoken_rules){
        .basic = { .issuer = span_of("https://idp.test"),
                   .client_id = span_of("me"),
                   .claim_names = span_of("tenant"),
                   .jwks = jwks,
                   .now_s = NOW_S },
    };
    arena_init(&arena, (size_t)1 << 20);
}

static void
teardown(void)
{
    jwks_free(jwks);
    EVP_PKEY_free(rsa);
    arena_release(&arena);
}

static enum oauth_code
check_token(const char *token)
{
    session = (struct session){ 0 };
    enum oauth_code code =
        accesstoken_check(span_of(token), &rules, &arena, &session, &error);
    ck_assert(code == OAUTH_OK || session.sub.size == 0);
    return code;
}

static enum oauth_code
check_signed(const char *header, const char *payload)
{
    char *token = forge_token(rsa, "RS256", header, payload);
    enum oauth_code code = check_token(token);
    free(token);
    return code;
}

static enum oauth_code
check(const char *payload)
{
    return check_signed("{\"alg\":\"RS256\",\"kid\":\"k\"}", payload);
}

static enum oauth_code
read_answer(int status, const char *text)
{
    session = (struct session){ 0 };
    return accesstoken_read(status, span_of(text), &rules, &arena, &session,
                            &error);
}

START_TEST(accesstoken_reads_who_it_is)
{
    ck_assert_int_eq(check("{" GOOD ",\"preferred_username\":\"p\","
                           "\"realm_access\":{\"roles\":[\"r\"]},"
                           "\"resource_access\":{\"c\":{\"roles\":[\"q\"]}},"
                           "\"tenant\":\"blue\",\"other\":\"x\"}"),
                     OAUTH_OK);
    ck_assert(span_equal_text(session.sub, "u"));
    ck_assert(span_equal_text(session.preferred_username, "p"));
    ck_assert(span_equal_text(session.realm_roles, "r"));
    ck_assert(span_equal_text(session.client_roles, "c\tq"));
    ck_assert(span_equal_text(session.claims, "tenant\tblue"));
    ck_assert(span_equal_text(session.issuer, "https://idp.test"));
    ck_assert_int_eq(session.expires_s, 1790000300 + IDTOKEN_SKEW_S);
}
END_TEST

/* T10: all tokens of a provider have the same keys. */
START_TEST(accesstoken_is_no_other_kind_of_token)
{
    static const char at[] =
        "{\"alg\":\"RS256\",\"kid\":\"k\",\"typ\":\"at+JWT\"}";
    ck_assert_int_eq(check_signed(at, "{" BASE "}"), OAUTH_OK);
    ck_assert_int_eq(check_signed(at, "{" GOOD "}"), OAUTH_OK);
    ck_assert_int_eq(check_signed(at, "{" BASE ",\"typ\":\"ID\"}"),
                     OAUTH_ETOKEN);
    ck_assert_int_eq(
        check_signed("{\"alg\":\"RS256\",\"kid\":\"k\",\"typ\":\"dpop+jwt\"}",
                     "{" GOOD "}"),
        OAUTH_ETOKEN);
    static const char *const kinds[] = {
        "",
        ",\"typ\":\"ID\"",
        ",\"typ\":\"Refresh\"",
        ",\"typ\":\"Offline\"",
        ",\"typ\":\"Logout\"",
        ",\"typ\":\"bearer\"",
        ",\"typ\":\"JWT\"",
        ",\"typ\":null",
        ",\"typ\":[\"Bearer\"]",
        ",\"typ\":\"Bearer\",\"events\":{}",
        ",\"typ\":\"Bearer\",\"cnf\":{\"jkt\":\"x\"}",
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char *payload = forge_text("{" BASE "%s}", kinds[i]);
        ck_assert_msg(check(payload) == OAUTH_ETOKEN, "accepted: %s", kinds[i]);
        free(payload);
    }
    rules.allows_untyped = true;
    ck_assert_int_eq(check("{" BASE "}"), OAUTH_OK);
    ck_assert_int_eq(check("{" BASE ",\"typ\":\"JWT\"}"), OAUTH_OK);
    ck_assert_int_eq(check("{" BASE ",\"typ\":\"ID\"}"), OAUTH_ETOKEN);
    ck_assert_int_eq(check("{" BASE ",\"nonce\":\"n\"}"), OAUTH_ETOKEN);
    ck_assert_int_eq(check("{" BASE ",\"at_hash\":\"h\"}"), OAUTH_ETOKEN);
}
END_TEST

/* T1-T3 */
START_TEST(accesstoken_wants_a_signature_of_the_provider)
{
    char *none = forge_token(rsa, "none", "{\"alg\":\"none\"}", "{" GOOD "}");
    char *pem = forge_pem(rsa);
    char *hmac = forge_hmac_token(
        span_of(pem), "{\"alg\":\"HS256\",\"kid\":\"k\"}", "{" GOOD "}");
    ck_assert_int_eq(check_token(none), OAUTH_ETOKEN);
    ck_assert_int_eq(check_token(hmac), OAUTH_ETOKEN);
    ck_assert_int_eq(
        check_signed("{\"alg\":\"RS256\",\"kid\":\"other\"}", "{" GOOD "}"),
        OAUTH_EKEY);
    EVP_PKEY *own = rsa;
    rsa = forge_rsa(2048);
    ck_assert_int_eq(check("{" GOOD "}"), OAUTH_ETOKEN);
    EVP_PKEY_free(rsa);
    rsa = own;
    rules.basic.algs = jws_algs_of(span_of("ES256"));
    ck_assert_int_eq(check("{" GOOD "}"), OAUTH_ETOKEN);
    free(none);
    free(pem);
    free(hmac);
}
END_TEST

/* T7-T9 */
START_TEST(accesstoken_is_for_us_and_for_now)
{
    static const char *const payloads[] = {
        "{\"iss\":\"https://idp.test/\",\"aud\":\"me\"," REST "}",
        "{\"aud\":\"me\"," REST "}",
        "{\"iss\":\"https://idp.test\"," REST "}",
        "{\"iss\":\"https://idp.test\",\"aud\":\"x\"," REST "}",
        "{\"iss\":\"https://idp.test\",\"aud\":[[\"me\"]]," REST "}",
        "{\"iss\":\"https://idp.test\",\"aud\":\"me\",\"typ\":\"Bearer\","
        "\"sub\":\"u\",\"iat\":1790000000}",
        "{\"iss\":\"https://idp.test\",\"aud\":\"me\",\"typ\":\"Bearer\","
        "\"sub\":\"u\",\"iat\":1790000000,\"exp\":1789999940}",
        "{\"iss\":\"https://idp.test\",\"aud\":\"me\",\"typ\":\"Bearer\","
        "\"iat\":1790000000,\"exp\":1790000300}",
        "{" GOOD ",\"nbf\":1790000061}",
        "{" GOOD ",\"sub\":\"twice\"}",
    };
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++)
        ck_assert_msg(check(payloads[i]) == OAUTH_ETOKEN, "accepted: %s",
                      payloads[i]);
}
END_TEST

START_TEST(accesstoken_checks_audience_client_and_scope_as_asked)
{
    rules.audiences = span_of("api  engine");
    ck_assert_int_eq(check("{" GOOD "}"), OAUTH_ETOKEN);
    rules.audiences = span_of("api x");
    ck_assert_int_eq(check("{" GOOD "}"), OAUTH_OK);
    rules.clients = span_of("a b");
    ck_assert_int_eq(check("{" GOOD "}"), OAUTH_ETOKEN);
    rules.clients = span_of("b c");
    ck_assert_int_eq(check("{" GOOD "}"), OAUTH_OK);
    rules.scopes = span_of("read write");
    ck_assert_int_eq(check("{" GOOD "}"), OAUTH_ESCOPE);
    ck_assert_int_eq(check("{" GOOD ",\"scope\":\"write  x read\"}"), OAUTH_OK);
    ck_assert_int_eq(check("{" GOOD ",\"scope\":\"reads write\"}"),
                     OAUTH_ESCOPE);
    ck_assert_int_eq(check("{" GOOD ",\"scp\":[\"read\",\"write\"]}"),
                     OAUTH_OK);
    ck_assert_int_eq(check("{" GOOD ",\"scp\":\"read write\"}"), OAUTH_OK);
    ck_assert_int_eq(check("{" GOOD ",\"scp\":[\"read write\"]}"),
                     OAUTH_ESCOPE);
}
END_TEST

#define ANSWER "\"active\":true,\"sub\":\"u\",\"aud\":\"me\""

START_TEST(accesstoken_believes_introspection_within_the_rules)
{
    ck_assert_int_eq(read_answer(200, "{" ANSWER "}"), OAUTH_OK);
    ck_assert(span_equal_text(session.sub, "u"));
    ck_assert_int_eq(session.expires_s, NOW_S + ACCESSTOKEN_ANSWER_S);
    ck_assert_int_eq(
        read_answer(200, "{" ANSWER ",\"token_type\":\"bearer\","
                         "\"exp\":1790000300,\"iss\":\"https://idp.test\"}"),
        OAUTH_OK);
    ck_assert_int_eq(session.expires_s, 1790000300 + IDTOKEN_SKEW_S);
    static const char *const refused[] = {
        "{\"active\":false}",
        "{\"active\":true,\"aud\":\"me\"}",
        "{\"active\":true,\"sub\":\"u\"}",
        "{" ANSWER ",\"iss\":\"https://evil.test\"}",
        "{" ANSWER ",\"iss\":7}",
        "{" ANSWER ",\"exp\":1789999940}",
        "{" ANSWER ",\"exp\":\"soon\"}",
        "{" ANSWER ",\"nbf\":1790000061}",
        "{" ANSWER ",\"nbf\":-1}",
        "{" ANSWER ",\"token_type\":\"refresh_token\"}",
        "{" ANSWER ",\"typ\":\"Refresh\"}",
        "{" ANSWER ",\"cnf\":{}}",
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        ck_assert_msg(read_answer(200, refused[i]) == OAUTH_ETOKEN,
                      "accepted: %s", refused[i]);
    rules.scopes = span_of("read");
    ck_assert_int_eq(read_answer(200, "{" ANSWER "}"), OAUTH_ESCOPE);
}
END_TEST

START_TEST(accesstoken_wants_a_proper_introspection_answer)
{
    ck_assert_int_eq(read_answer(500, ""), OAUTH_EPROVIDER);
    ck_assert_int_eq(read_answer(429, ""), OAUTH_EPROVIDER);
    ck_assert_int_eq(read_answer(401, "{" ANSWER "}"), OAUTH_EDOCUMENT);
    ck_assert_int_eq(read_answer(200, "{\"active\":\"true\"}"),
                     OAUTH_EDOCUMENT);
    ck_assert_int_eq(read_answer(200, "{\"active\":1}"), OAUTH_EDOCUMENT);
    ck_assert_int_eq(read_answer(200, "{}"), OAUTH_EDOCUMENT);
    ck_assert_int_eq(read_answer(200, "[]"), OAUTH_EDOCUMENT);
    ck_assert_int_eq(read_answer(200, "{" ANSWER ",\"active\":true}"),
                     OAUTH_EDOCUMENT);
    char *big = malloc(ACCESSTOKEN_ANSWER_SIZE_MAX + 2);
    ck_assert_ptr_nonnull(big);
    memset(big, ' ', ACCESSTOKEN_ANSWER_SIZE_MAX + 1);
    memcpy(big, "{" ANSWER "}", sizeof("{" ANSWER "}") - 1);
    big[ACCESSTOKEN_ANSWER_SIZE_MAX] = '\0';
    ck_assert_int_eq(read_answer(200, big), OAUTH_OK);
    big[ACCESSTOKEN_ANSWER_SIZE_MAX] = ' ';
    big[ACCESSTOKEN_ANSWER_SIZE_MAX + 1] = '\0';
    ck_assert_int_eq(read_answer(200, big), OAUTH_EDOCUMENT);
    free(big);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/accesstoken");
    TCase *tcase = tcase_create("accesstoken");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, accesstoken_reads_who_it_is);
    tcase_add_test(tcase, accesstoken_is_no_other_kind_of_token);
    tcase_add_test(tcase, accesstoken_wants_a_signature_of_the_provider);
    tcase_add_test(tcase, accesstoken_is_for_us_and_for_now);
    tcase_add_test(tcase,
                   accesstoken_checks_audience_client_and_scope_as_asked);
    tcase_add_test(tcase, accesstoken_believes_introspection_within_the_rules);
    tcase_add_test(tcase, accesstoken_wants_a_proper_introspection_answer);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
