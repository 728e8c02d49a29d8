/* SPDX-License-Identifier: Apache-2.0
 * Tokens of texts under each parameter, and parameters that cannot be. */
#include "engine/filter/tokenizer.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fixture/suite.h"

static struct tokenizer *
make(const char *params, enum engine_code code, struct error *reterr)
{
    struct tokenizer *tokenizer = NULL;
    yyjson_doc *doc = yyjson_read(params, strlen(params), 0);
    ck_assert_msg(doc != NULL, "%s", params);
    enum engine_code got =
        tokenizer_new(yyjson_doc_get_root(doc), &tokenizer, reterr);
    ck_assert_msg(got == code, "%s: %d, %s", params, got, reterr->text);
    yyjson_doc_free(doc);
    return tokenizer;
}

static bool
visit_join(void *ctx, struct span token)
{
    struct bytes *joined = ctx;
    if (joined->size > 0)
        bytes_add_char(joined, '|');
    bytes_add_span(joined, token);
    return true;
}

#define ENGLISH                                                                \
    "{\"stopwords\":\"english\",\"stemmer\":{\"type\":\"snowball\","           \
    "\"language\":\"english\"}}"

static const struct {
    const char *params, *text, *tokens;
    enum token_use use;
} rows[] = {
    { "{}", "The quick, BROWN-fox!", "the|quick|brown|fox", TOKENS_STORED },
    { "{}", "", "", TOKENS_STORED },
    { "{}", " ,.!", "", TOKENS_STORED },
    { "{}", "a_b don't 2020-01", "a|b|don|t|2020|01", TOKENS_STORED },
    { "{}", "STRASSE Straße x² Ⅷ", "strasse|straße|x²|ⅷ", TOKENS_STORED },
    { "{}", "ΟΔΥΣΣΕΥΣ", "οδυσσευς", TOKENS_STORED },
    { "{}", "a\xff\xc3 b", "a|b", TOKENS_STORED },
    { "{\"lowercase\":false}", "The Fox", "The|Fox", TOKENS_STORED },
    { "{\"tokenizer\":\"whitespace\"}", " a-b\tC!\xc2\xa0x", "a-b|c!|x",
      TOKENS_STORED },
    { "{\"min_token_len\":3,\"max_token_len\":4}", "a the äöü quick five",
      "the|äöü|five", TOKENS_STORED },
    { "{\"tokenizer\":\"prefix\",\"min_token_len\":2,\"max_token_len\":4}",
      "hello a öäü", "he|hel|hell|öä|öäü", TOKENS_STORED },
    { "{\"tokenizer\":\"prefix\",\"min_token_len\":2,\"max_token_len\":4}",
      "hello a öäü", "hell|öäü", TOKENS_ASKED },
    { "{\"ascii_folding\":true}", "Café RESUMÉ Łódź ﬁne Æon",
      "cafe|resume|lodz|fine|aeon", TOKENS_STORED },
    { ENGLISH, "The cats are running", "cat|run", TOKENS_STORED },
    { "{\"stopwords\":\"german\",\"stemmer\":{\"type\":\"snowball\","
      "\"language\":\"de\"}}",
      "Die Häuser und ein Garten", "haus|gart", TOKENS_STORED },
    { "{\"stopwords\":{\"languages\":[\"fr\",\"russian\"],"
      "\"custom\":[\"mot\"]}}",
      "Les mots et le mot И слово", "mots|слово", TOKENS_STORED },
    { "{\"stopwords\":{\"custom\":[\"Foo\"]}}", "foo FOO bar", "bar",
      TOKENS_STORED },
    { "{\"stopwords\":{\"custom\":[\"foo\"]},\"lowercase\":false}",
      "foo Foo bar", "Foo|bar", TOKENS_STORED },
    { "{\"tokenizer\":\"multilingual\"}", "日本語を話す two", NULL,
      TOKENS_STORED },
};

START_TEST(tokenizer_cuts_and_changes)
{
    struct error error = { 0 };
    struct bytes joined;
    struct tokenizer *tokenizer = make(rows[_i].params, ENGINE_OK, &error);
    struct token_reader *reader = token_reader_new(tokenizer);
    ck_assert_ptr_nonnull(reader);
    for (int again = 0; again < 2; again++) {
        bytes_init(&joined, 4096);
        ck_assert(token_reader_each(reader, span_of(rows[_i].text),
                                    rows[_i].use, visit_join, &joined));
        const char *got = joined.size == 0 ? "" : joined.data;
        if (rows[_i].tokens != NULL)
            ck_assert_str_eq(got, rows[_i].tokens);
        else /* dictionaries differ between versions of ICU */
            ck_assert_msg(strstr(got, "|two") != NULL &&
                              strstr(got, "日本語|") != NULL,
                          "%s", got);
        bytes_release(&joined);
    }
    token_reader_free(reader);
    tokenizer_free(tokenizer);
}
END_TEST

static bool
visit_measure(void *ctx, struct span token)
{
    size_t *sizes = ctx; /* how many tokens, and the longest */
    sizes[0]++;
    if (token.size > sizes[1])
        sizes[1] = token.size;
    return true;
}

/* A word of 90,000 bytes: cut, between two characters, and no end to all. */
START_TEST(tokenizer_cuts_endless_words)
{
    static const struct {
        const char *params;
        size_t count, longest;
    } ways[] = { { "{}", 1, 65535 },
                 { "{\"ascii_folding\":true}", 1, 65535 },
                 { "{\"tokenizer\":\"prefix\"}", 256, 768 } };
    struct error error = { 0 };
    struct bytes word;
    size_t sizes[2] = { 0, 0 };
    bytes_init(&word, 1 << 20);
    for (size_t i = 0; i < 30000; i++)
        bytes_add_text(&word, "日");
    struct tokenizer *tokenizer = make(ways[_i].params, ENGINE_OK, &error);
    struct token_reader *reader = token_reader_new(tokenizer);
    ck_assert(token_reader_each(reader, bytes_span(&word), TOKENS_STORED,
                                visit_measure, sizes));
    ck_assert_uint_eq(sizes[0], ways[_i].count);
    ck_assert_uint_eq(sizes[1], ways[_i].longest);
    token_reader_free(reader);
    tokenizer_free(tokenizer);
    bytes_release(&word);
}
END_TEST

static bool
visit_stop(void *ctx, struct span token)
{
    size_t *count = ctx;
    (void)token;
    return ++*count < 2;
}

START_TEST(tokenizer_ends_when_told_so)
{
    struct error error = { 0 };
    size_t count = 0;
    struct tokenizer *tokenizer = make("{}", ENGINE_OK, &error);
    struct tokenizer *second = tokenizer_hold(tokenizer);
    struct token_reader *reader = token_reader_new(second);
    tokenizer_free(tokenizer);
    ck_assert(!token_reader_each(reader, span_of("a b c d"), TOKENS_STORED,
                                 visit_stop, &count));
    ck_assert_uint_eq(count, 2);
    ck_assert(!token_reader_failed(reader));
    token_reader_free(reader);
    tokenizer_free(second);
}
END_TEST

static const struct {
    const char *params, *words;
    enum engine_code code;
} bad[] = {
    { "{\"tokenizer\":\"letters\"}", "`tokenizer`", ENGINE_EFORMAT },
    { "{\"lowercase\":1}", "`lowercase` must be a boolean", ENGINE_EFORMAT },
    { "{\"min_token_len\":-1}", "`min_token_len`", ENGINE_EFORMAT },
    { "{\"stemmer\":\"english\"}", "`stemmer`", ENGINE_EFORMAT },
    { "{\"stemmer\":{\"type\":\"snowball\",\"language\":\"klingon\"}}",
      "language of `stemmer` must be one of arabic, armenian, danish",
      ENGINE_EFORMAT },
    { "{\"stemmer\":{\"type\":\"snowball\",\"language\":\"basque\"}}",
      "language of `stemmer` must be one of", ENGINE_EFORMAT },
    { "{\"stopwords\":\"klingon\"}", "is no language of the API",
      ENGINE_EFORMAT },
    { "{\"stopwords\":\"tamil\"}", "is no language of the API",
      ENGINE_EFORMAT },
    { "{\"stopwords\":7}", "`stopwords`", ENGINE_EFORMAT },
    { "{\"stopwords\":{\"custom\":[7]}}", "`stopwords`", ENGINE_EFORMAT },
    { "{\"stopwords\":{\"languages\":[\"basque\"]}}", "`basque`",
      ENGINE_EREQUEST },
};

START_TEST(tokenizer_names_what_cannot_be)
{
    struct error error = { 0 };
    ck_assert_ptr_null(make(bad[_i].params, bad[_i].code, &error));
    ck_assert_msg(strstr(error.text, bad[_i].words) != NULL, "%s", error.text);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("filter/tokenizer");
    TCase *tcase = tcase_create("tokenizer");
    tcase_add_loop_test(tcase, tokenizer_cuts_and_changes, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_loop_test(tcase, tokenizer_cuts_endless_words, 0, 3);
    tcase_add_test(tcase, tokenizer_ends_when_told_so);
    tcase_add_loop_test(tcase, tokenizer_names_what_cannot_be, 0,
                        (int)(sizeof(bad) / sizeof(bad[0])));
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
