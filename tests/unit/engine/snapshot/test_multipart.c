/* SPDX-License-Identifier: Apache-2.0
 * Where the snapshot lies in an upload (RFC 7578), also when its end falls
 * between two pieces that are searched; what is no such body. */
#include "engine/snapshot/multipart.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fixture/suite.h"

#define HEAD                                                                   \
    "--b\r\nContent-Disposition: form-data; name=\"snapshot\"; "               \
    "filename=\"x\"\r\n\r\n"
#define TYPE "multipart/form-data; boundary=b"

static FILE *file;
static atomic_bool stop;

static void
setup(void)
{
    file = tmpfile();
    atomic_store(&stop, false);
    ck_assert_ptr_nonnull(file);
}

static void
teardown(void)
{
    fclose(file);
}

static enum engine_code
find(const char *head, size_t data_size, const char *tail, const char *type,
     uint64_t *ret_begin, uint64_t *ret_size, struct error *reterr)
{
    char *data = malloc(data_size + 1);
    memset(data, '-', data_size);
    rewind(file);
    ck_assert_int_eq(ftruncate(fileno(file), 0), 0);
    fwrite(head, 1, strlen(head), file);
    fwrite(data, 1, data_size, file);
    fwrite(tail, 1, strlen(tail), file);
    fflush(file);
    free(data);
    return multipart_find(fileno(file), strlen(head) + data_size + strlen(tail),
                          type, "snapshot", &stop, ret_begin, ret_size, reterr);
}

START_TEST(multipart_finds_the_part_whatever_its_size)
{
    static const size_t sizes[] = { 0, 1, 2, 100, 65536 };
    uint64_t begin, size;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ck_assert_int_eq(
            find(HEAD, sizes[i], "\r\n--b--\r\n", TYPE, &begin, &size, NULL),
            ENGINE_OK);
        ck_assert_uint_eq(begin, strlen(HEAD));
        ck_assert_uint_eq(size, sizes[i]);
    }
    /* Around the end of the first piece. */
    size_t piece = ((size_t)1 << 20) - 2;
    for (size_t more = 0; more < 12; more++) {
        ck_assert_int_eq(
            find(HEAD, piece - more, "\r\n--b--", TYPE, &begin, &size, NULL),
            ENGINE_OK);
        ck_assert_uint_eq(size, piece - more);
    }
}
END_TEST

START_TEST(multipart_passes_other_fields)
{
    static const char head[] =
        "--b\r\ncontent-disposition: form-data; name=\"type\"\r\n\r\nx\r\n"
        "--b\r\nContent-Disposition: form-data; "
        "name=\"empty\"\r\n\r\n\r\n" HEAD;
    static const char tail[] =
        "\r\n--b\r\nContent-Disposition: form-data; name=\"z\"\r\n\r\nx\r\n"
        "--b--\r\n";
    uint64_t begin, size;
    ck_assert_int_eq(find(head, 50, tail, TYPE, &begin, &size, NULL),
                     ENGINE_OK);
    ck_assert_uint_eq(begin, strlen(head));
    ck_assert_uint_eq(size, 50);
    ck_assert_int_eq(find(head, 50, tail,
                          "Multipart/Form-Data; charset=x; boundary=\"b\"",
                          &begin, &size, NULL),
                     ENGINE_OK);
}
END_TEST

START_TEST(multipart_says_what_is_wrong)
{
    static const struct {
        const char *head, *tail, *type, *text;
    } cases[] = {
        { HEAD, "\r\n--b--", NULL, "Content-Type" },
        { HEAD, "\r\n--b--", "application/json", "Content-Type" },
        { HEAD, "\r\n--b--", "multipart/form-data", "boundary" },
        { HEAD, "\r\n--b--", "multipart/form-data; boundary=\"\"", "boundary" },
        { HEAD, "\r\n--b--", "multipart/form-data; boundary=\"b", "boundary" },
        { HEAD, "\r\n--b--", "multipart/form-dataX; boundary=b",
          "Content-Type" },
        { HEAD, "\r\n--b--", "multipart/form-data; boundary=c",
          "begin with its boundary" },
        { HEAD, "", TYPE, "cut short" },
        { HEAD, "\r\n--", TYPE, "cut short" },
        { "", "", TYPE, "begin with its boundary" },
        { "--b", "", TYPE, "end of its line" },
        { "--b--\r\n", "", TYPE, "no field" },
        { "--bb\r\n", "", TYPE, "end of its line" },
        { "--b\r\nX: y\r\n", "", TYPE, "does not end" },
        { "--b\r\nContent-Disposition: form-data; name=\"y\"\r\n\r\n",
          "\r\n--b--", TYPE, "no field" },
    };
    struct error error;
    uint64_t begin, size;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_int_eq(find(cases[i].head, 0, cases[i].tail, cases[i].type,
                              &begin, &size, &error),
                         ENGINE_EREQUEST);
        ck_assert_msg(strstr(error.text, cases[i].text) != NULL, "%zu: %s", i,
                      error.text);
    }
}
END_TEST

START_TEST(multipart_ends_with_the_process)
{
    struct error error;
    uint64_t begin, size;
    atomic_store(&stop, true);
    ck_assert_int_eq(
        find(HEAD, 100, "\r\n--b--\r\n", TYPE, &begin, &size, &error),
        ENGINE_EUNAVAILABLE);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("multipart");
    TCase *tcase = tcase_create("multipart");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, multipart_finds_the_part_whatever_its_size);
    tcase_add_test(tcase, multipart_passes_other_fields);
    tcase_add_test(tcase, multipart_says_what_is_wrong);
    tcase_add_test(tcase, multipart_ends_with_the_process);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
