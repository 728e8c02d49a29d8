/* SPDX-License-Identifier: Apache-2.0
 * Claim rules: what they accept as a rule, and for whom they hold. */
#include "oauth/require.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct require_table table;
static struct require_rules rules;
static struct error error;
static char texts[512][64];

static void
setup(void)
{
    memset(&table, 0, sizeof(table));
    memset(&rules, 0, sizeof(rules));
    rules.table = &table;
}

/* Adds one directive whose words have a space between. */
static enum oauth_code
add(const char *line)
{
    struct span words[16];
    size_t count = 0;
    while (*line != '\0') {
        size_t size = strcspn(line, " ");
        words[count++] = (struct span){ line, size };
        line += size + (line[size] == ' ');
    }
    struct require_rule rule;
    enum oauth_code code = require_add(&table, words, count, &rule, &error);
    if (code == OAUTH_OK)
        rules.items[rules.count++] = rule;
    return code;
}

static bool
passes(const struct session *session, const char *method)
{
    struct require_bits bits = require_evaluate(&table, session);
    return require_broken(&rules, require_method(span_of(method)), &bits) ==
           NULL;
}

START_TEST(require_refuses_what_is_no_rule)
{
    static const char *const lines[] = {
        "",
        "reader",
        "role=",
        "Role=x",
        "client_role=x",
        "client_role=:x",
        "client_role=x:",
        "client_role=https://x",
        "claim=x",
        "email_domain=a@b",
        "role=a\tb",
        "methods=GET",
        "except=GET",
        "methods= role=x",
        "methods=get role=x",
        "methods=GET,,PUT role=x",
        "methods=BREW role=x",
        "methods=GET methods=PUT role=x",
        "methods=GET except=PUT role=x",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        ck_assert_msg(add(lines[i]) == OAUTH_ECONFIG, "accepted: %s", lines[i]);
        ck_assert_uint_gt(strlen(error.text), 0);
    }
}
END_TEST

/* One past the maximum, of words and of conditions. */
START_TEST(require_has_limits)
{
    char word[REQUIRE_WORD_SIZE_MAX + 2];
    memset(word, 'x', sizeof(word));
    memcpy(word, "role=", 5);
    word[REQUIRE_WORD_SIZE_MAX + 1] = '\0';
    ck_assert_int_eq(add(word), OAUTH_ECONFIG);
    word[REQUIRE_WORD_SIZE_MAX] = '\0';
    ck_assert_int_eq(add(word), OAUTH_OK);
    rules.count = 0;
    for (int i = 1; i < REQUIRE_ATOM_COUNT_MAX; i++) {
        snprintf(texts[i], sizeof(texts[i]), "group=g%d", i);
        ck_assert_int_eq(add(texts[i]), OAUTH_OK);
        rules.count = 0;
    }
    ck_assert_int_eq(add("group=one-too-many"), OAUTH_ECONFIG);
    ck_assert_int_eq(add("group=g1"), OAUTH_OK); /* known already */
    struct session session = { .groups = span_of("g255\ng1") };
    ck_assert(passes(&session, "GET"));
    rules.count = 0;
    ck_assert_int_eq(add(texts[255]), OAUTH_OK);
    ck_assert(passes(&session, "GET"));
}
END_TEST

START_TEST(require_words_are_alternatives_and_rules_add_up)
{
    ck_assert_int_eq(add("role=a role=b"), OAUTH_OK);
    ck_assert_int_eq(add("group=/g"), OAUTH_OK);
    struct session session = { .realm_roles = span_of("x\nb"),
                               .groups = span_of("/g") };
    ck_assert(passes(&session, "GET"));
    session.groups = span_of("/g/below\n/");
    ck_assert(!passes(&session, "GET"));
    session.groups = span_of("/g");
    session.realm_roles = span_of("ab\nbb\nA");
    ck_assert(!passes(&session, "GET"));
    session =
        (struct session){ .roles = span_of("a"), .groups = span_of("/g") };
    ck_assert(!passes(&session, "GET"));
    ck_assert_ptr_null(
        require_broken(NULL, REQUIRE_EVERY_METHOD, &rules.items[0].any));
}
END_TEST

START_TEST(require_knows_clients_and_claims_by_both_names)
{
    ck_assert_int_eq(add("client_role=https://app.test/x:run"), OAUTH_OK);
    ck_assert_int_eq(add("claim=tenant:blue:sky"), OAUTH_OK);
    struct session session = {
        .client_roles = span_of("other\trun\nhttps://app.test/x\trun"),
        .claims = span_of("tenant\tblue:sky"),
    };
    ck_assert(passes(&session, "GET"));
    session.claims = span_of("tenant:blue\tsky\ntenant\tblue\nblue:sky");
    ck_assert(!passes(&session, "GET"));
    session.claims = span_of("tenant\tblue:sky");
    session.client_roles = span_of("https://app.test/x\trunner\nrun");
    ck_assert(!passes(&session, "GET"));
}
END_TEST

/* a@x@y is read in two ways by two programs. */
START_TEST(require_domain_follows_the_one_at_sign)
{
    static const char *const bad[] = {
        "",           "x.test",      "@x.test",      "a@y@x.test",
        "a@x.test@y", "a@x.testing", "a@sub.x.test", "a@x.test.",
        "a@",
    };
    ck_assert_int_eq(add("email_domain=x.test"), OAUTH_OK);
    struct session session = { .email = span_of("a@X.Test") };
    ck_assert(passes(&session, "GET"));
    session.email_unverified = 1;
    ck_assert(!passes(&session, "GET"));
    session.email_unverified = 0;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        session.email = span_of(bad[i]);
        ck_assert_msg(!passes(&session, "GET"), "passed: %s", bad[i]);
    }
}
END_TEST

/* A rule for "all but" covers methods that nobody has heard of. */
START_TEST(require_methods_leave_no_gap)
{
    struct session nobody = { 0 };
    ck_assert_int_eq(add("except=GET,OPTIONS role=a"), OAUTH_OK);
    ck_assert(passes(&nobody, "GET") && passes(&nobody, "HEAD"));
    ck_assert(passes(&nobody, "OPTIONS"));
    ck_assert(!passes(&nobody, "POST") && !passes(&nobody, "BREW"));
    ck_assert(!passes(&nobody, "get") && !passes(&nobody, ""));
    setup();
    ck_assert_int_eq(add("role=a methods=GET,DELETE"), OAUTH_OK);
    ck_assert(!passes(&nobody, "GET") && !passes(&nobody, "HEAD"));
    ck_assert(!passes(&nobody, "DELETE") && passes(&nobody, "PUT"));
    struct require_bits none = { { 0 } };
    ck_assert_ptr_nonnull(require_broken(&rules, REQUIRE_EVERY_METHOD, &none));
}
END_TEST

START_TEST(require_says_what_one_rule_wants)
{
    struct bytes text;
    bytes_init(&text, 512);
    ck_assert_int_eq(add("role=a"), OAUTH_OK);
    ck_assert_int_eq(add("claim=t:1 group=/g claim=u:2 claim=t:3"), OAUTH_OK);
    require_describe(&table, &rules.items[1], &text);
    ck_assert(span_equal_text(bytes_span(&text),
                              "claim=t:1 or group=/g or claim=u:2 or "
                              "claim=t:3"));
    bytes_release(&text);
    require_claim_names(&table, &text);
    ck_assert(span_equal_text(bytes_span(&text), "t\nu"));
    bytes_release(&text);
    require_text(&table, &text);
    ck_assert(span_equal_text(bytes_span(&text),
                              "role=a\nclaim=t:1\ngroup=/g\nclaim=u:2\n"
                              "claim=t:3\n"));
    bytes_release(&text);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/require");
    TCase *tcase = tcase_create("require");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, require_refuses_what_is_no_rule);
    tcase_add_test(tcase, require_has_limits);
    tcase_add_test(tcase, require_words_are_alternatives_and_rules_add_up);
    tcase_add_test(tcase, require_knows_clients_and_claims_by_both_names);
    tcase_add_test(tcase, require_domain_follows_the_one_at_sign);
    tcase_add_test(tcase, require_methods_leave_no_gap);
    tcase_add_test(tcase, require_says_what_one_rule_wants);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
