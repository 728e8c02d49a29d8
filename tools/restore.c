/* SPDX-License-Identifier: Apache-2.0
 * azimuthctl restore: a set of a target, or some collections of it. Each comes
 * to a file here first and is compared with its sum; the engine verifies it
 * again and serves the old data until the new ones are open. */
#include "tools/backup.h"
#include "tools/command.h"
#include "tools/options.h"
#include "tools/sha256.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_S_DEFAULT 3600

struct restore_run {
    struct engine_options engine_options;
    struct target_options target_options;
    struct engine_client engine;
    struct target *target;
    const char *at;
    const char *spool;
    bool is_overwrite;
    bool is_listed;
    json_t *index;
};

struct spool {
    FILE *file;
    struct sha256 sha;
    bool is_failed;
};

static const char help[] =
    "usage: azimuthctl restore [COLLECTION...] --from TARGET [OPTIONS]\n\n"
    "Brings collections back from a backup: all of a set, when none is named,\n"
    "with the aliases.\n\n"
    "  --from TARGET         as --to of azimuthctl backup\n"
    "  --at TIME             of a set (the last one)\n"
    "  --list                only show which sets there are\n"
    "  --overwrite           also collections that are there\n"
    "  --spool DIR           where a snapshot waits (TMPDIR, or "
    "/var/tmp)\n" ENGINE_OPTION_HELP;

static bool
on_data(void *ctx, struct span data)
{
    struct spool *spool = ctx;
    sha256_add(&spool->sha, data);
    spool->is_failed =
        fwrite(data.data, 1, data.size, spool->file) != data.size;
    return !spool->is_failed;
}

/* Downloads it into an open file; the sum must be right. */
static bool
spool_fill(struct restore_run *run, const json_t *entry, struct spool *spool,
           struct fault *reterr)
{
    struct http_reply reply;
    char sum[SHA256_TEXT_SIZE] = "";
    const char *key = json_string_value(json_object_get(entry, "key"));
    const char *wanted = json_string_value(json_object_get(entry, "sha256"));
    if (key == NULL || wanted == NULL)
        return fault_set(reterr, BACKUP_INDEX " of the target is not ours");
    http_reply_init(&reply, TARGET_TEXT_MAX);
    reply.sink = on_data;
    reply.sink_ctx = spool;
    sha256_start(&spool->sha);
    bool is_done = run->target->kind->get(run->target, key, &reply, reterr);
    sha256_end(&spool->sha, sum);
    http_reply_release(&reply);
    if (spool->is_failed || (is_done && fflush(spool->file) != 0))
        return fault_set(reterr,
                         "cannot write to %s: %s; choose another "
                         "folder with --spool",
                         run->spool, strerror(errno));
    if (is_done && strcmp(sum, wanted) != 0)
        return fault_set(reterr,
                         "%s is damaged: its SHA-256 is %s instead of %s; "
                         "choose another set with --at",
                         key, sum, wanted);
    return is_done;
}

static bool
upload(struct restore_run *run, const json_t *entry, const char *file,
       struct fault *reterr)
{
    char path[ENGINE_URL_SIZE], rest[160];
    struct http_reply reply;
    const char *name = json_string_value(json_object_get(entry, "name"));
    snprintf(rest, sizeof(rest),
             "/snapshots/upload?priority=snapshot&wait=true&checksum=%.64s",
             json_string_value(json_object_get(entry, "sha256")));
    if (!engine_path(name, rest, path, reterr))
        return false;
    struct engine_request request = { "POST", path, { NULL, 0 }, file };
    http_reply_init(&reply, TARGET_TEXT_MAX);
    bool is_done = engine_call(&run->engine, &request, &reply, reterr);
    http_reply_release(&reply);
    return is_done;
}

static bool
may_replace(struct restore_run *run, const char *name, struct fault *reterr)
{
    char path[ENGINE_URL_SIZE];
    long status = 0;
    /* Of a damaged one, too. */
    if (!engine_path(name, "/exists", path, reterr))
        return false;
    struct engine_request request = { "GET", path, { NULL, 0 }, NULL };
    json_t *answer = engine_json(&run->engine, &request, &status, reterr);
    bool is_there = json_is_true(json_object_get(answer, "exists"));
    json_decref(answer);
    if (answer == NULL)
        return false;
    return !is_there || run->is_overwrite ||
           fault_set(reterr,
                     "the collection %s is there; --overwrite puts the "
                     "backup in its place",
                     name);
}

static bool
restore_collection(struct restore_run *run, const json_t *entry,
                   struct fault *reterr)
{
    char path[512];
    struct spool spool = { .file = NULL };
    const char *name = json_string_value(json_object_get(entry, "name"));
    if (name == NULL)
        return fault_set(reterr, BACKUP_INDEX " of the target is not ours");
    int size =
        snprintf(path, sizeof(path), "%s/azimuth-restore-XXXXXX", run->spool);
    if (size < 0 || (size_t)size >= sizeof(path))
        return fault_usage(reterr, "--spool: the path is too long");
    int file = mkstemp(path);
    spool.file = file < 0 ? NULL : fdopen(file, "we");
    if (spool.file == NULL)
        return fault_set(reterr, "cannot write to %s: %s", run->spool,
                         strerror(errno));
    bool is_done = spool_fill(run, entry, &spool, reterr) &&
                   upload(run, entry, path, reterr);
    fclose(spool.file);
    unlink(path);
    if (is_done)
        printf("%s: restored\n", name);
    return is_done;
}

/* Those that the set had and that lead to a collection of it. */
static bool
restore_aliases(struct restore_run *run, const json_t *set,
                struct fault *reterr)
{
    const json_t *alias;
    size_t i;
    json_t *actions = json_array();
    json_array_foreach(json_object_get(set, "aliases"), i, alias)
        json_array_append_new(
            actions,
            json_pack("{s:{s:O, s:O}}", "create_alias", "collection_name",
                      json_object_get(alias, "collection_name"), "alias_name",
                      json_object_get(alias, "alias_name")));
    bool is_done = true;
    if (json_array_size(actions) > 0) {
        json_t *body = json_pack("{s:O}", "actions", actions);
        is_done = engine_send(&run->engine, "POST", "/collections/aliases",
                              body, reterr);
        json_decref(body);
    }
    json_decref(actions);
    return is_done;
}

static const json_t *
set_find(const struct restore_run *run, struct fault *reterr)
{
    const json_t *set, *found = NULL;
    size_t i;
    json_array_foreach(run->index, i, set)
    {
        const char *time = json_string_value(json_object_get(set, "time"));
        if (run->at == NULL || (time != NULL && strcmp(time, run->at) == 0))
            found = set;
    }
    if (found == NULL)
        fault_set(reterr, "%s has no %s%s; --list shows what it has",
                  run->target_options.url,
                  run->at == NULL ? "backup" : "set of ",
                  run->at == NULL ? "" : run->at);
    return found;
}

static bool
is_wanted(const struct options *options, const json_t *entry)
{
    const char *name = json_string_value(json_object_get(entry, "name"));
    for (size_t i = 0; i < options->words_count; i++)
        if (name != NULL && strcmp(options->words[i], name) == 0)
            return true;
    return options->words_count == 0;
}

static bool
restore_set(struct restore_run *run, const json_t *set,
            const struct options *options, struct fault *reterr)
{
    const json_t *all = json_object_get(set, "collections"), *entry;
    bool is_done = true;
    size_t i, count = 0;
    /* Nothing is replaced before all of them may be. */
    json_array_foreach(all, i, entry)
    {
        if (!is_wanted(options, entry))
            continue;
        count++;
        const char *name = json_string_value(json_object_get(entry, "name"));
        is_done = is_done && name != NULL && may_replace(run, name, reterr);
    }
    if (is_done && count < options->words_count)
        return fault_set(reterr,
                         "the set has only %zu of the %zu collections "
                         "that are named",
                         count, options->words_count);
    json_array_foreach(all, i, entry) if (is_done && is_wanted(options, entry))
        is_done = restore_collection(run, entry, reterr);
    if (is_done && options->words_count == 0)
        is_done = restore_aliases(run, set, reterr);
    return is_done;
}

static void
list_sets(const struct restore_run *run)
{
    const json_t *set, *entry;
    size_t i, j;
    json_array_foreach(run->index, i, set)
    {
        printf("%s", json_string_value(json_object_get(set, "time")));
        json_array_foreach(json_object_get(set, "collections"), j, entry)
            printf(" %s", json_string_value(json_object_get(entry, "name")));
        putchar('\n');
    }
}

static bool
restore(struct restore_run *run, const struct options *options,
        struct fault *reterr)
{
    if (run->target_options.url == NULL)
        return fault_usage(reterr, "restore needs --from TARGET");
    if (run->engine_options.timeout_s == 0)
        run->engine_options.timeout_s = TIMEOUT_S_DEFAULT;
    if (run->spool == NULL)
        run->spool = getenv("TMPDIR");
    if (run->spool == NULL || *run->spool == '\0')
        run->spool = "/var/tmp";
    run->target_options.ca_file = run->engine_options.ca_file;
    run->target = target_open(&run->target_options, reterr);
    if (run->target == NULL)
        return false;
    run->index = backup_index_read(run->target, reterr);
    if (run->index == NULL)
        return false;
    if (run->is_listed) {
        list_sets(run);
        return true;
    }
    const json_t *set = set_find(run, reterr);
    return set != NULL &&
           engine_open(&run->engine, &run->engine_options, reterr) &&
           restore_set(run, set, options, reterr);
}

int
command_restore(int argc, char **argv)
{
    struct fault fault = { .status = EXIT_FAILED };
    static struct restore_run run;
    const struct option_spec specs[] = {
        { "from", OPTION_TEXT, &run.target_options.url, 0 },
        { "at", OPTION_TEXT, &run.at, 0 },
        { "spool", OPTION_TEXT, &run.spool, 0 },
        { "overwrite", OPTION_FLAG, &run.is_overwrite, 0 },
        { "list", OPTION_FLAG, &run.is_listed, 0 },
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
    is_done = is_done && restore(&run, &options, &fault);
    json_decref(run.index);
    target_close(run.target);
    engine_close(&run.engine);
    return is_done ? EXIT_DONE : fault_report(&fault);
}
