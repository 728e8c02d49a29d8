/* SPDX-License-Identifier: Apache-2.0
 * azimuthctl export: one collection as lines of JSON.
 *
 *   {"azimuth_export":1,"collection":...,"config":...,"payload_schema":...}
 *   {"id":...,"payload":...,"vector":...}      one line per point, by id
 *   {"end":{"points":N}}
 *
 * It grows as FILE.part and gets its name when it is whole. A run that was cut
 * short is taken up where its last whole line ends. Points that change while
 * it runs are read before or after their change. */
#include "tools/command.h"
#include "tools/engine.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/raw.h"

#include <errno.h>
#include <stdio.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH_DEFAULT 500
#define BATCH_MAX     10000
#define PATH_SIZE     2048

struct export_run {
    struct engine_options engine_options;
    const char *collection;
    const char *to;
    uint64_t batch;
    bool is_restart;
    bool is_overwrite;
    struct engine_client engine;
    char part_path[PATH_SIZE];
    FILE *file;
    uint64_t points_count;
    struct bytes offset; /* the id to go on with, as it is spelled */
    struct bytes last;   /* the last id of the part that was there */
    struct progress progress;
};

static const char help[] =
    "usage: azimuthctl export COLLECTION --to FILE [OPTIONS]\n\n"
    "Writes a collection to FILE, a line of JSON for its configuration and "
    "one\n"
    "for each point, exactly as the engine spells them. A run that was cut\n"
    "short leaves FILE.part, which the next one goes on with.\n\n"
    "  --to FILE             - is standard output\n"
    "  --batch N             points per request (500)\n"
    "  --restart             begin anew, whatever FILE.part holds\n"
    "  --overwrite           FILE may be there already\n" ENGINE_OPTION_HELP;

static bool
write_line(struct export_run *run, struct span line, struct fault *reterr)
{
    /* A line break between tokens means nothing to JSON, and much to us. */
    for (size_t at = 0; at < line.size;) {
        size_t size = 0;
        while (at + size < line.size && line.data[at + size] != '\n' &&
               line.data[at + size] != '\r')
            size++;
        if (fwrite(line.data + at, 1, size, run->file) != size)
            return fault_set(reterr, "cannot write %s: %s", run->part_path,
                             strerror(errno));
        at += size + 1;
    }
    if (fputc('\n', run->file) == EOF)
        return fault_set(reterr, "cannot write %s: %s", run->part_path,
                         strerror(errno));
    return true;
}

static bool
write_header(struct export_run *run, const json_t *info, struct fault *reterr)
{
    json_t *header =
        json_pack("{s:i, s:s, s:O?, s:O?}", "azimuth_export", 1, "collection",
                  run->collection, "config", json_object_get(info, "config"),
                  "payload_schema", json_object_get(info, "payload_schema"));
    char *text = header == NULL ? NULL : json_dumps(header, JSON_COMPACT);
    bool is_done = text != NULL ? write_line(run, span_of(text), reterr)
                                : fault_set(reterr, "out of memory");
    free(text);
    json_decref(header);
    return is_done;
}

/* Reads what an earlier run left: counts its points, keeps the last id and
 * cuts what is after the last whole line. */
static bool
part_read(struct export_run *run, struct fault *reterr)
{
    char *line = NULL;
    size_t room = 0;
    off_t whole = 0;
    ssize_t size;
    while ((size = getline(&line, &room, run->file)) > 0 &&
           line[size - 1] == '\n') {
        struct span text = { line, (size_t)size }, value;
        if (whole == 0) {
            char *name = NULL;
            json_t *header = json_loadb(line, (size_t)size, 0, NULL);
            if (json_unpack(header, "{s:s}", "collection", &name) != 0 ||
                strcmp(name, run->collection) != 0) {
                json_decref(header);
                free(line);
                return fault_set(reterr,
                                 "%s is not the beginning of an export "
                                 "of %s; --restart overwrites it",
                                 run->part_path, run->collection);
            }
            json_decref(header);
        } else if (raw_member(text, "id", &value)) {
            bytes_release(&run->last);
            bytes_add_span(&run->last, value);
            run->points_count++;
        }
        whole += size;
    }
    free(line);
    if (fseeko(run->file, whole, SEEK_SET) != 0 ||
        ftruncate(fileno(run->file), whole) != 0)
        return fault_set(reterr, "cannot cut %s: %s", run->part_path,
                         strerror(errno));
    bytes_add_span(&run->offset, bytes_span(&run->last));
    return true;
}

static bool
open_output(struct export_run *run, bool *ret_has_header, struct fault *reterr)
{
    *ret_has_header = false;
    if (strcmp(run->to, "-") == 0) {
        snprintf(run->part_path, sizeof(run->part_path), "standard output");
        run->file = stdout;
        return true;
    }
    int size =
        snprintf(run->part_path, sizeof(run->part_path), "%s.part", run->to);
    if (size < 0 || (size_t)size >= sizeof(run->part_path))
        return fault_usage(reterr, "--to: the path is too long");
    if (!run->is_overwrite && access(run->to, F_OK) == 0)
        return fault_set(reterr,
                         "%s is there already; choose another name, or "
                         "--overwrite",
                         run->to);
    if (!run->is_restart && access(run->part_path, F_OK) == 0) {
        run->file = fopen(run->part_path, "r+e");
        if (run->file == NULL)
            return fault_set(reterr, "cannot open %s: %s", run->part_path,
                             strerror(errno));
        if (!part_read(run, reterr))
            return false;
        *ret_has_header = ftello(run->file) > 0;
        return true;
    }
    run->file = fopen(run->part_path, "we");
    if (run->file == NULL)
        return fault_set(reterr, "cannot write %s: %s", run->part_path,
                         strerror(errno));
    return true;
}

static bool
page_ask(struct export_run *run, struct http_reply *reply, struct fault *reterr)
{
    char path[ENGINE_URL_SIZE], body[256];
    if (!engine_path(run->collection, "/points/scroll", path, reterr))
        return false;
    struct span offset = bytes_span(&run->offset);
    int size =
        snprintf(body, sizeof(body),
                 "{\"limit\":%" PRIu64 ",\"with_payload\":true,"
                 "\"with_vector\":true%s%.*s}",
                 run->batch, offset.size > 0 ? ",\"offset\":" : "",
                 (int)offset.size, offset.data == NULL ? "" : offset.data);
    struct engine_request request = {
        "POST", path, { body, (size_t)size }, NULL
    };
    return engine_call(&run->engine, &request, reply, reterr);
}

static bool
page_write(struct export_run *run, struct span points, struct fault *reterr)
{
    struct span item, id;
    bool is_broken = false;
    while (raw_next(&points, &item, &is_broken)) {
        if (!raw_member(item, "id", &id))
            return fault_set(reterr, "the engine sent a point without id");
        /* The page starts with the id that was asked for. */
        if (run->last.size > 0 && span_equal(id, bytes_span(&run->last))) {
            bytes_release(&run->last);
            continue;
        }
        if (!write_line(run, item, reterr))
            return false;
        run->points_count++;
    }
    return !is_broken || fault_set(reterr, "the engine's answer is cut short");
}

/* One request; *ret_is_last when there is no page after it. */
static bool
page(struct export_run *run, bool *ret_is_last, struct fault *reterr)
{
    struct http_reply reply;
    struct span result, points, next;
    http_reply_init(&reply, HTTP_REPLY_SIZE_MAX);
    bool is_done = page_ask(run, &reply, reterr);
    if (is_done && (!raw_member(bytes_span(&reply.body), "result", &result) ||
                    !raw_member(result, "points", &points) ||
                    !raw_member(result, "next_page_offset", &next)))
        is_done = fault_set(reterr, "the engine's answer has no points");
    if (is_done)
        is_done = page_write(run, points, reterr);
    if (is_done) {
        *ret_is_last = span_equal_text(next, "null");
        bytes_release(&run->offset);
        bytes_add_span(&run->offset, next);
        if (run->offset.is_failed)
            is_done =
                fault_set(reterr, "the engine sent an id that is too long");
    }
    http_reply_release(&reply);
    return is_done;
}

static bool
finish(struct export_run *run, struct fault *reterr)
{
    char end[64];
    int size = snprintf(end, sizeof(end), "{\"end\":{\"points\":%" PRIu64 "}}",
                        run->points_count);
    if (!write_line(run, (struct span){ end, (size_t)size }, reterr))
        return false;
    if (fflush(run->file) != 0)
        return fault_set(reterr, "cannot write %s: %s", run->part_path,
                         strerror(errno));
    if (run->file == stdout)
        return true;
    if (fsync(fileno(run->file)) != 0 || rename(run->part_path, run->to) != 0)
        return fault_set(reterr, "cannot finish %s: %s", run->to,
                         strerror(errno));
    return true;
}

static bool export(struct export_run *run, struct fault *reterr)
{
    char path[ENGINE_URL_SIZE];
    bool has_header = false, is_last = false;
    long status = 0;
    if (!engine_path(run->collection, "", path, reterr) ||
        !engine_open(&run->engine, &run->engine_options, reterr))
        return false;
    struct engine_request request = { "GET", path, { NULL, 0 }, NULL };
    json_t *info = engine_json(&run->engine, &request, &status, reterr);
    if (info == NULL)
        return false;
    uint64_t total =
        (uint64_t)json_integer_value(json_object_get(info, "points_count"));
    bool is_done = open_output(run, &has_header, reterr);
    if (is_done && !has_header)
        is_done = write_header(run, info, reterr);
    json_decref(info);
    if (is_done && run->points_count > 0)
        fprintf(stderr, "azimuthctl: going on after %" PRIu64 " points\n",
                run->points_count);
    progress_start(&run->progress, "points", total);
    while (is_done && !is_last) {
        is_done = page(run, &is_last, reterr);
        progress_set(&run->progress, run->points_count);
    }
    double seconds = progress_end(&run->progress);
    if (!is_done || !finish(run, reterr))
        return false;
    if (run->file != stdout)
        printf("%s: %" PRIu64 " points in %.1f s\n", run->to, run->points_count,
               seconds);
    return true;
}

int
command_export(int argc, char **argv)
{
    struct fault fault = { .status = EXIT_FAILED };
    static struct export_run run = { .batch = BATCH_DEFAULT };
    const struct option_spec specs[] = {
        { "to", OPTION_TEXT, &run.to, 0 },
        { "batch", OPTION_COUNT, &run.batch, BATCH_MAX },
        { "restart", OPTION_FLAG, &run.is_restart, 0 },
        { "overwrite", OPTION_FLAG, &run.is_overwrite, 0 },
        ENGINE_OPTION_SPECS(run.engine_options),
    };
    struct options options = {
        specs, sizeof(specs) / sizeof(specs[0]), { NULL }, 0, false
    };
    bytes_init(&run.offset, 64);
    bytes_init(&run.last, 64);
    bool is_done = options_parse(&options, argc, argv, &fault);
    if (is_done && options.wants_help) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    if (is_done && (options.words_count != 1 || run.to == NULL))
        is_done = fault_usage(&fault, "export needs one COLLECTION and --to "
                                      "FILE");
    if (is_done && run.batch == 0)
        is_done = fault_usage(&fault, "--batch: at least 1");
    run.collection = options.words[0];
    is_done = is_done && export(&run, &fault);
    if (run.file != NULL && run.file != stdout)
        fclose(run.file);
    bytes_release(&run.offset);
    bytes_release(&run.last);
    engine_close(&run.engine);
    return is_done ? EXIT_DONE : fault_report(&fault);
}
