/* SPDX-License-Identifier: Apache-2.0
 * {text, model: "qdrant/bm25", options}. Making a tokenizer costs more than
 * most texts, and all texts of a collection have the same options: the last
 * ones made are kept. */
#include "engine/api/bm25.h"
#include "engine/api/rest_sparse.h"
#include "engine/filter/language.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define KEPT_MAX         8u
#define OPTIONS_SIZE_MAX 65536u

static yyjson_val *
member(yyjson_val *object, const char *name)
{
    yyjson_val *value = yyjson_obj_get(object, name);
    return yyjson_is_null(value) ? NULL : value;
}

bool
rest_bm25_is_model(struct span name)
{
    static const struct span names[] = { { "qdrant/bm25", 11 }, { "bm25", 4 } };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (name.size == names[i].size &&
            strncasecmp(name.data, names[i].data, name.size) == 0)
            return true;
    return false;
}

bool
rest_bm25_is(yyjson_val *object)
{
    return yyjson_is_str(member(object, "text")) &&
           rest_bm25_is_model(json_span(member(object, "model")));
}

static enum engine_code
bad(const char *name, const char *wanted, struct error *reterr)
{
    return error_set(reterr, ENGINE_EFORMAT,
                     "options of model qdrant/bm25: `%s` must be %s", name,
                     wanted);
}

static enum engine_code
number_read(yyjson_val *options, const char *name, double *number,
            struct error *reterr)
{
    yyjson_val *value = member(options, name);
    if (value == NULL)
        return ENGINE_OK;
    if (!yyjson_is_num(value) || !isfinite(yyjson_get_num(value)))
        return bad(name, "a number", reterr);
    *number = yyjson_get_num(value);
    return ENGINE_OK;
}

static enum engine_code
weights_read(yyjson_val *options, struct bm25 *bm25, struct error *reterr)
{
    enum engine_code code = number_read(options, "k", &bm25->k, reterr);
    if (code == ENGINE_OK)
        code = number_read(options, "b", &bm25->b, reterr);
    if (code == ENGINE_OK)
        code = number_read(options, "avg_len", &bm25->avg_len, reterr);
    if (code != ENGINE_OK)
        return code;
    if (bm25->k < 0)
        return bad("k", "0 or larger", reterr);
    if (bm25->b < 0 || bm25->b > 1)
        return bad("b", "from 0 to 1", reterr);
    if (bm25->avg_len <= 0)
        return bad("avg_len", "larger than 0", reterr);
    return ENGINE_OK;
}

/* ---- tokenizers ---- */

/* A language has its stopwords and its stemmer, unless they are named. */
static bool
add_language(yyjson_mut_doc *doc, yyjson_mut_val *params, yyjson_val *options)
{
    yyjson_val *given = member(options, "language");
    const char *language = given == NULL ? "english" : yyjson_get_str(given);
    bool is_ok = true;
    if (strcmp(language, "none") == 0)
        return true;
    if (member(options, "stopwords") == NULL)
        is_ok = yyjson_mut_obj_add_str(doc, params, "stopwords", language);
    const struct language *known = language_find(span_of(language));
    bool is_stemmed = known != NULL && known->stemmer != NULL;
    if (member(options, "stemmer") != NULL || !is_stemmed)
        return is_ok;
    yyjson_mut_val *stemmer = yyjson_mut_obj_add_obj(doc, params, "stemmer");
    return is_ok && stemmer != NULL &&
           yyjson_mut_obj_add_str(doc, stemmer, "type", "snowball") &&
           yyjson_mut_obj_add_str(doc, stemmer, "language", language);
}

/* The parameters of a text index that say the same. */
static yyjson_doc *
params_of(yyjson_val *options)
{
    static const char *const same[] = { "tokenizer",     "lowercase",
                                        "ascii_folding", "stopwords",
                                        "stemmer",       "min_token_len",
                                        "max_token_len" };
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_doc *params = NULL;
    if (doc == NULL)
        return NULL;
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    bool is_ok = root != NULL;
    for (size_t i = 0; is_ok && i < sizeof(same) / sizeof(same[0]); i++) {
        yyjson_val *value = member(options, same[i]);
        if (value != NULL)
            is_ok = yyjson_mut_obj_add_val(doc, root, same[i],
                                           yyjson_val_mut_copy(doc, value));
    }
    if (is_ok && add_language(doc, root, options))
        params = yyjson_mut_doc_imut_copy(doc, NULL);
    yyjson_mut_doc_free(doc);
    return params;
}

/* "none" is of older clients. */
static bool
is_language(yyjson_val *value)
{
    if (!yyjson_is_str(value))
        return false;
    const struct language *language = language_find(json_span(value));
    return yyjson_equals_str(value, "none") ||
           (language != NULL && !language->is_stemmed_only);
}

static enum engine_code
tokenizer_make(yyjson_val *options, struct tokenizer **ret_tokenizer,
               struct error *reterr)
{
    yyjson_val *language = member(options, "language");
    if (language != NULL && !is_language(language))
        return bad("language", "a language of the API", reterr);
    yyjson_doc *params = params_of(options);
    if (params == NULL)
        return error_memory(reterr);
    struct error why = { 0 };
    enum engine_code code =
        tokenizer_new(yyjson_doc_get_root(params), ret_tokenizer, &why);
    yyjson_doc_free(params);
    if (code != ENGINE_OK)
        return error_set(reterr, code, "options of model qdrant/bm25: %s",
                         why.text);
    return ENGINE_OK;
}

/* Kept ones by the text of their options; the oldest goes. */
static struct {
    pthread_mutex_t lock;
    struct {
        char *options;
        size_t size;
        struct tokenizer *tokenizer; /* held */
    } items[KEPT_MAX];
    size_t next;
} kept = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct tokenizer *
kept_find(struct span options)
{
    struct tokenizer *tokenizer = NULL;
    pthread_mutex_lock(&kept.lock);
    for (size_t i = 0; tokenizer == NULL && i < KEPT_MAX; i++) {
        struct span text = { kept.items[i].options, kept.items[i].size };
        if (kept.items[i].tokenizer != NULL && span_equal(text, options))
            tokenizer = tokenizer_hold(kept.items[i].tokenizer);
    }
    pthread_mutex_unlock(&kept.lock);
    return tokenizer;
}

static void
kept_add(struct span options, struct tokenizer *tokenizer)
{
    char *copy = malloc(options.size + 1);
    if (copy == NULL)
        return;
    memcpy(copy, options.data, options.size);
    pthread_mutex_lock(&kept.lock);
    size_t at = kept.next++ % KEPT_MAX;
    char *old_options = kept.items[at].options;
    struct tokenizer *old = kept.items[at].tokenizer;
    kept.items[at].options = copy;
    kept.items[at].size = options.size;
    kept.items[at].tokenizer = tokenizer_hold(tokenizer);
    pthread_mutex_unlock(&kept.lock);
    free(old_options);
    tokenizer_free(old);
}

static enum engine_code
tokenizer_get(yyjson_val *options, struct tokenizer **ret_tokenizer,
              struct error *reterr)
{
    struct bytes text;
    bytes_init(&text, OPTIONS_SIZE_MAX);
    enum engine_code code = ENGINE_OK;
    if (options == NULL)
        bytes_add_text(&text, "{}");
    else
        code = json_value_text(options, &text, reterr);
    if (bytes_failed(&text))
        code = bad("options", "at most 65536 bytes together", reterr);
    struct span key = bytes_span(&text);
    *ret_tokenizer = code == ENGINE_OK ? kept_find(key) : NULL;
    if (code == ENGINE_OK && *ret_tokenizer == NULL) {
        code = tokenizer_make(options, ret_tokenizer, reterr);
        if (code == ENGINE_OK)
            kept_add(key, *ret_tokenizer);
    }
    bytes_release(&text);
    return code;
}

enum engine_code
rest_bm25_parse(yyjson_val *object, struct rest_where where,
                struct arena *arena, struct named_vector *ret_vector,
                struct error *reterr)
{
    struct bm25 bm25 = BM25_DEFAULT;
    struct tokenizer *tokenizer;
    yyjson_val *options = member(object, "options");
    if (options != NULL && !yyjson_is_obj(options))
        return bad("options", "an object", reterr);
    enum engine_code code = weights_read(options, &bm25, reterr);
    if (code == ENGINE_OK)
        code = tokenizer_get(options, &tokenizer, reterr);
    if (code != ENGINE_OK)
        return code;
    code =
        bm25_embed(&bm25, tokenizer, json_span(member(object, "text")),
                   where.index == REST_NO_INDEX ? TOKENS_ASKED : TOKENS_STORED,
                   arena, ret_vector, reterr);
    tokenizer_free(tokenizer);
    return code;
}
