/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the body of a query, a search, a recommendation or a discovery:
 * refused with a text, or a tree of stages within its limits. */
#include "engine/api/rest_query.h"
#include "engine/codec/json_read.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARENA_SIZE_MAX ((size_t)16 << 20)

static const query_reader readers[] = { rest_query_read, rest_search_read,
                                        rest_recommend_read,
                                        rest_discover_read };

#define READERS (sizeof(readers) / sizeof(readers[0]))

/* Adds up what the stages ask for. */
static void
check_stage(const struct search_command *command, size_t depth,
            struct query_size *size)
{
    const struct query *query = command->query;
    assert(depth <= QUERY_DEPTH_MAX);
    assert(command->limit > 0);
    assert(command->limit + command->offset <= COMMAND_LIMIT_MAX);
    assert(depth == 0 || command->offset == 0);
    size->candidates += command->limit;
    size->stages += command->prefetches_count;
    if (query_is_fusion(query))
        assert(command->prefetches_count > 0);
    for (size_t i = 0; query != NULL && i < query->positives_count; i++)
        assert(query->positives[i].has_vector ||
               query->positives[i].by_id != NULL);
    if (query != NULL &&
        (query->kind == QUERY_DISCOVER || query->kind == QUERY_CONTEXT))
        assert(query->positives_count == query->negatives_count);
    for (size_t i = 0; i < command->prefetches_count; i++)
        check_stage(&command->prefetches[i], depth + 1, size);
}

static void
check_body(yyjson_val *body, query_reader read)
{
    struct request request = { 0 };
    struct call call = { .request = &request, .body = body };
    struct search_command command = { 0 };
    struct query_size size = { 0 }, counted = { 0 };
    struct query_source source = { &call, body, "body", 0, &size };
    struct error error = { .text = "" };
    arena_init(&request.arena, ARENA_SIZE_MAX);
    if (read(&source, &command, &error) == ENGINE_OK) {
        check_stage(&command, 0, &counted);
        assert(counted.stages <= QUERY_STAGES_MAX);
        assert(counted.candidates <= QUERY_CANDIDATES_MAX);
    } else {
        assert(error.text[0] != '\0');
    }
    arena_release(&request.arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = { (const char *)data, size };
    yyjson_doc *doc;
    if (json_parse(text, &doc, NULL) != ENGINE_OK)
        return 0;
    yyjson_val *root = yyjson_doc_get_root(doc);
    for (size_t i = 0; yyjson_is_obj(root) && i < READERS; i++)
        check_body(root, readers[i]);
    yyjson_doc_free(doc);
    return 0;
}
