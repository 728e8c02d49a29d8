/* SPDX-License-Identifier: Apache-2.0
 * azimuthctl import: reads what export wrote, or lines of points made
 * elsewhere, into a collection. What is wrong with the file's frame is found
 * before anything changes. */
#include "tools/import.h"
#include "tools/command.h"
#include "tools/raw.h"

#include <errno.h>
#include <stdio.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH_DEFAULT 500
#define BATCH_MAX     100000
#define END_SIZE_MAX  128

static const char help[] =
    "usage: azimuthctl import FILE [OPTIONS]\n\n"
    "Reads a file of `azimuthctl export` into the collection it came from, or\n"
    "into another one, which is made where it is not there. A run that was "
    "cut\n"
    "short leaves FILE.done, from which the next one goes on. A file of "
    "points\n"
    "alone, one JSON object per line, is taken with --collection and\n"
    "--partial.\n\n"
    "  --collection NAME     another one than the file names\n"
    "  --batch N             points per request, up to 8 MiB (500)\n"
    "  --restart             begin anew, whatever FILE.done says\n"
    "  --partial             take a file whose end is "
    "missing\n" ENGINE_OPTION_HELP;

static bool
header_read(struct import_run *run, struct fault *reterr)
{
    char *line = NULL;
    size_t room = 0;
    json_int_t version = 0;
    ssize_t size = getline(&line, &room, run->file);
    json_t *header = size > 0 ? json_loadb(line, (size_t)size, 0, NULL) : NULL;
    free(line);
    if (json_unpack(header, "{s:I}", "azimuth_export", &version) != 0) {
        json_decref(header);
        if (run->collection != NULL)
            return true;
        return fault_set(reterr,
                         "%s does not begin as an export does; for lines of "
                         "points name the collection: --collection NAME",
                         run->from);
    }
    run->header = header;
    if (version != 1)
        return fault_set(reterr, "%s has format %lld; this version knows 1",
                         run->from, (long long)version);
    if (run->collection == NULL)
        run->collection =
            json_string_value(json_object_get(header, "collection"));
    if (run->collection == NULL)
        return fault_set(reterr, "the header of %s names no collection",
                         run->from);
    run->done_size = (uint64_t)size;
    return true;
}

/* Whether the last line is the end of an export. */
static bool
has_end(const struct import_run *run)
{
    char tail[END_SIZE_MAX + 1];
    off_t start = (off_t)run->file_size - END_SIZE_MAX;
    if (fseeko(run->file, start < 0 ? 0 : start, SEEK_SET) != 0)
        return false;
    size_t size = fread(tail, 1, END_SIZE_MAX, run->file);
    tail[size] = '\0';
    if (size == 0 || tail[size - 1] != '\n')
        return false;
    tail[size - 1] = '\0';
    const char *line = strrchr(tail, '\n');
    return line != NULL && strncmp(line + 1, "{\"end\":", 7) == 0;
}

/* Where an earlier run of the same file into the same collection came to. */
static void
done_read(struct import_run *run)
{
    uint64_t size = 0, points = 0, file_size = 0;
    char name[ENGINE_NAME_ALLOWED + 1] = "";
    FILE *file = run->is_restart ? NULL : fopen(run->done_path, "re");
    if (file == NULL)
        return;
    int found = fscanf(file, "%" SCNu64 " %" SCNu64 " %" SCNu64 " %255[^\n]",
                       &size, &points, &file_size, name);
    fclose(file);
    if (found != 4 || file_size != run->file_size ||
        strcmp(name, run->collection) != 0 || size > file_size ||
        size < run->done_size)
        return;
    run->done_size = size;
    run->points_count = points;
    fprintf(stderr, "azimuthctl: going on after %" PRIu64 " points\n", points);
}

static bool
open_input(struct import_run *run, struct fault *reterr)
{
    struct stat about;
    int size =
        snprintf(run->done_path, sizeof(run->done_path), "%s.done", run->from);
    if (size < 0 || (size_t)size >= sizeof(run->done_path))
        return fault_usage(reterr, "the path is too long");
    run->file = fopen(run->from, "re");
    if (run->file == NULL || fstat(fileno(run->file), &about) != 0)
        return fault_set(reterr, "cannot read %s: %s", run->from,
                         strerror(errno));
    if (!S_ISREG(about.st_mode))
        return fault_set(reterr, "%s is no file", run->from);
    run->file_size = (uint64_t)about.st_size;
    if (!header_read(run, reterr))
        return false;
    if (!run->is_partial && !has_end(run))
        return fault_set(reterr,
                         "%s has no end: it was cut short, or export still "
                         "writes it; --partial takes what is there",
                         run->from);
    return true;
}

static bool
import(struct import_run *run, struct fault *reterr)
{
    bool is_new = false;
    if (!open_input(run, reterr) ||
        !engine_open(&run->engine, &run->engine_options, reterr) ||
        !import_create(run, &is_new, reterr))
        return false;
    if (!is_new)
        done_read(run);
    bool is_done = import_points(run, reterr);
    double seconds = progress_end(&run->progress);
    if (!is_done || !import_indexes(run, reterr))
        return false;
    unlink(run->done_path);
    printf("%s: %" PRIu64 " points%s in %.1f s\n", run->collection,
           run->points_count, is_new ? " into a new collection" : "", seconds);
    return true;
}

int
command_import(int argc, char **argv)
{
    struct fault fault = { .status = EXIT_FAILED };
    struct import_run run = { .batch = BATCH_DEFAULT };
    const struct option_spec specs[] = {
        { "collection", OPTION_TEXT, &run.collection, 0 },
        { "batch", OPTION_COUNT, &run.batch, BATCH_MAX },
        { "restart", OPTION_FLAG, &run.is_restart, 0 },
        { "partial", OPTION_FLAG, &run.is_partial, 0 },
        ENGINE_OPTION_SPECS(run.engine_options),
    };
    struct options options = {
        specs, sizeof(specs) / sizeof(specs[0]), { NULL }, 0, false
    };
    bool is_done = options_parse(&options, argc, argv, &fault);
    if (is_done && options.wants_help) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    if (is_done && options.words_count != 1)
        is_done = fault_usage(&fault, "import needs one FILE");
    if (is_done && run.batch == 0)
        is_done = fault_usage(&fault, "--batch: at least 1");
    run.from = options.words[0];
    is_done = is_done && import(&run, &fault);
    if (run.file != NULL)
        fclose(run.file);
    json_decref(run.header);
    engine_close(&run.engine);
    return is_done ? EXIT_DONE : fault_report(&fault);
}
