/* SPDX-License-Identifier: Apache-2.0
 * What the provider may say to a pushed request (RFC 9126 section 2.2, 2.3). */
#include "oauth/push.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct arena arena;
static struct span uri;
static struct error error;

static void
setup(void)
{
    arena_init(&arena, (size_t)64 << 10);
}

static void
teardown(void)
{
    arena_release(&arena);
}

static enum oauth_code
parse(int status, const char *text)
{
    return push_response_parse(status, span_of(text), &arena, &uri, &error);
}

START_TEST(push_answer_is_read)
{
    ck_assert_int_eq(
        parse(201, "{\"request_uri\":\"urn:x:1\",\"expires_in\":60}"),
        OAUTH_OK);
    ck_assert(span_equal_text(uri, "urn:x:1"));
    ck_assert_int_eq(
        parse(200, "{\"request_uri\":\"urn:x:2\",\"expires_in\":1}"), OAUTH_OK);
}
END_TEST

START_TEST(push_answer_that_breaks_a_rule_is_refused)
{
    static const char *const texts[] = {
        "",
        "<html>",
        "{}",
        "{\"expires_in\":60}",
        "{\"request_uri\":\"\",\"expires_in\":60}",
        "{\"request_uri\":7,\"expires_in\":60}",
        "{\"request_uri\":\"urn:x y\",\"expires_in\":60}",
        "{\"request_uri\":\"urn:x\\r\\nX: y\",\"expires_in\":60}",
        "{\"request_uri\":\"urn:x\"}",
        "{\"request_uri\":\"urn:x\",\"expires_in\":0}",
        "{\"request_uri\":\"urn:x\",\"expires_in\":-1}",
        "{\"request_uri\":\"urn:x\",\"expires_in\":\"60\"}",
        "{\"request_uri\":\"urn:x\",\"request_uri\":\"b\",\"expires_in\":60}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_msg(parse(201, texts[i]) == OAUTH_EDOCUMENT, "%s", texts[i]);
}
END_TEST

START_TEST(push_errors_are_told_apart)
{
    ck_assert_int_eq(parse(400, "{\"error\":\"invalid_request\","
                                "\"error_description\":\"bad\\u0007\"}"),
                     OAUTH_EDOCUMENT);
    ck_assert_ptr_nonnull(strstr(error.text, "400 invalid_request: bad?"));
    ck_assert_int_eq(parse(401, "{}"), OAUTH_EDOCUMENT);
    ck_assert_int_eq(
        parse(302, "{\"request_uri\":\"urn:x\",\"expires_in\":60}"),
        OAUTH_EDOCUMENT);
    ck_assert_int_eq(parse(429, "x"), OAUTH_EPROVIDER);
    ck_assert_int_eq(parse(500, "x"), OAUTH_EPROVIDER);
}
END_TEST

START_TEST(push_answer_has_limits)
{
    static char huge[PUSH_BODY_SIZE_MAX + 2];
    memset(huge, ' ', sizeof(huge) - 1);
    ck_assert_int_eq(parse(201, huge), OAUTH_EDOCUMENT);
    arena_release(&arena);
    arena_init(&arena, 16);
    ck_assert_int_eq(parse(201, "{\"request_uri\":\"urn:0123456789012345\","
                                "\"expires_in\":60}"),
                     OAUTH_ENOMEM);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/push");
    TCase *tcase = tcase_create("push");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, push_answer_is_read);
    tcase_add_test(tcase, push_answer_that_breaks_a_rule_is_refused);
    tcase_add_test(tcase, push_errors_are_told_apart);
    tcase_add_test(tcase, push_answer_has_limits);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
