/* SPDX-License-Identifier: Apache-2.0
 * The telemetry's `collections`. */
#include "engine/api/rest_collections.h"
#include "engine/api/telemetry.h"

#include <stdio.h>
#include <string.h>

static void
write_optimizers(struct call *call, const struct collection_info *info)
{
    struct json_writer *writer = &call->writer;
    json_key(writer, "optimizers_status");
    if (info->status != COLLECTION_RED || call->query.anonymize) {
        json_text(writer, info->status == COLLECTION_RED ? "error" : "ok");
        return;
    }
    json_object_begin(writer);
    json_key(writer, "error");
    json_text_span(writer, info->status_text);
    json_object_end(writer);
}

/* Level 1: a line. */
static void
write_short(struct call *call, const struct collection_info *info)
{
    telemetry_number(call, "vectors", info->vectors_count);
    write_optimizers(call, info);
}

static void
write_vectors(struct call *call, const struct collection_counts *counts)
{
    json_key(&call->writer, "num_vectors_by_name");
    json_object_begin(&call->writer);
    for (size_t i = 0; i < counts->vectors_count; i++) {
        /* The key is a name, too. */
        char key[2 * COMMAND_NAME_SIZE_MAX];
        size_t size = counts->vectors[i].name.size;
        if (call->query.anonymize || size >= sizeof(key))
            size = (size_t)snprintf(key, sizeof(key), "vector-%zu", i);
        else if (size > 0)
            memcpy(key, counts->vectors[i].name.data, size);
        key[size] = '\0';
        telemetry_number(call, key, counts->vectors[i].count);
    }
    json_object_end(&call->writer);
}

static void
write_shard(struct call *call, const struct collection_info *info,
            const struct collection_counts *counts)
{
    struct json_writer *writer = &call->writer;
    json_key(writer, "shards");
    json_array_begin(writer);
    json_object_begin(writer);
    json_key(writer, "id");
    json_u64(writer, 0);
    json_key(writer, "local");
    json_object_begin(writer);
    telemetry_text(call, "variant_name", "local");
    telemetry_text(call, "status", collections_status_name(info->status));
    write_optimizers(call, info);
    telemetry_number(call, "num_points", info->points_count);
    telemetry_number(call, "num_vectors", info->vectors_count);
    telemetry_number(call, "num_indexed_vectors", info->indexed_vectors_count);
    json_key(writer, "segments_count");
    json_u64(writer, info->segments_count);
    if (call->query.details_level >= 3)
        write_vectors(call, counts);
    json_object_end(writer);
    json_key(writer, "remote");
    json_array_begin(writer);
    json_array_end(writer);
    json_key(writer, "replicate_states");
    json_object_begin(writer);
    json_object_end(writer);
    json_object_end(writer);
    json_array_end(writer);
}

/* Level 2 and more. Qdrant writes no `transfers` but lists. */
static void
write_full(struct call *call, struct span name,
           const struct collection_info *info,
           const struct collection_counts *counts)
{
    struct json_writer *writer = &call->writer;
    telemetry_name(call, "id", name);
    json_key(writer, "init_time_ms");
    json_u64(writer, 0);
    if (!call->query.anonymize) {
        json_key(writer, "config");
        config_write_info(info->config, writer);
    }
    write_shard(call, info, counts);
    json_key(writer, "transfers");
    json_array_begin(writer);
    json_array_end(writer);
    json_key(writer, "resharding");
    json_array_begin(writer);
    json_array_end(writer);
}

static enum engine_code
write_one(struct call *call, struct span name, struct error *reterr)
{
    struct registry *registry = call->api->options.registry;
    struct arena *arena = &call->request->arena;
    struct collection *collection = NULL;
    struct collection_info info = { 0 };
    struct collection_counts counts = { 0 };
    if (registry_acquire(registry, name, &collection, NULL) != ENGINE_OK)
        return ENGINE_OK; /* gone meanwhile, or damaged */
    enum engine_code code = collection_info(collection, arena, &info, reterr);
    if (code == ENGINE_OK)
        code = collection_counts(collection, arena, &counts, reterr);
    if (code == ENGINE_OK) {
        json_object_begin(&call->writer);
        if (call->query.details_level >= 2)
            write_full(call, name, &info, &counts);
        else
            write_short(call, &info);
        json_object_end(&call->writer);
    }
    registry_release(registry, collection);
    return code;
}

static enum engine_code
write_damaged(struct call *call, struct error *reterr)
{
    struct json_writer *writer = &call->writer;
    const struct damaged *damaged = NULL;
    size_t count = 0;
    enum engine_code code =
        registry_damaged(call->api->options.registry, &call->request->arena,
                         &damaged, &count, reterr);
    if (code != ENGINE_OK)
        return code;
    json_key(writer, "damaged");
    json_array_begin(writer);
    for (size_t i = 0; i < count; i++) {
        if (!call_may_read_all(call, damaged[i].name))
            continue;
        json_object_begin(writer);
        telemetry_name(call, "name", damaged[i].name);
        if (!call->query.anonymize) {
            telemetry_text(call, "folder", damaged[i].folder);
            telemetry_text(call, "cause", damaged[i].cause);
        }
        json_object_end(writer);
    }
    json_array_end(writer);
    return ENGINE_OK;
}

enum engine_code
telemetry_write_collections(struct call *call, const struct span *names,
                            size_t count, struct error *reterr)
{
    struct json_writer *writer = &call->writer;
    uint64_t readable = 0;
    for (size_t i = 0; i < count; i++)
        readable += call_may_read_all(call, names[i]) ? 1 : 0;
    json_object_begin(writer);
    json_key(writer, "number_of_collections");
    json_u64(writer, readable);
    enum engine_code code = write_damaged(call, reterr);
    if (code == ENGINE_OK && call->query.details_level >= 1) {
        json_key(writer, "collections");
        json_array_begin(writer);
        for (size_t i = 0; code == ENGINE_OK && i < count; i++) {
            if (call_may_read_all(call, names[i]))
                code = write_one(call, names[i], reterr);
        }
        json_array_end(writer);
        json_key(writer, "snapshots");
        json_array_begin(writer);
        json_array_end(writer);
    }
    json_object_end(writer);
    return code;
}
