/* SPDX-License-Identifier: Apache-2.0
 * A collection made again from what the engine said of it: the parameters of
 * GET /collections/C are spelled a little otherwise than those of PUT. */
#include "tools/import.h"

static const char *const params[] = {
    "vectors",
    "sparse_vectors",
    "shard_number",
    "sharding_method",
    "replication_factor",
    "on_disk_payload",
    "read_fan_out_factor",
    "write_consistency_factor",
};

static const struct {
    const char *info;
    const char *create;
} parts[] = {
    { "hnsw_config", "hnsw_config" },
    { "optimizer_config", "optimizers_config" },
    { "wal_config", "wal_config" },
    { "quantization_config", "quantization_config" },
    { "strict_mode_config", "strict_mode_config" },
    { "metadata", "metadata" },
};

static void
copy(json_t *to, const char *to_key, const json_t *from, const char *from_key)
{
    json_t *value = json_object_get(from, from_key);
    if (value != NULL && !json_is_null(value))
        json_object_set(to, to_key, value);
}

static json_t *
create_body(const json_t *config)
{
    json_t *body = json_object();
    const json_t *known = json_object_get(config, "params");
    for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
        copy(body, params[i], known, params[i]);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        copy(body, parts[i].create, config, parts[i].info);
    return body;
}

bool
import_create(struct import_run *run, bool *ret_is_new, struct fault *reterr)
{
    char path[ENGINE_URL_SIZE];
    long status = 0;
    *ret_is_new = false;
    if (!engine_path(run->collection, "", path, reterr))
        return false;
    struct engine_request request = { "GET", path, { NULL, 0 }, NULL };
    json_t *info = engine_json(&run->engine, &request, &status, reterr);
    if (info != NULL) {
        json_decref(info);
        return true;
    }
    if (status != 404)
        return false;
    const json_t *config = json_object_get(run->header, "config");
    if (config == NULL)
        return fault_set(reterr,
                         "there is no collection %s, and %s has no header to "
                         "make it from; create it first",
                         run->collection, run->from);
    json_t *body = create_body(config);
    bool is_done = engine_send(&run->engine, "PUT", path, body, reterr);
    json_decref(body);
    *ret_is_new = is_done;
    return is_done;
}

/* {"data_type":"keyword","params":{...},"points":N}: the params where there
 * are any, else the type. */
static json_t *
index_schema(json_t *known)
{
    json_t *schema = json_object_get(known, "params");
    return json_is_object(schema) ? schema
                                  : json_object_get(known, "data_type");
}

bool
import_indexes(struct import_run *run, struct fault *reterr)
{
    char path[ENGINE_URL_SIZE];
    const char *field = NULL;
    json_t *known = NULL;
    json_t *schemas = json_object_get(run->header, "payload_schema");
    if (!engine_path(run->collection, "/index?wait=true", path, reterr))
        return false;
    json_object_foreach(schemas, field, known)
    {
        json_t *body = json_pack("{s:s, s:O}", "field_name", field,
                                 "field_schema", index_schema(known));
        if (body == NULL)
            return fault_set(reterr, "%s: payload_schema of %s is no schema",
                             run->from, field);
        bool is_done = engine_send(&run->engine, "PUT", path, body, reterr);
        json_decref(body);
        if (!is_done)
            return false;
    }
    return true;
}
