/* SPDX-License-Identifier: Apache-2.0
 * The hash is keyed by random bytes, so that nobody can aim tokens at one set,
 * and how long a look-up takes tells nothing about what is in it. */
#include "engine/api/token_cache.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct token_set {
    pthread_mutex_t lock;
    struct token *tokens[TOKEN_CACHE_WAYS];
    unsigned next; /* to be replaced */
};

struct token_cache {
    uint64_t seed;
    struct token_set sets[TOKEN_CACHE_SETS];
};

struct token_cache *
token_cache_new(void)
{
    struct token_cache *cache = calloc(1, sizeof(*cache));
    if (cache == NULL)
        return NULL;
    for (unsigned i = 0; i < TOKEN_CACHE_SETS; i++)
        pthread_mutex_init(&cache->sets[i].lock, NULL);
    if (RAND_bytes((unsigned char *)&cache->seed, sizeof(cache->seed)) == 1)
        return cache;
    token_cache_free(cache);
    return NULL;
}

void
token_cache_free(struct token_cache *cache)
{
    if (cache == NULL)
        return;
    for (unsigned i = 0; i < TOKEN_CACHE_SETS; i++) {
        for (unsigned way = 0; way < TOKEN_CACHE_WAYS; way++) {
            struct token *token = cache->sets[i].tokens[way];
            assert(token == NULL || atomic_load(&token->holds) == 1);
            token_release(token);
        }
        pthread_mutex_destroy(&cache->sets[i].lock);
    }
    free(cache);
}

static uint64_t
hash_of(const struct token_cache *cache, enum token_kind kind, struct span text)
{
    return XXH3_64bits_withSeed(text.data, text.size,
                                cache->seed + (uint64_t)kind);
}

static bool
is_same(const struct token *token, const struct token *other)
{
    return token != NULL && token->hash == other->hash &&
           token->kind == other->kind && token->text.size == other->text.size &&
           CRYPTO_memcmp(token->text.data, other->text.data,
                         other->text.size) == 0;
}

struct token *
token_cache_get(struct token_cache *cache, enum token_kind kind,
                struct span text)
{
    struct token wanted = { .kind = kind,
                            .hash = hash_of(cache, kind, text),
                            .text = text };
    struct token_set *set = &cache->sets[wanted.hash % TOKEN_CACHE_SETS];
    struct token *found = NULL;
    pthread_mutex_lock(&set->lock);
    for (unsigned way = 0; way < TOKEN_CACHE_WAYS && found == NULL; way++) {
        if (is_same(set->tokens[way], &wanted))
            found = set->tokens[way];
    }
    if (found != NULL)
        atomic_fetch_add(&found->holds, 1);
    pthread_mutex_unlock(&set->lock);
    return found;
}

struct token *
token_new(enum token_kind kind, struct span text)
{
    struct token *token = calloc(1, sizeof(*token));
    if (token == NULL)
        return NULL;
    atomic_init(&token->holds, 1);
    token->kind = kind;
    arena_init(&token->arena, TOKEN_ARENA_SIZE_MAX);
    token->text = arena_span(&token->arena, text);
    if (!arena_failed(&token->arena))
        return token;
    token_release(token);
    return NULL;
}

void
token_cache_put(struct token_cache *cache, struct token *token)
{
    token->hash = hash_of(cache, token->kind, token->text);
    struct token_set *set = &cache->sets[token->hash % TOKEN_CACHE_SETS];
    struct token *old = NULL;
    if (token->arena.used_size > TOKEN_KEPT_SIZE_MAX)
        return;
    atomic_fetch_add(&token->holds, 1);
    pthread_mutex_lock(&set->lock);
    unsigned way = 0;
    while (way < TOKEN_CACHE_WAYS && !is_same(set->tokens[way], token))
        way++;
    if (way == TOKEN_CACHE_WAYS)
        way = set->next++ % TOKEN_CACHE_WAYS;
    old = set->tokens[way];
    set->tokens[way] = token;
    pthread_mutex_unlock(&set->lock);
    token_release(old);
}

void
token_release(struct token *token)
{
    if (token == NULL)
        return;
    unsigned before = atomic_fetch_sub(&token->holds, 1);
    assert(before > 0);
    if (before > 1)
        return;
    arena_wipe(&token->arena);
    free(token);
}
