/* SPDX-License-Identifier: Apache-2.0
 * A first byte that names a message, then any bytes as that message: it is
 * refused with a text, or is JSON values that can be written, read and made a
 * message again. */
#include "engine/api/grpc_json.h"

#include <assert.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const types[] = {
    "qdrant.UpsertPoints",      "qdrant.QueryPoints",
    "qdrant.CreateCollection",  "qdrant.UpdateCollection",
    "qdrant.UpdateBatchPoints", "qdrant.SearchPoints",
    "qdrant.ScrollPoints",      "qdrant.CreateFieldIndexCollection",
    "qdrant.RecommendPoints",   "qdrant.CollectionInfo",
};

static void
check(const struct schema_message *type, struct span message)
{
    struct error error = { .text = "" };
    yyjson_doc *doc = NULL, *again = NULL;
    struct bytes text, back;
    if (grpc_json_read(type, message, &doc, &error) != ENGINE_OK) {
        assert(error.code != ENGINE_OK && error.text[0] != '\0');
        return;
    }
    bytes_init(&text, (size_t)64 << 20);
    bytes_init(&back, (size_t)64 << 20);
    /* Not where a vector holds what is no number. */
    if (json_value_text(yyjson_doc_get_root(doc), &text, &error) == ENGINE_OK &&
        json_parse(bytes_span(&text), &again, &error) == ENGINE_OK)
        grpc_json_write(type, yyjson_doc_get_root(again), &back);
    yyjson_doc_free(again);
    yyjson_doc_free(doc);
    bytes_release(&text);
    bytes_release(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct grpc_schema *schema;
    if (schema == NULL && grpc_schema_open(&schema, NULL) != ENGINE_OK)
        return 0;
    if (size == 0)
        return 0;
    struct span message = { (const char *)data + 1, size - 1 };
    check(grpc_schema_message(
              schema, types[data[0] % (sizeof(types) / sizeof(types[0]))]),
          message);
    return 0;
}
