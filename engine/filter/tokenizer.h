/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_TOKENIZER_H
#define ENGINE_FILTER_TOKENIZER_H

#include "base/bytes.h"
#include "engine/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <yyjson.h>

/* Texts to tokens, as a `text` index wants them:
 *   cut      word (letters and digits), whitespace, prefix (word, then every
 *            beginning of it), multilingual (word boundaries of Unicode, with
 *            dictionaries for Chinese, Japanese, Thai and others)
 *   change   ascii_folding, lowercase, stopwords out, stemmer
 *   keep     min_token_len..max_token_len characters
 * Letters, digits, cases and boundaries are those of ICU; stems are Snowball's.
 */
struct tokenizer;

#define TOKENIZER_STOPWORDS_MAX 4096
#define TOKENIZER_PREFIX_MAX    256 /* characters of the longest beginning */

/* Reads the parameters of a `text` index, an object.
 * ENGINE_EFORMAT  a parameter that cannot be, by its name
 * ENGINE_EREQUEST stopwords of a language that has no list here
 * ENGINE_ENOMEM */
enum engine_code tokenizer_new(yyjson_val *params,
                               struct tokenizer **ret_tokenizer,
                               struct error *reterr)
    __attribute__((warn_unused_result));
/* One more owner, for any thread; each calls tokenizer_free(). */
struct tokenizer *tokenizer_hold(struct tokenizer *tokenizer);
void tokenizer_free(struct tokenizer *tokenizer); /* NULL is allowed */

/* Whether phrases are matched: phrase_matching. */
bool tokenizer_has_phrases(const struct tokenizer *tokenizer);

/* Cuts one text after the other; one thread at a time. A tokenizer may have
 * many. NULL when memory is out. */
struct token_reader;
struct token_reader *token_reader_new(const struct tokenizer *tokenizer)
    __attribute__((warn_unused_result));
void token_reader_free(struct token_reader *reader); /* NULL is allowed */

/* Called for each token in its order, with repetitions; false ends it. */
typedef bool (*token_visit)(void *ctx, struct span token);

/* Who asks: with the prefix tokenizer a query has its longest beginning only.
 */
enum token_use { TOKENS_STORED, TOKENS_ASKED };

/* False when a visit said so or memory ran out: token_reader_failed() of this
 * text. Invalid UTF-8 is cut like a blank. */
bool token_reader_each(struct token_reader *reader, struct span text,
                       enum token_use use, token_visit visit, void *ctx);
bool token_reader_failed(const struct token_reader *reader);

/* Spans by their bytes; for qsort() and bsearch(). */
int tokenizer_compare(const void *a, const void *b);

#endif /* ENGINE_FILTER_TOKENIZER_H */
