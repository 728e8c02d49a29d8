/* SPDX-License-Identifier: Apache-2.0
 * What the server says about itself: version, health, cluster. */
#include "engine/api/rest.h"

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

static void
write_cluster(struct call *call, struct json_writer *writer)
{
    char now[TIMESTAMP_SIZE], uri[300];
    struct timespec time;
    const struct server_config *config = call->api->options.config;
    json_object_begin(writer);
    if (!config->is_cluster_enabled) {
        member_text(writer, "status", "disabled");
        json_object_end(writer);
        return;
    }
    clock_gettime(CLOCK_REALTIME, &time);
    timestamp_seconds(time.tv_sec, now);
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

enum engine_code
service_unsupported(struct call *call, struct error *reterr)
{
    return error_set(reterr, ENGINE_EUNSUPPORTED, "%s is not supported yet",
                     call->route->pattern);
}
