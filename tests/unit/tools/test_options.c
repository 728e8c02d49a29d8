/* SPDX-License-Identifier: Apache-2.0
 * Command lines: both spellings of a value, words anywhere, clear refusals. */
#include "tools/options.h"

#include "tests/fixture/suite.h"

#include <string.h>

static const char *text;
static uint64_t count;
static bool flag;
static struct options options;
static struct fault fault;

static const struct option_spec specs[] = {
    { "text", OPTION_TEXT, &text, 0 },
    { "count", OPTION_COUNT, &count, 10 },
    { "flag", OPTION_FLAG, &flag, 0 },
};

static bool
parse(int argc, const char **arguments)
{
    char *argv[8];
    ck_assert_int_le(argc, 8);
    memcpy(argv, arguments, (size_t)argc * sizeof(argv[0]));
    text = NULL;
    count = 0;
    flag = false;
    options = (struct options){ .specs = specs, .specs_count = 3 };
    return options_parse(&options, argc, argv, &fault);
}

/* The parser changes no argument. */
#define PARSE(...)                                                             \
    parse((int)(sizeof((const char *[]){ "cmd", __VA_ARGS__ }) /               \
                sizeof(char *)),                                               \
          (const char *[]){ "cmd", __VA_ARGS__ })

START_TEST(values_come_after_a_space_or_an_equals_sign)
{
    ck_assert(PARSE("a", "--text", "x", "--count=10", "--flag", "-"));
    ck_assert_str_eq(text, "x");
    ck_assert_uint_eq(count, 10);
    ck_assert(flag);
    ck_assert_uint_eq(options.words_count, 2);
    ck_assert_str_eq(options.words[1], "-");
    ck_assert(PARSE("--text=", "--", "--flag"));
    ck_assert_str_eq(text, "");
    ck_assert_str_eq(options.words[0], "--flag");
}
END_TEST

START_TEST(what_is_wrong_is_named)
{
    ck_assert(!PARSE("--tex", "x"));
    ck_assert_ptr_nonnull(strstr(fault.text, "--tex"));
    ck_assert(!PARSE("--text"));
    ck_assert(!PARSE("--text", "--flag"));
    ck_assert(!PARSE("--flag=1"));
    ck_assert(!PARSE("--count", "11"));
    ck_assert(!PARSE("--count", "-1"));
    ck_assert(!PARSE("--count", "1x"));
    ck_assert(!PARSE("--count="));
    ck_assert(!PARSE("-x"));
    ck_assert_int_eq(fault.status, EXIT_USAGE);
}
END_TEST

START_TEST(help_comes_before_what_is_missing)
{
    ck_assert(PARSE("--help", "--nonsense"));
    ck_assert(options.wants_help);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("tools/options");
    TCase *tests = tcase_create("options");
    tcase_add_test(tests, values_come_after_a_space_or_an_equals_sign);
    tcase_add_test(tests, what_is_wrong_is_named);
    tcase_add_test(tests, help_comes_before_what_is_missing);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
