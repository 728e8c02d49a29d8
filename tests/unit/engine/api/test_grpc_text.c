/* SPDX-License-Identifier: Apache-2.0
 * Covers: payloads from text to messages are byte for byte what a document in
 * between makes of them; damaged texts are refused and leave nothing. */
#include "engine/api/grpc_json.h"
#include "engine/codec/json_read.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define NUMBER 13u

static const char *const texts[] = {
    "{}",
    " { } ",
    "{\"\":\"\"}",
    "{\"a\":1,\"b\":-1,\"c\":0,\"d\":-0,\"e\":1.0,\"f\":-0.07709}",
    "{ \"a\" : 1 , \"b\" : [ 1 , 2 ] , \"c\" : { \"d\" : null } }",
    "{\"t\":true,\"f\":false,\"n\":null}",
    "{\"max\":18446744073709551615,\"i\":9223372036854775807,"
    "\"m\":-9223372036854775808,\"u\":9223372036854775808}",
    "{\"big\":123456789012345678901234567890,\"e\":1e3,\"E\":-1.5E-7}",
    "{\"digits18\":123456789012345678,\"digits19\":1234567890123456789}",
    "{\"tiny\":5e-324,\"huge\":1.7976931348623157e308}",
    "{\"s\":\"plain \xc3\xa9 \xf0\x9f\x98\x80\"}",
    "{\"s\":\"a\\\"b\\\\c\\/d\\be\\ff\\ng\\rh\\ti\"}",
    "{\"s\":\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\u0000x\"}",
    "{\"s\":\"ends in a backslash\\\\\",\"next\":\"x\"}",
    "{\"l\":[],\"o\":{},\"ll\":[[],[[1]],{}],\"m\":[\"a\",{\"b\":[true]}]}",
    "{\"twice\":1,\"twice\":2}",
};

static struct bytes
by_document(const char *text)
{
    struct bytes out;
    struct error error = { .text = "" };
    yyjson_doc *doc = NULL;
    bytes_init(&out, 1 << 20);
    bytes_add_char(&out, 'x');
    ck_assert_int_eq(json_parse(span_of(text), &doc, &error), ENGINE_OK);
    grpc_payload_write(yyjson_doc_get_root(doc), NUMBER, &out);
    yyjson_doc_free(doc);
    return out;
}

static void
check_same(const char *text)
{
    struct bytes expected = by_document(text), out;
    bytes_init(&out, 1 << 20);
    bytes_add_char(&out, 'x');
    ck_assert_msg(grpc_payload_text(span_of(text), NUMBER, &out), "%s", text);
    ck_assert_msg(span_equal(bytes_span(&out), bytes_span(&expected)), "%s",
                  text);
    bytes_release(&out);
    bytes_release(&expected);
}

START_TEST(grpc_text_writes_what_a_document_would)
{
    check_same(texts[_i]);
}
END_TEST

/* Lengths of one, two and three bytes, of strings and of what is around. */
START_TEST(grpc_text_writes_long_values)
{
    static const size_t sizes[] = { 126, 127, 128, 129, 16383, 16384, 70000 };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct bytes text;
        bytes_init(&text, 1 << 20);
        bytes_add_text(&text, "{\"o\":{\"l\":[\"");
        for (size_t k = 0; k < sizes[i]; k++)
            bytes_add_char(&text, 'x');
        bytes_add_text(&text, "\"]},\"s\":\"");
        for (size_t k = 0; k < sizes[i]; k++)
            bytes_add_char(&text, 'y');
        bytes_add_text(&text, "\"}");
        check_same(text.data);
        bytes_release(&text);
    }
}
END_TEST

static void
check_refused(struct span text)
{
    struct bytes out;
    bytes_init(&out, 1 << 20);
    bytes_add_char(&out, 'x');
    ck_assert_msg(!grpc_payload_text(text, NUMBER, &out), "%.*s",
                  (int)text.size, text.data);
    ck_assert_uint_eq(out.size, 1);
    bytes_release(&out);
}

START_TEST(grpc_text_refuses_what_is_damaged)
{
    static const char *const damaged[] = {
        "",
        "[]",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1}x",
        "{\"a\":[1}",
        "{\"a\":-}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":tru}",
        "{\"a\":1 2}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\\udc00\"}",
        "{\"a\":\"\\ud800\\u0041\"}",
        "{\"\\n\":1}",
    };
    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++)
        check_refused(span_of(damaged[i]));
    /* Cut anywhere. */
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t size = strlen(texts[i]);
        while (size > 0 && texts[i][size - 1] == ' ')
            size--;
        char *copy = malloc(size);
        ck_assert_ptr_nonnull(copy);
        for (size_t cut = 1; cut < size; cut++) {
            memcpy(copy, texts[i], cut);
            check_refused((struct span){ copy, cut });
        }
        free(copy);
    }
}
END_TEST

START_TEST(grpc_text_limits_depth)
{
    struct bytes text;
    bytes_init(&text, 1 << 20);
    bytes_add_text(&text, "{\"a\":");
    for (int i = 0; i < 100000; i++)
        bytes_add_char(&text, '[');
    check_refused(bytes_span(&text));
    bytes_release(&text);
}
END_TEST

START_TEST(grpc_text_runs_out_of_room)
{
    for (size_t room = 1; room < 40; room++) {
        struct bytes out;
        bytes_init(&out, room);
        (void)!grpc_payload_text(span_of(texts[4]), NUMBER, &out);
        ck_assert(out.size <= room);
        bytes_release(&out);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("grpc_text");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, grpc_text_writes_what_a_document_would, 0,
                        sizeof(texts) / sizeof(texts[0]));
    tcase_add_test(tcase, grpc_text_writes_long_values);
    tcase_add_test(tcase, grpc_text_refuses_what_is_damaged);
    tcase_add_test(tcase, grpc_text_limits_depth);
    tcase_add_test(tcase, grpc_text_runs_out_of_room);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
