/* SPDX-License-Identifier: Apache-2.0
 * The file of a snapshot: what was put in comes out; every bit of it counts,
 * and so does every byte that is missing or too many. */
#include "engine/snapshot/container_body.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fixture/folder.h"
#include "tests/fixture/suite.h"

#define FILE_SIZE_MAX 4096

static char folder[64], path[96], out[96];
static unsigned char whole[FILE_SIZE_MAX];
static size_t whole_size;
static char checksum[65];

static void
file_write(const char *name, const void *data, size_t size)
{
    char at[128];
    snprintf(at, sizeof(at), "%s/in/%s", folder, name);
    int fd = open(at, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, size), (ssize_t)size);
    close(fd);
}

static void
pack(void)
{
    struct container_writer *writer = NULL;
    uint64_t size = 0;
    char in[96];
    snprintf(in, sizeof(in), "%s/in", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_eq(
        container_create(fd, CONTAINER_COLLECTION, NULL, &writer, NULL),
        ENGINE_OK);
    ck_assert_int_eq(container_add_folder(writer, "", in, NULL), ENGINE_OK);
    ck_assert_int_eq(container_finish(writer, checksum, &size, NULL),
                     ENGINE_OK);
    container_writer_free(writer);
    ck_assert_uint_le(size, sizeof(whole));
    ck_assert_int_eq(pread(fd, whole, sizeof(whole), 0), (ssize_t)size);
    whole_size = (size_t)size;
    close(fd);
}

static void
setup(void)
{
    char in[96];
    ck_assert(folder_make("/tmp", "container", folder, sizeof(folder)));
    snprintf(in, sizeof(in), "%s/in", folder);
    snprintf(path, sizeof(path), "%s/file", folder);
    snprintf(out, sizeof(out), "%s/out", folder);
    ck_assert_int_eq(mkdir(in, 0700), 0);
    snprintf(in, sizeof(in), "%s/in/b", folder);
    ck_assert_int_eq(mkdir(in, 0700), 0);
    file_write("a.txt", "first", 5);
    file_write("b/two", "", 0);
    file_write("LOG", "not taken", 9);
    file_write("OPTIONS-1", "not taken", 9);
    pack();
}

static void
teardown(void)
{
    folder_remove(folder);
}

/* Makes of it what format 1 was: its last sum is of all bytes before `END.`. */
static void
make_older(void)
{
    struct container_head head;
    size_t end = whole_size - sizeof(struct container_record) -
                 sizeof(struct container_sum);
    memcpy(&head, whole, sizeof(head));
    head.format = 1;
    head.sum = XXH3_64bits(&head, offsetof(struct container_head, sum));
    memcpy(whole, &head, sizeof(head));
    struct container_sum sum = container_sum_of(XXH3_128bits(whole, end));
    memcpy(whole + whole_size - sizeof(sum), &sum, sizeof(sum));
}

static enum engine_code
copy_part(const struct container_source *source,
          const struct container_part *part, const char *name,
          struct error *reterr)
{
    int made = -1;
    (void)unlink(out);
    enum engine_code code =
        container_copy(source, part, name, out, &made, reterr);
    if (made >= 0)
        close(made);
    return code;
}

/* Reads `size` bytes of `data`, copying; the texts of errors are kept. */
static enum engine_code
unpack(const void *data, size_t size, unsigned *ret_files, struct error *reterr)
{
    struct container_reader *reader = NULL;
    struct container_part part;
    const char *name = "";
    char digest[65];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, data, size), (ssize_t)size);
    struct container_source source = { .fd = fd,
                                       .size = size,
                                       .label = "snapshot x" };
    *ret_files = 0;
    enum engine_code code = container_open(&source, &reader, reterr);
    while (code == ENGINE_OK) {
        code = container_next(reader, &name, &part, reterr);
        if (code != ENGINE_OK || name == NULL)
            break;
        code = copy_part(&source, &part, name, reterr);
        ++*ret_files;
    }
    if (code == ENGINE_OK)
        code = container_settle(reader, digest, reterr);
    container_close(reader);
    close(fd);
    return code;
}

START_TEST(container_gives_back_what_was_put_in)
{
    struct container_reader *reader = NULL;
    struct container_part parts[2];
    const char *name = NULL;
    char text[8] = "", digest[65] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct container_source source = {
        .fd = fd, .size = whole_size, .label = "snapshot x", .has_digest = true
    };
    ck_assert_int_eq(container_open(&source, &reader, NULL), ENGINE_OK);
    ck_assert_int_eq(container_kind(reader), CONTAINER_COLLECTION);
    ck_assert_int_eq(container_next(reader, &name, &parts[0], NULL), ENGINE_OK);
    ck_assert_str_eq(name, "a.txt");
    ck_assert_uint_eq(parts[0].size, 5);
    ck_assert_int_eq(container_next(reader, &name, &parts[1], NULL), ENGINE_OK);
    ck_assert_str_eq(name, "b/two");
    ck_assert_uint_eq(parts[1].size, 0);
    ck_assert_int_eq(container_next(reader, &name, &parts[1], NULL), ENGINE_OK);
    ck_assert_ptr_null(name);
    ck_assert_int_eq(container_settle(reader, digest, NULL), ENGINE_OK);
    ck_assert_str_eq(digest, checksum);
    ck_assert_uint_eq(strlen(checksum), 64);
    container_close(reader);
    ck_assert_int_eq(copy_part(&source, &parts[0], "a.txt", NULL), ENGINE_OK);
    int file = open(out, O_RDONLY | O_CLOEXEC);
    ck_assert_int_eq(read(file, text, sizeof(text)), 5);
    ck_assert_str_eq(text, "first");
    close(file);
    close(fd);
}
END_TEST

/* Of this format (0) and of the one before (1). */
START_TEST(container_finds_every_flipped_bit)
{
    struct error error;
    unsigned files;
    if (_i == 1)
        make_older();
    for (size_t at = 0; at < whole_size; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            whole[at] ^= (unsigned char)(1u << bit);
            enum engine_code code = unpack(whole, whole_size, &files, &error);
            ck_assert_msg(code == ENGINE_EINPUT || code == ENGINE_EVERSION,
                          "bit %u of byte %zu: %d", bit, at, (int)code);
            ck_assert_ptr_nonnull(strstr(error.text, "snapshot x"));
            whole[at] ^= (unsigned char)(1u << bit);
        }
    }
    ck_assert_int_eq(unpack(whole, whole_size, &files, &error), ENGINE_OK);
    ck_assert_uint_eq(files, 2);
}
END_TEST

START_TEST(container_finds_what_is_missing_or_too_much)
{
    struct error error;
    unsigned files;
    if (_i == 1)
        make_older();
    for (size_t size = 0; size < whole_size; size++)
        ck_assert_int_eq(unpack(whole, size, &files, &error), ENGINE_EINPUT);
    whole[whole_size] = 0;
    ck_assert_int_eq(unpack(whole, whole_size + 1, &files, &error),
                     ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "follows"));
}
END_TEST

/* Bytes of another file whose record is right: its own sum finds it, and that
 * of the rest finds a record that was changed to fit. */
START_TEST(container_finds_a_file_of_another_snapshot)
{
    struct error error;
    unsigned files;
    size_t at = sizeof(struct container_head) +
                sizeof(struct container_record) + strlen("a.txt");
    ck_assert_int_eq(memcmp(whole + at, "first", 5), 0);
    memcpy(whole + at, "other", 5);
    ck_assert_int_eq(unpack(whole, whole_size, &files, &error), ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "a.txt has another checksum"));
    struct container_sum sum = container_sum_of(XXH3_128bits("other", 5));
    memcpy(whole + at + 5, &sum, sizeof(sum));
    ck_assert_int_eq(unpack(whole, whole_size, &files, &error), ENGINE_EINPUT);
    ck_assert_ptr_nonnull(strstr(error.text, "all of it has another"));
}
END_TEST

START_TEST(container_tells_of_a_full_disk)
{
    struct error error = { .text = "" };
    struct container_part part = { .begin = 0, .size = 1 };
    int fd = open(path, O_RDONLY | O_CLOEXEC), made = -1;
    struct container_source source = { .fd = fd,
                                       .size = whole_size,
                                       .label = "snapshot x" };
    struct rlimit before, none = { 0, 0 };
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    none.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
    enum engine_code code =
        container_copy(&source, &part, "x", out, &made, &error);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    ck_assert_int_eq(code, ENGINE_ENOSPACE);
    ck_assert_ptr_nonnull(strstr(error.text, "a file of the snapshot"));
    ck_assert_int_eq(made, -1);
    close(fd);
}
END_TEST

START_TEST(container_ends_when_it_is_told_to)
{
    struct container_writer *writer = NULL;
    struct error error;
    char at[128];
    atomic_bool stop = true;
    snprintf(at, sizeof(at), "%s/in/a.txt", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ck_assert_int_eq(
        container_create(fd, CONTAINER_STORAGE, &stop, &writer, NULL),
        ENGINE_OK);
    ck_assert_int_eq(container_add(writer, "a", at, &error),
                     ENGINE_EUNAVAILABLE);
    container_writer_free(writer);
    close(fd);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("container");
    TCase *tcase = tcase_create("container");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, container_gives_back_what_was_put_in);
    tcase_add_loop_test(tcase, container_finds_every_flipped_bit, 0, 2);
    tcase_add_loop_test(tcase, container_finds_what_is_missing_or_too_much, 0,
                        2);
    tcase_add_test(tcase, container_finds_a_file_of_another_snapshot);
    tcase_add_test(tcase, container_tells_of_a_full_disk);
    tcase_add_test(tcase, container_ends_when_it_is_told_to);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
