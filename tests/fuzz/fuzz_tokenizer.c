/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a text, under every tokenizer and under one whose parameters are
 * the first line, if that is an object: tokens are small, none is empty, the
 * same text gives the same ones, and what is asked for is among what is stored.
 */
#include "engine/codec/json_read.h"
#include "engine/filter/tokenizer.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const params[] = {
    "{}",
    "{\"tokenizer\":\"whitespace\",\"lowercase\":false}",
    "{\"tokenizer\":\"prefix\",\"min_token_len\":2,\"max_token_len\":5}",
    "{\"tokenizer\":\"multilingual\"}",
    "{\"ascii_folding\":true,\"stopwords\":\"english\","
    "\"stemmer\":{\"type\":\"snowball\",\"language\":\"english\"}}",
};

#define ASKED_SIZE_MAX 300 /* each token is looked for in the whole text */

#define COUNT (sizeof(params) / sizeof(params[0]))

static bool
visit(void *ctx, struct span token)
{
    uint64_t *sum = ctx;
    assert(token.size > 0);
    for (size_t i = 0; i < token.size; i++)
        *sum = (*sum ^ (unsigned char)token.data[i]) * UINT64_C(0x100000001b3);
    *sum += token.size;
    return true;
}

static struct token_reader *
reader_of(size_t i, size_t which)
{
    static struct token_reader *readers[COUNT][2];
    if (readers[i][which] == NULL) {
        struct tokenizer *tokenizer = NULL;
        yyjson_doc *doc = yyjson_read(params[i], strlen(params[i]), 0);
        assert(tokenizer_new(yyjson_doc_get_root(doc), &tokenizer, NULL) ==
               ENGINE_OK);
        yyjson_doc_free(doc);
        readers[i][which] = token_reader_new(tokenizer);
        assert(readers[i][which] != NULL);
    }
    return readers[i][which];
}

static uint64_t
sum_of(struct token_reader *reader, struct span text, enum token_use use)
{
    uint64_t sum = 0;
    (void)token_reader_each(reader, text, use, visit, &sum);
    return sum;
}

/* The asked tokens that are not met yet, in their order: a prefix tokenizer
 * stores each of them behind shorter ones. */
struct met {
    struct token_reader *reader;
    struct span text;
    struct span token;
};

static bool
is_other(void *ctx, struct span token)
{
    const struct met *met = ctx;
    return !span_equal(token, met->token);
}

static bool
is_stored(void *ctx, struct span token)
{
    struct met *met = ctx;
    met->token = token;
    bool is_missed =
        token_reader_each(met->reader, met->text, TOKENS_STORED, is_other, met);
    assert(!is_missed);
    return true;
}

static void
check_text(struct token_reader *reader, struct token_reader *other,
           struct span text)
{
    struct met met = { .reader = other, .text = text };
    assert(sum_of(reader, text, TOKENS_STORED) ==
           sum_of(reader, text, TOKENS_STORED));
    assert(!token_reader_failed(reader));
    if (text.size <= ASKED_SIZE_MAX)
        (void)token_reader_each(reader, text, TOKENS_ASKED, is_stored, &met);
}

static void
check_params(struct span json, struct span text)
{
    struct tokenizer *tokenizer = NULL;
    struct error error = { .text = "" };
    yyjson_doc *doc = NULL;
    if (json_parse(json, &doc, NULL) != ENGINE_OK)
        return;
    enum engine_code code =
        tokenizer_new(yyjson_doc_get_root(doc), &tokenizer, &error);
    yyjson_doc_free(doc);
    if (code != ENGINE_OK) {
        assert(tokenizer == NULL && error.text[0] != '\0');
        return;
    }
    struct token_reader *reader = token_reader_new(tokenizer);
    struct token_reader *other = token_reader_new(tokenizer);
    assert(reader != NULL && other != NULL);
    check_text(reader, other, text);
    token_reader_free(reader);
    token_reader_free(other);
    tokenizer_free(tokenizer);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = { (const char *)data, size };
    for (size_t i = 0; i < COUNT; i++)
        check_text(reader_of(i, 0), reader_of(i, 1), text);
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\n', size);
    if (end != NULL && data[0] == '{')
        check_params((struct span){ text.data, (size_t)(end - data) },
                     (struct span){ (const char *)end + 1,
                                    size - (size_t)(end - data) - 1 });
    return 0;
}
