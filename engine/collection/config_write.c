/* SPDX-License-Identifier: Apache-2.0
 * The two JSON forms of a configuration: the stored one (a create body that
 * would make it again) and the `config` object of the collection info. */
#include "engine/collection/config.h"

#include "engine/collection/config_section.h"
#include "engine/collection/config_sparse.h"

static void
vectors_write(const struct collection_config *config,
              struct json_writer *writer)
{
    json_key(writer, "vectors");
    if (config->is_unnamed) {
        json_raw(writer, config->vectors[0].json);
        return;
    }
    json_object_begin(writer);
    for (size_t i = 0; i < config->vectors_count; i++) {
        if (config->vectors[i].kind == VECTOR_SPARSE)
            continue;
        json_key_span(writer, config->vectors[i].name);
        json_raw(writer, config->vectors[i].json);
    }
    json_object_end(writer);
}

static void
params_write(const struct collection_config *config, struct json_writer *writer)
{
    vectors_write(config, writer);
    config_sparse_write(config, writer);
    json_key(writer, "shard_number");
    json_u64(writer, config->shard_number);
    json_key(writer, "replication_factor");
    json_u64(writer, config->replication_factor);
    json_key(writer, "write_consistency_factor");
    json_u64(writer, config->write_consistency_factor);
    json_key(writer, "on_disk_payload");
    json_bool(writer, config->on_disk_payload);
}

static void
optional_write(struct json_writer *writer, const char *key, struct span json)
{
    if (json.size == 0)
        return;
    json_key(writer, key);
    json_raw(writer, json);
}

void
config_write_stored(const struct collection_config *config,
                    struct json_writer *writer)
{
    json_object_begin(writer);
    params_write(config, writer);
    optional_write(writer, "hnsw_config", config->hnsw_json);
    optional_write(writer, "optimizers_config", config->optimizers_json);
    optional_write(writer, "wal_config", config->wal_json);
    optional_write(writer, "quantization_config", config->quantization_json);
    optional_write(writer, "strict_mode_config", config->strict_mode_json);
    optional_write(writer, "metadata", config->metadata_json);
    json_object_end(writer);
}

void
config_write_info(const struct collection_config *config,
                  struct json_writer *writer)
{
    json_object_begin(writer);
    json_key(writer, "params");
    json_object_begin(writer);
    params_write(config, writer);
    json_object_end(writer);
    json_key(writer, "hnsw_config");
    section_write(writer,
                  "{\"m\":16,\"ef_construct\":100,"
                  "\"full_scan_threshold\":10000,"
                  "\"max_indexing_threads\":0,\"on_disk\":false}",
                  config->hnsw_json);
    json_key(writer, "optimizer_config");
    section_write(writer,
                  "{\"deleted_threshold\":0.2,"
                  "\"vacuum_min_vector_number\":1000,"
                  "\"default_segment_number\":0,\"max_segment_size\":null,"
                  "\"memmap_threshold\":null,\"indexing_threshold\":10000,"
                  "\"flush_interval_sec\":5,"
                  "\"max_optimization_threads\":null}",
                  config->optimizers_json);
    json_key(writer, "wal_config");
    section_write(writer,
                  "{\"wal_capacity_mb\":32,\"wal_segments_ahead\":0,"
                  "\"wal_retain_closed\":1}",
                  config->wal_json);
    json_key(writer, "quantization_config");
    if (config->quantization_json.size > 0)
        json_raw(writer, config->quantization_json);
    else
        json_null(writer);
    optional_write(writer, "strict_mode_config", config->strict_mode_json);
    optional_write(writer, "metadata", config->metadata_json);
    json_object_end(writer);
}
