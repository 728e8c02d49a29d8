/* SPDX-License-Identifier: Apache-2.0
 * The lines about requests. A family's lines stand together, so the table is
 * walked once for each. */
#include "engine/metrics_body.h"

#include <stdio.h>
#include <string.h>

/* A collection's name may be of 255 bytes, each escaped. */
#define LABELS_SIZE_MAX 2048

typedef double (*stats_value)(const struct metrics_stats *stats);

/* A family with a line for each endpoint and status. */
struct family {
    struct metrics_text *text;
    enum metrics_protocol protocol;
    const char *name;
    stats_value value;
    bool is_of_success; /* only lines that have durations */
};

static double
value_count(const struct metrics_stats *stats)
{
    return (double)stats->count;
}

static double
value_average(const struct metrics_stats *stats)
{
    return (double)stats->sum_ns / 1e9 / (double)stats->count;
}

static double
value_min(const struct metrics_stats *stats)
{
    return (double)stats->min_ns / 1e9;
}

static double
value_max(const struct metrics_stats *stats)
{
    return (double)stats->max_ns / 1e9;
}

/* {method="GET",endpoint="/",status="200" - the brace stays open. */
static void
write_labels(struct metrics_text *text, const struct metrics_endpoint *endpoint,
             struct span collection, int status)
{
    struct bytes *out = text->out;
    bytes_add_char(out, '{');
    if (endpoint->protocol == METRICS_REST)
        bytes_addf(out, "method=\"%s\",", endpoint->method);
    bytes_addf(out, "endpoint=\"%s\",status=\"%d\"", endpoint->name, status);
    if (collection.size == 0)
        return;
    bytes_add_text(out, ",collection=");
    metrics_label_private(text, collection);
}

static void
write_line(void *ctx, const struct metrics_stats *stats)
{
    const struct family *family = ctx;
    if (family->is_of_success && stats->max_ns == 0)
        return;
    metrics_name(family->text, family->name);
    write_labels(family->text, stats->endpoint, stats->collection,
                 stats->status);
    bytes_addf(family->text->out, "} %.9g\n", family->value(stats));
}

static void
write_lines(void *ctx, struct endpoint *endpoint, struct span collection)
{
    const struct family *family = ctx;
    if (endpoint->name.protocol == family->protocol)
        metrics_visit_endpoint(endpoint, collection, write_line, ctx);
}

/* The documents' name, by method. */
static void
write_grpc_line(void *ctx, const struct metrics_stats *stats)
{
    struct metrics_text *text = ctx;
    metrics_name(text, "qdrant_grpc_requests_total");
    bytes_addf(text->out, "{method=\"%s\",status=\"%d\"} %llu\n",
               stats->endpoint->name, stats->status,
               (unsigned long long)stats->count);
}

/* Behind the value of a bucket, in OpenMetrics alone. */
static void
write_exemplar(struct metrics_text *text, struct exemplar *exemplar)
{
    while (atomic_flag_test_and_set_explicit(&exemplar->is_busy,
                                             memory_order_acquire))
        ; /* the holder copies some bytes */
    if (exemplar->trace[0] != '\0') {
        bytes_add_text(text->out, " # {trace_id=");
        metrics_label(text, span_of(exemplar->trace));
        bytes_addf(text->out, "} %.9g %llu.%03u",
                   (double)exemplar->duration_ns / 1e9,
                   (unsigned long long)(exemplar->time_ms / 1000),
                   (unsigned)(exemplar->time_ms % 1000));
    }
    atomic_flag_clear_explicit(&exemplar->is_busy, memory_order_release);
}

/* `labels` is "" or {a="b": the brace stays open. */
static void
write_histogram(struct metrics_text *text, const char *name, const char *labels,
                struct histogram *histogram)
{
    struct bytes *out = text->out;
    const char *open = labels[0] == '\0' ? "{" : ",";
    const char *shut = labels[0] == '\0' ? "" : "}";
    uint64_t total = 0;
    for (size_t b = 0; b <= histogram->bounds_count; b++) {
        total += atomic_load(&histogram->buckets[b]);
        metrics_name(text, name);
        bytes_addf(out, "_bucket%s%s", labels, open);
        if (b < histogram->bounds_count)
            bytes_addf(out, "le=\"%g\"} ",
                       (double)histogram->bounds_ns[b] / 1e9);
        else
            bytes_add_text(out, "le=\"+Inf\"} ");
        bytes_addf(out, "%llu", (unsigned long long)total);
        if (text->is_open_metrics && histogram->exemplars != NULL)
            write_exemplar(text, &histogram->exemplars[b]);
        bytes_add_char(out, '\n');
    }
    metrics_name(text, name);
    bytes_addf(out, "_sum%s%s %.9g\n", labels, shut,
               (double)atomic_load(&histogram->sum_ns) / 1e9);
    metrics_name(text, name);
    bytes_addf(out, "_count%s%s %llu\n", labels, shut,
               (unsigned long long)total);
}

static void
write_durations(void *ctx, struct endpoint *endpoint, struct span collection)
{
    const struct family *family = ctx;
    if (endpoint->name.protocol != family->protocol ||
        atomic_load(&endpoint->counts[0]) == 0)
        return;
    struct bytes labels;
    struct metrics_text text = *family->text;
    bytes_init(&labels, LABELS_SIZE_MAX);
    text.out = &labels;
    write_labels(&text, &endpoint->name, collection,
                 metrics_statuses(family->protocol)[0]);
    bytes_add_char(&labels, '\0');
    if (!bytes_failed(&labels))
        write_histogram(family->text, family->name, labels.data,
                        &endpoint->durations);
    bytes_release(&labels);
}

static void
write_protocol(struct metrics *metrics, enum metrics_protocol protocol,
               bool is_by_collection, struct metrics_text *text)
{
    static const struct {
        const char *end, *type, *help;
        stats_value value;
    } families[] = {
        { "total", "counter", "total number of responses", value_count },
        { "avg_duration_seconds", "gauge", "average response duration",
          value_average },
        { "min_duration_seconds", "gauge", "minimum response duration",
          value_min },
        { "max_duration_seconds", "gauge", "maximum response duration",
          value_max },
    };
    const char *stem =
        protocol == METRICS_GRPC ? "grpc_responses" : "rest_responses";
    char name[64];
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        snprintf(name, sizeof(name), "%s_%s", stem, families[i].end);
        metrics_head(text, name, families[i].type, families[i].help);
        struct family family = { text, protocol, name, families[i].value,
                                 i > 0 };
        metrics_walk(metrics, is_by_collection, write_lines, &family);
    }
    snprintf(name, sizeof(name), "%s_duration_seconds", stem);
    metrics_head(text, name, "histogram", "response duration histogram");
    struct family durations = { text, protocol, name, NULL, true };
    metrics_walk(metrics, is_by_collection, write_durations, &durations);
}

void
metrics_write_requests(struct metrics *metrics, bool is_by_collection,
                       struct metrics_text *text)
{
    write_protocol(metrics, METRICS_REST, is_by_collection, text);
    write_protocol(metrics, METRICS_GRPC, is_by_collection, text);
    metrics_head(text, "qdrant_grpc_requests_total", "counter",
                 "gRPC requests by method");
    metrics_each(metrics, METRICS_GRPC, write_grpc_line, text);
    metrics_head(text, "qdrant_search_latency_seconds", "histogram",
                 "duration of searches and queries, REST and gRPC");
    write_histogram(text, "qdrant_search_latency_seconds", "",
                    &metrics->searches);
}
