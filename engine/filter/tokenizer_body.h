/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_TOKENIZER_BODY_H
#define ENGINE_FILTER_TOKENIZER_BODY_H

#include "base/arena.h"
#include "engine/filter/tokenizer.h"

#include <pthread.h>
#include <stdatomic.h>

#include <unicode/utrans.h>

/* Between tokenizer.c (tokens) and tokenizer_params.c (what is wanted). */

enum tokenizer_cut { CUT_WORD, CUT_WHITESPACE, CUT_PREFIX, CUT_MULTILINGUAL };

struct tokenizer {
    _Atomic uint32_t owners;
    struct arena arena; /* of the stopwords */
    enum tokenizer_cut cut;
    size_t length_min, length_max; /* characters, 1..SIZE_MAX */
    bool is_lowercase;
    bool has_phrases;
    const char *stemmer;   /* Snowball's name; NULL: none */
    UTransliterator *fold; /* to ASCII; NULL: not wanted. Under `lock` */
    pthread_mutex_t lock;
    struct span *stopwords; /* sorted by bytes */
    size_t stopwords_count;
};

#endif /* ENGINE_FILTER_TOKENIZER_BODY_H */
