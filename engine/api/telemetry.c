/* SPDX-License-Identifier: Apache-2.0
 * GET /telemetry: what runs here and how it does, for people who help. Nobody
 * is sent it. */
#include "engine/api/telemetry.h"

#include "engine/anonymous.h"
#include "engine/api/memory.h"
#include "engine/api/rest.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
telemetry_number(struct call *call, const char *key, uint64_t number)
{
    json_key(&call->writer, key);
    json_u64(&call->writer,
             call->query.anonymize ? anonymous_number(number) : number);
}

void
telemetry_text(struct call *call, const char *key, const char *text)
{
    json_key(&call->writer, key);
    json_text(&call->writer, text);
}

void
telemetry_name(struct call *call, const char *key, struct span name)
{
    char hashed[ANONYMOUS_SIZE];
    if (call->query.anonymize)
        name = anonymous_name(name, hashed);
    json_key(&call->writer, key);
    json_text_span(&call->writer, name);
}

/* responses: {"GET /": {"200": {count, ...}}}; lines of an endpoint stand
 * together. */
struct responses {
    struct call *call;
    const struct metrics_endpoint *open; /* whose object is open; NULL: none */
};

static void
response_open(struct responses *responses,
              const struct metrics_endpoint *endpoint)
{
    struct json_writer *writer = &responses->call->writer;
    char name[256];
    if (responses->open == endpoint)
        return;
    if (responses->open != NULL)
        json_object_end(writer);
    responses->open = endpoint;
    if (endpoint == NULL)
        return;
    snprintf(name, sizeof(name), "%s%s%s", endpoint->method,
             endpoint->method[0] == '\0' ? "" : " ", endpoint->name);
    json_key(writer, name);
    json_object_begin(writer);
}

static void
member_us(struct json_writer *writer, const char *key, double ns)
{
    json_key(writer, key);
    json_f64(writer, ns / 1e3);
}

static void
response_write(void *ctx, const struct metrics_stats *stats)
{
    struct responses *responses = ctx;
    struct json_writer *writer = &responses->call->writer;
    char status[16];
    response_open(responses, stats->endpoint);
    snprintf(status, sizeof(status), "%d", stats->status);
    json_key(writer, status);
    json_object_begin(writer);
    telemetry_number(responses->call, "count", stats->count);
    if (stats->is_failure)
        telemetry_number(responses->call, "fail_count", stats->count);
    if (stats->max_ns > 0) {
        member_us(writer, "avg_duration_micros",
                  (double)stats->sum_ns / (double)stats->count);
        member_us(writer, "min_duration_micros", (double)stats->min_ns);
        member_us(writer, "max_duration_micros", (double)stats->max_ns);
        member_us(writer, "total_duration_micros", (double)stats->sum_ns);
    }
    json_object_end(writer);
}

static void
write_protocol(struct call *call, const char *key,
               enum metrics_protocol protocol)
{
    const struct metrics *metrics = call->api->options.metrics;
    struct json_writer *writer = &call->writer;
    struct responses responses = { call, NULL };
    uint64_t count, failed;
    metrics_requests(metrics, protocol, &count, &failed);
    json_key(writer, key);
    json_object_begin(writer);
    telemetry_number(call, "count", count);
    telemetry_number(call, "failed", failed);
    json_key(writer, "responses");
    json_object_begin(writer);
    metrics_each(metrics, protocol, response_write, &responses);
    response_open(&responses, NULL);
    json_object_end(writer);
    json_object_end(writer);
}

static void
write_requests(struct call *call)
{
    json_key(&call->writer, "requests");
    json_object_begin(&call->writer);
    write_protocol(call, "rest", METRICS_REST);
    write_protocol(call, "grpc", METRICS_GRPC);
    json_object_end(&call->writer);
}

static void
write_cluster(struct call *call)
{
    json_key(&call->writer, "cluster");
    json_object_begin(&call->writer);
    json_key(&call->writer, "enabled");
    json_bool(&call->writer, call->api->options.config->is_cluster_enabled);
    json_object_end(&call->writer);
}

/* Our executor has one kind of threads: for searches, and as many to step in
 * for those that wait for the disk. */
static void
write_search_pool(struct call *call)
{
    uint64_t threads = call->api->options.config->search_threads;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (threads == 0)
        threads = cores > 0 ? (uint64_t)cores : 1;
    json_key(&call->writer, "search_pool");
    json_object_begin(&call->writer);
    telemetry_text(call, "mode", "high_cpu");
    json_key(&call->writer, "high_cpu_threads");
    json_u64(&call->writer, threads);
    json_key(&call->writer, "high_io_threads");
    json_u64(&call->writer, threads);
    json_object_end(&call->writer);
}

/* Nothing is measured by collection: as where hardware reporting is off. */
static void
write_hardware(struct call *call)
{
    json_key(&call->writer, "hardware");
    json_object_begin(&call->writer);
    json_key(&call->writer, "collection_data");
    json_object_begin(&call->writer);
    json_object_end(&call->writer);
    json_object_end(&call->writer);
}

enum engine_code
service_telemetry(struct call *call, struct error *reterr)
{
    const struct span *names = NULL;
    size_t count = 0;
    enum engine_code code =
        registry_list(call->api->options.registry, &call->request->arena,
                      &names, &count, reterr);
    if (code != ENGINE_OK)
        return code;
    json_object_begin(&call->writer);
    telemetry_text(call, "id", call->api->process_id);
    json_key(&call->writer, "app");
    telemetry_write_app(call);
    json_key(&call->writer, "collections");
    code = telemetry_write_collections(call, names, count, reterr);
    if (code != ENGINE_OK)
        return code;
    write_cluster(call);
    write_requests(call);
    if (call->query.details_level >= 1) {
        /* Sums over all collections: for who may read each. */
        size_t readable = 0;
        while (readable < count && call_may_read_all(call, names[readable]))
            readable++;
        if (readable == count) {
            json_key(&call->writer, "memory");
            code = memory_write_process(call, names, count, reterr);
            if (code != ENGINE_OK)
                return code;
        }
        write_hardware(call);
        write_search_pool(call);
    }
    json_object_end(&call->writer);
    return ENGINE_OK;
}
