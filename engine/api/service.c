/* SPDX-License-Identifier: Apache-2.0
 * What the server says about itself: version, health, counters, telemetry,
 * cluster. */
#include "engine/api/rest.h"

#include "engine/api/memory.h"
#include "engine/api/openapi.h"

#include <stdio.h>
#include <time.h>

static void
member_text(struct json_writer *writer, const char *key, const char *text)
{
    json_key(writer, key);
    json_text(writer, text);
}

static void
member_u64(struct json_writer *writer, const char *key, uint64_t value)
{
    json_key(writer, key);
    json_u64(writer, value);
}

/* Clients and test suites know the server by this title. */
enum engine_code
service_root(struct call *call, struct error *reterr)
{
    (void)reterr;
    call->reply->content_type = "application/json";
    json_object_begin(&call->writer);
    member_text(&call->writer, "title", SERVICE_TITLE);
    member_text(&call->writer, "version",
                call->api->options.config->api_version);
    json_object_end(&call->writer);
    return ENGINE_OK;
}

enum engine_code
service_openapi(struct call *call, struct error *reterr)
{
    (void)reterr;
    call->reply->content_type = "application/json";
    bytes_add(&call->reply->body, openapi_text, openapi_text_size);
    return ENGINE_OK;
}

enum engine_code
service_health(struct call *call, struct error *reterr)
{
    (void)reterr;
    status_text(call->reply, 200, "healthz check passed");
    return ENGINE_OK;
}

enum engine_code
service_ready(struct call *call, struct error *reterr)
{
    (void)reterr;
    if (atomic_load(&call->api->is_ready))
        status_text(call->reply, 200, "all shards are ready");
    else
        status_text(call->reply, 503, "some shards are not ready");
    return ENGINE_OK;
}

/* One collection's numbers; false when it went away meanwhile. */
static bool
info_of(struct call *call, struct span name, struct collection_info *ret_info)
{
    struct registry *registry = call->api->options.registry;
    struct collection *collection = NULL;
    if (registry_acquire(registry, name, &collection, NULL) != ENGINE_OK)
        return false;
    enum engine_code code =
        collection_info(collection, &call->request->arena, ret_info, NULL);
    registry_release(registry, collection);
    return code == ENGINE_OK;
}

static void
write_collection_lines(struct call *call, const struct span *names,
                       size_t count, struct bytes *out)
{
    uint64_t vectors = 0;
    metrics_write_head(out, "collection_points", "gauge",
                       "approximate amount of points per collection");
    for (size_t i = 0; i < count; i++) {
        struct collection_info info = { 0 };
        if (!info_of(call, names[i], &info))
            continue;
        vectors += info.vectors_count;
        bytes_add_text(out, "collection_points{id=");
        metrics_write_label(out, names[i]);
        bytes_addf(out, "} %llu\n", (unsigned long long)info.points_count);
    }
    metrics_write_one(out, "collections_vector_total", "gauge",
                      "total number of vectors in all collections",
                      (double)vectors);
}

enum engine_code
service_metrics(struct call *call, struct error *reterr)
{
    const struct api_options *options = &call->api->options;
    struct bytes *out = &call->reply->body;
    const struct span *names = NULL;
    size_t count = 0;
    enum engine_code code = registry_list(
        options->registry, &call->request->arena, &names, &count, reterr);
    if (code != ENGINE_OK)
        return code;
    call->reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_write_head(out, "app_info", "gauge",
                       "information about this server");
    bytes_add_text(out, "app_info{name=\"azimuth\",version=");
    metrics_write_label(out, span_of(options->version));
    bytes_add_text(out, "} 1\n");
    metrics_write_one(out, "collections_total", "gauge",
                      "number of collections", (double)count);
    write_collection_lines(call, names, count, out);
    metrics_write_one(out, "cluster_enabled", "gauge",
                      "is cluster support enabled",
                      options->config->is_cluster_enabled ? 1 : 0);
    metrics_write_requests(options->metrics, out);
    if (options->write_metrics != NULL)
        options->write_metrics(options->write_metrics_ctx, out);
    metrics_write_process(out);
    memory_write_metrics(out);
    return ENGINE_OK;
}

static void
write_cluster(struct call *call, struct json_writer *writer)
{
    char now[40], uri[300];
    struct timespec time;
    struct tm parts;
    const struct server_config *config = call->api->options.config;
    json_object_begin(writer);
    if (!config->is_cluster_enabled) {
        member_text(writer, "status", "disabled");
        json_object_end(writer);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &time);
    gmtime_r(&time.tv_sec, &parts);
    strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", &parts);
    snprintf(uri, sizeof(uri), "%s",
             config->uri != NULL ? config->uri : "http://127.0.0.1:6335/");
    member_text(writer, "status", "enabled");
    member_u64(writer, "peer_id", SERVICE_PEER_ID);
    json_key(writer, "peers");
    json_object_begin(writer);
    json_key(writer, SERVICE_PEER_TEXT);
    json_object_begin(writer);
    member_text(writer, "uri", uri);
    json_object_end(writer);
    json_object_end(writer);
    json_key(writer, "raft_info");
    json_object_begin(writer);
    member_u64(writer, "term", 1);
    member_u64(writer, "commit", 1);
    member_u64(writer, "pending_operations", 0);
    member_u64(writer, "leader", SERVICE_PEER_ID);
    member_text(writer, "role", "Leader");
    json_key(writer, "is_voter");
    json_bool(writer, true);
    json_object_end(writer);
    json_key(writer, "consensus_thread_status");
    json_object_begin(writer);
    member_text(writer, "consensus_thread_status", "working");
    member_text(writer, "last_update", now);
    json_object_end(writer);
    json_key(writer, "message_send_failures");
    json_object_begin(writer);
    json_object_end(writer);
    json_object_end(writer);
}

enum engine_code
service_cluster(struct call *call, struct error *reterr)
{
    (void)reterr;
    write_cluster(call, &call->writer);
    return ENGINE_OK;
}

static void
write_damaged(struct json_writer *writer, const struct damaged *damaged,
              size_t count)
{
    json_key(writer, "damaged");
    json_array_begin(writer);
    for (size_t i = 0; i < count; i++) {
        json_object_begin(writer);
        json_key(writer, "name");
        json_text_span(writer, damaged[i].name);
        member_text(writer, "folder", damaged[i].folder);
        member_text(writer, "cause", damaged[i].cause);
        json_object_end(writer);
    }
    json_array_end(writer);
}

enum engine_code
service_telemetry(struct call *call, struct error *reterr)
{
    const struct api_options *options = &call->api->options;
    struct json_writer *writer = &call->writer;
    const struct span *names = NULL;
    size_t count = 0;
    uint64_t requests, failed;
    enum engine_code code = registry_list(
        options->registry, &call->request->arena, &names, &count, reterr);
    if (code != ENGINE_OK)
        return code;
    const struct damaged *damaged = NULL;
    size_t damaged_count = 0;
    code = registry_damaged(options->registry, &call->request->arena, &damaged,
                            &damaged_count, reterr);
    if (code != ENGINE_OK)
        return code;
    metrics_requests(options->metrics, &requests, &failed);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    json_object_begin(writer);
    member_text(writer, "id", "azimuth");
    json_key(writer, "app");
    json_object_begin(writer);
    member_text(writer, "name", "azimuth");
    member_text(writer, "version", options->version);
    member_text(writer, "api_version", options->config->api_version);
    member_u64(writer, "uptime_sec", (uint64_t)now.tv_sec - call->api->start_s);
    json_object_end(writer);
    json_key(writer, "collections");
    json_object_begin(writer);
    member_u64(writer, "number_of_collections", count);
    write_damaged(writer, damaged, damaged_count);
    json_object_end(writer);
    json_key(writer, "cluster");
    json_object_begin(writer);
    json_key(writer, "enabled");
    json_bool(writer, options->config->is_cluster_enabled);
    json_object_end(writer);
    json_key(writer, "requests");
    json_object_begin(writer);
    json_key(writer, "rest");
    json_object_begin(writer);
    member_u64(writer, "count", requests);
    member_u64(writer, "failed", failed);
    json_object_end(writer);
    json_object_end(writer);
    if (call->query.details_level >= 1) {
        json_key(writer, "memory");
        code = memory_write_process(call, names, count, reterr);
        if (code != ENGINE_OK)
            return code;
    }
    json_object_end(writer);
    return ENGINE_OK;
}

enum engine_code
service_issues(struct call *call, struct error *reterr)
{
    (void)reterr;
    json_object_begin(&call->writer);
    json_key(&call->writer, "issues");
    json_array_begin(&call->writer);
    json_array_end(&call->writer);
    json_object_end(&call->writer);
    return ENGINE_OK;
}

enum engine_code
service_issues_clear(struct call *call, struct error *reterr)
{
    (void)reterr;
    json_bool(&call->writer, true);
    return ENGINE_OK;
}

enum engine_code
service_unsupported(struct call *call, struct error *reterr)
{
    return error_set(reterr, ENGINE_EUNSUPPORTED, "%s is not supported yet",
                     call->route->pattern);
}
