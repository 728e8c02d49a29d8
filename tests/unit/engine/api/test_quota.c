/* SPDX-License-Identifier: Apache-2.0
 * Quotas of the node: when they count, and what is kept of them. */
#include "engine/api/quota.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/fixture/folder.h"
#include "tests/fixture/suite.h"

static char folder[64];
static struct error error;

static void
setup(void)
{
    ck_assert(folder_make("/tmp", "quota", folder, sizeof(folder)));
    error.text[0] = '\0';
}

static void
teardown(void)
{
    folder_remove(folder);
}

static struct quota *
opened(struct quota_limits limits)
{
    struct quota *quota = NULL;
    ck_assert_msg(quota_open(folder, &limits, 0, &quota, &error) == ENGINE_OK,
                  "%s", error.text);
    return quota;
}

static const struct {
    uint64_t percent, limit, margin;
    bool was_over, is_over;
} cases[] = {
    { 100, 0, 5, true, false }, /* no limit */
    { 89, 90, 5, false, false }, { 90, 90, 5, false, true },
    { 91, 90, 5, false, true },  { 89, 90, 5, true, true },
    { 85, 90, 5, true, true },   { 84, 90, 5, true, false },
    { 84, 90, 5, false, false }, { 89, 90, 0, true, false },
    { 1, 3, 5, true, true }, /* a margin past the limit */
    { 0, 3, 5, true, false },
};

START_TEST(quota_has_a_margin)
{
    ck_assert_int_eq(quota_is_over(cases[_i].percent, cases[_i].limit,
                                   cases[_i].margin, cases[_i].was_over),
                     cases[_i].is_over);
}
END_TEST

START_TEST(quota_counts_only_where_it_is_enabled)
{
    struct quota_limits limits = { .disk_percent = 1 };
    struct quota *quota = opened(limits);
    ck_assert_int_eq(quota_check(quota, &error), ENGINE_OK);
    limits.is_enabled = true;
    struct quota_use use;
    quota_look(quota, &use);
    ck_assert_int_eq(quota_set(quota, &limits, &error), ENGINE_OK);
    enum engine_code expected =
        use.disk_percent >= 1 ? ENGINE_ENOSPACE : ENGINE_OK;
    ck_assert_int_eq(quota_check(quota, &error), expected);
    if (expected != ENGINE_OK)
        ck_assert_ptr_nonnull(strstr(error.text, "max_disk_usage_percent"));
    quota_close(quota);
}
END_TEST

START_TEST(quota_of_memory)
{
    const struct quota_limits limits = { true, 100, 0, 5 };
    struct quota *quota = NULL;
    ck_assert_int_eq(
        quota_open(folder, &limits, (uint64_t)1 << 20, &quota, &error),
        ENGINE_OK);
    ck_assert_int_eq(quota_check(quota, &error), ENGINE_ENOSPACE);
    ck_assert_ptr_nonnull(strstr(error.text, "Resident memory usage"));
    quota_close(quota);
    ck_assert_int_eq(
        quota_open(folder, &limits, (uint64_t)1 << 40, &quota, &error),
        ENGINE_OK);
    ck_assert_int_eq(quota_check(quota, &error), ENGINE_OK);
    quota_close(quota);
}
END_TEST

START_TEST(quota_that_was_set_counts_more_than_the_configuration)
{
    const struct quota_limits first = { true, 80, 90, 5 },
                              second = { true, 0, 70, 0 };
    struct quota_limits now;
    struct quota *quota = opened(first);
    quota_get(quota, &now);
    ck_assert_int_eq(memcmp(&now, &first, sizeof(now)), 0);
    ck_assert_int_eq(quota_set(quota, &second, &error), ENGINE_OK);
    quota_close(quota);
    quota = opened(first);
    quota_get(quota, &now);
    ck_assert_uint_eq(now.memory_percent, 0);
    ck_assert_uint_eq(now.disk_percent, 70);
    ck_assert_uint_eq(now.margin_percent, 0);
    quota_close(quota);
}
END_TEST

static const char *const texts[] = {
    "",
    "{",
    "[]",
    "{}",
    "{\"enabled\":1}",
    "{\"enabled\":true,\"max_disk_usage_percent\":0}",
    "{\"enabled\":true,\"max_disk_usage_percent\":101}",
    "{\"enabled\":true,\"release_margin_percent\":-1}",
};

START_TEST(quota_file_that_is_not_understood_is_named)
{
    const struct quota_limits limits = { .margin_percent = 5 };
    struct quota *quota = NULL;
    char path[96];
    snprintf(path, sizeof(path), "%s/quotas.json", folder);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(texts[_i], file);
    fclose(file);
    ck_assert_int_eq(quota_open(folder, &limits, 0, &quota, &error),
                     ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(error.text, path));
}
END_TEST

#define LOOP(test, table)                                                      \
    tcase_add_loop_test(tcase, test, 0, (int)(sizeof(table) / sizeof(table[0])))

int
main(void)
{
    Suite *suite = suite_create("quota");
    TCase *tcase = tcase_create("quota");
    tcase_add_checked_fixture(tcase, setup, teardown);
    LOOP(quota_has_a_margin, cases);
    tcase_add_test(tcase, quota_counts_only_where_it_is_enabled);
    tcase_add_test(tcase, quota_of_memory);
    tcase_add_test(tcase,
                   quota_that_was_set_counts_more_than_the_configuration);
    LOOP(quota_file_that_is_not_understood_is_named, texts);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
