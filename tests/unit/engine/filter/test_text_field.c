/* SPDX-License-Identifier: Apache-2.0
 * Text matches by tokens on one payload. */
#include "engine/filter/text_field.h"

#include "engine/filter/path.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static const struct {
    enum text_match kind;
    const char *asked, *payload;
    bool has_phrases, matches;
} rows[] = {
    { TEXT_ALL, "FOX quick", "{\"t\":\"The quick fox\"}", 0, 1 },
    { TEXT_ALL, "fox fox", "{\"t\":\"a fox\"}", 0, 1 },
    { TEXT_ALL, "fox lazy", "{\"t\":\"The quick fox\"}", 0, 0 },
    { TEXT_ALL, "fox lazy", "{\"t\":[\"fox\",5,\"lazy\"]}", 0, 1 },
    { TEXT_ALL, "fo", "{\"t\":\"fox\"}", 0, 0 },
    { TEXT_ALL, "", "{\"t\":\"fox\"}", 0, 0 },
    { TEXT_ALL, "!!", "{\"t\":\"!!\"}", 0, 0 },
    { TEXT_ALL, "fox", "{\"t\":null}", 0, 0 },
    { TEXT_ALL, "fox", "{}", 0, 0 },
    { TEXT_ANY, "cat fox", "{\"t\":\"The quick fox\"}", 0, 1 },
    { TEXT_ANY, "cat dog", "{\"t\":\"The quick fox\"}", 0, 0 },
    { TEXT_ANY, "", "{\"t\":\"fox\"}", 0, 0 },
    { TEXT_PHRASE, "quick fox", "{\"t\":\"The quick fox\"}", 0, 0 },
    { TEXT_PHRASE, "quick fox", "{\"t\":\"The quick, FOX\"}", 1, 1 },
    { TEXT_PHRASE, "fox quick", "{\"t\":\"The quick fox\"}", 1, 0 },
    { TEXT_PHRASE, "a b a", "{\"t\":\"a b a b c\"}", 1, 1 },
    { TEXT_PHRASE, "b a c", "{\"t\":\"a b a b c\"}", 1, 0 },
    { TEXT_PHRASE, "a a b", "{\"t\":\"a a a b\"}", 1, 1 },
    { TEXT_PHRASE, "a b a c", "{\"t\":\"a b a b a c\"}", 1, 1 },
    { TEXT_PHRASE, "a b a c", "{\"t\":[\"a b a\",\"b a c\"]}", 1, 0 },
    { TEXT_PHRASE, "quick fox", "{\"t\":[\"quick\",\"fox\"]}", 1, 0 },
    { TEXT_PHRASE, "the quick fox jumps", "{\"t\":\"The quick fox\"}", 1, 0 },
};

START_TEST(text_field_asks_for_tokens)
{
    const char *params =
        rows[_i].has_phrases ? "{\"phrase_matching\":true}" : "{}";
    struct error error = { 0 };
    struct tokenizer *tokenizer = NULL;
    struct arena arena;
    struct payload_path path;
    arena_init(&arena, 1 << 16);
    ck_assert_int_eq(path_parse(span_of("t"), &arena, &path, &error),
                     ENGINE_OK);
    yyjson_doc *doc = yyjson_read(params, strlen(params), 0);
    ck_assert_int_eq(
        tokenizer_new(yyjson_doc_get_root(doc), &tokenizer, &error), ENGINE_OK);
    yyjson_doc_free(doc);
    struct text_field *field = text_field_new(&path, tokenizer);
    tokenizer_free(tokenizer);
    doc = yyjson_read(rows[_i].payload, strlen(rows[_i].payload), 0);
    struct condition condition = { .kind = CONDITION_TEXT,
                                   .path = path,
                                   .text = span_of(rows[_i].asked),
                                   .text_match = rows[_i].kind };
    for (int again = 0; again < 2; again++)
        ck_assert_int_eq(
            text_field_matches(field, &condition, yyjson_doc_get_root(doc)),
            rows[_i].matches);
    ck_assert(!text_field_failed(field));
    yyjson_doc_free(doc);
    text_field_free(field);
    arena_release(&arena);
}
END_TEST

/* One field, queries in turns, payloads one after the other. */
START_TEST(text_field_keeps_queries_apart)
{
    static const char *const payloads[] = { "{\"t\":\"red fox\"}",
                                            "{\"t\":\"red dog\"}" };
    static const char *const asked[] = { "fox", "dog red", "red fox dog" };
    static const bool all[2][3] = { { 1, 0, 0 }, { 0, 1, 0 } };
    struct tokenizer *tokenizer = NULL;
    struct error error = { 0 };
    struct arena arena;
    struct payload_path path;
    arena_init(&arena, 1 << 16);
    ck_assert_int_eq(path_parse(span_of("t"), &arena, &path, &error),
                     ENGINE_OK);
    ck_assert_int_eq(tokenizer_new(NULL, &tokenizer, &error), ENGINE_OK);
    struct text_field *field = text_field_new(&path, tokenizer);
    tokenizer_free(tokenizer);
    for (size_t i = 0; i < 12; i++) {
        const char *payload = payloads[i / 3 % 2];
        yyjson_doc *doc = yyjson_read(payload, strlen(payload), 0);
        struct condition condition = { .kind = CONDITION_TEXT,
                                       .path = path,
                                       .text = span_of(asked[i % 3]) };
        ck_assert_int_eq(
            text_field_matches(field, &condition, yyjson_doc_get_root(doc)),
            all[i / 3 % 2][i % 3]);
        condition.text_match = TEXT_ANY;
        ck_assert_int_eq(
            text_field_matches(field, &condition, yyjson_doc_get_root(doc)),
            i % 3 != 0 || i / 3 % 2 == 0);
        yyjson_doc_free(doc);
    }
    text_field_free(field);
    arena_release(&arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("filter/text_field");
    TCase *tcase = tcase_create("text_field");
    tcase_add_loop_test(tcase, text_field_asks_for_tokens, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tcase, text_field_keeps_queries_apart);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
