/* SPDX-License-Identifier: Apache-2.0
 * The claim rules of an ID token: T7-T14 of the attack list. */
#include "tests/unit/oauth/forge.h"

#include "oauth/idtoken.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define NOW_S 1790000000
#define BASE                                                                   \
    "\"iss\":\"https://idp.test\",\"aud\":\"me\",\"sub\":\"u\","               \
    "\"exp\":1790000300,\"iat\":1790000000"

static EVP_PKEY *rsa;
static struct jwks *jwks;
static struct idtoken_rules rules;
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
    rules = (struct idtoken_rules){
        .issuer = span_of("https://idp.test"),
        .client_id = span_of("me"),
        .jwks = jwks,
        .now_s = NOW_S,
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
check_with(const char *header, const char *payload)
{
    char *token = forge_token(rsa, "RS256", header, payload);
    session = (struct session){ 0 };
    enum oauth_code code =
        idtoken_check(span_of(token), &rules, &arena, &session, &error);
    ck_assert(code == OAUTH_OK || session.sub.size == 0);
    free(token);
    return code;
}

static enum oauth_code
check(const char *payload)
{
    return check_with("{\"alg\":\"RS256\",\"kid\":\"k\"}", payload);
}

static void
refuse_all(const char *const *payloads, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum oauth_code code = check(payloads[i]);
        ck_assert_msg(code == OAUTH_ETOKEN || code == OAUTH_ECLOCK,
                      "accepted: %s", payloads[i]);
    }
}

#define REFUSE(payloads)                                                       \
    refuse_all(payloads, sizeof(payloads) / sizeof(payloads[0]))

START_TEST(idtoken_reads_who_it_is)
{
    ck_assert_int_eq(check("{" BASE ",\"name\":\"N\",\"email\":\"e@x\","
                           "\"preferred_username\":\"p\",\"sid\":\"s\","
                           "\"auth_time\":1789999999.5,\"typ\":\"ID\","
                           "\"roles\":[\"r\"],\"groups\":[\"/g\"]}"),
                     OAUTH_OK);
    ck_assert(span_equal_text(session.sub, "u"));
    ck_assert(span_equal_text(session.name, "N"));
    ck_assert(span_equal_text(session.email, "e@x"));
    ck_assert(span_equal_text(session.preferred_username, "p"));
    ck_assert(span_equal_text(session.sid, "s"));
    ck_assert(span_equal_text(session.roles, "r"));
    ck_assert(span_equal_text(session.groups, "/g"));
    ck_assert_int_eq(session.auth_s, 1789999999);
}
END_TEST

/* T9: clocks may differ by as much as is configured. */
START_TEST(idtoken_allows_for_the_configured_skew)
{
    rules.skew_s = 5;
    rules.now_s = NOW_S + 304;
    ck_assert_int_eq(check("{" BASE "}"), OAUTH_OK);
    rules.now_s = NOW_S + 305;
    ck_assert_int_eq(check("{" BASE "}"), OAUTH_ECLOCK);
    rules.now_s = NOW_S - 5;
    ck_assert_int_eq(check("{" BASE "}"), OAUTH_OK);
    rules.now_s = NOW_S - 6;
    ck_assert_int_eq(check("{" BASE "}"), OAUTH_ECLOCK);
    rules.skew_s = 0;
    rules.now_s = NOW_S - IDTOKEN_SKEW_S;
    ck_assert_int_eq(check("{" BASE "}"), OAUTH_OK);
}
END_TEST

/* T3 */
START_TEST(idtoken_wants_an_algorithm_that_is_allowed)
{
    rules.algs = jws_algs_of(span_of("PS256"));
    ck_assert_int_eq(check("{" BASE "}"), OAUTH_ETOKEN);
    ck_assert_ptr_nonnull(strstr(error.text, "RS256"));
    rules.algs |= jws_algs_of(span_of("RS256"));
    ck_assert_int_eq(check("{" BASE "}"), OAUTH_OK);
}
END_TEST

/* T7 */
START_TEST(idtoken_wants_exactly_our_issuer)
{
    static const char *const payloads[] = {
        "{\"iss\":\"https://idp.test/\",\"aud\":\"me\",\"sub\":\"u\","
        "\"exp\":1790000300,\"iat\":1790000000}",
        "{\"iss\":\"https://IDP.test\",\"aud\":\"me\",\"sub\":\"u\","
        "\"exp\":1790000300,\"iat\":1790000000}",
        "{\"iss\":\"http://idp.test\",\"aud\":\"me\",\"sub\":\"u\","
        "\"exp\":1790000300,\"iat\":1790000000}",
        "{\"iss\":[\"https://idp.test\"],\"aud\":\"me\",\"sub\":\"u\","
        "\"exp\":1790000300,\"iat\":1790000000}",
        "{\"aud\":\"me\",\"sub\":\"u\",\"exp\":1790000300,\"iat\":1790000000}",
    };
    REFUSE(payloads);
}
END_TEST

/* T8 */
START_TEST(idtoken_is_for_us_or_refused)
{
#define AUD(text)                                                              \
    "{\"iss\":\"https://idp.test\",\"sub\":\"u\",\"exp\":1790000300,"          \
    "\"iat\":1790000000" text "}"
    static const char *const payloads[] = {
        AUD(""),
        AUD(",\"aud\":\"other\""),
        AUD(",\"aud\":\"ME\""),
        AUD(",\"aud\":[]"),
        AUD(",\"aud\":[[\"me\"]]"),
        AUD(",\"aud\":{\"me\":1}"),
        AUD(",\"aud\":[\"me\",\"other\"]"),
        AUD(",\"aud\":[\"me\",\"other\"],\"azp\":\"other\""),
        AUD(",\"aud\":\"me\",\"azp\":\"other\""),
        AUD(",\"aud\":\"me\",\"azp\":7"),
    };
    REFUSE(payloads);
    ck_assert_int_eq(check(AUD(",\"aud\":[\"me\"]")), OAUTH_OK);
    ck_assert_int_eq(check(AUD(",\"aud\":[\"x\",\"me\"],\"azp\":\"me\"")),
                     OAUTH_OK);
}
END_TEST

/* T9 */
START_TEST(idtoken_keeps_its_times)
{
#define TIMES(text)                                                            \
    "{\"iss\":\"https://idp.test\",\"aud\":\"me\",\"sub\":\"u\"" text "}"
    static const char *const payloads[] = {
        TIMES(",\"iat\":1790000000"),
        TIMES(",\"exp\":1790000300"),
        TIMES(",\"exp\":1789999940,\"iat\":1789990000"),
        TIMES(",\"exp\":\"1790000300\",\"iat\":1790000000"),
        TIMES(",\"exp\":-1,\"iat\":1790000000"),
        TIMES(",\"exp\":1e300,\"iat\":1790000000"),
        TIMES(",\"exp\":9223372036854775808,\"iat\":1790000000"),
        TIMES(",\"exp\":9223372036854775807,\"iat\":1790000000"),
        TIMES(",\"exp\":1e400,\"iat\":1790000000"),
        TIMES(",\"exp\":null,\"iat\":1790000000"),
        TIMES(",\"exp\":1790000300,\"iat\":1790000061"),
        TIMES(",\"exp\":1790000300,\"iat\":1790000000,\"nbf\":1790000061"),
        TIMES(",\"exp\":1790000300,\"iat\":1790000000,\"nbf\":\"x\""),
    };
    REFUSE(payloads);
    ck_assert_int_eq(check(TIMES(",\"exp\":1789999941,\"iat\":1790000060")),
                     OAUTH_OK);
    ck_assert_int_eq(check(TIMES(",\"exp\":4000000000,\"iat\":1790000000")),
                     OAUTH_OK); /* past 2038 */
}
END_TEST

/* T10 */
START_TEST(idtoken_is_no_other_kind_of_token)
{
    static const char *const payloads[] = {
        "{" BASE ",\"typ\":\"Bearer\"}", "{" BASE ",\"typ\":\"Refresh\"}",
        "{" BASE ",\"typ\":\"Logout\"}", "{" BASE ",\"typ\":7}",
        "{" BASE ",\"events\":{}}",
    };
    REFUSE(payloads);
    /* RFC 9068 and Back-Channel Logout name the kind in the header. */
    static const char *const kinds[] = { "at+jwt", "logout+jwt", "JOSE", "" };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char *header = forge_text(
            "{\"alg\":\"RS256\",\"kid\":\"k\",\"typ\":\"%s\"}", kinds[i]);
        ck_assert_int_eq(check_with(header, "{" BASE "}"), OAUTH_ETOKEN);
        free(header);
    }
}
END_TEST

/* T11 */
START_TEST(idtoken_belongs_to_this_login)
{
    static const char *const payloads[] = {
        "{" BASE "}",
        "{" BASE ",\"nonce\":\"\"}",
        "{" BASE ",\"nonce\":\"n2\"}",
        "{" BASE ",\"nonce\":\"n1 \"}",
        "{" BASE ",\"nonce\":[\"n1\"]}",
    };
    rules.nonce = span_of("n1");
    REFUSE(payloads);
    ck_assert_int_eq(check("{" BASE ",\"nonce\":\"n1\"}"), OAUTH_OK);
}
END_TEST

/* T12 */
START_TEST(idtoken_hashes_fit_when_present)
{
    char *hash = forge_half_hash("SHA256", "access");
    char *good = forge_text("{" BASE ",\"at_hash\":\"%s\"}", hash);
    char *code = forge_text("{" BASE ",\"c_hash\":\"%s\"}", hash);
    ck_assert_int_eq(check(good), OAUTH_ETOKEN); /* there is no token */
    rules.access_token = span_of("access");
    ck_assert_int_eq(check(good), OAUTH_OK);
    ck_assert_int_eq(check(code), OAUTH_ETOKEN);
    rules.code = span_of("access");
    ck_assert_int_eq(check(code), OAUTH_OK);
    rules.access_token = span_of("other");
    ck_assert_int_eq(check(good), OAUTH_ETOKEN);
    ck_assert_int_eq(check("{" BASE ",\"at_hash\":\"\"}"), OAUTH_ETOKEN);
    ck_assert_int_eq(check("{" BASE ",\"at_hash\":7}"), OAUTH_ETOKEN);
    free(code);
    free(good);
    free(hash);
}
END_TEST

/* T14 */
START_TEST(idtoken_is_strict_json)
{
    char *deep = forge_text("{" BASE ",\"x\":%s1%s}", "[[[[[[[[[[[[[[[[",
                            "]]]]]]]]]]]]]]]]");
    const char *const payloads[] = {
        "{" BASE ",\"sub\":\"v\"}",
        "{" BASE "} ",
        "{" BASE "}x",
        "\xef\xbb\xbf{" BASE "}",
        "{" BASE ",\"name\":\"\xff\xfe\"}",
        "{" BASE ",\"name\":\"a\\u0000b\"}",
        "{" BASE ",\"x\":1e400}",
        "{" BASE,
        "[]",
        "",
        deep,
    };
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        if (i == 1) /* white space behind is JSON */
            ck_assert_int_eq(check(payloads[i]), OAUTH_OK);
        else
            ck_assert_msg(check(payloads[i]) == OAUTH_ETOKEN, "accepted: %s",
                          payloads[i]);
    }
    free(deep);
}
END_TEST

START_TEST(idtoken_needs_a_sane_sub)
{
    char *huge = forge_text(
        "{\"iss\":\"https://idp.test\",\"aud\":\"me\",\"exp\":1790000300,"
        "\"iat\":1790000000,\"sub\":\"%0256d\"}",
        1);
    ck_assert_int_eq(check(huge), OAUTH_ETOKEN);
    free(huge);
#define SUB(text)                                                              \
    "{\"iss\":\"https://idp.test\",\"aud\":\"me\",\"exp\":1790000300,"         \
    "\"iat\":1790000000" text "}"
    static const char *const payloads[] = {
        SUB(""),
        SUB(",\"sub\":\"\""),
        SUB(",\"sub\":7"),
        SUB(",\"sub\":\"a\\r\\nX: y\""),
        SUB(",\"sub\":\"u\",\"auth_time\":\"x\""),
    };
    REFUSE(payloads);
}
END_TEST

/* T25: other claims never spoil a login, nor reach a header half-way. */
START_TEST(idtoken_leaves_out_unusable_claims)
{
    char *payload = forge_text("{" BASE ",\"name\":\"a\\nb\",\"email\":7,"
                               "\"preferred_username\":\"%02000d\","
                               "\"groups\":\"admin\",\"roles\":{\"a\":1},"
                               "\"realm_access\":7,\"resource_access\":[]}",
                               1);
    ck_assert_int_eq(check(payload), OAUTH_OK);
    ck_assert_uint_eq(session.name.size, 0);
    ck_assert_uint_eq(session.email.size, 0);
    ck_assert_uint_eq(session.preferred_username.size, 0);
    ck_assert_uint_eq(session.roles.size, 0);
    ck_assert_uint_eq(session.groups.size, 0);
    free(payload);
}
END_TEST

START_TEST(idtoken_says_when_the_key_is_unknown)
{
    char *token = forge_token(
        rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"new\"}", "{" BASE "}");
    ck_assert_int_eq(
        idtoken_check(span_of(token), &rules, &arena, &session, &error),
        OAUTH_EKEY);
    free(token);
}
END_TEST

START_TEST(idtoken_says_when_memory_is_out)
{
    arena_release(&arena);
    arena_init(&arena, 16);
    ck_assert_int_eq(check("{" BASE ",\"name\":\"a long name, for 16\"}"),
                     OAUTH_ENOMEM);
}
END_TEST

START_TEST(idtoken_adds_roles_of_a_proper_access_token_only)
{
#define ACCESS(iss, sub, exp)                                                  \
    "{\"iss\":\"" iss "\",\"sub\":\"" sub "\",\"exp\":" exp                    \
    ",\"iat\":1790000000,\"realm_access\":{\"roles\":[\"admin\",\"x\"]},"      \
    "\"resource_access\":{\"me\":{\"roles\":[\"mine\"]},"                      \
    "\"other\":{\"roles\":[\"not-mine\"]}},\"groups\":[\"/g\"]}"
    static const struct {
        const char *payload;
        const char *roles;
    } rows[] = {
        { ACCESS("https://idp.test", "u", "1790000300"), "x\nadmin\nmine" },
        { ACCESS("https://evil.test", "u", "1790000300"), "x" },
        { ACCESS("https://idp.test", "v", "1790000300"), "x" },
        { ACCESS("https://idp.test", "u", "1780000000"), "x" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *token = forge_token(
            rsa, "RS256", "{\"alg\":\"RS256\",\"kid\":\"k\"}", rows[i].payload);
        ck_assert_int_eq(check("{" BASE ",\"roles\":[\"x\"]}"), OAUTH_OK);
        rules.access_token = span_of(token);
        idtoken_add_access_roles(&rules, &arena, &session);
        ck_assert_msg(span_equal_text(session.roles, rows[i].roles), "row %zu",
                      i);
        rules.access_token = (struct span){ NULL, 0 };
        free(token);
    }
    rules.access_token = span_of("opaque");
    ck_assert_int_eq(check("{" BASE ",\"roles\":[\"x\"]}"), OAUTH_OK);
    idtoken_add_access_roles(&rules, &arena, &session);
    ck_assert(span_equal_text(session.roles, "x"));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/idtoken");
    TCase *tcase = tcase_create("idtoken");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, idtoken_reads_who_it_is);
    tcase_add_test(tcase, idtoken_allows_for_the_configured_skew);
    tcase_add_test(tcase, idtoken_wants_an_algorithm_that_is_allowed);
    tcase_add_test(tcase, idtoken_wants_exactly_our_issuer);
    tcase_add_test(tcase, idtoken_is_for_us_or_refused);
    tcase_add_test(tcase, idtoken_keeps_its_times);
    tcase_add_test(tcase, idtoken_is_no_other_kind_of_token);
    tcase_add_test(tcase, idtoken_belongs_to_this_login);
    tcase_add_test(tcase, idtoken_hashes_fit_when_present);
    tcase_add_test(tcase, idtoken_is_strict_json);
    tcase_add_test(tcase, idtoken_needs_a_sane_sub);
    tcase_add_test(tcase, idtoken_leaves_out_unusable_claims);
    tcase_add_test(tcase, idtoken_says_when_the_key_is_unknown);
    tcase_add_test(tcase, idtoken_says_when_memory_is_out);
    tcase_add_test(tcase, idtoken_adds_roles_of_a_proper_access_token_only);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
