/* SPDX-License-Identifier: Apache-2.0
 * Rules of rights: who gets which list. */
#include "oauth/rights.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static const struct rights_rule rules[] = {
    { RIGHTS_OF_ROLE, { "admin", 5 }, RIGHTS_MANAGE, { "*", 1 } },
    { RIGHTS_OF_ROLE, { "auditor", 7 }, RIGHTS_READ, { "*", 1 } },
    { RIGHTS_OF_ROLE, { "loader", 6 }, RIGHTS_WRITE, { "*", 1 } },
    { RIGHTS_OF_GROUP, { "/team/a", 7 }, RIGHTS_MANAGE, { "team-a-*", 8 } },
    { RIGHTS_OF_GROUP, { "/team/a", 7 }, RIGHTS_READ, { "team-*", 6 } },
    { RIGHTS_OF_ROLE, { "editor", 6 }, RIGHTS_WRITE, { "docs", 4 } },
    { RIGHTS_OF_ROLE, { "editor", 6 }, RIGHTS_READ, { "docs", 4 } },
    { RIGHTS_OF_ROLE, { "editor", 6 }, RIGHTS_READ, { "team-a-x", 8 } },
};

#define RULE_COUNT       (sizeof(rules) / sizeof(rules[0]))
#define ITEM(name, word) "{\"collection\":\"" name "\",\"access\":\"" word "\"}"

static const struct {
    const char *roles, *groups, *access;
} cases[] = {
    { "", "", "[]" },
    { "admin", "", "\"m\"" },
    { "user\nadmin\nother", "/team/a", "\"m\"" },
    { "auditor", "", "\"r\"" },
    { "auditor\nadmin", "", "\"m\"" },
    { "loader", "", "[" ITEM("*", "prw") "]" },
    { "loader\nauditor", "", "[" ITEM("*", "prw") "]" },
    /* names are exact, whole, and of their kind */
    { "Admin", "", "[]" },
    { "admin2\nadmi", "", "[]" },
    { "/team/a", "admin", "[]" },
    { "", "/team/a/b", "[]" },
    { "", "/team", "[]" },
    /* the highest of one pattern; what another covers is left out */
    { "editor", "", "[" ITEM("docs", "prw") "," ITEM("team-a-x", "r") "]" },
    { "editor", "/team/a",
      "[" ITEM("team-a-*", "m") "," ITEM("team-*", "r") "," ITEM("docs",
                                                                 "prw") "]" },
    { "editor\nauditor", "/team/a",
      "[" ITEM("*", "r") "," ITEM("team-a-*", "m") "," ITEM("docs",
                                                            "prw") "]" },
};

START_TEST(rights_add_up)
{
    struct session session = { .roles = span_of(cases[_i].roles),
                               .groups = span_of(cases[_i].groups) };
    struct bytes out;
    struct error error = { .text = "" };
    ck_assert_msg(rights_check(rules, RULE_COUNT, &error) == OAUTH_OK, "%s",
                  error.text);
    bytes_init(&out, RIGHTS_LIST_SIZE_MAX);
    rights_write(rules, RULE_COUNT, &session, &out);
    ck_assert_str_eq(out.data, cases[_i].access);
    bytes_release(&out);
}
END_TEST

START_TEST(rights_without_rules_are_all_rights)
{
    struct session session = { .roles = span_of("") };
    struct bytes out;
    bytes_init(&out, RIGHTS_LIST_SIZE_MAX);
    rights_write(NULL, 0, &session, &out);
    ck_assert_str_eq(out.data, "\"m\"");
    bytes_release(&out);
}
END_TEST

START_TEST(rights_for_anybody_need_no_role)
{
    const struct rights_rule any = {
        RIGHTS_OF_ANY, { NULL, 0 }, RIGHTS_READ, { "public-*", 8 }
    };
    struct session session = { .created_s = 1 };
    struct bytes out;
    struct error error;
    ck_assert_int_eq(rights_check(&any, 1, &error), OAUTH_OK);
    bytes_init(&out, RIGHTS_LIST_SIZE_MAX);
    rights_write(&any, 1, &session, &out);
    ck_assert_str_eq(out.data, "[" ITEM("public-*", "r") "]");
    bytes_release(&out);
}
END_TEST

static const char *const bad_patterns[] = { "",         "a*b",  "**",   "a\"b",
                                            "a\\b",     "a\nb", "a\tb", "\x7f",
                                            "\xc3\xa9", "*a",   "a**" };

START_TEST(rights_refuse_a_bad_pattern)
{
    const struct rights_rule rule = {
        RIGHTS_OF_ANY, { NULL, 0 }, RIGHTS_READ, span_of(bad_patterns[_i])
    };
    struct error error = { .text = "" };
    ck_assert_int_eq(rights_check(&rule, 1, &error), OAUTH_ECONFIG);
    ck_assert_ptr_nonnull(strstr(error.text, "pattern"));
}
END_TEST

START_TEST(rights_are_bounded)
{
    char text[RIGHTS_PATTERN_SIZE_MAX + 2];
    struct rights_rule many[RIGHTS_RULE_COUNT_MAX + 1];
    char names[RIGHTS_RULE_COUNT_MAX + 1][8];
    struct error error = { .text = "" };
    memset(text, 'a', sizeof(text));
    struct rights_rule rule = { RIGHTS_OF_ROLE,
                                { text, 1 },
                                RIGHTS_READ,
                                { text, RIGHTS_PATTERN_SIZE_MAX } };
    ck_assert_int_eq(rights_check(&rule, 1, &error), OAUTH_OK);
    rule.pattern.size++;
    ck_assert_int_eq(rights_check(&rule, 1, &error), OAUTH_ECONFIG);
    rule.pattern.size = 1;
    rule.name.size = RIGHTS_NAME_SIZE_MAX + 1;
    ck_assert_int_eq(rights_check(&rule, 1, &error), OAUTH_ECONFIG);
    rule.name.size = 0;
    ck_assert_int_eq(rights_check(&rule, 1, &error), OAUTH_ECONFIG);
    rule.name.size = 1;
    /* The same pattern for many roles costs once. */
    for (size_t i = 0; i <= RIGHTS_RULE_COUNT_MAX; i++)
        many[i] = rule;
    ck_assert_int_eq(rights_check(many, RIGHTS_RULE_COUNT_MAX, &error),
                     OAUTH_OK);
    ck_assert_int_eq(rights_check(many, RIGHTS_RULE_COUNT_MAX + 1, &error),
                     OAUTH_ECONFIG);
    for (size_t i = 0; i < RIGHTS_RULE_COUNT_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "c%zu", i);
        many[i].pattern = span_of(names[i]);
    }
    ck_assert_int_eq(rights_check(many, RIGHTS_RULE_COUNT_MAX, &error),
                     OAUTH_ECONFIG);
    ck_assert_ptr_nonnull(strstr(error.text, "together"));
}
END_TEST

/* What the check lets pass, fits, whoever has it. */
START_TEST(rights_that_were_checked_fit_their_bound)
{
    struct rights_rule many[RIGHTS_RULE_COUNT_MAX];
    char names[RIGHTS_RULE_COUNT_MAX][16];
    struct session session = { .created_s = 1 };
    struct error error;
    struct bytes out;
    size_t count = 0;
    for (;; count++) {
        snprintf(names[count], sizeof(names[count]), "collection%zu", count);
        many[count] = (struct rights_rule){
            RIGHTS_OF_ANY, { NULL, 0 }, RIGHTS_WRITE, span_of(names[count])
        };
        if (rights_check(many, count + 1, &error) != OAUTH_OK)
            break;
    }
    ck_assert_uint_gt(count, 30);
    bytes_init(&out, RIGHTS_LIST_SIZE_MAX);
    rights_write(many, count, &session, &out);
    ck_assert(!bytes_failed(&out));
    bytes_release(&out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/rights");
    TCase *tcase = tcase_create("rights");
    tcase_add_loop_test(tcase, rights_add_up, 0,
                        (int)(sizeof(cases) / sizeof(cases[0])));
    tcase_add_test(tcase, rights_without_rules_are_all_rights);
    tcase_add_test(tcase, rights_for_anybody_need_no_role);
    tcase_add_loop_test(tcase, rights_refuse_a_bad_pattern, 0,
                        (int)(sizeof(bad_patterns) / sizeof(bad_patterns[0])));
    tcase_add_test(tcase, rights_are_bounded);
    tcase_add_test(tcase, rights_that_were_checked_fit_their_bound);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
