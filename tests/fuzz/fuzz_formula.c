/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the formula of a query: refused with a text, or it gives each of
 * some points a finite score, or says why there is none. */
#include "engine/api/rest_formula.h"
#include "engine/codec/json_read.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARENA_SIZE_MAX ((size_t)4 << 20)

static const char *const payloads[] = {
    "{\"a\":1,\"b\":2.5,\"c\":\"2020-01-01T10:00:00Z\","
    "\"d\":{\"lon\":1,\"lat\":2},\"e\":true}",
    "{\"a\":[1],\"b\":[1,2],\"c\":\"x\",\"d\":{\"lon\":999},\"e\":[]}",
    "{\"a\":-0.0,\"b\":1e308,\"c\":null,\"d\":[{\"lon\":0,\"lat\":90}]}",
    "{}",
};

#define POINTS (sizeof(payloads) / sizeof(payloads[0]))

static yyjson_doc *docs[POINTS];

static void
check_scores(const struct formula *formula)
{
    static const float scores[] = { 0.5f, NAN, -3.0f };
    bool conditions[FORMULA_CONDITIONS_MAX];
    assert(formula->conditions_count <= FORMULA_CONDITIONS_MAX);
    for (size_t i = 0; i < FORMULA_CONDITIONS_MAX; i++)
        conditions[i] = i % 2 == 0;
    for (size_t i = 0; i <= POINTS; i++) {
        struct error error = { .text = "" };
        float score = NAN;
        struct formula_input input = {
            .payload = i < POINTS ? yyjson_doc_get_root(docs[i]) : NULL,
            .scores = scores,
            .scores_count = sizeof(scores) / sizeof(scores[0]),
            .conditions = conditions,
        };
        if (formula_score(formula, &input, &score, &error) == ENGINE_OK)
            assert(isfinite(score));
        else
            assert(error.text[0] != '\0');
    }
    (void)formula_reads_payload(formula);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct error error = { .text = "" };
    const struct formula *formula;
    yyjson_doc *doc;
    for (size_t i = 0; docs[POINTS - 1] == NULL && i < POINTS; i++)
        assert(json_parse(span_of(payloads[i]), &docs[i], NULL) == ENGINE_OK);
    arena_init(&arena, ARENA_SIZE_MAX);
    struct span text = { (const char *)data, size };
    if (json_parse(text, &doc, &error) == ENGINE_OK) {
        if (rest_formula_parse(yyjson_doc_get_root(doc), "query", &arena,
                               &formula, &error) == ENGINE_OK)
            check_scores(formula);
        else
            assert(error.text[0] != '\0');
        yyjson_doc_free(doc);
    }
    arena_release(&arena);
    return 0;
}
