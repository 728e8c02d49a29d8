/* SPDX-License-Identifier: Apache-2.0
 * What the background does for a collection, in the form of Qdrant's optimizers:
 * one segment, and a run of indexing at a time. */
#include "engine/api/rest.h"
#include "engine/api/rest_body.h"
#include "engine/collection/optimizations.h"

#include <stdio.h>
#include <time.h>

static void
write_moment(struct json_writer *writer, const char *key, uint64_t ms)
{
    char text[TIMESTAMP_SIZE];
    timestamp_ms(ms, text);
    json_key(writer, key);
    json_text(writer, text);
}

static void
member_u64(struct json_writer *writer, const char *key, uint64_t value)
{
    json_key(writer, key);
    json_u64(writer, value);
}

static void
write_segment(struct json_writer *writer, const char *id, uint64_t points_count)
{
    json_object_begin(writer);
    json_key(writer, "uuid");
    json_text(writer, id);
    member_u64(writer, "points_count", points_count);
    json_object_end(writer);
}

static void
write_run(struct json_writer *writer, const char *segment_id,
          const struct optimization *run)
{
    bool is_over = run->finished_ms > 0;
    json_object_begin(writer);
    json_key(writer, "uuid");
    json_text(writer, run->id);
    json_key(writer, "optimizer");
    json_text(writer, "indexing");
    json_key(writer, "status");
    json_text(writer, is_over ? "done" : "optimizing");
    json_key(writer, "segments");
    json_array_begin(writer);
    write_segment(writer, segment_id, run->points_count);
    json_array_end(writer);
    json_key(writer, "progress");
    json_object_begin(writer);
    json_key(writer, "name");
    json_text(writer, "Segment Optimizing");
    write_moment(writer, "started_at", run->started_ms);
    if (is_over) {
        /* A clock may be set back meanwhile. */
        uint64_t took_ms = run->finished_ms > run->started_ms
                               ? run->finished_ms - run->started_ms
                               : 0;
        write_moment(writer, "finished_at", run->finished_ms);
        json_key(writer, "duration_sec");
        json_f64(writer, (double)took_ms / 1e3);
    }
    member_u64(writer, "done", run->done);
    member_u64(writer, "total", run->total);
    json_object_end(writer);
    json_object_end(writer);
}

/* Nothing ever waits for its turn. */
static void
write_summary(struct json_writer *writer, bool is_running)
{
    json_key(writer, "summary");
    json_object_begin(writer);
    member_u64(writer, "queued_optimizations", 0);
    member_u64(writer, "queued_segments", 0);
    member_u64(writer, "queued_points", 0);
    member_u64(writer, "idle_segments", is_running ? 0 : 1);
    json_object_end(writer);
}

enum engine_code
optimizations_get(struct call *call, struct error *reterr)
{
    struct optimizations_report report;
    struct json_writer *writer = &call->writer;
    const struct url_query *query = &call->query;
    (void)reterr;
    collection_optimizations(call->collection, &report);
    json_object_begin(writer);
    write_summary(writer, report.is_running);
    json_key(writer, "running");
    json_array_begin(writer);
    if (report.is_running)
        write_run(writer, report.segment_id, &report.running);
    json_array_end(writer);
    if (query->with_queued) {
        json_key(writer, "queued");
        json_array_begin(writer);
        json_array_end(writer);
    }
    if (query->with_completed) {
        json_key(writer, "completed");
        json_array_begin(writer);
        for (size_t i = 0;
             i < report.completed_count && i < query->completed_limit; i++)
            write_run(writer, report.segment_id, &report.completed[i]);
        json_array_end(writer);
    }
    if (query->with_idle_segments) {
        json_key(writer, "idle_segments");
        json_array_begin(writer);
        if (!report.is_running)
            write_segment(writer, report.segment_id, report.points_count);
        json_array_end(writer);
    }
    json_object_end(writer);
    return ENGINE_OK;
}
