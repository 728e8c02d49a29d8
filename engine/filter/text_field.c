/* SPDX-License-Identifier: Apache-2.0
 * Text matches on one payload, as a `text` index answers them. */
#include "engine/filter/text_field.h"

#include "engine/codec/json_read.h"
#include "engine/filter/path.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS_SIZE_MAX ((size_t)64 << 20)

/* Tokens one behind the other; ends[i] is where the i-th ends. */
struct tokens {
    struct bytes text;
    struct bytes ends; /* of size_t */
};

struct text_field {
    const struct payload_path *path;
    struct tokenizer *tokenizer;
    struct token_reader *reader;
    struct tokens asked;
    struct tokens stored;
    struct bytes found; /* a byte for each asked token */
    bool is_failed;
};

static void
tokens_init(struct tokens *tokens)
{
    bytes_init(&tokens->text, TOKENS_SIZE_MAX);
    bytes_init(&tokens->ends, TOKENS_SIZE_MAX);
}

static void
tokens_release(struct tokens *tokens)
{
    bytes_release(&tokens->text);
    bytes_release(&tokens->ends);
}

static size_t
tokens_count(const struct tokens *tokens)
{
    return tokens->ends.size / sizeof(size_t);
}

static struct span
token_at(const struct tokens *tokens, size_t i)
{
    size_t begin = 0, end;
    const char *ends = tokens->ends.data;
    memcpy(&end, ends + i * sizeof(end), sizeof(end));
    if (i > 0)
        memcpy(&begin, ends + (i - 1) * sizeof(begin), sizeof(begin));
    return (struct span){ tokens->text.data + begin, end - begin };
}

static bool
visit_keep(void *ctx, struct span token)
{
    struct tokens *tokens = ctx;
    bytes_add_span(&tokens->text, token);
    bytes_add(&tokens->ends, &tokens->text.size, sizeof(tokens->text.size));
    return true;
}

static void
tokens_read(struct text_field *field, struct tokens *tokens, struct span text,
            enum token_use use)
{
    tokens->text.size = 0;
    tokens->ends.size = 0;
    (void)token_reader_each(field->reader, text, use, visit_keep, tokens);
    field->is_failed = field->is_failed || token_reader_failed(field->reader) ||
                       bytes_failed(&tokens->text) ||
                       bytes_failed(&tokens->ends);
}

struct text_field *
text_field_new(const struct payload_path *path, struct tokenizer *tokenizer)
{
    struct text_field *field = calloc(1, sizeof(*field));
    if (field == NULL)
        return NULL;
    field->path = path;
    field->tokenizer = tokenizer_hold(tokenizer);
    tokens_init(&field->asked);
    tokens_init(&field->stored);
    bytes_init(&field->found, TOKENS_SIZE_MAX);
    field->reader = token_reader_new(tokenizer);
    if (field->reader == NULL) {
        text_field_free(field);
        return NULL;
    }
    return field;
}

void
text_field_free(struct text_field *field)
{
    if (field == NULL)
        return;
    token_reader_free(field->reader);
    tokenizer_free(field->tokenizer);
    tokens_release(&field->asked);
    tokens_release(&field->stored);
    bytes_release(&field->found);
    free(field);
}

const struct payload_path *
text_field_path(const struct text_field *field)
{
    return field->path;
}

bool
text_field_failed(const struct text_field *field)
{
    return field->is_failed;
}

/* ---- visits: false ends the walk, because the answer is known ---- */

static bool
visit_tokens(void *ctx, yyjson_val *value)
{
    struct text_field *field = ctx;
    if (!yyjson_is_str(value))
        return true;
    tokens_read(field, &field->stored, json_span(value), TOKENS_STORED);
    size_t asked = tokens_count(&field->asked);
    size_t stored = tokens_count(&field->stored);
    for (size_t i = 0; i < stored; i++) {
        struct span token = token_at(&field->stored, i);
        for (size_t k = 0; k < asked; k++)
            if (span_equal(token, token_at(&field->asked, k)))
                field->found.data[k] = 1;
    }
    return !field->is_failed;
}

static bool
stands_at(const struct text_field *field, size_t at)
{
    size_t asked = tokens_count(&field->asked);
    for (size_t k = 0; k < asked; k++)
        if (!span_equal(token_at(&field->stored, at + k),
                        token_at(&field->asked, k)))
            return false;
    return true;
}

static bool
visit_phrase(void *ctx, yyjson_val *value)
{
    struct text_field *field = ctx;
    if (!yyjson_is_str(value))
        return true;
    tokens_read(field, &field->stored, json_span(value), TOKENS_STORED);
    size_t asked = tokens_count(&field->asked);
    size_t stored = tokens_count(&field->stored);
    for (size_t at = 0; at + asked <= stored && !field->is_failed; at++)
        if (stands_at(field, at))
            return false;
    return !field->is_failed;
}

/* How many of the asked tokens are somewhere in the field. */
static size_t
count_found(struct text_field *field, yyjson_val *payload)
{
    size_t asked = tokens_count(&field->asked), count = 0;
    field->found.size = 0;
    for (size_t k = 0; k < asked; k++)
        bytes_add_char(&field->found, 0);
    if (bytes_failed(&field->found)) {
        field->is_failed = true;
        return 0;
    }
    (void)path_walk_elements(field->path, payload, visit_tokens, field);
    for (size_t k = 0; k < asked; k++)
        count += field->found.data[k] != 0;
    return count;
}

bool
text_field_matches(struct text_field *field, const struct condition *condition,
                   yyjson_val *payload)
{
    bool matches = false;
    assert(condition->kind == CONDITION_TEXT);
    if (field->is_failed)
        return false;
    tokens_read(field, &field->asked, condition->text, TOKENS_ASKED);
    size_t asked = tokens_count(&field->asked);
    if (asked == 0 || field->is_failed)
        return false;
    switch (condition->text_match) {
    case TEXT_ALL:
        matches = count_found(field, payload) == asked;
        break;
    case TEXT_ANY:
        matches = count_found(field, payload) > 0;
        break;
    case TEXT_PHRASE:
        matches =
            tokenizer_has_phrases(field->tokenizer) &&
            !path_walk_elements(field->path, payload, visit_phrase, field);
        break;
    case TEXT_PREFIX:
        assert(!"a prefix asks for no tokens");
    }
    return matches && !field->is_failed;
}
