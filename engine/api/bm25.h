/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_BM25_H
#define ENGINE_API_BM25_H

#include "base/arena.h"
#include "engine/collection/command.h"
#include "engine/error.h"
#include "engine/filter/tokenizer.h"

/* Texts to sparse vectors, as Qdrant's model qdrant/bm25 does: an index is the
 * magnitude of the token's MurmurHash3 (x86, 32 bits, seed 0) as a signed
 * number; a stored text has for each token
 *   f (k + 1) / (f + k (1 - b + b length / avg_len))
 * with f its frequency and length the number of tokens; a query has 1. What is
 * known of the whole collection is the modifier `idf`. */
struct bm25 {
    double k;       /* 1.2 */
    double b;       /* 0.75 */
    double avg_len; /* 256 */
};

#define BM25_DEFAULT                                                           \
    (struct bm25)                                                              \
    {                                                                          \
        .k = 1.2, .b = 0.75, .avg_len = 256                                    \
    }

/* MurmurHash3_x86_32 with seed 0 (Appleby 2011). */
uint32_t bm25_hash(struct span token);

/* The vector of a text, all but its name, in `arena`. ENGINE_ENOMEM. Any
 * thread. */
enum engine_code
bm25_embed(const struct bm25 *bm25, const struct tokenizer *tokenizer,
           struct span text, enum token_use use, struct arena *arena,
           struct named_vector *ret_vector, struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_API_BM25_H */
