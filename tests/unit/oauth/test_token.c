/* SPDX-License-Identifier: Apache-2.0
 * The token endpoint: what goes out, and what may come back (T36, T39). */
#include "oauth/token.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct arena arena;
static struct token_response response;
static struct error error;

static void
setup(void)
{
    arena_init(&arena, (size_t)1 << 20);
}

static void
teardown(void)
{
    arena_release(&arena);
}

static enum oauth_code
parse(int status, const char *text)
{
    return token_response_parse(status, span_of(text), &arena, &response,
                                &error);
}

START_TEST(token_answer_is_read)
{
    ck_assert_int_eq(parse(200, "{\"token_type\":\"bearer\","
                                "\"access_token\":\"a\",\"id_token\":\"i\","
                                "\"refresh_token\":\"r\",\"expires_in\":60}"),
                     OAUTH_OK);
    ck_assert(span_equal_text(response.access_token, "a"));
    ck_assert(span_equal_text(response.id_token, "i"));
    ck_assert(span_equal_text(response.refresh_token, "r"));
    ck_assert_int_eq(response.expires_in_s, 60);
    ck_assert_int_eq(
        parse(200, "{\"token_type\":\"Bearer\",\"access_token\":\"a\"}"),
        OAUTH_OK);
    ck_assert_uint_eq(response.id_token.size, 0);
}
END_TEST

START_TEST(token_answer_that_breaks_a_rule_is_refused)
{
#define GOOD "\"token_type\":\"Bearer\",\"access_token\":\"a\""
    static const char *const texts[] = {
        "",
        "<html>",
        "[]",
        "{" GOOD "}x",
        "{\"access_token\":\"a\"}",
        "{\"token_type\":\"mac\",\"access_token\":\"a\"}",
        "{\"token_type\":\"Bearer\"}",
        "{\"token_type\":\"Bearer\",\"access_token\":\"\"}",
        "{\"token_type\":\"Bearer\",\"access_token\":7}",
        "{" GOOD ",\"access_token\":\"b\"}",
        "{" GOOD ",\"expires_in\":-1}",
        "{" GOOD ",\"expires_in\":\"3600\"}",
        "{" GOOD ",\"expires_in\":1e18}",
        "{" GOOD ",\"id_token\":\"a\\nb\"}",
        "{" GOOD ",\"refresh_token\":null}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_msg(parse(200, texts[i]) == OAUTH_EDOCUMENT, "%s", texts[i]);
}
END_TEST

START_TEST(token_errors_are_told_apart)
{
    ck_assert_int_eq(parse(400, "{\"error\":\"invalid_grant\","
                                "\"error_description\":\"used\\u0007\"}"),
                     OAUTH_ECODE);
    ck_assert_str_eq(error.text, "the provider said invalid_grant: used?");
    ck_assert_int_eq(parse(401, "{\"error\":\"invalid_client\"}"),
                     OAUTH_EDOCUMENT);
    ck_assert_ptr_nonnull(strstr(error.text, "401 invalid_client"));
    ck_assert_int_eq(parse(400, "{}"), OAUTH_EDOCUMENT);
    ck_assert_int_eq(parse(302, "{}"), OAUTH_EDOCUMENT);
    ck_assert_int_eq(parse(204, ""), OAUTH_EDOCUMENT);
    ck_assert_int_eq(parse(429, "x"), OAUTH_EPROVIDER);
    ck_assert_int_eq(parse(503, "x"), OAUTH_EPROVIDER);
}
END_TEST

START_TEST(token_answer_has_limits)
{
    static char huge[TOKEN_BODY_SIZE_MAX + 2];
    memset(huge, ' ', sizeof(huge) - 1);
    ck_assert_int_eq(parse(200, huge), OAUTH_EDOCUMENT);
    arena_release(&arena);
    arena_init(&arena, 16);
    ck_assert_int_eq(parse(200, "{" GOOD ",\"id_token\":\"0123456789012345\"}"),
                     OAUTH_ENOMEM);
}
END_TEST

/* RFC 6749 section 4.1.3, RFC 7636 section 4.5 */
START_TEST(token_exchange_sends_code_and_verifier)
{
    struct bytes form;
    const struct token_exchange exchange = { span_of("c&d"), span_of("v"),
                                             span_of("https://x/cb") };
    bytes_init(&form, 4096);
    token_exchange_form(&exchange, &form);
    ck_assert_str_eq(form.data,
                     "grant_type=authorization_code&code=c%26d&redirect_uri="
                     "https%3A%2F%2Fx%2Fcb&code_verifier=v");
    bytes_release(&form);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/token");
    TCase *tcase = tcase_create("token");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, token_answer_is_read);
    tcase_add_test(tcase, token_answer_that_breaks_a_rule_is_refused);
    tcase_add_test(tcase, token_errors_are_told_apart);
    tcase_add_test(tcase, token_answer_has_limits);
    tcase_add_test(tcase, token_exchange_sends_code_and_verifier);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
