/* SPDX-License-Identifier: Apache-2.0
 * From the words of the API to kinds of codes. */
#include "engine/collection/config_quantization.h"

#include "engine/codec/json_read.h"

#include <stddef.h>

struct choice {
    const char *kind;
    const char *member; /* whose word decides; NULL: none does */
    const char *word;   /* NULL: any other, and none */
    enum code_kind codes;
};

static const struct choice choices[] = {
    { "scalar", NULL, NULL, CODE_8 },
    { "product", "compression", "x4", CODE_8 },
    { "product", "compression", "x8", CODE_4 },
    { "product", "compression", "x16", CODE_2 },
    { "product", "compression", "x32", CODE_1 },
    { "product", "compression", "x64", CODE_HALF },
    { "binary", "encoding", "two_bits", CODE_2 },
    { "binary", "encoding", "one_and_half_bits", CODE_1_5 },
    { "binary", "encoding", NULL, CODE_1 },
    { "turbo", "bits", "bits1", CODE_1 },
    { "turbo", "bits", "bits1_5", CODE_1_5 },
    { "turbo", "bits", "bits2", CODE_2 },
    { "turbo", "bits", NULL, CODE_4 },
};

static struct codes_wish
wish_of(yyjson_val *config)
{
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        const struct choice *choice = &choices[i];
        yyjson_val *object = yyjson_obj_get(config, choice->kind);
        if (!yyjson_is_obj(object))
            continue;
        if (choice->word == NULL ||
            yyjson_equals_str(yyjson_obj_get(object, choice->member),
                              choice->word))
            return (struct codes_wish){ true, choice->codes };
    }
    return (struct codes_wish){ 0 };
}

struct codes_wish
config_quantization(struct span own, struct span common)
{
    struct codes_wish wish = { 0 };
    yyjson_doc *doc = NULL;
    if (own.size > 0 && json_parse(own, &doc, NULL) == ENGINE_OK)
        wish = wish_of(
            yyjson_obj_get(yyjson_doc_get_root(doc), "quantization_config"));
    yyjson_doc_free(doc);
    doc = NULL;
    if (!wish.is_set && common.size > 0 &&
        json_parse(common, &doc, NULL) == ENGINE_OK)
        wish = wish_of(yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return wish;
}
