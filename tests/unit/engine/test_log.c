/* SPDX-License-Identifier: Apache-2.0
 * Lines of the log as JSON, whatever is in them and wherever they are cut. */
#include "engine/log.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <yyjson.h>

#include "tests/fixture/folder.h"
#include "tests/fixture/suite.h"

static char directory[64], path[96];
static char text[1 << 16];

static void
setup(void)
{
    const struct log_sink sink = { LOG_LEVEL_INFO, LOG_FORMAT_JSON };
    ck_assert(folder_make("/tmp", "log", directory, sizeof(directory)));
    snprintf(path, sizeof(path), "%s/log", directory);
    ck_assert(log_file_open(path));
    log_sink_set(LOG_TO_FILE, &sink);
}

static void
teardown(void)
{
    folder_remove(directory);
}

/* The text of the only line, which must be JSON. */
static yyjson_doc *
read_line(void)
{
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    size_t size = fread(text, 1, sizeof(text), file);
    fclose(file);
    ck_assert(size > 0 && text[size - 1] == '\n');
    yyjson_doc *doc = yyjson_read(text, size - 1, 0);
    ck_assert_msg(doc != NULL, "no JSON: %.*s", (int)size, text);
    return doc;
}

START_TEST(log_lines_are_json_when_a_text_was_cut)
{
    char euros[3000];
    for (size_t i = 0; i + 3 < sizeof(euros); i += 3)
        memcpy(euros + i, "\xe2\x82\xac", 4);
    /* At each of the three bytes of a sign, by the caller and by the log. */
    log_event(LOG_LEVEL_INFO, "%.*s %s", 3 + _i, euros, euros);
    yyjson_doc *doc = read_line();
    const char *said =
        yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "text"));
    static const char *const beginnings[] = { "\xe2\x82\xac \xe2",
                                              "\xe2\x82\xac? \xe2",
                                              "\xe2\x82\xac?? \xe2" };
    ck_assert_int_eq(strncmp(said, beginnings[_i], strlen(beginnings[_i])), 0);
    yyjson_doc_free(doc);
}
END_TEST

START_TEST(log_lines_are_json_whatever_is_in_them)
{
    log_event(LOG_LEVEL_INFO, "a \"name\" \\ \n \x01 \xff\xc0\xaf");
    yyjson_doc *doc = read_line();
    ck_assert_str_eq(
        yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "text")),
        "a \"name\" \\ \n \x01 ???");
    yyjson_doc_free(doc);
}
END_TEST

START_TEST(log_goes_on_in_a_new_file)
{
    char old[112];
    snprintf(old, sizeof(old), "%s.1", path);
    log_event(LOG_LEVEL_INFO, "one");
    ck_assert_int_eq(rename(path, old), 0);
    log_file_reopen();
    log_event(LOG_LEVEL_INFO, "two");
    yyjson_doc *doc = read_line();
    ck_assert_str_eq(
        yyjson_get_str(yyjson_obj_get(yyjson_doc_get_root(doc), "text")),
        "two");
    yyjson_doc_free(doc);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, log_lines_are_json_when_a_text_was_cut, 0, 3);
    tcase_add_test(tcase, log_lines_are_json_whatever_is_in_them);
    tcase_add_test(tcase, log_goes_on_in_a_new_file);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
