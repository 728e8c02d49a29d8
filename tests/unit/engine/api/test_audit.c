/* SPDX-License-Identifier: Apache-2.0
 * Lines of the audit log, whatever a client sent, and rotation. */
#include "engine/api/audit.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fixture/folder.h"
#include "tests/fixture/suite.h"

static char directory[64];
static char path[96], kept_path[96];
static struct audit *audit;
static struct error error;
static char text[1 << 20];

/* In the place of the library's: the file system fails where a name ends so. */
static const char *stuck;

int
rename(const char *from, const char *to)
{
    size_t size = stuck == NULL ? 0 : strlen(stuck), length = strlen(from);
    if (stuck != NULL && size < length &&
        strcmp(from + length - size, stuck) == 0) {
        errno = EIO;
        return -1;
    }
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

static enum engine_code
open_plain(const char *at, struct audit **ret_audit)
{
    return audit_open(&(struct audit_options){ .path = at }, ret_audit, &error);
}

static void
setup(void)
{
    ck_assert(folder_make("/tmp", "audit", directory, sizeof(directory)));
    snprintf(path, sizeof(path), "%s/audit.log", directory);
    snprintf(kept_path, sizeof(kept_path), "%s/audit.log.1", directory);
    ck_assert_int_eq(open_plain(path, &audit), ENGINE_OK);
}

static void
teardown(void)
{
    audit_close(audit);
    folder_remove(directory);
}

/* The file's content in `text`; the number of its lines. */
static size_t
read_lines(const char *from)
{
    FILE *file = fopen(from, "r");
    size_t count = 0;
    ck_assert_ptr_nonnull(file);
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[size] = '\0';
    for (const char *c = text; (c = strchr(c, '\n')) != NULL; c++)
        count++;
    ck_assert(size == 0 || text[size - 1] == '\n');
    return count;
}

START_TEST(audit_writes_one_object_per_line)
{
    struct span collection = span_of("docs");
    struct caller caller = {
        .kind = CALLER_IDENTITY,
        .identity = { .sub = span_of("u1"), .name = span_of("alice") },
    };
    struct audit_event event = { .caller = &caller,
                                 .method = "DELETE",
                                 .pattern = "/collections/{name}",
                                 .collection = &collection,
                                 .request_id = "r-1",
                                 .is_denied = true,
                                 .status = 403 };
    audit_write(audit, &event);
    ck_assert_uint_eq(read_lines(path), 1);
    ck_assert_ptr_nonnull(
        strstr(text, "\"who\":\"identity\",\"sub\":\"u1\",\"name\":\"alice\","
                     "\"operation\":\"DELETE /collections/{name}\","
                     "\"collection\":\"docs\",\"request_id\":\"r-1\","
                     "\"result\":\"denied\",\"status\":403}\n"));
    ck_assert_int_eq(strncmp(text, "{\"time\":\"20", 11), 0);
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_int_eq(info.st_mode & 07137, 0);
}
END_TEST

START_TEST(audit_leaves_out_what_is_not_known)
{
    struct caller caller = { .kind = CALLER_KEY };
    struct audit_event event = {
        .caller = &caller, .method = "GET", .pattern = "/metrics", .status = 200
    };
    audit_write(audit, &event);
    ck_assert_uint_eq(read_lines(path), 1);
    ck_assert_ptr_nonnull(
        strstr(text, "\"who\":\"api_key\",\"operation\":\"GET /metrics\","
                     "\"result\":\"allowed\",\"status\":200}\n"));
}
END_TEST

/* A client's texts stay one line of JSON of bounded length. */
START_TEST(audit_lines_cannot_be_forged)
{
    char big[3000];
    memset(big, '\001', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    struct span collection = { big, sizeof(big) - 1 };
    struct caller caller = {
        .kind = CALLER_IDENTITY,
        .identity = { .sub = { big, sizeof(big) - 1 },
                      .name = { "a\xff\"\n{", 5 } },
    };
    struct audit_event event = { .caller = &caller,
                                 .method = "GET",
                                 .pattern = "/collections/{name}",
                                 .collection = &collection,
                                 .request_id = big,
                                 .status = 200 };
    audit_write(audit, &event);
    ck_assert_uint_eq(read_lines(path), 1);
    ck_assert_uint_lt(strlen(text), AUDIT_LINE_SIZE_MAX);
    ck_assert_ptr_nonnull(strstr(text, "\"name\":\"a?\\\"\\n{\""));
}
END_TEST

START_TEST(audit_goes_on_in_a_new_file_after_a_rotation)
{
    struct caller caller = { .kind = CALLER_ANYONE };
    struct audit_event event = {
        .caller = &caller, .method = "GET", .pattern = "/x", .status = 200
    };
    audit_write(audit, &event);
    ck_assert_int_eq(rename(path, kept_path), 0);
    audit_write(audit, &event);
    ck_assert_uint_eq(read_lines(kept_path), 2);
    audit_reopen(audit);
    audit_write(audit, &event);
    ck_assert_uint_eq(read_lines(kept_path), 2);
    ck_assert_uint_eq(read_lines(path), 1);
}
END_TEST

static void *
write_many(void *ctx)
{
    struct caller caller = { .kind = CALLER_ANYONE };
    struct audit_event event = {
        .caller = &caller, .method = "GET", .pattern = "/x", .status = 200
    };
    for (int i = 0; i < 500; i++) {
        if (i % 50 == 0)
            audit_reopen(ctx);
        audit_write(ctx, &event);
    }
    return NULL;
}

START_TEST(audit_keeps_the_lines_of_threads_apart)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_many, audit),
                         0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_uint_eq(read_lines(path), 2000);
    size_t count = 0;
    for (const char *c = text; (c = strstr(c, "\"status\":200}\n{\"t")) != NULL;
         c++)
        count++;
    ck_assert_uint_eq(count, 1999);
}
END_TEST

static const struct caller anyone = { .kind = CALLER_ANYONE };
static const struct audit_event plain_event = {
    .caller = &anyone, .method = "GET", .pattern = "/x", .status = 200
};

START_TEST(audit_turns_over_by_size_and_keeps_so_many_old_files)
{
    struct audit *small = NULL;
    char place[96], old[112];
    snprintf(place, sizeof(place), "%s/new/small.log", directory);
    struct audit_options options = { place, 1000, 0, 2 };
    ck_assert_int_eq(audit_open(&options, &small, &error), ENGINE_OK);
    for (int i = 0; i < 50; i++)
        audit_write(small, &plain_event);
    size_t lines = read_lines(place);
    ck_assert_uint_ge(lines, 1);
    ck_assert_uint_lt(strlen(text), 1000);
    for (int i = 1; i <= 2; i++) {
        snprintf(old, sizeof(old), "%s.%d", place, i);
        ck_assert_uint_ge(read_lines(old), 5);
        ck_assert_uint_le(strlen(text), 1000);
    }
    ck_assert_uint_gt(audit_size(small), 1000);
    snprintf(old, sizeof(old), "%s.3", place);
    ck_assert_int_ne(access(old, F_OK), 0);
    snprintf(old, sizeof(old), "%s.last", place);
    ck_assert_int_ne(access(old, F_OK), 0);
    audit_close(small);
}
END_TEST

/* A file that does not move, or something that stands where the last one has to
 * go: each old file stays what it was. */
static const char *const sticks[] = { ".3", ".2", ".1", "k.log", ".new", NULL };

START_TEST(audit_loses_nothing_when_it_cannot_turn_over)
{
    struct audit *small = NULL;
    char place[96], old[112], inside[128];
    size_t kept[4];
    uint64_t size = 0;
    snprintf(place, sizeof(place), "%s/stuck.log", directory);
    struct audit_options options = { place, 1000, 0, 3 };
    ck_assert_int_eq(audit_open(&options, &small, &error), ENGINE_OK);
    for (int i = 0; i < 50; i++)
        audit_write(small, &plain_event);
    for (int i = 0; i <= 3; i++) {
        snprintf(old, sizeof(old), i == 0 ? "%s" : "%s.%d", place, i);
        kept[i] = read_lines(old);
        size += strlen(text);
    }
    ck_assert_uint_eq(audit_size(small), size);
    stuck = sticks[_i];
    if (stuck == NULL) {
        snprintf(inside, sizeof(inside), "%s.last", place);
        ck_assert_int_eq(mkdir(inside, 0700), 0);
    }
    for (int i = 0; i < 50; i++)
        audit_write(small, &plain_event);
    kept[0] += 50;
    for (int i = 0; i <= 3; i++) {
        snprintf(old, sizeof(old), i == 0 ? "%s" : "%s.%d", place, i);
        ck_assert_uint_eq(read_lines(old), kept[i]);
    }
    snprintf(old, sizeof(old), "%s.new", place);
    ck_assert_int_ne(access(old, F_OK), 0);
    stuck = NULL;
    audit_close(small);
}
END_TEST

START_TEST(audit_counts_files_behind_a_missing_one)
{
    struct audit *small = NULL;
    char place[96], old[112];
    snprintf(place, sizeof(place), "%s/gap.log", directory);
    struct audit_options options = { place, 1000, 0, 3 };
    ck_assert_int_eq(audit_open(&options, &small, &error), ENGINE_OK);
    for (int i = 0; i < 50; i++)
        audit_write(small, &plain_event);
    uint64_t size = audit_size(small);
    snprintf(old, sizeof(old), "%s.2", place);
    (void)read_lines(old);
    ck_assert_int_eq(unlink(old), 0);
    ck_assert_uint_eq(audit_size(small), size - strlen(text));
    audit_close(small);
}
END_TEST

/* The new file cannot be made: the one that is there stays where it is. */
START_TEST(audit_turns_over_only_with_a_new_file)
{
    struct audit *small = NULL;
    char place[96], other[112];
    snprintf(place, sizeof(place), "%s/only.log", directory);
    struct audit_options options = { place, 1000, 0, 2 };
    ck_assert_int_eq(audit_open(&options, &small, &error), ENGINE_OK);
    snprintf(other, sizeof(other), "%s.new", place);
    ck_assert_int_eq(mkdir(other, 0700), 0);
    for (int i = 0; i < 50; i++)
        audit_write(small, &plain_event);
    ck_assert_uint_eq(read_lines(place), 50);
    snprintf(other, sizeof(other), "%s.1", place);
    ck_assert_int_ne(access(other, F_OK), 0);
    audit_close(small);
}
END_TEST

START_TEST(audit_turns_over_when_a_file_is_of_another_day)
{
    struct audit *daily = NULL;
    struct audit_options options = { path, 0, 86400, 3 };
    struct timespec yesterday[2] = { { .tv_sec = 86400 }, { .tv_sec = 86400 } };
    audit_write(audit, &plain_event);
    ck_assert_int_eq(utimensat(AT_FDCWD, path, yesterday, 0), 0);
    ck_assert_int_eq(audit_open(&options, &daily, &error), ENGINE_OK);
    audit_write(daily, &plain_event);
    audit_write(daily, &plain_event);
    ck_assert_uint_eq(read_lines(path), 2);
    ck_assert_uint_eq(read_lines(kept_path), 1);
    audit_close(daily);
}
END_TEST

START_TEST(audit_wants_a_regular_file)
{
    struct audit *none = NULL;
    ck_assert_int_eq(open_plain("/dev/null", &none), ENGINE_EINPUT);
    ck_assert_int_eq(open_plain(directory, &none), ENGINE_EINPUT);
    ck_assert_int_eq(open_plain("/none/such/file", &none), ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "/none/such/file"));
    ck_assert_int_eq(open_plain("stderr", &none), ENGINE_OK);
    audit_reopen(none);
    audit_close(none);
    audit_write(NULL, NULL);
    audit_reopen(NULL);
    audit_close(NULL);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("audit");
    TCase *tcase = tcase_create("audit");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, audit_writes_one_object_per_line);
    tcase_add_test(tcase, audit_leaves_out_what_is_not_known);
    tcase_add_test(tcase, audit_lines_cannot_be_forged);
    tcase_add_test(tcase, audit_goes_on_in_a_new_file_after_a_rotation);
    tcase_add_test(tcase, audit_keeps_the_lines_of_threads_apart);
    tcase_add_test(tcase, audit_turns_over_by_size_and_keeps_so_many_old_files);
    tcase_add_loop_test(tcase, audit_loses_nothing_when_it_cannot_turn_over, 0,
                        (int)(sizeof(sticks) / sizeof(sticks[0])));
    tcase_add_test(tcase, audit_counts_files_behind_a_missing_one);
    tcase_add_test(tcase, audit_turns_over_only_with_a_new_file);
    tcase_add_test(tcase, audit_turns_over_when_a_file_is_of_another_day);
    tcase_add_test(tcase, audit_wants_a_regular_file);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
