/* SPDX-License-Identifier: Apache-2.0
 * Covers: the table's order and moves, copies, the file and what may be wrong
 * with it. */
#include "engine/collection/aliases.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "tests/fixture/folder.h"
#include "tests/fixture/suite.h"

static char folder[64];
static struct aliases aliases;
static struct error error;

static void
setup(void)
{
    ck_assert(folder_make("/tmp", "aliases", folder, sizeof(folder)));
    aliases = (struct aliases){ 0 };
}

static void
teardown(void)
{
    aliases_clear(&aliases);
    folder_remove(folder);
}

static void
put(const char *name, const char *collection)
{
    ck_assert_int_eq(
        aliases_put(&aliases, span_of(name), span_of(collection), &error),
        ENGINE_OK);
}

static void
assert_target(const char *name, const char *collection)
{
    const struct span *found = aliases_find(&aliases, span_of(name));
    ck_assert_ptr_nonnull(found);
    ck_assert(span_equal_text(*found, collection));
}

static void
write_file(const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/aliases.json", folder);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

START_TEST(aliases_are_found_moved_and_removed)
{
    put("b", "one");
    put("a", "one");
    put("c", "two");
    put("b", "two");
    ck_assert_uint_eq(aliases.count, 3);
    assert_target("a", "one");
    assert_target("b", "two");
    ck_assert_ptr_null(aliases_find(&aliases, span_of("aa")));
    ck_assert(aliases_remove(&aliases, span_of("a")));
    ck_assert(!aliases_remove(&aliases, span_of("a")));
    ck_assert(aliases_remove_collection(&aliases, span_of("two")));
    ck_assert(!aliases_remove_collection(&aliases, span_of("two")));
    ck_assert_uint_eq(aliases.count, 0);
}
END_TEST

START_TEST(aliases_of_a_copy_are_its_own)
{
    struct aliases copy;
    put("a", "one");
    ck_assert_int_eq(aliases_copy(&aliases, &copy, &error), ENGINE_OK);
    ck_assert(aliases_remove(&copy, span_of("a")));
    assert_target("a", "one");
    aliases_clear(&copy);
}
END_TEST

START_TEST(aliases_are_read_as_they_were_saved)
{
    ck_assert_int_eq(aliases_load(folder, &aliases, &error), ENGINE_OK);
    ck_assert_uint_eq(aliases.count, 0);
    put("quote \" and \xc3\xa9", "one");
    put("b", "two");
    ck_assert_int_eq(aliases_save(&aliases, folder, &error), ENGINE_OK);
    aliases_clear(&aliases);
    ck_assert_int_eq(aliases_load(folder, &aliases, &error), ENGINE_OK);
    ck_assert_uint_eq(aliases.count, 2);
    assert_target("quote \" and \xc3\xa9", "one");
    assert_target("b", "two");
}
END_TEST

static const struct {
    const char *text;
    enum engine_code code;
} damaged[] = {
    { "", ENGINE_ECORRUPT },
    { "[]", ENGINE_ECORRUPT },
    { "{\"format\":1}", ENGINE_ECORRUPT },
    { "{\"format\":1,\"aliases\":{\"a\":1}}", ENGINE_ECORRUPT },
    { "{\"format\":2,\"aliases\":{}}", ENGINE_EVERSION },
};

START_TEST(aliases_name_a_file_that_is_damaged)
{
    write_file(damaged[_i].text);
    ck_assert_int_eq(aliases_load(folder, &aliases, &error), damaged[_i].code);
    ck_assert_ptr_nonnull(strstr(error.text, "aliases.json"));
    ck_assert_uint_eq(aliases.count, 0);
}
END_TEST

START_TEST(aliases_have_a_limit)
{
    char name[16];
    for (unsigned i = 0; i < ALIASES_MAX; i++) {
        snprintf(name, sizeof(name), "%05u", i);
        put(name, "one");
    }
    ck_assert_int_eq(
        aliases_put(&aliases, span_of("x"), span_of("one"), &error),
        ENGINE_EREQUEST);
    put("00001", "two");
    ck_assert_uint_eq(aliases.count, ALIASES_MAX);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("engine/collection/aliases");
    TCase *tcase = tcase_create("aliases");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, aliases_are_found_moved_and_removed);
    tcase_add_test(tcase, aliases_of_a_copy_are_its_own);
    tcase_add_test(tcase, aliases_are_read_as_they_were_saved);
    tcase_add_loop_test(tcase, aliases_name_a_file_that_is_damaged, 0,
                        sizeof(damaged) / sizeof(damaged[0]));
    tcase_add_test(tcase, aliases_have_a_limit);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
