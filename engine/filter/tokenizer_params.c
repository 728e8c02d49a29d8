/* SPDX-License-Identifier: Apache-2.0
 * The parameters of a `text` index. */
#include "engine/filter/tokenizer_body.h"

#include "engine/codec/json_read.h"
#include "engine/filter/language.h"

#include <stdlib.h>
#include <string.h>

#include <unicode/ucasemap.h>

#define VARIANT_TEXT                                                           \
    "data did not match any variant of untagged enum PayloadFieldSchema"
#define STOPWORD_SIZE_MAX 256
#define ARENA_SIZE_MAX    ((size_t)4 << 20)
#define NAMES_SIZE_MAX    512

struct reader {
    struct tokenizer *tokenizer;
    struct error *reterr;
};

static enum engine_code
bad(const struct reader *reader, const char *name, const char *wanted)
{
    return error_set(reader->reterr, ENGINE_EFORMAT,
                     VARIANT_TEXT ": `%s` must be %s", name, wanted);
}

/* No stemmer of the API: with the languages that have one. */
static enum engine_code
bad_language(const struct reader *reader)
{
    struct bytes names;
    bytes_init(&names, NAMES_SIZE_MAX);
    language_list(LANGUAGE_STEMMED, &names);
    enum engine_code code =
        bytes_failed(&names)
            ? error_memory(reader->reterr)
            : error_set(reader->reterr, ENGINE_EFORMAT,
                        VARIANT_TEXT ": the language of `stemmer` must be one "
                                     "of %.*s",
                        (int)names.size, names.data);
    bytes_release(&names);
    return code;
}

int
tokenizer_compare(const void *a, const void *b)
{
    const struct span *left = a, *right = b;
    return span_compare(*left, *right);
}

static yyjson_val *
member(yyjson_val *params, const char *name)
{
    yyjson_val *value = yyjson_obj_get(params, name);
    return yyjson_is_null(value) ? NULL : value;
}

static enum engine_code
read_flag(const struct reader *reader, yyjson_val *params, const char *name,
          bool *flag)
{
    yyjson_val *value = member(params, name);
    if (value != NULL && !yyjson_is_bool(value))
        return bad(reader, name, "a boolean");
    if (value != NULL)
        *flag = yyjson_get_bool(value);
    return ENGINE_OK;
}

static enum engine_code
read_length(const struct reader *reader, yyjson_val *params, const char *name,
            size_t *length)
{
    yyjson_val *value = member(params, name);
    if (value != NULL && !yyjson_is_uint(value))
        return bad(reader, name, "an unsigned integer");
    if (value != NULL)
        *length = (size_t)yyjson_get_uint(value);
    return ENGINE_OK;
}

static enum engine_code
read_cut(const struct reader *reader, yyjson_val *params)
{
    static const struct {
        const char *name;
        enum tokenizer_cut cut;
    } cuts[] = { { "word", CUT_WORD },
                 { "whitespace", CUT_WHITESPACE },
                 { "prefix", CUT_PREFIX },
                 { "multilingual", CUT_MULTILINGUAL } };
    yyjson_val *value = member(params, "tokenizer");
    if (value == NULL)
        return ENGINE_OK;
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        if (yyjson_equals_str(value, cuts[i].name)) {
            reader->tokenizer->cut = cuts[i].cut;
            return ENGINE_OK;
        }
    }
    return bad(reader, "tokenizer", "prefix, whitespace, word or multilingual");
}

/* {"type": "snowball", "language": L}, {"type": "none"}. */
static enum engine_code
read_stemmer(const struct reader *reader, yyjson_val *params)
{
    static const char *const wanted =
        "{\"type\": \"none\"} or {\"type\": \"snowball\", \"language\": ...}";
    yyjson_val *value = member(params, "stemmer");
    if (value == NULL || yyjson_equals_str(member(value, "type"), "none"))
        return ENGINE_OK;
    if (!yyjson_equals_str(member(value, "type"), "snowball") ||
        !yyjson_is_str(member(value, "language")))
        return bad(reader, "stemmer", wanted);
    const struct language *language =
        language_find(json_span(member(value, "language")));
    if (language == NULL || language->stemmer == NULL)
        return bad_language(reader);
    reader->tokenizer->stemmer = language->stemmer;
    return ENGINE_OK;
}

/* ---- stopwords ---- */

/* As the words that they are compared with: in lower case, if those are. */
static enum engine_code
add_stopword(const struct reader *reader, struct span word)
{
    struct tokenizer *tokenizer = reader->tokenizer;
    char text[STOPWORD_SIZE_MAX * 3 + 1];
    UErrorCode status = U_ZERO_ERROR;
    if (word.size > STOPWORD_SIZE_MAX)
        return bad(reader, "stopwords", "of at most 256 bytes each");
    if (tokenizer->stopwords_count >= TOKENIZER_STOPWORDS_MAX)
        return bad(reader, "stopwords", "at most 4096 words");
    if (tokenizer->is_lowercase) {
        UCaseMap *cases = ucasemap_open("", 0, &status);
        int32_t size =
            ucasemap_utf8ToLower(cases, text, (int32_t)sizeof(text), word.data,
                                 (int32_t)word.size, &status);
        ucasemap_close(cases);
        if (U_FAILURE(status))
            return error_memory(reader->reterr);
        word = (struct span){ text, (size_t)size };
    }
    struct span copy = arena_span(&tokenizer->arena, word);
    if (copy.data == NULL)
        return error_memory(reader->reterr);
    tokenizer->stopwords[tokenizer->stopwords_count++] = copy;
    return ENGINE_OK;
}

/* One that the API knows and that has no list here is told from others. */
static enum engine_code
missing_stopwords(const struct reader *reader, const struct language *language)
{
    struct bytes names;
    bytes_init(&names, NAMES_SIZE_MAX);
    language_list(LANGUAGE_STOPWORDS, &names);
    enum engine_code code =
        bytes_failed(&names)
            ? error_memory(reader->reterr)
            : error_set(reader->reterr, ENGINE_EREQUEST,
                        "stopwords of `%s` are not supported by this version, "
                        "those of %.*s are: name the words as `custom`",
                        language->name, (int)names.size, names.data);
    bytes_release(&names);
    return code;
}

static enum engine_code
add_language(const struct reader *reader, yyjson_val *value)
{
    if (!yyjson_is_str(value))
        return bad(reader, "stopwords", "a language or {languages, custom}");
    const struct language *language = language_find(json_span(value));
    if (language == NULL || language->is_stemmed_only)
        return error_set(reader->reterr, ENGINE_EFORMAT,
                         VARIANT_TEXT ": `stopwords`: `%.64s` is no language "
                                      "of the API",
                         yyjson_get_str(value));
    if (language->stopwords == NULL)
        return missing_stopwords(reader, language);
    enum engine_code code = ENGINE_OK;
    for (const char *at = language->stopwords; code == ENGINE_OK;) {
        size_t size = strcspn(at, " ");
        code = add_stopword(reader, (struct span){ at, size });
        if (at[size] == '\0')
            break;
        at += size + 1;
    }
    return code;
}

static enum engine_code
add_each(const struct reader *reader, yyjson_val *list, bool is_custom)
{
    size_t i, count;
    yyjson_val *item;
    enum engine_code code = ENGINE_OK;
    if (list == NULL)
        return ENGINE_OK;
    if (!yyjson_is_arr(list))
        return bad(reader, "stopwords", "a language or {languages, custom}");
    yyjson_arr_foreach(list, i, count, item)
    {
        if (!yyjson_is_str(item))
            code = bad(reader, "stopwords", "words");
        else
            code = is_custom ? add_stopword(reader, json_span(item))
                             : add_language(reader, item);
        if (code != ENGINE_OK)
            return code;
    }
    return ENGINE_OK;
}

/* Afterwards, so that `lowercase` is known. */
static enum engine_code
read_stopwords(const struct reader *reader, yyjson_val *params)
{
    struct tokenizer *tokenizer = reader->tokenizer;
    yyjson_val *value = member(params, "stopwords");
    if (value == NULL)
        return ENGINE_OK;
    tokenizer->stopwords =
        arena_calloc(&tokenizer->arena, TOKENIZER_STOPWORDS_MAX,
                     sizeof(*tokenizer->stopwords));
    if (tokenizer->stopwords == NULL)
        return error_memory(reader->reterr);
    enum engine_code code;
    if (yyjson_is_obj(value)) {
        code = add_each(reader, member(value, "languages"), false);
        if (code == ENGINE_OK)
            code = add_each(reader, member(value, "custom"), true);
    } else {
        code = add_language(reader, value);
    }
    if (tokenizer->stopwords_count > 1)
        qsort(tokenizer->stopwords, tokenizer->stopwords_count,
              sizeof(*tokenizer->stopwords), tokenizer_compare);
    return code;
}

/* ---- all of it ---- */

static enum engine_code
open_folding(const struct reader *reader)
{
    static const UChar id[] = { 'L', 'a', 't', 'i', 'n', '-',
                                'A', 'S', 'C', 'I', 'I', 0 };
    UErrorCode status = U_ZERO_ERROR;
    reader->tokenizer->fold =
        utrans_openU(id, -1, UTRANS_FORWARD, NULL, 0, NULL, &status);
    return U_SUCCESS(status) ? ENGINE_OK : error_memory(reader->reterr);
}

static enum engine_code
read_params(const struct reader *reader, yyjson_val *params)
{
    struct tokenizer *tokenizer = reader->tokenizer;
    bool is_folded = false;
    enum engine_code code = read_cut(reader, params);
    if (code == ENGINE_OK)
        code = read_length(reader, params, "min_token_len",
                           &tokenizer->length_min);
    if (code == ENGINE_OK)
        code = read_length(reader, params, "max_token_len",
                           &tokenizer->length_max);
    if (code == ENGINE_OK)
        code = read_flag(reader, params, "lowercase", &tokenizer->is_lowercase);
    if (code == ENGINE_OK)
        code = read_flag(reader, params, "phrase_matching",
                         &tokenizer->has_phrases);
    if (code == ENGINE_OK)
        code = read_flag(reader, params, "ascii_folding", &is_folded);
    if (code == ENGINE_OK)
        code = read_stemmer(reader, params);
    if (code == ENGINE_OK)
        code = read_stopwords(reader, params);
    if (code == ENGINE_OK && is_folded)
        code = open_folding(reader);
    if (tokenizer->length_min == 0)
        tokenizer->length_min = 1;
    /* Every beginning is a token: unbounded, a long word would be quadratic. */
    if (tokenizer->cut == CUT_PREFIX &&
        tokenizer->length_max > TOKENIZER_PREFIX_MAX)
        tokenizer->length_max = TOKENIZER_PREFIX_MAX;
    return code;
}

enum engine_code
tokenizer_new(yyjson_val *params, struct tokenizer **ret_tokenizer,
              struct error *reterr)
{
    struct tokenizer *tokenizer = calloc(1, sizeof(*tokenizer));
    if (tokenizer == NULL)
        return error_memory(reterr);
    arena_init(&tokenizer->arena, ARENA_SIZE_MAX);
    pthread_mutex_init(&tokenizer->lock, NULL);
    atomic_init(&tokenizer->owners, 1);
    tokenizer->length_max = SIZE_MAX;
    tokenizer->is_lowercase = true;
    struct reader reader = { tokenizer, reterr };
    enum engine_code code = read_params(&reader, params);
    if (code != ENGINE_OK) {
        tokenizer_free(tokenizer);
        return code;
    }
    *ret_tokenizer = tokenizer;
    return ENGINE_OK;
}

struct tokenizer *
tokenizer_hold(struct tokenizer *tokenizer)
{
    atomic_fetch_add(&tokenizer->owners, 1);
    return tokenizer;
}

void
tokenizer_free(struct tokenizer *tokenizer)
{
    if (tokenizer == NULL || atomic_fetch_sub(&tokenizer->owners, 1) > 1)
        return;
    if (tokenizer->fold != NULL)
        utrans_close(tokenizer->fold);
    pthread_mutex_destroy(&tokenizer->lock);
    arena_release(&tokenizer->arena);
    free(tokenizer);
}

bool
tokenizer_has_phrases(const struct tokenizer *tokenizer)
{
    return tokenizer->has_phrases;
}
