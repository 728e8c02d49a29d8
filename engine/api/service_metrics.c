/* SPDX-License-Identifier: Apache-2.0
 * GET /metrics: what Prometheus scrapes. Names are Qdrant's; those that begin
 * with qdrant_ are of its guides, whose alerts ask for them. Counts of all
 * collections are taken first, because a family's lines stand together. */
#include "engine/api/memory.h"
#include "engine/api/quota.h"
#include "engine/api/recall.h"
#include "engine/api/rest.h"

/* One collection's line in each family; NULL when it went away meanwhile. */
struct counted {
    struct span name;
    const struct collection_counts *counts;
};

struct scrape {
    struct call *call;
    struct metrics_text text;
    struct counted *items;
    size_t count;
    uint64_t vectors_count;
};

static enum engine_code
count_one(struct call *call, struct counted *item, struct error *reterr)
{
    struct registry *registry = call->api->options.registry;
    struct arena *arena = &call->request->arena;
    struct collection *collection = NULL;
    if (registry_acquire(registry, item->name, &collection, NULL) != ENGINE_OK)
        return ENGINE_OK;
    struct collection_counts *counts = arena_calloc(arena, 1, sizeof(*counts));
    enum engine_code code =
        counts == NULL ? error_memory(reterr)
                       : collection_counts(collection, arena, counts, reterr);
    registry_release(registry, collection);
    if (code == ENGINE_OK)
        item->counts = counts;
    return code;
}

static enum engine_code
count_all(struct scrape *scrape, struct error *reterr)
{
    struct call *call = scrape->call;
    struct arena *arena = &call->request->arena;
    const struct span *names = NULL;
    enum engine_code code = registry_list(call->api->options.registry, arena,
                                          &names, &scrape->count, reterr);
    if (code != ENGINE_OK)
        return code;
    scrape->items =
        arena_calloc(arena, scrape->count + 1, sizeof(*scrape->items));
    if (scrape->items == NULL)
        return error_memory(reterr);
    for (size_t i = 0; code == ENGINE_OK && i < scrape->count; i++) {
        struct counted *item = &scrape->items[i];
        item->name = names[i];
        code = count_one(call, item, reterr);
        for (size_t v = 0;
             item->counts != NULL && v < item->counts->vectors_count; v++)
            scrape->vectors_count += item->counts->vectors[v].count;
    }
    return code;
}

static uint64_t
value_points(const struct collection_counts *counts)
{
    return counts->points_count;
}

/* Linking and the making of indexes: what Qdrant calls optimizations. */
static uint64_t
value_optimizations(const struct collection_counts *counts)
{
    bool is_linking = false;
    for (size_t i = 0; i < counts->vectors_count; i++)
        is_linking = is_linking || counts->vectors[i].waiting_count > 0;
    return counts->builds_count + (is_linking ? 1 : 0);
}

static void
write_by_collection(struct scrape *scrape, const char *name, const char *help,
                    uint64_t (*value)(const struct collection_counts *counts))
{
    struct metrics_text *text = &scrape->text;
    metrics_head(text, name, "gauge", help);
    for (size_t i = 0; i < scrape->count; i++) {
        const struct counted *item = &scrape->items[i];
        if (item->counts == NULL)
            continue;
        metrics_name(text, name);
        bytes_add_text(text->out, "{id=");
        metrics_label_private(text, item->name);
        bytes_addf(text->out, "} %llu\n",
                   (unsigned long long)value(item->counts));
    }
}

static uint64_t
value_vectors(const struct collection_vector_counts *vector)
{
    return vector->count;
}

/* What `indexed_only` leaves out. */
static uint64_t
value_excluded(const struct collection_vector_counts *vector)
{
    return vector->count - vector->indexed_count;
}

static void
write_by_vector(struct scrape *scrape, const char *name, const char *label,
                const char *help,
                uint64_t (*value)(const struct collection_vector_counts *))
{
    struct metrics_text *text = &scrape->text;
    metrics_head(text, name, "gauge", help);
    for (size_t i = 0; i < scrape->count; i++) {
        const struct counted *item = &scrape->items[i];
        for (size_t v = 0;
             item->counts != NULL && v < item->counts->vectors_count; v++) {
            const struct collection_vector_counts *vector =
                &item->counts->vectors[v];
            metrics_name(text, name);
            bytes_addf(text->out, "{%s=", label);
            metrics_label_private(text, item->name);
            bytes_add_text(text->out, ",vector=");
            metrics_label_private(text, vector->name);
            bytes_addf(text->out, "} %llu\n",
                       (unsigned long long)value(vector));
        }
    }
}

static void
write_collections(struct scrape *scrape)
{
    struct metrics_text *text = &scrape->text;
    const struct metrics_row totals[] = {
        { "collections_total", "gauge", "number of collections",
          (double)scrape->count },
        { "collections_vector_total", "gauge",
          "total number of vectors in all collections",
          (double)scrape->vectors_count },
        { "qdrant_collections_total", "gauge", "number of collections",
          (double)scrape->count },
        { "qdrant_vectors_total", "gauge",
          "total number of vectors in all collections",
          (double)scrape->vectors_count },
        { "collection_active_replicas_min", "gauge",
          "minimum number of active replicas across all shards",
          scrape->count > 0 ? 1 : 0 },
        { "collection_active_replicas_max", "gauge",
          "maximum number of active replicas across all shards",
          scrape->count > 0 ? 1 : 0 },
        { "collection_dead_replicas", "gauge",
          "total amount of shard replicas in non-active state", 0 },
    };
    metrics_rows(text, totals, sizeof(totals) / sizeof(totals[0]));
    write_by_collection(scrape, "collection_points",
                        "approximate amount of points per collection",
                        value_points);
    write_by_vector(scrape, "collection_vectors", "collection",
                    "amount of vectors grouped by vector name", value_vectors);
    write_by_vector(scrape, "collection_indexed_only_excluded_points", "id",
                    "amount of points excluded in indexed_only requests",
                    value_excluded);
    write_by_collection(scrape, "collection_running_optimizations",
                        "number of currently running optimization tasks",
                        value_optimizations);
}

/* One peer, where it calls itself a cluster. */
static void
write_cluster(struct scrape *scrape)
{
    static const struct metrics_row rows[] = {
        { "cluster_peers_total", "gauge", "total number of cluster peers", 1 },
        { "cluster_term", "gauge", "current cluster term", 1 },
        { "cluster_pending_operations_total", "gauge",
          "total number of pending operations for cluster peer", 0 },
        { "cluster_voter", "gauge", "is cluster peer a voter or learner", 1 },
    };
    bool is_enabled = scrape->call->api->options.config->is_cluster_enabled;
    metrics_one(&scrape->text, "cluster_enabled", "gauge",
                "is cluster support enabled", is_enabled ? 1 : 0);
    if (is_enabled)
        metrics_rows(&scrape->text, rows, sizeof(rows) / sizeof(rows[0]));
}

static void
write_app(struct scrape *scrape)
{
    struct metrics_text *text = &scrape->text;
    metrics_head(text, "app_info", "gauge", "information about this server");
    metrics_name(text, "app_info");
    bytes_add_text(text->out, "{name=\"azimuth\",version=");
    metrics_label(text, span_of(scrape->call->api->options.version));
    bytes_add_text(text->out, "} 1\n");
    metrics_one(text, "app_status_recovery_mode", "gauge",
                "is running in recovery mode", 0);
}

/* None where there is no limit, as Qdrant. */
static void
write_quotas(struct scrape *scrape)
{
    struct metrics_text *text = &scrape->text;
    struct quota *quota = scrape->call->api->quota;
    struct quota_limits limits;
    struct quota_use use;
    quota_get(quota, &limits);
    if (!limits.is_enabled ||
        (limits.memory_percent == 0 && limits.disk_percent == 0))
        return;
    quota_look(quota, &use);
    metrics_head(text, "quota_exceeded", "gauge",
                 "whether a quota of the node is reached");
    if (limits.memory_percent > 0) {
        metrics_name(text, "quota_exceeded");
        bytes_addf(text->out, "{resource=\"memory\"} %d\n", use.is_memory_over);
    }
    if (limits.disk_percent > 0) {
        metrics_name(text, "quota_exceeded");
        bytes_addf(text->out, "{resource=\"disk\"} %d\n", use.is_disk_over);
    }
}

enum engine_code
service_metrics(struct call *call, struct error *reterr)
{
    const struct api_options *options = &call->api->options;
    const struct request *request = call->request;
    const char *prefix = options->config->metrics_prefix;
    struct scrape scrape = {
        .call = call,
        .text = { .out = &call->reply->body,
                  .is_open_metrics =
                      metrics_accepts_open(request->header(request, "accept")),
                  .is_anonymous = call->query.anonymize,
                  .prefix = prefix == NULL ? "" : prefix },
    };
    enum engine_code code = count_all(&scrape, reterr);
    if (code != ENGINE_OK)
        return code;
    struct metrics_text *text = &scrape.text;
    call->reply->content_type =
        text->is_open_metrics ? metrics_type_open : metrics_type_text;
    write_app(&scrape);
    write_collections(&scrape);
    write_cluster(&scrape);
    recall_write_metrics(call->api->recall, text);
    metrics_write_requests(options->metrics, call->query.per_collection, text);
    if (options->write_metrics != NULL)
        options->write_metrics(options->write_metrics_ctx, text);
    if (call->api->audit != NULL)
        metrics_one(text, "audit_log_dir_size_bytes", "gauge",
                    "size of the audit log's files",
                    (double)audit_size(call->api->audit));
    metrics_write_process(text);
    metrics_write_disk(text, options->config->storage_path);
    memory_write_metrics(text);
    write_quotas(&scrape);
    metrics_end(text);
    return ENGINE_OK;
}
