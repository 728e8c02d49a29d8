/* SPDX-License-Identifier: Apache-2.0
 * What searches report, as JSON and as lines of the log. */
#include "engine/api/explain.h"

#include "engine/config.h"
#include "engine/log.h"

static const char *
plan_name(enum segment_plan plan)
{
    switch (plan) {
    case SEGMENT_PLAN_NOTHING:
        return "nothing";
    case SEGMENT_PLAN_SCAN:
        return "scan";
    case SEGMENT_PLAN_SCAN_CODES:
        return "scan_codes";
    case SEGMENT_PLAN_WALK:
        return "walk";
    case SEGMENT_PLAN_WALK_LIST:
        return "walk_longer_list";
    case SEGMENT_PLAN_WALK_RESULT:
        return "walk_result_filter";
    case SEGMENT_PLAN_WALK_FIRST:
        break;
    }
    return "walk_filter_first";
}

void
explain_keep(struct call *call, const struct segment_report *report)
{
    bool is_wanted =
        call->query.explain || call->api->options.config->slow_query_ms > 0;
    if (!is_wanted || call->reports_count >= EXPLAIN_REPORTS_MAX)
        return;
    if (call->reports == NULL)
        call->reports = arena_calloc(&call->request->arena, EXPLAIN_REPORTS_MAX,
                                     sizeof(*call->reports));
    if (call->reports != NULL)
        call->reports[call->reports_count++] = *report;
}

static void
member_u64(struct json_writer *writer, const char *key, uint64_t value)
{
    json_key(writer, key);
    json_u64(writer, value);
}

static void
member_us(struct json_writer *writer, const char *key, double ns)
{
    json_key(writer, key);
    json_f64(writer, ns / 1e3);
}

static void
member_bool(struct json_writer *writer, const char *key, bool value)
{
    json_key(writer, key);
    json_bool(writer, value);
}

static void
write_report(struct json_writer *writer, const struct segment_report *report)
{
    json_object_begin(writer);
    json_key(writer, "plan");
    json_text(writer, plan_name(report->plan));
    json_key(writer, "estimate");
    json_object_begin(writer);
    member_u64(writer, "min", report->estimate.min_count);
    member_u64(writer, "expected", report->estimate.expected_count);
    member_u64(writer, "max", report->estimate.max_count);
    json_object_end(writer);
    member_u64(writer, "candidates", report->candidates);
    member_bool(writer, "cached", report->is_cached);
    member_u64(writer, "payloads_tested", report->tested);
    member_u64(writer, "scored", report->scored);
    member_u64(writer, "looked_through", report->bridges);
    member_u64(writer, "rescored", report->rescored);
    member_u64(writer, "waiting_scanned", report->waiting);
    member_bool(writer, "finished_by_scan", report->is_finished_by_scan);
    json_key(writer, "fields_without_index");
    json_array_begin(writer);
    for (size_t i = 0; i < report->unindexed_count; i++)
        json_text_span(writer, report->unindexed[i]);
    json_array_end(writer);
    member_us(writer, "expected_us", report->expected_ns);
    member_us(writer, "plan_us", (double)report->plan_ns);
    member_us(writer, "search_us", (double)report->search_ns);
    json_object_end(writer);
}

void
explain_write(struct call *call)
{
    if (!call->query.explain)
        return;
    json_key(&call->writer, "explain");
    json_array_begin(&call->writer);
    for (size_t i = 0; i < call->reports_count; i++)
        write_report(&call->writer, &call->reports[i]);
    json_array_end(&call->writer);
}

static void
log_one(const struct call *call, const struct segment_report *report,
        double seconds)
{
    const struct span *collection = call_collection_name(call);
    struct span field = { "-", 1 };
    if (report->unindexed_count > 0)
        field = report->unindexed[0];
    log_event(
        LOG_LEVEL_WARN,
        "slow query: %.3f ms, collection %.*s, plan %s%s, matches %llu to "
        "%llu, candidates %llu%s, payloads tested %llu, scored %llu, looked "
        "through %llu, rescored %llu, waiting %llu, expected %.0f us, planned "
        "in %.0f us, searched in %.0f us, field without index %.*s%s",
        seconds * 1e3, collection == NULL ? 1 : (int)collection->size,
        collection == NULL ? "-" : collection->data, plan_name(report->plan),
        report->is_finished_by_scan ? " and a scan" : "",
        (unsigned long long)report->estimate.min_count,
        (unsigned long long)report->estimate.max_count,
        (unsigned long long)report->candidates,
        report->is_cached ? " (cached)" : "",
        (unsigned long long)report->tested, (unsigned long long)report->scored,
        (unsigned long long)report->bridges,
        (unsigned long long)report->rescored,
        (unsigned long long)report->waiting, report->expected_ns / 1e3,
        (double)report->plan_ns / 1e3, (double)report->search_ns / 1e3,
        (int)field.size, field.data,
        report->unindexed_count > 0 ? ": a payload index would help" : "");
}

void
explain_log_slow(const struct call *call, double seconds)
{
    uint64_t least_ms = call->api->options.config->slow_query_ms;
    if (least_ms == 0 || seconds * 1e3 < (double)least_ms)
        return;
    for (size_t i = 0; i < call->reports_count; i++)
        log_one(call, &call->reports[i], seconds);
}
