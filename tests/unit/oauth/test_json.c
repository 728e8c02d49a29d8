/* SPDX-License-Identifier: Apache-2.0
 * Strict JSON in (T14), escaped JSON out. */
#include "oauth/json.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static enum oauth_code
parse(struct span text)
{
    json_t *root = NULL;
    enum oauth_code code = json_parse(text, 1024, "it", &root, NULL);
    if (code == OAUTH_OK)
        json_decref(root);
    return code;
}

START_TEST(json_takes_one_plain_object)
{
    ck_assert_int_eq(parse(span_of("{}")), OAUTH_OK);
    ck_assert_int_eq(parse(span_of(" {\"a\":[1,2.5,\"\\u00e4[{\"]} ")),
                     OAUTH_OK);
    ck_assert_int_eq(parse(span_of("{\"a\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}")),
                     OAUTH_OK);
}
END_TEST

START_TEST(json_refuses_what_two_readers_could_read_in_two_ways)
{
    static const char *const bad[] = {
        "",
        "[]",
        "7",
        "\"a\"",
        "null",
        "{",
        "{}{}",
        "{}x",
        "{\"a\":1,\"a\":1}",
        "{\"a\":1,\"\\u0061\":2}",
        "{\"b\":{\"a\":1,\"a\":1}}",
        "\xef\xbb\xbf{}",
        "{\"a\":\"\xff\"}",
        "{\"a\":\"\xed\xa0\x80\"}",
        "{\"a\":\"\\u0000\"}",
        "{\"\\u0000\":1}",
        "{\"a\":1e400}",
        "{\"a\":99999999999999999999}",
        "{\"a\":01}",
        "{\"a\":NaN}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1,}",
        "{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(parse(span_of(bad[i])) == OAUTH_EDOCUMENT, "%s", bad[i]);
    ck_assert_int_eq(parse((struct span){ "{}\0", 3 }), OAUTH_EDOCUMENT);
}
END_TEST

START_TEST(json_refuses_deep_and_long_texts_before_parsing)
{
    static char text[8192];
    memset(text, '[', sizeof(text) - 1);
    ck_assert_int_eq(parse(span_of(text)), OAUTH_EDOCUMENT);
    text[1000] = '\0';
    ck_assert_int_eq(parse(span_of(text)), OAUTH_EDOCUMENT);
    memset(text, ' ', 1026);
    memcpy(text, "{}", 2);
    ck_assert_int_eq(parse((struct span){ text, 1024 }), OAUTH_OK);
    ck_assert_int_eq(parse((struct span){ text, 1025 }), OAUTH_EDOCUMENT);
}
END_TEST

START_TEST(json_reads_times_within_53_bits)
{
    static const struct {
        const char *text;
        bool is_good;
        int64_t time;
    } rows[] = {
        { "{\"t\":0}", true, 0 },
        { "{\"t\":1790000000}", true, 1790000000 },
        { "{\"t\":1790000000.9}", true, 1790000000 },
        { "{\"t\":1e3}", true, 1000 },
        { "{\"t\":9007199254740991}", true, 9007199254740991 },
        { "{\"t\":9007199254740992}", false, 0 },
        { "{\"t\":1e300}", false, 0 },
        { "{\"t\":-1}", false, 0 },
        { "{\"t\":-0.5}", false, 0 },
        { "{\"t\":\"1\"}", false, 0 },
        { "{\"t\":true}", false, 0 },
        { "{}", false, 0 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        json_t *root = NULL;
        int64_t time = 0;
        ck_assert_int_eq(
            json_parse(span_of(rows[i].text), 1024, "it", &root, NULL),
            OAUTH_OK);
        ck_assert_msg(json_time(root, "t", &time) == rows[i].is_good, "%s",
                      rows[i].text);
        ck_assert_int_eq(time, rows[i].time);
        json_decref(root);
    }
}
END_TEST

START_TEST(json_finds_a_text_alone_or_in_an_array)
{
    json_t *root = NULL;
    ck_assert_int_eq(
        json_parse(span_of("{\"a\":\"x\",\"b\":[1,\"x\"],\"c\":[[\"x\"]]}"),
                   1024, "it", &root, NULL),
        OAUTH_OK);
    ck_assert(json_has_text(json_object_get(root, "a"), span_of("x")));
    ck_assert(json_has_text(json_object_get(root, "b"), span_of("x")));
    ck_assert(!json_has_text(json_object_get(root, "c"), span_of("x")));
    ck_assert(!json_has_text(json_object_get(root, "d"), span_of("x")));
    ck_assert_ptr_null(json_text(root, "b").data);
    json_decref(root);
}
END_TEST

START_TEST(json_writes_any_bytes_as_a_valid_string)
{
    static const struct {
        const char *in;
        const char *out;
    } rows[] = {
        { "plain", "\"plain\"" },
        { "\"\\/", "\"\\\"\\\\/\"" },
        { "\n\x7f<&>", "\"\\u000a\\u007f\\u003c\\u0026\\u003e\"" },
        { "\xc3\xab\xf0\x9f\x98\x80", "\"\xc3\xab\xf0\x9f\x98\x80\"" },
        { "\xff\xc3", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xe0\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        { "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes out;
        bytes_init(&out, 256);
        json_add_text(&out, span_of(rows[i].in));
        ck_assert_str_eq(out.data, rows[i].out);
        bytes_release(&out);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("oauth/json");
    TCase *tcase = tcase_create("json");
    tcase_add_test(tcase, json_takes_one_plain_object);
    tcase_add_test(tcase, json_refuses_what_two_readers_could_read_in_two_ways);
    tcase_add_test(tcase, json_refuses_deep_and_long_texts_before_parsing);
    tcase_add_test(tcase, json_reads_times_within_53_bits);
    tcase_add_test(tcase, json_finds_a_text_alone_or_in_an_array);
    tcase_add_test(tcase, json_writes_any_bytes_as_a_valid_string);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
