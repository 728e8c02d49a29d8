/* SPDX-License-Identifier: Apache-2.0
 * Text matches on one payload, as a `text` index answers them. The tokens of
 * a query are kept from payload to payload; those of the payload are looked at
 * as they come: in a sorted list, or by the walk of Knuth, Morris and Pratt
 * ("Fast pattern matching in strings", 1977) for a phrase. */
#include "engine/filter/text_field.h"

#include "engine/codec/json_read.h"
#include "engine/filter/path.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_SIZE_MAX ((size_t)64 << 20)

struct text_field {
    const struct payload_path *path;
    struct tokenizer *tokenizer;
    struct token_reader *reader; /* made when first needed */
    struct span asked_text;      /* whose tokens these are; NULL: nobody's */
    struct bytes text;           /* the tokens' bytes */
    struct bytes tokens;         /* struct span each, in their order */
    struct bytes sorted;         /* the same, each once, by bytes */
    struct bytes borders;        /* size_t each: where a phrase goes on */
    struct bytes found;          /* a byte for each of `sorted` */
    size_t wanted;               /* how many of them are enough */
    size_t at;                   /* how many found, or the phrase's place */
    bool is_failed;
};

static void
buffers_init(struct text_field *field)
{
    bytes_init(&field->text, BUFFER_SIZE_MAX);
    bytes_init(&field->tokens, BUFFER_SIZE_MAX);
    bytes_init(&field->sorted, BUFFER_SIZE_MAX);
    bytes_init(&field->borders, BUFFER_SIZE_MAX);
    bytes_init(&field->found, BUFFER_SIZE_MAX);
}

struct text_field *
text_field_new(const struct payload_path *path, struct tokenizer *tokenizer)
{
    struct text_field *field = calloc(1, sizeof(*field));
    if (field == NULL)
        return NULL;
    field->path = path;
    field->tokenizer = tokenizer_hold(tokenizer);
    buffers_init(field);
    return field;
}

struct text_field *
text_field_again(const struct text_field *field)
{
    return text_field_new(field->path, field->tokenizer);
}

void
text_field_free(struct text_field *field)
{
    if (field == NULL)
        return;
    token_reader_free(field->reader);
    tokenizer_free(field->tokenizer);
    bytes_release(&field->text);
    bytes_release(&field->tokens);
    bytes_release(&field->sorted);
    bytes_release(&field->borders);
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

/* ---- the query ---------------------------------------------------------- */

static size_t
tokens_count(const struct bytes *tokens)
{
    return tokens->size / sizeof(struct span);
}

static struct span
token_at(const struct bytes *tokens, size_t i)
{
    struct span token;
    memcpy(&token, tokens->data + i * sizeof(token), sizeof(token));
    return token;
}

/* The bytes may still move: where they begin is filled in afterwards. */
static bool
visit_asked(void *ctx, struct span token)
{
    struct text_field *field = ctx;
    struct span kept = { NULL, token.size };
    bytes_add_span(&field->text, token);
    bytes_add(&field->tokens, &kept, sizeof(kept));
    return true;
}

static void
place_tokens(struct text_field *field)
{
    size_t begin = 0, count = tokens_count(&field->tokens);
    for (size_t i = 0; i < count; i++) {
        struct span token = token_at(&field->tokens, i);
        token.data = field->text.data + begin;
        begin += token.size;
        memcpy(field->tokens.data + i * sizeof(token), &token, sizeof(token));
    }
}

static void
sort_tokens(struct text_field *field)
{
    size_t count = tokens_count(&field->tokens);
    struct bytes all;
    bytes_init(&all, BUFFER_SIZE_MAX);
    bytes_add_span(&all, bytes_span(&field->tokens));
    if (!bytes_failed(&all) && count > 0)
        qsort(all.data, count, sizeof(struct span), tokenizer_compare);
    for (size_t i = 0; i < count && !bytes_failed(&all); i++) {
        struct span token = token_at(&all, i);
        if (i > 0 && span_equal(token, token_at(&all, i - 1)))
            continue;
        bytes_add(&field->sorted, &token, sizeof(token));
        bytes_add_char(&field->found, 0);
    }
    field->is_failed = field->is_failed || bytes_failed(&all);
    bytes_release(&all);
}

/* borders[i]: how many of the first tokens end the first i + 1 of them. */
static size_t
border_at(const struct text_field *field, size_t i)
{
    size_t border;
    memcpy(&border, field->borders.data + i * sizeof(border), sizeof(border));
    return border;
}

/* Where the phrase stands after one more token. */
static size_t
phrase_step(const struct text_field *field, size_t at, struct span token)
{
    while (at > 0 && !span_equal(token, token_at(&field->tokens, at)))
        at = border_at(field, at - 1);
    return at + span_equal(token, token_at(&field->tokens, at));
}

static void
find_borders(struct text_field *field)
{
    size_t border = 0, count = tokens_count(&field->tokens);
    for (size_t i = 0; i < count && !bytes_failed(&field->borders); i++) {
        if (i > 0)
            border = phrase_step(field, border, token_at(&field->tokens, i));
        bytes_add(&field->borders, &border, sizeof(border));
    }
}

/* Takes the query's tokens, unless it has them from the payload before. */
static void
take_query(struct text_field *field, struct span text)
{
    if (field->asked_text.data != NULL && field->asked_text.data == text.data &&
        field->asked_text.size == text.size)
        return;
    if (field->reader == NULL)
        field->reader = token_reader_new(field->tokenizer);
    field->text.size = field->tokens.size = field->sorted.size = 0;
    field->borders.size = field->found.size = 0;
    if (field->reader == NULL ||
        !token_reader_each(field->reader, text, TOKENS_ASKED, visit_asked,
                           field) ||
        bytes_failed(&field->text) || bytes_failed(&field->tokens)) {
        field->is_failed = true;
        return;
    }
    place_tokens(field);
    sort_tokens(field);
    find_borders(field);
    field->is_failed = field->is_failed || bytes_failed(&field->sorted) ||
                       bytes_failed(&field->found) ||
                       bytes_failed(&field->borders);
    field->asked_text = text;
}

/* ---- the payload: visits end when the answer is known ------------------- */

static bool
visit_token(void *ctx, struct span token)
{
    struct text_field *field = ctx;
    const struct span *sorted = (const void *)field->sorted.data;
    const struct span *place =
        bsearch(&token, sorted, tokens_count(&field->sorted), sizeof(token),
                tokenizer_compare);
    if (place != NULL && field->found.data[place - sorted] == 0) {
        field->found.data[place - sorted] = 1;
        field->at++;
    }
    return field->at < field->wanted;
}

static bool
visit_next(void *ctx, struct span token)
{
    struct text_field *field = ctx;
    field->at = phrase_step(field, field->at, token);
    return field->at < field->wanted;
}

static bool
visit_value(struct text_field *field, yyjson_val *value, token_visit visit)
{
    if (yyjson_is_str(value) &&
        !token_reader_each(field->reader, json_span(value), TOKENS_STORED,
                           visit, field))
        field->is_failed =
            field->is_failed || token_reader_failed(field->reader);
    return field->at < field->wanted && !field->is_failed;
}

static bool
visit_words(void *ctx, yyjson_val *value)
{
    return visit_value(ctx, value, visit_token);
}

/* A phrase stands in one string. */
static bool
visit_phrase(void *ctx, yyjson_val *value)
{
    struct text_field *field = ctx;
    field->at = 0;
    return visit_value(field, value, visit_next);
}

bool
text_field_matches(struct text_field *field, const struct condition *condition,
                   yyjson_val *payload)
{
    bool is_phrase = condition->text_match == TEXT_PHRASE;
    assert(condition->kind == CONDITION_TEXT);
    assert(condition->text_match != TEXT_PREFIX);
    if (!field->is_failed)
        take_query(field, condition->text);
    size_t count = tokens_count(&field->tokens);
    if (field->is_failed || count == 0 ||
        (is_phrase && !tokenizer_has_phrases(field->tokenizer)))
        return false;
    field->at = 0;
    field->wanted = is_phrase ? count
                    : condition->text_match == TEXT_ANY
                        ? 1
                        : tokens_count(&field->sorted);
    memset(field->found.data, 0, field->found.size);
    (void)path_walk_elements(field->path, payload,
                             is_phrase ? visit_phrase : visit_words, field);
    return field->at == field->wanted && !field->is_failed;
}
