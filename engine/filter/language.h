/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_FILTER_LANGUAGE_H
#define ENGINE_FILTER_LANGUAGE_H

#include "base/bytes.h"

#include <stdbool.h>

/* The languages that the API names for texts. Constant; any thread. */
struct language {
    const char *name;
    const char *code;
    const char *stemmer;   /* Snowball's name; NULL: none in the API */
    const char *stopwords; /* with blanks between them; NULL: no list here */
    bool is_stemmed_only;  /* no language of stopwords in the API */
};

/* By name or code; NULL: none such. */
const struct language *language_find(struct span name);

/* Adds the names of those that have a stemmer, or stopwords here. */
enum language_use { LANGUAGE_STEMMED, LANGUAGE_STOPWORDS };
void language_list(enum language_use use, struct bytes *text);

#endif /* ENGINE_FILTER_LANGUAGE_H */
