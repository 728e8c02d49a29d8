/* SPDX-License-Identifier: Apache-2.0
 * Logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.6): each
 * rule by itself, and memory. */
#include "oauth/logout_token.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"
#include "tests/unit/oauth/forge.h"

#define NOW    1790000000
#define ISSUER "https://idp.test/r"
#define EVENTS                                                                 \
    "\"events\":{\"http://schemas.openid.net/event/backchannel-logout\":{}}"
#define HEAD "{\"iss\":\"" ISSUER "\",\"aud\":\"me\","
#define GOOD                                                                   \
    HEAD                                                                       \
        "\"iat\":1790000000,\"jti\":\"j\",\"sub\":\"u\",\"sid\":\"s\"," EVENTS \
        "}"

static EVP_PKEY *pkey;
static struct jwks *jwks;
static struct arena arena;
static struct error error;
static struct logout_token token;

static void
setup(void)
{
    pkey = forge_rsa(2048);
    char *text = forge_jwks(pkey, "k");
    ck_assert_int_eq(jwks_parse(span_of(text), &jwks, NULL), OAUTH_OK);
    free(text);
    arena_init(&arena, (size_t)64 << 10);
}

static void
teardown(void)
{
    EVP_PKEY_free(pkey);
    jwks_free(jwks);
    arena_release(&arena);
}

static enum oauth_code
check_with(const char *header, const char *payload)
{
    const struct logout_token_rules rules = {
        .issuer = span_of(ISSUER),
        .client_id = span_of("me"),
        .jwks = jwks,
        .now_s = NOW,
    };
    char *text = forge_token(pkey, "RS256", header, payload);
    token = (struct logout_token){ 0 };
    error = (struct error){ 0 };
    enum oauth_code code =
        logout_token_check(span_of(text), &rules, &arena, &token, &error);
    free(text);
    return code;
}

static enum oauth_code
check(const char *payload)
{
    return check_with("{\"alg\":\"RS256\",\"kid\":\"k\"}", payload);
}

START_TEST(logout_token_is_believed_when_all_fits)
{
    ck_assert_int_eq(check(GOOD), OAUTH_OK);
    ck_assert(span_equal_text(token.sub, "u"));
    ck_assert(span_equal_text(token.sid, "s"));
    ck_assert(span_equal_text(token.jti, "j"));
    ck_assert_int_eq(check(HEAD "\"iat\":1790000000,\"jti\":\"j\","
                                "\"sub\":\"u\",\"exp\":1790000100," EVENTS "}"),
                     OAUTH_OK);
    ck_assert_uint_eq(token.sid.size, 0);
    ck_assert_int_eq(check(HEAD "\"iat\":1790000000,\"jti\":\"j\","
                                "\"sid\":\"s\"," EVENTS "}"),
                     OAUTH_OK);
    ck_assert_uint_eq(token.sub.size, 0);
}
END_TEST

START_TEST(logout_token_may_have_its_own_type)
{
    static const char *const good[] = { "logout+jwt", "LOGOUT+JWT", "JWT" };
    static const char *const bad[] = { "at+jwt", "logout", "dpop+jwt", "" };
    for (size_t i = 0; i < 3; i++) {
        char *header = forge_text(
            "{\"alg\":\"RS256\",\"kid\":\"k\",\"typ\":\"%s\"}", good[i]);
        ck_assert_int_eq(check_with(header, GOOD), OAUTH_OK);
        free(header);
    }
    for (size_t i = 0; i < 4; i++) {
        char *header = forge_text(
            "{\"alg\":\"RS256\",\"kid\":\"k\",\"typ\":\"%s\"}", bad[i]);
        char *text = forge_token(pkey, "RS256", header, GOOD);
        ck_assert_int_eq(check_with(header, GOOD), OAUTH_ETOKEN);
        ck_assert_int_eq(logout_token_look(span_of(text), NULL), OAUTH_ETOKEN);
        free(text);
        free(header);
    }
}
END_TEST

#define BODY(more) HEAD more "}"
static const char *const wrong[] = {
    "{\"iss\":\"https://evil.test\",\"aud\":\"me\",\"iat\":1790000000,"
    "\"jti\":\"j\",\"sub\":\"u\"," EVENTS "}",
    "{\"aud\":\"me\",\"iat\":1790000000,\"jti\":\"j\",\"sub\":\"u\"," EVENTS
    "}",
    "{\"iss\":\"" ISSUER "\",\"aud\":\"you\",\"iat\":1790000000,"
    "\"jti\":\"j\",\"sub\":\"u\"," EVENTS "}",
    "{\"iss\":\"" ISSUER "\",\"iat\":1790000000,\"jti\":\"j\","
    "\"sub\":\"u\"," EVENTS "}",
    BODY("\"jti\":\"j\",\"sub\":\"u\"," EVENTS), /* iat */
    BODY("\"iat\":\"1790000000\",\"jti\":\"j\",\"sub\":\"u\"," EVENTS),
    BODY("\"iat\":1790000061,\"jti\":\"j\",\"sub\":\"u\"," EVENTS), /* new */
    BODY("\"iat\":1789999639,\"jti\":\"j\",\"sub\":\"u\"," EVENTS), /* old */
    BODY("\"iat\":1790000000,\"exp\":1789999940,\"jti\":\"j\","
         "\"sub\":\"u\"," EVENTS),
    BODY("\"iat\":1790000000,\"exp\":null,\"jti\":\"j\","
         "\"sub\":\"u\"," EVENTS),
    BODY("\"iat\":1790000000,\"jti\":\"j\",\"sub\":\"u\""), /* event */
    BODY("\"iat\":1790000000,\"jti\":\"j\",\"sub\":\"u\",\"events\":[]"),
    BODY("\"iat\":1790000000,\"jti\":\"j\",\"sub\":\"u\",\"events\":{}"),
    BODY("\"iat\":1790000000,\"jti\":\"j\",\"sub\":\"u\",\"events\":"
         "{\"http://schemas.openid.net/event/backchannel-logout\":true}"),
    BODY("\"iat\":1790000000,\"jti\":\"j\",\"sub\":\"u\",\"nonce\":"
         "\"n\"," EVENTS),
    BODY("\"iat\":1790000000,\"sub\":\"u\"," EVENTS), /* jti */
    BODY("\"iat\":1790000000,\"jti\":1,\"sub\":\"u\"," EVENTS),
    BODY("\"iat\":1790000000,\"jti\":\"\",\"sub\":\"u\"," EVENTS),
    BODY("\"iat\":1790000000,\"jti\":\"j\"," EVENTS), /* ids */
    BODY("\"iat\":1790000000,\"jti\":\"j\",\"sub\":\"\"," EVENTS),
    BODY("\"iat\":1790000000,\"jti\":\"j\",\"sub\":\"u\",\"sid\":[]," EVENTS),
    BODY("\"iat\":1790000000,\"jti\":\"j\",\"sub\":\"a\\nb\"," EVENTS),
    BODY("\"iat\":1790000000,\"jti\":\"j\",\"sub\":\"a\\u007f\"," EVENTS),
    "[]",
    "{",
};

START_TEST(logout_token_is_refused)
{
    ck_assert_int_eq(check(wrong[_i]), OAUTH_ETOKEN);
    ck_assert_int_eq(error.code, OAUTH_ETOKEN);
    ck_assert_str_ne(error.text, "");
    ck_assert_uint_eq(token.jti.size, 0);
}
END_TEST

START_TEST(logout_token_times_have_a_skew)
{
    ck_assert_int_eq(check(BODY("\"iat\":1790000060,\"jti\":\"j\","
                                "\"sub\":\"u\"," EVENTS)),
                     OAUTH_OK);
    ck_assert_int_eq(check(BODY("\"iat\":1789999640,\"jti\":\"j\","
                                "\"exp\":1789999941,\"sub\":\"u\"," EVENTS)),
                     OAUTH_OK);
}
END_TEST

START_TEST(logout_token_ids_are_bounded)
{
    char id[1100];
    memset(id, 'i', sizeof(id));
    const int sizes[] = { LOGOUT_TOKEN_ID_SIZE_MAX, LOGOUT_TOKEN_SID_SIZE_MAX };
    for (int i = 0; i < 2; i++) {
        for (int over = 0; over < 2; over++) {
            char *text = forge_text(
                BODY(
                    "\"iat\":1790000000,\"jti\":\"j\",\"%s\":\"%.*s\"," EVENTS),
                i == 0 ? "sub" : "sid", sizes[i] + over, id);
            ck_assert_int_eq(check(text), over ? OAUTH_ETOKEN : OAUTH_OK);
            free(text);
        }
    }
}
END_TEST

START_TEST(logout_token_needs_a_known_signature)
{
    EVP_PKEY *other = forge_rsa(2048);
    EVP_PKEY *own = pkey;
    pkey = other;
    ck_assert_int_eq(check(GOOD), OAUTH_ETOKEN);
    pkey = own;
    EVP_PKEY_free(other);
    ck_assert_int_eq(check_with("{\"alg\":\"RS256\",\"kid\":\"x\"}", GOOD),
                     OAUTH_EKEY);
    ck_assert_int_eq(check_with("{\"alg\":\"none\"}", GOOD), OAUTH_ETOKEN);
    ck_assert_int_eq(logout_token_look(span_of("a.b.c"), &error), OAUTH_ETOKEN);
    ck_assert_int_eq(logout_token_look(span_of(""), &error), OAUTH_ETOKEN);
    char *text = forge_token(pkey, "RS256", "{\"alg\":\"RS256\"}", "{}");
    ck_assert_int_eq(logout_token_look(span_of(text), &error), OAUTH_OK);
    free(text);
}
END_TEST

START_TEST(logout_token_runs_out_of_memory)
{
    arena_release(&arena);
    arena_init(&arena, 16);
    ck_assert_int_eq(check(GOOD), OAUTH_ENOMEM);
    ck_assert_uint_eq(token.sub.size, 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/logout_token");
    TCase *tcase = tcase_create("logout_token");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, logout_token_is_believed_when_all_fits);
    tcase_add_test(tcase, logout_token_may_have_its_own_type);
    tcase_add_loop_test(tcase, logout_token_is_refused, 0,
                        (int)(sizeof(wrong) / sizeof(wrong[0])));
    tcase_add_test(tcase, logout_token_times_have_a_skew);
    tcase_add_test(tcase, logout_token_ids_are_bounded);
    tcase_add_test(tcase, logout_token_needs_a_known_signature);
    tcase_add_test(tcase, logout_token_runs_out_of_memory);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
