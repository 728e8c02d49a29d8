/* SPDX-License-Identifier: Apache-2.0
 * Two bodies with a zero byte between them: a collection is created with one
 * and changed by the other. What is accepted is written as a text that makes
 * the same again, and each vector has codes that there are. */
#include "engine/collection/config.h"
#include "engine/collection/config_check.h"
#include "engine/collection/config_quantization.h"

#include <assert.h>
#include <string.h>

#define ROOM ((size_t)1 << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span
stored_of(const struct collection_config *config, struct arena *arena)
{
    struct bytes text;
    struct json_writer writer;
    bytes_init(&text, ROOM);
    json_writer_init(&writer, &text);
    config_write_stored(config, &writer);
    assert(!bytes_failed(&text));
    struct span copy = { arena_strndup(arena, text.data, text.size),
                         text.size };
    bytes_release(&text);
    assert(copy.data != NULL);
    return copy;
}

static void
check_config(const struct collection_config *config, struct arena *arena)
{
    for (size_t i = 0; i < config->vectors_count; i++) {
        const struct vector_config *vector = &config->vectors[i];
        struct codes_wish wish =
            config_quantization(vector->json, config->quantization_json);
        assert(!wish.is_set || wish.kind <= CODE_HALF);
        assert((unsigned)vector->datatype < DATATYPE_COUNT);
    }
    struct span text = stored_of(config, arena);
    yyjson_doc *doc = yyjson_read(text.data, text.size, 0);
    struct collection_config again;
    assert(doc != NULL);
    enum engine_code code =
        config_parse(yyjson_doc_get_root(doc), arena, &again, NULL);
    assert(code == ENGINE_OK);
    struct span second = stored_of(&again, arena);
    assert(second.size == text.size &&
           memcmp(second.data, text.data, text.size) == 0);
    yyjson_doc_free(doc);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size > 0 ? memchr(data, 0, size) : NULL;
    size_t first = zero != NULL ? (size_t)(zero - data) : size;
    struct span bodies[2] = { { (const char *)data, first }, { "{}", 2 } };
    if (zero != NULL)
        bodies[1] = (struct span){ (const char *)zero + 1, size - first - 1 };
    struct arena arena;
    yyjson_doc *docs[2] = { NULL, NULL };
    struct collection_config config, patched;
    arena_init(&arena, ROOM);
    for (size_t i = 0; i < 2; i++)
        if (json_parse(bodies[i], &docs[i], NULL) != ENGINE_OK)
            docs[i] = NULL;
    if (docs[0] != NULL &&
        config_check(yyjson_doc_get_root(docs[0]), NULL) == ENGINE_OK &&
        config_parse(yyjson_doc_get_root(docs[0]), &arena, &config, NULL) ==
            ENGINE_OK) {
        check_config(&config, &arena);
        if (docs[1] != NULL &&
            config_patch(&config, yyjson_doc_get_root(docs[1]), &arena,
                         &patched, NULL) == ENGINE_OK)
            check_config(&patched, &arena);
    }
    yyjson_doc_free(docs[0]);
    yyjson_doc_free(docs[1]);
    arena_release(&arena);
    return 0;
}
