/* SPDX-License-Identifier: Apache-2.0
 * The points of an import, in batches of lines that go as they are. After each
 * batch that the engine has stored, FILE.done says how far it came; a batch
 * that is sent twice leaves the same points. */
#include "tools/import.h"
#include "tools/raw.h"

#include <errno.h>
#include <stdio.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH_SIZE_MAX ((size_t)8 << 20)
#define BODY_SIZE_MAX  ((size_t)512 << 20)

struct batch {
    struct bytes body;
    uint64_t count;
    uint64_t size; /* of its lines, with their ends */
    uint64_t line_number;
};

static bool
done_write(struct import_run *run, struct fault *reterr)
{
    char path[IMPORT_PATH_SIZE + 8];
    snprintf(path, sizeof(path), "%s.new", run->done_path);
    FILE *file = fopen(path, "we");
    bool is_done = file != NULL &&
                   fprintf(file, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n",
                           run->done_size, run->points_count, run->file_size,
                           run->collection) > 0;
    if (file != NULL && fclose(file) != 0)
        is_done = false;
    if (!is_done || rename(path, run->done_path) != 0)
        return fault_set(reterr, "cannot write %s: %s", run->done_path,
                         strerror(errno));
    return true;
}

static bool
batch_send(struct import_run *run, struct batch *batch, struct fault *reterr)
{
    char path[ENGINE_URL_SIZE];
    struct http_reply reply;
    if (batch->count == 0)
        return true;
    bytes_add_text(&batch->body, "]}");
    if (bytes_failed(&batch->body))
        return fault_set(reterr, "line %" PRIu64 ": out of memory",
                         batch->line_number);
    if (!engine_path(run->collection, "/points?wait=true", path, reterr))
        return false;
    struct engine_request request = { "PUT", path, bytes_span(&batch->body),
                                      NULL };
    http_reply_init(&reply, HTTP_REPLY_SIZE_MAX);
    bool is_done = engine_call(&run->engine, &request, &reply, reterr);
    http_reply_release(&reply);
    if (!is_done)
        return fault_prefix(reterr, "the points before line %" PRIu64 ": ",
                            batch->line_number + 1);
    run->points_count += batch->count;
    run->done_size += batch->size;
    batch->count = 0;
    batch->size = 0;
    bytes_release(&batch->body);
    progress_set(&run->progress, run->done_size);
    return done_write(run, reterr);
}

/* A line of a point; false as well for a line that is none. */
static bool
line_take(struct import_run *run, struct batch *batch, struct span line,
          struct fault *reterr)
{
    struct span value, rest;
    if (!raw_value(line, &value, &rest) || *value.data != '{')
        return fault_set(reterr, "%s: line %" PRIu64 " is no JSON object",
                         run->from, batch->line_number);
    while (rest.size > 0 && (unsigned char)*rest.data <= ' ')
        rest.data++, rest.size--;
    if (rest.size > 0)
        return fault_set(reterr,
                         "%s: line %" PRIu64 " has more than one JSON object",
                         run->from, batch->line_number);
    bytes_add_text(&batch->body, batch->count == 0 ? "{\"points\":[" : ",");
    bytes_add_span(&batch->body, value);
    batch->count++;
    batch->size += line.size;
    if (batch->count < run->batch && batch->body.size < BATCH_SIZE_MAX)
        return true;
    return batch_send(run, batch, reterr);
}

/* What was cut off in the middle: the last line of a file that is not whole. */
static bool
is_cut(const struct import_run *run, struct span line)
{
    struct span value, rest;
    return run->is_partial && line.data[line.size - 1] != '\n' &&
           !raw_value(line, &value, &rest);
}

/* {"end":{"points":N}}: whether that is what was read. */
static bool
end_check(const struct import_run *run, const struct batch *batch,
          struct span line, struct fault *reterr)
{
    json_int_t points = -1;
    json_t *root = json_loadb(line.data, line.size, 0, NULL);
    int found = json_unpack(root, "{s:{s:I}}", "end", "points", &points);
    json_decref(root);
    uint64_t count = run->points_count + batch->count;
    if (found != 0 || points < 0 || (uint64_t)points != count)
        return fault_set(reterr,
                         "%s: its end speaks of %lld points, and %" PRIu64
                         " are in it",
                         run->from, (long long)points, count);
    return true;
}

static bool
lines_take(struct import_run *run, struct batch *batch, struct fault *reterr)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    bool is_done = true, is_end = false;
    while (is_done && !is_end &&
           (size = getline(&line, &room, run->file)) > 0) {
        struct span text = { line, (size_t)size };
        batch->line_number++;
        if (span_starts(text, "{\"end\":")) {
            is_end = true;
            is_done = end_check(run, batch, text, reterr);
        } else if (is_cut(run, text)) {
            is_end = true;
        } else if (strspn(line, " \t\r\n") == text.size) {
            batch->size += text.size;
        } else {
            is_done = line_take(run, batch, text, reterr);
        }
    }
    if (is_done && ferror(run->file))
        is_done =
            fault_set(reterr, "cannot read %s: %s", run->from, strerror(errno));
    free(line);
    return is_done && batch_send(run, batch, reterr);
}

bool
import_points(struct import_run *run, struct fault *reterr)
{
    struct batch batch = { .line_number = run->header != NULL ? 1 : 0 };
    batch.line_number += run->points_count;
    if (fseeko(run->file, (off_t)run->done_size, SEEK_SET) != 0)
        return fault_set(reterr, "cannot read %s: %s", run->from,
                         strerror(errno));
    bytes_init(&batch.body, BODY_SIZE_MAX);
    progress_start(&run->progress, "MB", run->file_size);
    bool is_done = lines_take(run, &batch, reterr);
    bytes_release(&batch.body);
    return is_done;
}
