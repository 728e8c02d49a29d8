/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a text, under every tokenizer: tokens are small, none is empty,
 * and the same text gives the same ones. */
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
reader_of(size_t i)
{
    static struct token_reader *readers[COUNT];
    if (readers[i] == NULL) {
        struct tokenizer *tokenizer = NULL;
        yyjson_doc *doc = yyjson_read(params[i], strlen(params[i]), 0);
        assert(tokenizer_new(yyjson_doc_get_root(doc), &tokenizer, NULL) ==
               ENGINE_OK);
        yyjson_doc_free(doc);
        readers[i] = token_reader_new(tokenizer);
        assert(readers[i] != NULL);
    }
    return readers[i];
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = { (const char *)data, size };
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t sums[2] = { 0, 0 };
        for (size_t k = 0; k < 2; k++)
            (void)token_reader_each(reader_of(i), text, TOKENS_STORED, visit,
                                    &sums[k]);
        assert(sums[0] == sums[1]);
        assert(!token_reader_failed(reader_of(i)));
    }
    return 0;
}
