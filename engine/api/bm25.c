/* SPDX-License-Identifier: Apache-2.0
 * BM25 weights of one text: the indices of its tokens, sorted and counted. */
#include "engine/api/bm25.h"

#include <stdlib.h>
#include <string.h>

static uint32_t
rotate(uint32_t value, unsigned bits)
{
    return value << bits | value >> (32 - bits);
}

static uint32_t
mix(uint32_t block)
{
    return rotate(block * 0xcc9e2d51u, 15) * 0x1b873593u;
}

uint32_t
bm25_hash(struct span token)
{
    uint32_t hash = 0, rest = 0;
    size_t at = 0;
    for (; at + 4 <= token.size; at += 4) {
        uint32_t block = 0;
        for (size_t i = 0; i < 4; i++)
            block |= (uint32_t)(unsigned char)token.data[at + i] << (8 * i);
        hash = rotate(hash ^ mix(block), 13) * 5 + 0xe6546b64u;
    }
    for (size_t i = 0; at + i < token.size; i++)
        rest |= (uint32_t)(unsigned char)token.data[at + i] << (8 * i);
    if (at < token.size)
        hash ^= mix(rest);
    hash ^= (uint32_t)token.size;
    hash = (hash ^ hash >> 16) * 0x85ebca6bu;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
    return hash ^ hash >> 16;
}

/* The magnitude of the hash as a signed number; of the least one, that of it as
 * unsigned. */
static uint32_t
index_of(struct span token)
{
    uint32_t hash = bm25_hash(token);
    return hash > INT32_MAX ? 0u - hash : hash;
}

struct tokens {
    struct arena *arena;
    uint32_t *indices;
    size_t count;
    size_t room;
};

static bool
take_token(void *ctx, struct span token)
{
    struct tokens *tokens = ctx;
    if (tokens->count == tokens->room) {
        size_t room = tokens->room == 0 ? 64 : tokens->room * 2;
        uint32_t *indices = arena_alloc(tokens->arena, room * sizeof(*indices));
        if (indices == NULL)
            return false;
        if (tokens->count > 0)
            memcpy(indices, tokens->indices, tokens->count * sizeof(*indices));
        tokens->indices = indices;
        tokens->room = room;
    }
    tokens->indices[tokens->count++] = index_of(token);
    return true;
}

static int
compare(const void *a, const void *b)
{
    const uint32_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static float
weight_of(const struct bm25 *bm25, size_t frequency, size_t length)
{
    double count = (double)frequency;
    double norm = 1 - bm25->b + bm25->b * (double)length / bm25->avg_len;
    return (float)(count * (bm25->k + 1) / (count + bm25->k * norm));
}

enum engine_code
bm25_embed(const struct bm25 *bm25, const struct tokenizer *tokenizer,
           struct span text, enum token_use use, struct arena *arena,
           struct named_vector *ret_vector, struct error *reterr)
{
    struct tokens tokens = { .arena = arena };
    struct token_reader *reader = token_reader_new(tokenizer);
    if (reader == NULL)
        return error_memory(reterr);
    bool is_whole = token_reader_each(reader, text, use, take_token, &tokens);
    token_reader_free(reader);
    float *values = arena_alloc(arena, (tokens.count + 1) * sizeof(*values));
    if (!is_whole || values == NULL)
        return error_memory(reterr);
    size_t count = 0;
    if (tokens.count > 1)
        qsort(tokens.indices, tokens.count, sizeof(*tokens.indices), compare);
    for (size_t i = 0, next; i < tokens.count; i = next) {
        uint32_t index = tokens.indices[i];
        for (next = i; next < tokens.count && tokens.indices[next] == index;)
            next++;
        tokens.indices[count] = index;
        values[count++] = use == TOKENS_ASKED
                              ? 1.0f
                              : weight_of(bm25, next - i, tokens.count);
    }
    ret_vector->kind = VECTOR_SPARSE;
    ret_vector->indices = tokens.indices;
    ret_vector->values = values;
    ret_vector->dim = count;
    return ENGINE_OK;
}
