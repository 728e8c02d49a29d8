/* SPDX-License-Identifier: Apache-2.0
 * Covers: of a key that comes again the last stays, however many keys there are,
 * at any depth, also where it is written otherwise; objects without such are
 * told to be so, of any size; prefixes and keys of one length are others. */
#include "engine/codec/json_unique.h"

#include "engine/codec/json_read.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

#define TEXT_SIZE_MAX ((size_t)1 << 20)

static const struct {
    const char *text;
    const char *unique; /* NULL: it is so already */
} cases[] = {
    { "{}", NULL },
    { "[]", NULL },
    { "1", NULL },
    { "{\"a\":1}", NULL },
    { "{\"a\":1,\"b\":1,\"ab\":1,\"ba\":1,\"\":1}", NULL },
    { "{\"a\":{\"a\":[{\"a\":1},{\"a\":1}]}}", NULL },
    { "{\"a\":1,\"a\":2}", "{\"a\":2}" },
    { "{\"a\":1,\"a\":1}", "{\"a\":1}" },
    { "{\"\":1,\"\":2}", "{\"\":2}" },
    { "{\"a\":1,\"\\u0061\":2}", "{\"a\":2}" },
    { "{\"a\\u0000b\":1,\"a\\u0000c\":2}", NULL },
    { "{\"a\":1,\"b\":2,\"a\":3,\"b\":4,\"a\":5}", "{\"b\":4,\"a\":5}" },
    { "{\"a\":{\"b\":1},\"a\":{\"c\":2}}", "{\"a\":{\"c\":2}}" },
    { "{\"x\":{\"a\":1,\"a\":[1.5,-2,\"\\n\",null,true]}}",
      "{\"x\":{\"a\":[1.5,-2,\"\\n\",null,true]}}" },
    { "{\"x\":[1,[{\"a\":1,\"a\":2}]]}", "{\"x\":[1,[{\"a\":2}]]}" },
    { "[{\"b\":{\"a\":1}},{\"b\":{\"a\":1,\"a\":2}}]",
      "[{\"b\":{\"a\":1}},{\"b\":{\"a\":2}}]" },
    /* The earlier one, which goes, has one inside. */
    { "{\"a\":{\"b\":1,\"b\":2},\"a\":3}", "{\"a\":3}" },
    { "{\"n\":18446744073709551615,\"n\":9007199254740993}",
      "{\"n\":9007199254740993}" },
};

static void
expect(const char *text, const char *unique)
{
    struct bytes out;
    yyjson_doc *doc = NULL;
    bytes_init(&out, TEXT_SIZE_MAX);
    ck_assert_int_eq(json_parse(span_of(text), &doc, NULL), ENGINE_OK);
    yyjson_val *root = yyjson_doc_get_root(doc);
    ck_assert_msg(json_is_unique(root) == (unique == NULL), "%s", text);
    ck_assert_int_eq(json_unique_text(root, &out, NULL), ENGINE_OK);
    ck_assert_str_eq(out.data, unique == NULL ? text : unique);
    yyjson_doc_free(doc);
    bytes_release(&out);
}

START_TEST(last_member_of_a_name_stays)
{
    expect(cases[_i].text, cases[_i].unique);
}
END_TEST

/* {"key-0":0, ...}, and at the end a key again. */
static void
write_keys(struct bytes *out, size_t count, size_t again)
{
    out->size = 0;
    bytes_add_char(out, '{');
    for (size_t i = 0; i < count; i++)
        bytes_addf(out, "%s\"key-%zu\":%zu", i == 0 ? "" : ",", i, i);
    if (again < count)
        bytes_addf(out, ",\"key-%zu\":%zu", again, count);
    bytes_add_char(out, '}');
}

START_TEST(any_number_of_keys)
{
    static const size_t counts[] = { 2,  3,  4,   5,   8,   9,
                                     63, 64, 127, 128, 129, 20000 };
    size_t count = counts[_i];
    struct bytes text, unique;
    bytes_init(&text, TEXT_SIZE_MAX);
    bytes_init(&unique, TEXT_SIZE_MAX);
    write_keys(&text, count, count);
    expect(text.data, NULL);
    for (size_t again = 0; again < count; again += 1 + count / 3) {
        write_keys(&text, count, again);
        unique.size = 0;
        bytes_add_char(&unique, '{');
        for (size_t i = 0; i < count; i++) {
            if (i != again)
                bytes_addf(&unique, "\"key-%zu\":%zu,", i, i);
        }
        bytes_addf(&unique, "\"key-%zu\":%zu}", again, count);
        expect(text.data, unique.data);
    }
    bytes_release(&text);
    bytes_release(&unique);
}
END_TEST

START_TEST(text_has_a_bound)
{
    struct bytes out;
    yyjson_doc *doc = NULL;
    bytes_init(&out, 8);
    ck_assert_int_eq(
        json_parse(span_of("{\"a\":12345,\"a\":123456}"), &doc, NULL),
        ENGINE_OK);
    ck_assert_int_eq(json_unique_text(yyjson_doc_get_root(doc), &out, NULL),
                     ENGINE_ENOMEM);
    yyjson_doc_free(doc);
    bytes_release(&out);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("json_unique");
    TCase *tcase = tcase_create("json_unique");
    tcase_add_loop_test(tcase, last_member_of_a_name_stays, 0,
                        sizeof(cases) / sizeof(cases[0]));
    tcase_add_loop_test(tcase, any_number_of_keys, 0, 12);
    tcase_add_test(tcase, text_has_a_bound);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
