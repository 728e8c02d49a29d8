/* SPDX-License-Identifier: Apache-2.0
 * azimuthctl backup: every collection, or those that are named, as one set. */
#include "tools/backup.h"
#include "tools/command.h"
#include "tools/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEP_MAX          100000u
#define TIMEOUT_S_DEFAULT 3600

static const char help[] =
    "usage: azimuthctl backup [COLLECTION...] --to TARGET [OPTIONS]\n\n"
    "Makes a snapshot of each collection (of all, when none is named) and\n"
    "brings it to TARGET, with the aliases. A run that was cut short is taken\n"
    "up by the next one within a day; a set counts when it is whole. Where "
    "all\n"
    "are taken, damaged ones are left out, and the exit code is 1.\n\n"
    "  --to TARGET           a folder, or s3://BUCKET/PREFIX with\n"
    "                        AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,\n"
    "                        AWS_REGION and AWS_ENDPOINT_URL; for keys of a\n"
    "                        session AWS_SESSION_TOKEN\n"
    "  --keep N              sets that stay; older ones are deleted\n"
    "                        (AZIMUTH_BACKUP_KEEP; default: all)\n"
    "  --encryption NAME     of the bucket: AES256 or aws:kms\n"
    "  --restart             forget a run that was cut "
    "short\n" ENGINE_OPTION_HELP;

static bool
set_has_name(const json_t *set, const char *name)
{
    const json_t *entry;
    size_t i;
    json_array_foreach(json_object_get(set, "collections"), i, entry)
    {
        const char *other = json_string_value(json_object_get(entry, "name"));
        if (other != NULL && strcmp(other, name) == 0)
            return true;
    }
    return false;
}

static bool
back_up(struct backup_run *run, const char *name, struct fault *reterr)
{
    if (set_has_name(json_object_get(run->pending, "set"), name))
        return true;
    return backup_collection(run, name, reterr);
}

/* Whether the engine has it but cannot serve it; `why` is what it said. */
static bool
is_damaged(struct backup_run *run, const char *name, struct fault *why)
{
    char path[ENGINE_URL_SIZE];
    long status = 0;
    struct fault fault = { .status = EXIT_FAILED };
    if (!engine_path(name, "", path, why))
        return false;
    struct engine_request request = { "GET", path, { NULL, 0 }, NULL };
    json_t *info = engine_json(&run->engine, &request, &status, &fault);
    json_decref(info);
    if (info != NULL || status != 500)
        return false;
    *why = fault;
    return true;
}

/* One that is damaged keeps none of the others out. Older sets may be the last
 * that have it: none goes then. */
static bool
back_up_or_pass(struct backup_run *run, const char *name, struct fault *reterr)
{
    if (back_up(run, name, reterr))
        return true;
    if (!is_damaged(run, name, reterr))
        return false;
    fprintf(stderr, "azimuthctl: left out: %s\n", reterr->text);
    run->damaged_count++;
    run->keep = 0;
    return true;
}

static bool
back_up_all(struct backup_run *run, struct fault *reterr)
{
    struct engine_request request = {
        "GET", "/collections", { NULL, 0 }, NULL
    };
    const json_t *entry;
    bool is_done = true;
    long status = 0;
    size_t i;
    json_t *result = engine_json(&run->engine, &request, &status, reterr);
    if (result == NULL)
        return false;
    json_array_foreach(json_object_get(result, "collections"), i, entry)
    {
        const char *name = json_string_value(json_object_get(entry, "name"));
        is_done = is_done && name != NULL && back_up_or_pass(run, name, reterr);
    }
    json_decref(result);
    return is_done;
}

static bool
aliases_take(struct backup_run *run, struct fault *reterr)
{
    struct engine_request request = { "GET", "/aliases", { NULL, 0 }, NULL };
    long status = 0;
    json_t *result = engine_json(&run->engine, &request, &status, reterr);
    if (result == NULL)
        return false;
    json_object_set(json_object_get(run->pending, "set"), "aliases",
                    json_object_get(result, "aliases"));
    json_decref(result);
    return true;
}

static bool
backup(struct backup_run *run, const struct options *options,
       struct fault *reterr)
{
    bool is_done = engine_open(&run->engine, &run->engine_options, reterr);
    run->target = is_done ? target_open(&run->target_options, reterr) : NULL;
    if (run->target == NULL)
        return false;
    run->index = backup_index_read(run->target, reterr);
    if (run->index == NULL || !backup_pending_read(run, reterr))
        return false;
    for (size_t i = 0; is_done && i < options->words_count; i++)
        is_done = back_up(run, options->words[i], reterr);
    if (options->words_count == 0)
        is_done = back_up_all(run, reterr);
    if (!is_done || !aliases_take(run, reterr) ||
        !backup_index_add(run, reterr))
        return false;
    printf("%s: set %s, %zu collections\n", run->target_options.url,
           json_string_value(
               json_object_get(json_object_get(run->pending, "set"), "time")),
           json_array_size(json_object_get(json_object_get(run->pending, "set"),
                                           "collections")));
    return run->damaged_count == 0 ||
           fault_set(reterr,
                     "%zu damaged collections are not in it; no older set was "
                     "removed",
                     run->damaged_count);
}

/* What the command line left to the environment. */
static bool
complete(struct backup_run *run, struct fault *reterr)
{
    const char *keep = getenv("AZIMUTH_BACKUP_KEEP");
    char *end = NULL;
    if (run->target_options.url == NULL)
        return fault_usage(reterr, "backup needs --to TARGET");
    if (run->keep == UINT64_MAX) {
        errno = 0;
        run->keep =
            keep == NULL || *keep == '\0' ? 0 : strtoull(keep, &end, 10);
        if (errno != 0 || (end != NULL && *end != '\0') || run->keep > KEEP_MAX)
            return fault_usage(reterr,
                               "AZIMUTH_BACKUP_KEEP: '%s' is no "
                               "number",
                               keep);
    }
    if (run->engine_options.timeout_s == 0)
        run->engine_options.timeout_s = TIMEOUT_S_DEFAULT;
    run->target_options.ca_file = run->engine_options.ca_file;
    return true;
}

int
command_backup(int argc, char **argv)
{
    struct fault fault = { .status = EXIT_FAILED };
    struct backup_run run = { .keep = UINT64_MAX };
    const struct option_spec specs[] = {
        { "to", OPTION_TEXT, &run.target_options.url, 0 },
        { "keep", OPTION_COUNT, &run.keep, KEEP_MAX },
        { "encryption", OPTION_TEXT, &run.target_options.encryption, 0 },
        { "restart", OPTION_FLAG, &run.is_restart, 0 },
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
    is_done =
        is_done && complete(&run, &fault) && backup(&run, &options, &fault);
    json_decref(run.index);
    json_decref(run.pending);
    target_close(run.target);
    engine_close(&run.engine);
    return is_done ? EXIT_DONE : fault_report(&fault);
}
