/* SPDX-License-Identifier: Apache-2.0
 * Collections: list, info, create, change, delete. The configuration's JSON is
 * read and written by collection/config. */
#include "engine/api/rest.h"
#include "engine/api/rest_body.h"
#include "engine/api/rest_collections.h"
#include "engine/collection/config_check.h"

#include <assert.h>

enum engine_code
collections_list(struct call *call, struct error *reterr)
{
    const struct span *names = NULL;
    size_t count = 0;
    enum engine_code code =
        registry_list(call->api->options.registry, &call->request->arena,
                      &names, &count, reterr);
    if (code != ENGINE_OK)
        return code;
    json_object_begin(&call->writer);
    json_key(&call->writer, "collections");
    json_array_begin(&call->writer);
    for (size_t i = 0; i < count; i++) {
        if (!call_may_read(call, names[i]))
            continue;
        json_object_begin(&call->writer);
        json_key(&call->writer, "name");
        json_text_span(&call->writer, names[i]);
        json_object_end(&call->writer);
    }
    json_array_end(&call->writer);
    json_object_end(&call->writer);
    return ENGINE_OK;
}

enum engine_code
collections_exists(struct call *call, struct error *reterr)
{
    (void)reterr;
    bool exists = registry_exists(call->api->options.registry, call->params[0]);
    json_object_begin(&call->writer);
    json_key(&call->writer, "exists");
    json_bool(&call->writer, exists);
    json_object_end(&call->writer);
    return ENGINE_OK;
}

static void
write_schema(struct json_writer *writer, const struct collection_info *info)
{
    static const char *const types[] = {
        [PAYLOAD_SCHEMA_KEYWORD] = "keyword",
        [PAYLOAD_SCHEMA_INTEGER] = "integer",
        [PAYLOAD_SCHEMA_FLOAT] = "float",
        [PAYLOAD_SCHEMA_BOOL] = "bool",
        [PAYLOAD_SCHEMA_DATETIME] = "datetime",
        [PAYLOAD_SCHEMA_UUID] = "uuid",
        [PAYLOAD_SCHEMA_GEO] = "geo",
        [PAYLOAD_SCHEMA_TEXT] = "text",
    };
    json_key(writer, "payload_schema");
    json_object_begin(writer);
    for (size_t i = 0; i < info->indexes_count; i++) {
        const struct payload_index_info *index = &info->indexes[i];
        assert(index->schema < sizeof(types) / sizeof(types[0]));
        json_key_span(writer, index->field);
        json_object_begin(writer);
        json_key(writer, "data_type");
        json_text(writer, types[index->schema]);
        if (index->schema_json.size > 0) {
            json_key(writer, "params");
            json_raw(writer, index->schema_json);
        }
        json_key(writer, "points");
        json_u64(writer, index->points);
        json_object_end(writer);
    }
    json_object_end(writer);
}

const char *
collections_status_name(enum collection_status status)
{
    static const char *const names[] = {
        [COLLECTION_GREEN] = "green",
        [COLLECTION_YELLOW] = "yellow",
        [COLLECTION_RED] = "red",
    };
    assert(status <= COLLECTION_RED);
    return names[status];
}

static void
write_status(struct json_writer *writer, const struct collection_info *info)
{
    json_key(writer, "status");
    json_text(writer, collections_status_name(info->status));
    json_key(writer, "optimizer_status");
    if (info->status != COLLECTION_RED) {
        json_text(writer, "ok");
        return;
    }
    json_object_begin(writer);
    json_key(writer, "error");
    json_text_span(writer, info->status_text);
    json_object_end(writer);
}

enum engine_code
collections_info(struct call *call, struct error *reterr)
{
    struct collection_info info = { 0 };
    enum engine_code code =
        collection_info(call->collection, &call->request->arena, &info, reterr);
    if (code != ENGINE_OK)
        return code;
    struct json_writer *writer = &call->writer;
    json_object_begin(writer);
    write_status(writer, &info);
    json_key(writer, "indexed_vectors_count");
    json_u64(writer, info.indexed_vectors_count);
    json_key(writer, "points_count");
    json_u64(writer, info.points_count);
    json_key(writer, "segments_count");
    json_u64(writer, info.segments_count);
    json_key(writer, "config");
    config_write_info(info.config, writer);
    write_schema(writer, &info);
    json_key(writer, "update_queue");
    json_object_begin(writer);
    json_key(writer, "length");
    json_u64(writer, 0);
    json_object_end(writer);
    json_object_end(writer);
    return ENGINE_OK;
}

static enum engine_code
refuse_unserved(yyjson_val *body, struct error *reterr)
{
    yyjson_val *method = rest_member(body, "sharding_method");
    if (method != NULL && !yyjson_equals_str(method, "auto"))
        return error_set(reterr, ENGINE_EREQUEST,
                         "`sharding_method` other than \"auto\" is not "
                         "supported yet");
    return ENGINE_OK;
}

enum engine_code
collections_create_parse(struct call *call, struct error *reterr)
{
    struct arena *arena = &call->request->arena;
    struct collection_config *config = arena_calloc(arena, 1, sizeof(*config));
    if (config == NULL)
        return error_memory(reterr);
    call->command = config;
    enum engine_code code = refuse_unserved(call->body, reterr);
    if (code == ENGINE_OK)
        code = rest_defaults_put(call, reterr);
    if (code == ENGINE_OK)
        code = config_check(call->body, reterr);
    if (code == ENGINE_OK)
        code = config_parse(call->body, arena, config, reterr);
    return code;
}

enum engine_code
collections_check_count(struct call *call, struct error *reterr)
{
    uint64_t most = call->api->options.config->collections_max;
    const struct span *names = NULL;
    size_t count = 0;
    if (most == 0)
        return ENGINE_OK;
    enum engine_code code =
        registry_list(call->api->options.registry, &call->request->arena,
                      &names, &count, reterr);
    if (code != ENGINE_OK || count < most)
        return code;
    return error_set(reterr, ENGINE_EREQUEST,
                     "Can't create collection with name %.*s. Max collections "
                     "limit reached: %llu (storage.max_collections)",
                     (int)call->params[0].size, call->params[0].data,
                     (unsigned long long)most);
}

enum engine_code
collections_create(struct call *call, struct error *reterr)
{
    enum engine_code code = collections_check_count(call, reterr);
    if (code == ENGINE_OK)
        code = registry_create(call->api->options.registry, call->params[0],
                               call->command, reterr);
    if (code == ENGINE_OK)
        json_bool(&call->writer, true);
    return code;
}

enum engine_code
collections_patch(struct call *call, struct error *reterr)
{
    enum engine_code code = refuse_unserved(call->body, reterr);
    if (code == ENGINE_OK)
        code = registry_patch(call->api->options.registry, call->params[0],
                              call->body, reterr);
    if (code == ENGINE_OK)
        json_bool(&call->writer, true);
    return code;
}

enum engine_code
collections_delete(struct call *call, struct error *reterr)
{
    bool existed = false;
    enum engine_code code = registry_delete(call->api->options.registry,
                                            call->params[0], &existed, reterr);
    if (code == ENGINE_OK)
        json_bool(&call->writer, existed);
    return code;
}

/* One shard, here. */
enum engine_code
collections_cluster(struct call *call, struct error *reterr)
{
    struct collection_info info = { 0 };
    enum engine_code code =
        collection_info(call->collection, &call->request->arena, &info, reterr);
    if (code != ENGINE_OK)
        return code;
    struct json_writer *writer = &call->writer;
    json_object_begin(writer);
    json_key(writer, "peer_id");
    json_u64(writer, SERVICE_PEER_ID);
    json_key(writer, "shard_count");
    json_u64(writer, 1);
    json_key(writer, "local_shards");
    json_array_begin(writer);
    json_object_begin(writer);
    json_key(writer, "shard_id");
    json_u64(writer, 0);
    json_key(writer, "points_count");
    json_u64(writer, info.points_count);
    json_key(writer, "state");
    json_text(writer, "Active");
    json_object_end(writer);
    json_array_end(writer);
    json_key(writer, "remote_shards");
    json_array_begin(writer);
    json_array_end(writer);
    json_key(writer, "shard_transfers");
    json_array_begin(writer);
    json_array_end(writer);
    json_object_end(writer);
    return ENGINE_OK;
}
