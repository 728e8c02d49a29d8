/* SPDX-License-Identifier: Apache-2.0
 * Covers: whole-or-absent replacement, short files, missing files, a
 * folder that cannot be synced. */
#include "engine/storage/checkpoint.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/fixture/folder.h"
#include "tests/fixture/suite.h"

static char folder[64], path[80];

static void
setup(void)
{
    ck_assert(folder_make("/tmp", "checkpoint", folder, sizeof(folder)));
    snprintf(path, sizeof(path), "%s/graph", folder);
}

static void
teardown(void)
{
    folder_remove(folder);
}

static void
write_text(const char *text)
{
    struct checkpoint *file;
    ck_assert_int_eq(checkpoint_create(path, &file, NULL), ENGINE_OK);
    ck_assert_int_eq(checkpoint_append(file, text, strlen(text), NULL),
                     ENGINE_OK);
    ck_assert_int_eq(checkpoint_commit(file, NULL), ENGINE_OK);
}

/* What was committed is read back, and not a byte more. */
START_TEST(checkpoint_reads_what_was_committed)
{
    write_text("first");
    write_text("second");
    struct checkpoint *file;
    ck_assert_int_eq(checkpoint_open(path, &file, NULL), ENGINE_OK);
    ck_assert_uint_eq(checkpoint_left(file), 6);
    char text[7] = "";
    ck_assert_int_eq(checkpoint_read(file, text, 6, NULL), ENGINE_OK);
    ck_assert_str_eq(text, "second");
    struct error error;
    ck_assert_int_eq(checkpoint_read(file, text, 1, &error), ENGINE_ECORRUPT);
    ck_assert_ptr_nonnull(strstr(error.text, "ends too early"));
    checkpoint_close(file);
}
END_TEST

/* Giving up leaves the old version and no stray file. */
START_TEST(checkpoint_keeps_the_old_version_when_writing_is_given_up)
{
    write_text("old");
    struct checkpoint *file;
    ck_assert_int_eq(checkpoint_create(path, &file, NULL), ENGINE_OK);
    ck_assert_int_eq(checkpoint_append(file, "new", 3, NULL), ENGINE_OK);
    checkpoint_close(file);
    char text[3];
    ck_assert_int_eq(checkpoint_open(path, &file, NULL), ENGINE_OK);
    ck_assert_int_eq(checkpoint_read(file, text, 3, NULL), ENGINE_OK);
    ck_assert_mem_eq(text, "old", 3);
    checkpoint_close(file);
    char stray[96];
    snprintf(stray, sizeof(stray), "%s.tmp", path);
    ck_assert_int_ne(access(stray, F_OK), 0);
}
END_TEST

START_TEST(checkpoint_says_that_there_is_none)
{
    struct checkpoint *file;
    ck_assert_int_eq(checkpoint_open(path, &file, NULL), ENGINE_ENOTFOUND);
    struct error error;
    ck_assert_int_eq(
        checkpoint_create("/nonexistent/folder/graph", &file, &error),
        ENGINE_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(error.text, "/nonexistent/folder"));
}
END_TEST

static void
expect(const char *text)
{
    struct checkpoint *file;
    char got[16] = "";
    ck_assert_int_eq(checkpoint_open(path, &file, NULL), ENGINE_OK);
    ck_assert_uint_eq(checkpoint_left(file), strlen(text));
    ck_assert_int_eq(checkpoint_read(file, got, strlen(text), NULL), ENGINE_OK);
    ck_assert_str_eq(got, text);
    checkpoint_close(file);
}

/* One descriptor is left: the file is replaced, but its folder cannot be
 * opened to be synced. */
static void
write_with_one_descriptor(const char *text)
{
    struct rlimit limit, before;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    int next = dup(0);
    ck_assert_int_ge(next, 0);
    close(next);
    limit = before;
    limit.rlim_cur = (rlim_t)next + 1;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    struct error error = { 0 };
    ck_assert_int_ne(checkpoint_write(path, span_of(text), &error), ENGINE_OK);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}

/* A failure is one for whoever reads the file later, too. */
START_TEST(checkpoint_write_takes_back_what_cannot_be_synced)
{
    write_with_one_descriptor("new");
    ck_assert_int_ne(access(path, F_OK), 0);
    ck_assert_int_eq(checkpoint_write(path, span_of("old"), NULL), ENGINE_OK);
    expect("old");
    write_with_one_descriptor("new");
    expect("old");
    ck_assert_int_eq(checkpoint_write(path, span_of("new"), NULL), ENGINE_OK);
    expect("new");
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("checkpoint");
    TCase *tcase = tcase_create("checkpoint");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, checkpoint_reads_what_was_committed);
    tcase_add_test(tcase, checkpoint_write_takes_back_what_cannot_be_synced);
    tcase_add_test(tcase,
                   checkpoint_keeps_the_old_version_when_writing_is_given_up);
    tcase_add_test(tcase, checkpoint_says_that_there_is_none);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
