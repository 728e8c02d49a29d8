/* SPDX-License-Identifier: Apache-2.0
 * What a collection says of itself. */
#include "engine/collection/body.h"
#include "engine/segment/memory.h"

#include <assert.h>
#include <string.h>

static enum payload_schema
schema_of(enum payload_index_kind kind)
{
    switch (kind) {
    case PAYLOAD_INDEX_INTEGER:
        return PAYLOAD_SCHEMA_INTEGER;
    case PAYLOAD_INDEX_FLOAT:
        return PAYLOAD_SCHEMA_FLOAT;
    case PAYLOAD_INDEX_BOOL:
        return PAYLOAD_SCHEMA_BOOL;
    case PAYLOAD_INDEX_DATETIME:
        return PAYLOAD_SCHEMA_DATETIME;
    case PAYLOAD_INDEX_UUID:
        return PAYLOAD_SCHEMA_UUID;
    case PAYLOAD_INDEX_GEO:
        return PAYLOAD_SCHEMA_GEO;
    case PAYLOAD_INDEX_TEXT:
        return PAYLOAD_SCHEMA_TEXT;
    case PAYLOAD_INDEX_KEYWORD:
        break;
    }
    return PAYLOAD_SCHEMA_KEYWORD;
}

static struct span
copy_span(struct arena *arena, struct span text)
{
    if (text.size == 0)
        return (struct span){ NULL, 0 };
    return (struct span){ arena_strndup(arena, text.data, text.size),
                          text.size };
}

static enum engine_code
info_indexes(struct segment *segment, struct arena *arena,
             struct collection_info *info, struct error *reterr)
{
    const struct segment_index_info *from = NULL;
    size_t count = 0;
    enum engine_code code =
        segment_indexes(segment, arena, &from, &count, reterr);
    if (code != ENGINE_OK)
        return code;
    struct payload_index_info *indexes =
        arena_calloc(arena, count + 1, sizeof(*indexes));
    if (indexes == NULL)
        return error_memory(reterr);
    for (size_t i = 0; i < count; i++)
        indexes[i] =
            (struct payload_index_info){ .field = from[i].field,
                                         .schema = schema_of(from[i].kind),
                                         .schema_json = from[i].note,
                                         .points = from[i].points };
    info->indexes = indexes;
    info->indexes_count = count;
    return ENGINE_OK;
}

static enum engine_code
info_config(struct collection *collection, struct arena *arena,
            struct collection_info *info, struct error *reterr)
{
    struct collection_config *config = arena_calloc(arena, 1, sizeof(*config));
    if (config == NULL)
        return error_memory(reterr);
    pthread_mutex_lock(&collection->config_lock);
    enum engine_code code =
        config_copy(&collection->config, arena, config, reterr);
    pthread_mutex_unlock(&collection->config_lock);
    info->config = config;
    return code;
}

enum engine_code
collection_info(struct collection *collection, struct arena *arena,
                struct collection_info *ret_info, struct error *reterr)
{
    struct segment *segment = collection->segment;
    struct collection_info info = { .segments_count = 1 };
    struct segment_state state;
    struct segment_reader reader;
    segment_read_begin(segment, &reader);
    info.points_count = segment_points_count(&reader);
    segment_read_end(&reader);
    segment_state(segment, &state);
    info.vectors_count = state.vectors_count;
    info.indexed_vectors_count = state.indexed_count;
    info.status =
        state.waiting_count > 0 || state.builds_count > 0 || state.is_renewing
            ? COLLECTION_YELLOW
            : COLLECTION_GREEN;
    /* Never waits for a running checkpoint. */
    if (pthread_mutex_trylock(&collection->upkeep_lock) == 0) {
        if (!state.has_failed && collection->has_failed_upkeep) {
            state.has_failed = true;
            memcpy(state.failure, collection->upkeep_failure.text,
                   sizeof(state.failure));
        }
        pthread_mutex_unlock(&collection->upkeep_lock);
    }
    if (state.has_failed) {
        info.status = COLLECTION_RED;
        info.status_text = copy_span(arena, span_of(state.failure));
    }
    enum engine_code code = info_config(collection, arena, &info, reterr);
    if (code == ENGINE_OK)
        code = info_indexes(segment, arena, &info, reterr);
    if (code == ENGINE_OK && arena_failed(arena))
        code = error_memory(reterr);
    if (code == ENGINE_OK)
        *ret_info = info;
    return code;
}

enum engine_code
collection_memory(struct collection *collection, struct arena *arena,
                  struct segment_memory *ret_memory, struct error *reterr)
{
    return segment_memory(collection->segment, arena, ret_memory, reterr);
}

enum engine_code
collection_counts(struct collection *collection, struct arena *arena,
                  struct collection_counts *ret_counts, struct error *reterr)
{
    struct segment *segment = collection->segment;
    struct collection_counts counts = { 0 };
    struct segment_state state;
    struct segment_reader reader;
    segment_read_begin(segment, &reader);
    size_t count = segment_vectors_count(&reader);
    struct collection_vector_counts *vectors =
        arena_calloc(arena, count + 1, sizeof(*vectors));
    for (size_t i = 0; i < count && vectors != NULL; i++) {
        if (!segment_vector_is_there(&reader, i))
            continue;
        struct segment_vector_state one = segment_vector_state(&reader, i);
        vectors[counts.vectors_count++] = (struct collection_vector_counts){
            .name = copy_span(arena, segment_vector_name(&reader, i)),
            .count = one.count,
            .indexed_count = one.indexed_count,
            .waiting_count = one.waiting_count,
        };
    }
    counts.points_count = segment_points_count(&reader);
    segment_read_end(&reader);
    if (vectors == NULL || arena_failed(arena))
        return error_memory(reterr);
    segment_state(segment, &state);
    counts.builds_count = state.builds_count;
    counts.vectors = vectors;
    *ret_counts = counts;
    return ENGINE_OK;
}
