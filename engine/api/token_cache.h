/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_TOKEN_CACHE_H
#define ENGINE_API_TOKEN_CACHE_H

#include "engine/api/identity.h"

#include <stdatomic.h>

/* Tokens that were believed and what they say, so that the next request with
 * one costs a look-up (0.2 us) and not a signature and a parse. Only tokens
 * with a good signature come in, at most TOKEN_CACHE_ENTRIES of them; the whole
 * token is compared, not a digest of it. Who asks checks the times again.
 * Any thread. Locks: one for each set, leaves. */

#define TOKEN_CACHE_WAYS    4u
#define TOKEN_CACHE_SETS    256u
#define TOKEN_CACHE_ENTRIES (TOKEN_CACHE_WAYS * TOKEN_CACHE_SETS)

/* What a token and all that it says take at most. Parts are conditions of 232
 * bytes and a path: the 1,800 that JWT_TOKEN_SIZE_MAX has room for fit. */
#define TOKEN_ARENA_SIZE_MAX ((size_t)1 << 20)
/* The largest that is remembered; bigger ones are verified each time. */
#define TOKEN_KEPT_SIZE_MAX ((size_t)64 << 10)

/* Whose token it is: the same text may mean two things. */
enum token_kind { TOKEN_IDENTITY, TOKEN_CLAIMS };

struct token_cache;

/* A token and its content. Whoever has one holds it until token_release(). */
struct token {
    atomic_uint holds;
    enum token_kind kind;
    uint64_t hash;
    struct span text;
    struct identity identity;
    struct arena arena; /* all that the others point to */
};

/* NULL: no memory, or no entropy. */
struct token_cache *token_cache_new(void) __attribute__((warn_unused_result));
/* Nobody holds one any more (asserted). */
void token_cache_free(struct token_cache *cache);

/* The entry of `text`, held for the caller; NULL: not known. */
struct token *token_cache_get(struct token_cache *cache, enum token_kind kind,
                              struct span text);

/* A copy of `text` whose identity is to be filled from its arena, held by the
 * caller. NULL: no memory. */
struct token *token_new(enum token_kind kind, struct span text)
    __attribute__((warn_unused_result));

/* Remembers a filled one in the place of an older one, unless it takes more than
 * TOKEN_KEPT_SIZE_MAX. */
void token_cache_put(struct token_cache *cache, struct token *token);

/* Lets go; NULL is allowed. */
void token_release(struct token *token);

#endif /* ENGINE_API_TOKEN_CACHE_H */
