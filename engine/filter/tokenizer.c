/* SPDX-License-Identifier: Apache-2.0
 * Tokens of one text. Words are cut first and changed then, one by one; a word
 * of ASCII, which most are, needs no library for it. */
#include "engine/filter/tokenizer_body.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <libstemmer.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/ucasemap.h>
#include <unicode/ustring.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

#define TOKEN_SIZE_MAX  ((size_t)64 << 10) /* longer ones are cut */
#define FOLD_GROWTH_MAX 8                  /* letters that one may become */

struct token_reader {
    const struct tokenizer *tokenizer;
    struct sb_stemmer *stemmer; /* NULL: none */
    UCaseMap *cases;
    UBreakIterator *breaks; /* CUT_MULTILINGUAL */
    struct bytes token;     /* the word as changed so far */
    struct bytes next;
    bool is_failed;
};

/* One walk over a text. */
struct walk {
    struct token_reader *reader;
    enum token_use use;
    token_visit visit;
    void *ctx;
};

struct token_reader *
token_reader_new(const struct tokenizer *tokenizer)
{
    struct token_reader *reader = calloc(1, sizeof(*reader));
    UErrorCode status = U_ZERO_ERROR;
    if (reader == NULL)
        return NULL;
    reader->tokenizer = tokenizer;
    bytes_init(&reader->token, TOKEN_SIZE_MAX * FOLD_GROWTH_MAX);
    bytes_init(&reader->next, TOKEN_SIZE_MAX * FOLD_GROWTH_MAX);
    if (tokenizer->stemmer != NULL)
        reader->stemmer = sb_stemmer_new(tokenizer->stemmer, "UTF_8");
    reader->cases = ucasemap_open("", 0, &status);
    if (tokenizer->cut == CUT_MULTILINGUAL)
        reader->breaks = ubrk_open(UBRK_WORD, "", NULL, 0, &status);
    if (U_FAILURE(status) ||
        (tokenizer->stemmer != NULL && reader->stemmer == NULL)) {
        token_reader_free(reader);
        return NULL;
    }
    return reader;
}

void
token_reader_free(struct token_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->stemmer != NULL)
        sb_stemmer_delete(reader->stemmer);
    if (reader->cases != NULL)
        ucasemap_close(reader->cases);
    if (reader->breaks != NULL)
        ubrk_close(reader->breaks);
    bytes_release(&reader->token);
    bytes_release(&reader->next);
    free(reader);
}

bool
token_reader_failed(const struct token_reader *reader)
{
    return reader->is_failed;
}

/* ---- changes of one word ---- */

static bool
is_ascii(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] >= 0x80)
            return false;
    return true;
}

/* reader->token becomes what is in reader->next. */
static bool
token_take(struct token_reader *reader, bool is_good)
{
    struct bytes old = reader->token;
    reader->token = reader->next;
    reader->next = old;
    reader->is_failed =
        reader->is_failed || !is_good || bytes_failed(&reader->token);
    return !reader->is_failed;
}

static bool
token_set(struct token_reader *reader, struct span word)
{
    reader->token.size = 0;
    bytes_add_span(&reader->token, word);
    reader->is_failed = reader->is_failed || bytes_failed(&reader->token);
    return !reader->is_failed;
}

/* Through UTF-16, which is what transliterators know. */
static bool
token_fold(struct token_reader *reader)
{
    struct span word = bytes_span(&reader->token);
    int32_t room = (int32_t)(word.size * FOLD_GROWTH_MAX + 16), size = 0;
    UErrorCode status = U_ZERO_ERROR;
    UChar *wide = malloc((size_t)room * sizeof(*wide));
    if (wide == NULL)
        return token_take(reader, false);
    u_strFromUTF8(wide, room, &size, word.data, (int32_t)word.size, &status);
    int32_t limit = size;
    union {
        const struct tokenizer *in;
        struct tokenizer *out;
    } tokenizer = { .in = reader->tokenizer };
    pthread_mutex_lock(&tokenizer.out->lock);
    utrans_transUChars(tokenizer.in->fold, wide, &size, room, 0, &limit,
                       &status);
    pthread_mutex_unlock(&tokenizer.out->lock);
    reader->next.size = 0;
    int32_t done = 0;
    bool is_good = bytes_reserve(&reader->next, (size_t)size * 3 + 1);
    if (is_good) {
        u_strToUTF8(reader->next.data, size * 3 + 1, &done, wide, size,
                    &status);
        reader->next.size = (size_t)done;
    }
    free(wide);
    return token_take(reader, is_good && U_SUCCESS(status));
}

static bool
token_lower(struct token_reader *reader)
{
    struct span word = bytes_span(&reader->token);
    if (is_ascii(word)) {
        for (size_t i = 0; i < word.size; i++)
            if (word.data[i] >= 'A' && word.data[i] <= 'Z')
                reader->token.data[i] = (char)(word.data[i] + ('a' - 'A'));
        return true;
    }
    UErrorCode status = U_ZERO_ERROR;
    int32_t room = (int32_t)word.size * 3 + 1, size = 0;
    reader->next.size = 0;
    bool is_good = bytes_reserve(&reader->next, (size_t)room);
    if (is_good) {
        size = ucasemap_utf8ToLower(reader->cases, reader->next.data, room,
                                    word.data, (int32_t)word.size, &status);
        reader->next.size = (size_t)size;
    }
    return token_take(reader, is_good && U_SUCCESS(status));
}

static bool
is_stopword(const struct tokenizer *tokenizer, struct span word)
{
    return tokenizer->stopwords_count > 0 &&
           bsearch(&word, tokenizer->stopwords, tokenizer->stopwords_count,
                   sizeof(word), tokenizer_compare) != NULL;
}

static struct span
stem_of(struct token_reader *reader, struct span word)
{
    if (reader->stemmer == NULL || word.size == 0)
        return word;
    const sb_symbol *stem = sb_stemmer_stem(
        reader->stemmer, (const sb_symbol *)word.data, (int)word.size);
    if (stem == NULL) {
        reader->is_failed = true;
        return word;
    }
    return (struct span){ (const char *)stem,
                          (size_t)sb_stemmer_length(reader->stemmer) };
}

/* ---- keeping it ---- */

/* Bytes of the first `count` characters, at most all of them; *ret_count: how
 * many those are. */
static size_t
characters_size(struct span word, size_t count, size_t *ret_count)
{
    const uint8_t *bytes = (const uint8_t *)word.data;
    int32_t at = 0, size = (int32_t)word.size;
    size_t found = 0;
    while (at < size && found < count) {
        U8_FWD_1(bytes, at, size);
        found++;
    }
    *ret_count = found;
    return (size_t)at;
}

/* Every beginning that is long enough, or the longest. */
static bool
give_prefixes(const struct walk *walk, struct span word)
{
    const struct tokenizer *tokenizer = walk->reader->tokenizer;
    size_t all, count;
    (void)characters_size(word, tokenizer->length_max, &all);
    if (all < tokenizer->length_min)
        return true;
    size_t from = walk->use == TOKENS_ASKED ? all : tokenizer->length_min;
    for (size_t length = from; length <= all; length++) {
        struct span part = { word.data, characters_size(word, length, &count) };
        if (!walk->visit(walk->ctx, part))
            return false;
    }
    return true;
}

static bool
give(const struct walk *walk, struct span word)
{
    const struct tokenizer *tokenizer = walk->reader->tokenizer;
    size_t count;
    if (word.size == 0)
        return true;
    if (tokenizer->cut == CUT_PREFIX)
        return give_prefixes(walk, word);
    (void)characters_size(word, SIZE_MAX, &count);
    if (count < tokenizer->length_min || count > tokenizer->length_max)
        return true;
    return walk->visit(walk->ctx, word);
}

/* Where the character begins that the byte at `at` belongs to. */
static size_t
character_begin(struct span word, size_t at)
{
    const uint8_t *bytes = (const uint8_t *)word.data;
    int32_t place = (int32_t)at;
    U8_SET_CP_START(bytes, 0, place);
    return (size_t)place;
}

static bool
take_word(const struct walk *walk, struct span word)
{
    struct token_reader *reader = walk->reader;
    const struct tokenizer *tokenizer = reader->tokenizer;
    if (word.size > TOKEN_SIZE_MAX) /* cut between two characters */
        word.size = character_begin(word, TOKEN_SIZE_MAX);
    if (!token_set(reader, word))
        return false;
    if (tokenizer->fold != NULL && !is_ascii(word) && !token_fold(reader))
        return false;
    if (tokenizer->is_lowercase && !token_lower(reader))
        return false;
    word = bytes_span(&reader->token);
    if (is_stopword(tokenizer, word))
        return true;
    return give(walk, stem_of(reader, word)) && !reader->is_failed;
}

/* ---- cutting ---- */

/* What Unicode calls alphabetic or a number. */
static bool
is_of_word(UChar32 c)
{
    if (c < 0x80)
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
               (c >= 'A' && c <= 'Z');
    return u_hasBinaryProperty(c, UCHAR_ALPHABETIC) ||
           (U_GET_GC_MASK(c) & U_GC_N_MASK) != 0;
}

static bool
is_no_blank(UChar32 c)
{
    return !u_hasBinaryProperty(c, UCHAR_WHITE_SPACE);
}

static bool
cut_by(const struct walk *walk, struct span text, bool (*belongs)(UChar32))
{
    const uint8_t *bytes = (const uint8_t *)text.data;
    int32_t at = 0, begin = -1, size = (int32_t)text.size;
    while (at < size) {
        int32_t before = at;
        UChar32 c;
        U8_NEXT(bytes, at, size, c);
        bool is_in = c >= 0 && belongs(c);
        if (is_in && begin < 0)
            begin = before;
        if (is_in || begin < 0)
            continue;
        struct span word = { text.data + begin, (size_t)(before - begin) };
        begin = -1;
        if (!take_word(walk, word))
            return false;
    }
    struct span last = { text.data + begin, (size_t)(size - begin) };
    return begin < 0 || take_word(walk, last);
}

static bool
cut_by_boundaries(const struct walk *walk, struct span text)
{
    UBreakIterator *breaks = walk->reader->breaks;
    UErrorCode status = U_ZERO_ERROR;
    UText opened = UTEXT_INITIALIZER;
    bool is_going = true;
    utext_openUTF8(&opened, text.data, (int64_t)text.size, &status);
    ubrk_setUText(breaks, &opened, &status);
    if (U_FAILURE(status)) {
        walk->reader->is_failed = true;
        utext_close(&opened);
        return false;
    }
    int32_t begin = ubrk_first(breaks), end;
    while (is_going && (end = ubrk_next(breaks)) != UBRK_DONE) {
        struct span word = { text.data + begin, (size_t)(end - begin) };
        if (ubrk_getRuleStatus(breaks) >= UBRK_WORD_NONE_LIMIT)
            is_going = take_word(walk, word);
        begin = end;
    }
    utext_close(&opened);
    return is_going;
}

bool
token_reader_each(struct token_reader *reader, struct span text,
                  enum token_use use, token_visit visit, void *ctx)
{
    struct walk walk = { reader, use, visit, ctx };
    if (reader->is_failed) { /* of the text before */
        bytes_release(&reader->token);
        bytes_release(&reader->next);
        reader->is_failed = false;
    }
    if (text.size > INT32_MAX / 4)
        text.size = INT32_MAX / 4;
    if (text.size == 0)
        return true;
    switch (reader->tokenizer->cut) {
    case CUT_WORD:
    case CUT_PREFIX:
        return cut_by(&walk, text, is_of_word);
    case CUT_WHITESPACE:
        return cut_by(&walk, text, is_no_blank);
    case CUT_MULTILINGUAL:
        break;
    }
    return cut_by_boundaries(&walk, text);
}
