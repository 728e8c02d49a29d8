/* SPDX-License-Identifier: Apache-2.0
 * The way back from the provider: T15 and T16 as far as the query goes. */
#include "oauth/callback.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct arena arena;
static struct callback back;
static struct error error;

static void
setup(void)
{
    arena_init(&arena, (size_t)1 << 16);
}

static void
teardown(void)
{
    arena_release(&arena);
}

static enum oauth_code
parse(const char *query)
{
    return callback_parse(span_of(query), &arena, &back, &error);
}

START_TEST(callback_reads_success_and_refusal)
{
    ck_assert_int_eq(parse("session_state=x&state=s&code=a%2Fb&iss=https%3A"),
                     OAUTH_OK);
    ck_assert(span_equal_text(back.state, "s"));
    ck_assert(span_equal_text(back.code, "a/b"));
    ck_assert(span_equal_text(back.iss, "https:"));
    ck_assert(back.has_iss);
    ck_assert_uint_eq(back.error.size, 0);
    ck_assert_int_eq(parse("error=denied&error_description=a+b&state=s"),
                     OAUTH_OK);
    ck_assert(span_equal_text(back.error, "denied"));
    ck_assert(span_equal_text(back.error_description, "a b"));
    ck_assert(!back.has_iss);
}
END_TEST

START_TEST(callback_refuses_what_could_be_read_in_two_ways)
{
    static const char *const queries[] = {
        "",
        "&&&",
        "state=s",
        "code=c",
        "state=&code=c",
        "state=s&code=",
        "state=s&code=c&error=e",
        "state=s&state=s&code=c",
        "state=s&code=c&code=c",
        "state=s&code=c&%63ode=c",
        "state=s&code=c&code[]=c",
        "state=s&code=c&iss=a&iss=a",
        "state=s&error=e&error_description=a&error_description=b",
        "state=s&code=%",
        "state=s&code=a%00b",
    };
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
        ck_assert_msg(parse(queries[i]) == OAUTH_EREQUEST, "%s", queries[i]);
}
END_TEST

START_TEST(callback_stops_at_its_limits)
{
    static char query[65536 + 32];
    memset(query, 'c', sizeof(query) - 1);
    memcpy(query, "state=s&code=", 13);
    ck_assert_int_eq(parse(query), OAUTH_EREQUEST);
    query[13 + CALLBACK_CODE_SIZE_MAX + 1] = '\0';
    ck_assert_int_eq(parse(query), OAUTH_EREQUEST);
    query[13 + CALLBACK_CODE_SIZE_MAX] = '\0';
    ck_assert_int_eq(parse(query), OAUTH_OK);
    arena_release(&arena);
    arena_init(&arena, 16);
    ck_assert_int_eq(parse(query), OAUTH_ENOMEM);
}
END_TEST

/* RFC 9207 */
START_TEST(callback_is_from_the_issuer_that_was_asked)
{
    ck_assert_int_eq(parse("state=s&code=c&iss=https%3A%2F%2Fi.test"),
                     OAUTH_OK);
    ck_assert_int_eq(
        callback_check_issuer(&back, span_of("https://i.test"), true, &error),
        OAUTH_OK);
    ck_assert_int_eq(
        callback_check_issuer(&back, span_of("https://i.test/"), false, &error),
        OAUTH_ESTATE);
    ck_assert_int_eq(parse("state=s&code=c"), OAUTH_OK);
    ck_assert_int_eq(
        callback_check_issuer(&back, span_of("https://i.test"), false, &error),
        OAUTH_OK);
    ck_assert_int_eq(
        callback_check_issuer(&back, span_of("https://i.test"), true, &error),
        OAUTH_ESTATE);
    ck_assert_int_eq(parse("state=s&code=c&iss="), OAUTH_OK);
    ck_assert_int_eq(
        callback_check_issuer(&back, span_of("https://i.test"), false, &error),
        OAUTH_ESTATE);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/callback");
    TCase *tcase = tcase_create("callback");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, callback_reads_success_and_refusal);
    tcase_add_test(tcase, callback_refuses_what_could_be_read_in_two_ways);
    tcase_add_test(tcase, callback_stops_at_its_limits);
    tcase_add_test(tcase, callback_is_from_the_issuer_that_was_asked);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
