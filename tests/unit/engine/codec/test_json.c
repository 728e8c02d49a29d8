/* SPDX-License-Identifier: Apache-2.0
 * Covers: positions of JSON errors, depth, shortest numbers, escapes. */
#include "engine/codec/json_read.h"
#include "engine/codec/json_write.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

START_TEST(json_errors_carry_line_and_column)
{
    yyjson_doc *doc;
    struct error error;
    ck_assert_int_eq(
        json_parse(span_of("{\n  \"a\": 1,\n  b\n}"), &doc, &error),
        ENGINE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(error.text, " at line 3 column 3"));
    ck_assert_int_eq(json_parse(span_of(""), &doc, &error), ENGINE_EFORMAT);
    ck_assert_int_eq(json_parse(span_of("[NaN]"), &doc, &error),
                     ENGINE_EFORMAT);
    ck_assert_int_eq(json_parse(span_of("{} x"), &doc, &error), ENGINE_EFORMAT);
    ck_assert_int_eq(json_parse(span_of("\"\xff\""), &doc, &error),
                     ENGINE_EFORMAT);
}
END_TEST

START_TEST(json_refuses_one_level_past_the_limit)
{
    char text[2 * (JSON_DEPTH_MAX + 1) + 1];
    memset(text, 0, sizeof(text));
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    yyjson_doc *doc;
    ck_assert_int_eq(json_parse(span_of(text), &doc, NULL), ENGINE_OK);
    yyjson_doc_free(doc);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    struct error error;
    ck_assert_int_eq(json_parse(span_of(text), &doc, &error), ENGINE_EFORMAT);
    ck_assert_ptr_nonnull(strstr(error.text, "128"));
}
END_TEST

/* Padding of every length, and brackets inside strings, do not count. */
START_TEST(json_counts_depth_among_digits_and_strings)
{
    for (int extra = 0; extra <= 1; extra++) {
        struct bytes text;
        struct error error;
        yyjson_doc *doc = NULL;
        bytes_init(&text, 1 << 16);
        for (int i = 0; i < JSON_DEPTH_MAX - 2 + extra; i++)
            bytes_addf(&text, "[%0*d,\"]][[{\\\"\\\\\",", _i, 0);
        bytes_add_char(&text, '1');
        for (int i = 0; i < JSON_DEPTH_MAX - 2 + extra; i++)
            bytes_addf(&text, ",[1%0*d],{\"}\":[]}]", _i + 1, 0);
        /* A padded zero is no JSON number. */
        for (size_t i = 0; i + 1 < text.size; i++) {
            if (text.data[i] == '[' && text.data[i + 1] == '0')
                text.data[i + 1] = '7';
        }
        enum engine_code code = json_parse(bytes_span(&text), &doc, &error);
        ck_assert_msg(code == (extra == 0 ? ENGINE_OK : ENGINE_EFORMAT), "%s",
                      error.text);
        if (extra == 1)
            ck_assert_ptr_nonnull(strstr(error.text, "128"));
        else
            yyjson_doc_free(doc);
        bytes_release(&text);
    }
}
END_TEST

static const struct {
    float value;
    const char *text;
} floats[] = {
    { 0.99248314f, "0.99248314" },
    { 1.0f, "1.0" },
    { -0.0f, "-0.0" },
    { 0.1f, "0.1" },
    { 3.4028235e38f, "3.4028235e+38" },
    { 1e-45f, "1.4013e-45" },
    { 16777216.0f, "16777216.0" },
    { 4.9726562f, "4.9726562" },
    { 1e-4f, "0.0001" },
    { -0.00012345678f, "-0.00012345678" },
    { 999999936.0f, "999999936.0" },
    { 1e9f, "1e+09" },
};

START_TEST(json_floats_are_short_and_read_back_the_same)
{
    struct bytes out;
    bytes_init(&out, 100);
    struct json_writer writer;
    json_writer_init(&writer, &out);
    json_f32(&writer, floats[_i].value);
    ck_assert(strtof(out.data, NULL) == floats[_i].value);
    if (floats[_i].value > 1e-40f)
        ck_assert_str_eq(out.data, floats[_i].text);
    bytes_release(&out);
}
END_TEST

/* The shortest of 15 to 17 digits that reads back the same. */
static void
double_is_shortest(double value)
{
    char text[64];
    struct bytes out;
    struct json_writer writer;
    bytes_init(&out, 100);
    json_writer_init(&writer, &out);
    json_f64(&writer, value);
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    if (strpbrk(text, ".e") == NULL)
        strcat(text, ".0");
    ck_assert_str_eq(out.data, text);
    bytes_release(&out);
}

START_TEST(json_doubles_are_short_and_read_back_the_same)
{
    static const double edges[] = { 0.0,       -0.0,      1e-4,
                                    9.9999e-5, 1e6,       999999.999999999,
                                    1e-9,      1e15,      1e300,
                                    5e-324,    999999.99, 0.1,
                                    -2.0,      1e5 };
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
        double_is_shortest(edges[i]);
    uint64_t seed = 1;
    double ten = 1.0;
    for (int decimals = 0; decimals < 12; decimals++, ten *= 10.0) {
        for (int i = 0; i < 2000; i++) {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            double whole = (double)(seed >> 33);
            double_is_shortest(whole / ten);
            double_is_shortest(-whole * 1e-6);
            double_is_shortest(nextafter(whole / ten, 1e300));
        }
    }
}
END_TEST

/* Any byte at any place of a text, which is looked at eight at a time. */
START_TEST(json_texts_read_back_the_same)
{
    struct bytes out;
    bytes_init(&out, 1000);
    for (size_t place = 0; place < 20; place++) {
        for (int c = 0; c < 128; c++) {
            char text[] = "\xc3\xa9 bcdefghi jklmnopqrs";
            size_t size = place + 1 + (size_t)c % 3;
            text[2 + place] = (char)c;
            struct span span = { text + 2, size < 20 ? size : 20 };
            if (c % 2 == 1)
                span = (struct span){ text, span.size + 2 };
            struct json_writer writer;
            yyjson_doc *doc;
            out.size = 0;
            json_writer_init(&writer, &out);
            json_text_span(&writer, span);
            ck_assert_int_eq(json_parse(bytes_span(&out), &doc, NULL),
                             ENGINE_OK);
            ck_assert(span_equal(json_span(yyjson_doc_get_root(doc)), span));
            yyjson_doc_free(doc);
        }
    }
    bytes_release(&out);
}
END_TEST

START_TEST(json_writes_containers_and_escapes)
{
    struct bytes out;
    bytes_init(&out, 1000);
    struct json_writer writer;
    json_writer_init(&writer, &out);
    json_object_begin(&writer);
    json_key(&writer, "a\"b");
    json_array_begin(&writer);
    json_u64(&writer, UINT64_MAX);
    json_i64(&writer, INT64_MIN);
    json_f64(&writer, 0.1);
    json_f32(&writer, INFINITY);
    json_array_end(&writer);
    json_key(&writer, "t");
    json_text(&writer, "\x01\n\\\xc3\xa9");
    json_key(&writer, "e");
    json_object_begin(&writer);
    json_object_end(&writer);
    json_key(&writer, "r");
    json_raw(&writer, span_of("[true]"));
    json_object_end(&writer);
    ck_assert_str_eq(out.data,
                     "{\"a\\\"b\":[18446744073709551615,-9223372036854775808,"
                     "0.1,null],\"t\":\"\\u0001\\n\\\\\xc3\xa9\",\"e\":{},"
                     "\"r\":[true]}");
    yyjson_doc *doc;
    ck_assert_int_eq(json_parse(bytes_span(&out), &doc, NULL), ENGINE_OK);
    yyjson_doc_free(doc);
    bytes_release(&out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("json");
    TCase *tcase = tcase_create("json");
    tcase_add_test(tcase, json_errors_carry_line_and_column);
    tcase_add_test(tcase, json_refuses_one_level_past_the_limit);
    tcase_add_loop_test(tcase, json_counts_depth_among_digits_and_strings, 1,
                        40);
    tcase_add_loop_test(tcase, json_floats_are_short_and_read_back_the_same, 0,
                        sizeof(floats) / sizeof(floats[0]));
    tcase_add_test(tcase, json_doubles_are_short_and_read_back_the_same);
    tcase_add_test(tcase, json_texts_read_back_the_same);
    tcase_add_test(tcase, json_writes_containers_and_escapes);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
