/* SPDX-License-Identifier: Apache-2.0
 * The keys, and the one that somebody may have meant. */
#include "engine/config_keys.h"

#include <stdlib.h>
#include <string.h>

#ifndef DASHBOARD_DIR
#define DASHBOARD_DIR "/usr/local/share/azimuth/dashboard"
#endif

#define AT(field) offsetof(struct server_config, field)

/* clang-format off */
#define TEXT(name, field, otherwise) { name, KEY_TEXT, AT(field), otherwise, 0, 0 }
#define SECRET(name, field) { name, KEY_SECRET, AT(field), NULL, 0, 0 }
#define NUMBER(name, field, otherwise, min, max) { name, KEY_NUMBER, AT(field), otherwise, min, max }
#define BOOL(name, field, otherwise) { name, KEY_BOOL, AT(field), otherwise, 0, 0 }
#define OF_NEW(name, place) { name, KEY_COLLECTION, 0, place, 0, 0 }
#define INERT(name) { name, KEY_INERT, 0, NULL, 0, 0 }

const struct key config_keys[] = {
    TEXT("log_level", log_level, "INFO"),
    TEXT("logger.format", log_format, "text"),
    BOOL("logger.on_disk.enabled", has_log_file, "false"),
    TEXT("logger.on_disk.log_file", log_file, NULL),
    TEXT("logger.on_disk.log_level", log_file_level, NULL),
    TEXT("logger.on_disk.format", log_file_format, NULL),
    INERT("logger.on_disk.buffer_size_bytes"),
    INERT("logger.on_disk.span_events"),
    INERT("logger.span_events"),
    INERT("logger.color"),
    BOOL("telemetry_disabled", is_telemetry_disabled, "false"),
    INERT("per_collection_metrics_enabled"),

    TEXT("storage.storage_path", storage_path, "./storage"),
    NUMBER("storage.performance.max_search_threads", search_threads, "0", 0, 1024),
    NUMBER("storage.background_threads", background_threads, "0", 0, 1024),
    NUMBER("storage.checkpoint_interval_sec", checkpoint_interval_s, "300", 0, 86400),
    NUMBER("storage.memory_limit_mb", memory_limit_mb, "0", 0, 1ull << 32),
    NUMBER("storage.block_cache_mb", block_cache_mb, "64", 1, 1ull << 20),
    TEXT("storage.kernel", kernel, "auto"),
    NUMBER("storage.max_collections", collections_max, "0", 0, 1ull << 20),
    TEXT("storage.snapshots_path", snapshots_path, "./snapshots"),
    NUMBER("storage.snapshots_config.max_file_size_mb", snapshot_size_max_mb, "1048576", 1, 1ull << 32),
    BOOL("storage.snapshots_config.allow_urls", may_fetch_snapshots, "true"),
    INERT("storage.snapshots_config.*"),
    INERT("storage.temp_path"),
    INERT("storage.update_concurrency"),
    INERT("storage.node_type"),
    INERT("storage.recovery_mode"),
    INERT("storage.performance.*"),
    INERT("storage.optimizers_overwrite.*"),
    INERT("storage.shard_transfer_method"),
    INERT("storage.handle_collection_load_errors"),
    INERT("storage.async_scorer"),
    INERT("storage.update_queue_size"),

    OF_NEW("storage.on_disk_payload", "on_disk_payload"),
    OF_NEW("storage.wal.wal_capacity_mb", "wal_config.wal_capacity_mb"),
    OF_NEW("storage.wal.wal_segments_ahead", "wal_config.wal_segments_ahead"),
    OF_NEW("storage.wal.wal_retain_closed", "wal_config.wal_retain_closed"),
    OF_NEW("storage.optimizers.deleted_threshold", "optimizers_config.deleted_threshold"),
    OF_NEW("storage.optimizers.vacuum_min_vector_number", "optimizers_config.vacuum_min_vector_number"),
    OF_NEW("storage.optimizers.default_segment_number", "optimizers_config.default_segment_number"),
    OF_NEW("storage.optimizers.max_segment_size_kb", "optimizers_config.max_segment_size"),
    OF_NEW("storage.optimizers.memmap_threshold_kb", "optimizers_config.memmap_threshold"),
    OF_NEW("storage.optimizers.indexing_threshold_kb", "optimizers_config.indexing_threshold"),
    OF_NEW("storage.optimizers.flush_interval_sec", "optimizers_config.flush_interval_sec"),
    OF_NEW("storage.optimizers.max_optimization_threads", "optimizers_config.max_optimization_threads"),
    OF_NEW("storage.hnsw_index.m", "hnsw_config.m"),
    OF_NEW("storage.hnsw_index.ef_construct", "hnsw_config.ef_construct"),
    OF_NEW("storage.hnsw_index.full_scan_threshold_kb", "hnsw_config.full_scan_threshold"),
    OF_NEW("storage.hnsw_index.max_indexing_threads", "hnsw_config.max_indexing_threads"),
    OF_NEW("storage.hnsw_index.on_disk", "hnsw_config.on_disk"),
    OF_NEW("storage.hnsw_index.payload_m", "hnsw_config.payload_m"),
    OF_NEW("storage.hnsw_index.inline_storage", "hnsw_config.inline_storage"),
    OF_NEW("storage.collection.replication_factor", "replication_factor"),
    OF_NEW("storage.collection.write_consistency_factor", "write_consistency_factor"),
    OF_NEW("storage.collection.quantization.*", "quantization_config.*"),
    OF_NEW("storage.collection.strict_mode.*", "strict_mode_config.*"),
    BOOL("storage.quotas.enabled", has_quotas, "false"),
    NUMBER("storage.quotas.max_resident_memory_percent", quota_memory_percent, "0", 0, 100),
    NUMBER("storage.quotas.max_disk_usage_percent", quota_disk_percent, "0", 0, 100),
    NUMBER("storage.quotas.release_margin_percent", quota_margin_percent, "5", 0, 100),
    INERT("storage.collection.shard_number_per_node"),
    INERT("storage.collection.shard_number"),
    INERT("storage.collection.vectors.*"),

    TEXT("service.host", host, "0.0.0.0"),
    NUMBER("service.http_port", http_port, "6333", 0, 65535),
    NUMBER("service.grpc_port", grpc_port, "6334", 0, 65535),
    NUMBER("service.max_request_size_mb", request_size_max_mb, "32", 1, 4096),
    NUMBER("service.request_memory_mb", request_memory_mb, "0", 0, 1ull << 20),
    NUMBER("service.max_workers", io_threads, "0", 0, 256),
    NUMBER("service.max_connections", connections_max, "10000", 1, 1000000),
    NUMBER("service.max_in_flight", in_flight_max, "4096", 1, 1000000),
    NUMBER("service.idle_timeout_sec", idle_timeout_s, "75", 1, 3600),
    NUMBER("service.slow_query_ms", slow_query_ms, "0", 0, 3600000),
    { "service.slow_query_secs", KEY_SECONDS, AT(slow_query_ms), NULL, 0, 3600 },
    NUMBER("service.drain_timeout_sec", drain_timeout_s, "25", 1, 3600),
    BOOL("service.enable_static_content", has_static_content, "true"),
    TEXT("service.static_content_dir", static_content_dir, DASHBOARD_DIR),
    BOOL("service.enable_cors", has_cors, "true"),
    { "service.cors_allowed_origins", KEY_LIST, AT(cors_origins), NULL, 0, 0 },
    SECRET("service.api_key", api_key),
    SECRET("service.alt_api_key", alt_api_key),
    SECRET("service.read_only_api_key", read_only_api_key),
    TEXT("service.api_key_file", api_key_file, NULL),
    TEXT("service.alt_api_key_file", alt_api_key_file, NULL),
    TEXT("service.read_only_api_key_file", read_only_api_key_file, NULL),
    BOOL("service.jwt_rbac", has_jwt_rbac, "false"),
    BOOL("service.enable_tls", has_tls, "false"),
    BOOL("service.verify_https_client_certificate", verifies_clients, "false"),
    TEXT("service.identity_key_file", identity_key_file, NULL),
    TEXT("service.audit_log", audit_log, NULL),
    BOOL("service.audit_reads", audits_reads, "true"),
    NUMBER("service.audit_max_size_mb", audit_size_max_mb, "0", 0, 1ull << 20),
    TEXT("service.api_version", api_version, "1.19.0"),
    TEXT("service.metrics_prefix", metrics_prefix, NULL),
    BOOL("service.metrics_exemplars", has_exemplars, "false"),
    NUMBER("service.recall_monitor_permille", recall_permille, "1", 0, 1000),
    INERT("service.hide_jwt_dashboard"),
    INERT("service.hardware_reporting"),
    INERT("service.metrics_port"),

    BOOL("audit.enabled", has_audit, "false"),
    TEXT("audit.dir", audit_dir, "./storage/audit"),
    TEXT("audit.rotation", audit_rotation, NULL),
    NUMBER("audit.max_log_files", audit_files_max, "7", 1, 1000),
    INERT("audit.trust_forwarded_headers"),
    INERT("audit.log_api"),

    BOOL("cluster.enabled", is_cluster_enabled, "false"),
    INERT("cluster.*"),
    TEXT("tls.cert", tls_cert, "./tls/cert.pem"),
    TEXT("tls.key", tls_key, "./tls/key.pem"),
    TEXT("tls.ca_cert", tls_ca_cert, "./tls/cacert.pem"),
    NUMBER("tls.cert_ttl", tls_ttl_s, "3600", 0, 31536000),
    INERT("gpu.*"),
    INERT("inference.*"),
    INERT("feature_flags.*"),
    INERT("debugger.*"),
    TEXT("storage_snapshot", storage_snapshot, NULL),
    BOOL("force_snapshot", replaces_by_snapshot, "false"),
    TEXT("uri", uri, NULL),
    TEXT("bootstrap", bootstrap, NULL),
};
/* clang-format on */

const size_t config_keys_count = sizeof(config_keys) / sizeof(config_keys[0]);

/* Whether `pattern` stands for `name`. */
static bool
key_matches(const char *pattern, const char *name)
{
    size_t size = strlen(pattern);
    if (size > 2 && strcmp(pattern + size - 2, ".*") == 0)
        return strncmp(pattern, name, size - 1) == 0 && name[size - 1] != '\0';
    return strcmp(pattern, name) == 0;
}

bool
config_key_is_section(const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < config_keys_count; i++) {
        if (strncmp(config_keys[i].name, name, size) == 0 &&
            config_keys[i].name[size] == '.')
            return true;
    }
    return false;
}

const struct key *
config_key_find(const char *name)
{
    for (size_t i = 0; i < config_keys_count; i++) {
        if (key_matches(config_keys[i].name, name))
            return &config_keys[i];
    }
    return NULL;
}

#define NAME_SIZE_MAX 96

static size_t
least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be changed, put in, taken out or swapped with their
 * neighbour (optimal string alignment). Both shorter than NAME_SIZE_MAX. */
static size_t
distance(const char *a, const char *b)
{
    size_t rows[3][NAME_SIZE_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    size_t width = strlen(b);
    for (size_t j = 0; j <= width; j++)
        above[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            bool is_same = a[i - 1] == b[j - 1];
            row[j] = least(least(above[j] + 1, row[j - 1] + 1),
                           above[j - 1] + (is_same ? 0 : 1));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        size_t *free_row = before;
        before = above;
        above = row;
        row = free_row;
    }
    return above[width];
}

/* Behind the last dot. */
static const char *
last_part(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot == NULL ? name : dot + 1;
}

/* Near enough by letters; or the right word in the wrong section. */
const char *
config_key_like(const char *name)
{
    const char *best = NULL;
    size_t best_distance = 4;
    if (strlen(name) >= NAME_SIZE_MAX)
        return NULL;
    for (size_t i = 0; i < config_keys_count; i++) {
        const char *known = config_keys[i].name;
        if (config_keys[i].kind == KEY_INERT ||
            strlen(known) >= NAME_SIZE_MAX || strchr(known, '*') != NULL)
            continue;
        size_t far = distance(name, known);
        if (strcmp(last_part(name), last_part(known)) == 0)
            far = least(far, 3);
        if (far >= best_distance)
            continue;
        best_distance = far;
        best = known;
    }
    return best;
}
