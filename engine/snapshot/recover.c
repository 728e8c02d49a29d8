/* SPDX-License-Identifier: Apache-2.0
 * Restoring: find the file (a place below the folder, a download, an upload),
 * unpack and verify all of it beside what is served, load that, and only then
 * put it in its place. */
#include "engine/snapshot/body.h"

#include "engine/codec/hex.h"
#include "engine/collection/definition.h"
#include "engine/collection/registry_alias.h"
#include "engine/snapshot/fetch.h"
#include "engine/snapshot/file.h"
#include "engine/snapshot/multipart.h"
#include "engine/snapshot/unpack.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
is_below(const char *folder, const char *path)
{
    size_t size = strlen(folder);
    return strncmp(path, folder, size) == 0 && path[size] == '/';
}

static enum engine_code
no_file(const char *path, struct error *reterr)
{
    return error_set(reterr, ENGINE_EINPUT,
                     "Snapshot file \"%.300s\" does not exist", path);
}

/* Whose snapshots the caller may take: without a right on all collections
 * those of this one; others are not told from what is not there. What is not
 * ready is nobody's. */
static enum engine_code
check_place(const struct snapshot_job *job, const char *path, const char *real,
            struct error *reterr)
{
    const char *folder = job->snapshots->folder;
    struct snapshot_place place = job->recovery.place;
    struct bytes own;
    if (!job->recovery.may_roam) {
        place.scope = SNAPSHOT_COLLECTION;
        enum engine_code code =
            catalog_folder(job->snapshots, &place, &own, reterr);
        if (code == ENGINE_OK && !is_below(own.data, real))
            code = no_file(path, reterr);
        bytes_release(&own);
        return code;
    }
    if (!is_below(folder, real))
        return error_set(reterr, ENGINE_EFORBIDDEN,
                         "Snapshot file \"%.200s\" is outside of the snapshots "
                         "directory (storage.snapshots_path)",
                         path);
    return strncmp(real + strlen(folder), "/.tmp/", 6) == 0
               ? no_file(path, reterr)
               : ENGINE_OK;
}

static enum engine_code
open_path(struct snapshot_job *job, const char *path, struct error *reterr)
{
    struct stat status;
    char *real = realpath(path, NULL);
    if (real == NULL)
        return no_file(path, reterr);
    enum engine_code code = check_place(job, path, real, reterr);
    if (code == ENGINE_OK) {
        job->recovery.file =
            open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (job->recovery.file < 0 || fstat(job->recovery.file, &status) != 0)
            code = file_error("open", path, reterr);
        else if (!S_ISREG(status.st_mode))
            code = error_set(reterr, ENGINE_EINPUT,
                             "Snapshot file \"%.300s\" is no file", path);
        else
            job->recovery.size = (uint64_t)status.st_size;
    }
    free(real);
    return code;
}

static enum engine_code
download(struct snapshot_job *job, struct error *reterr)
{
    struct snapshots *snapshots = job->snapshots;
    struct fetch fetch = { .url = job->recovery.location.data,
                           .api_key = job->recovery.api_key.data,
                           .user_agent = snapshots->options.user_agent,
                           .size_max = snapshots->options.file_size_max,
                           .stop = &snapshots->stop };
    if (!snapshots->options.may_fetch)
        return error_set(reterr, ENGINE_EFORBIDDEN,
                         "Snapshots from URLs are turned off "
                         "(storage.snapshots_config.allow_urls)");
    enum engine_code code =
        snapshots_make_file(snapshots, &job->recovery.file, reterr);
    return code == ENGINE_OK ? fetch_to(&fetch, job->recovery.file,
                                        &job->recovery.size, reterr)
                             : code;
}

/* The path of file:///PATH, %XX decoded in place; NULL: not such a URL. */
static char *
file_url_path(char *url)
{
    if (strncmp(url, "file://localhost/", 17) == 0)
        url += 16;
    else if (strncmp(url, "file:///", 8) == 0)
        url += 7;
    else
        return NULL;
    char *to = url;
    for (const char *from = url; *from != '\0'; from++) {
        int high = *from == '%' ? hex_value(from[1]) : -1;
        int low = high < 0 ? -1 : hex_value(from[2]);
        if (low < 0 || (high | low) == 0) {
            *to++ = *from;
            continue;
        }
        *to++ = (char)(high << 4 | low);
        from += 2;
    }
    *to = '\0';
    return url;
}

static enum engine_code
find_file(struct snapshot_job *job, struct error *reterr)
{
    struct snapshot_recovery *recovery = &job->recovery;
    struct span location = recovery->location;
    struct bytes path;
    if (recovery->file >= 0)
        return ENGINE_OK;
    if (span_starts(location, "http://") || span_starts(location, "https://"))
        return recovery->may_roam
                   ? download(job, reterr)
                   : error_set(reterr, ENGINE_EFORBIDDEN,
                               "who may manage all collections may name a URL");
    char *url = arena_strndup(&job->arena, location.data, location.size);
    if (url == NULL)
        return error_memory(reterr);
    const char *file = file_url_path(url);
    if (file != NULL)
        return open_path(job, file, reterr);
    if (recovery->place.scope != SNAPSHOT_SHARD || strchr(url, ':') != NULL)
        return error_set(reterr, ENGINE_EINPUT,
                         "Invalid snapshot location: it begins with file:///, "
                         "http:// or https://");
    enum engine_code code =
        catalog_path(job->snapshots, &job->place, location, &path, reterr);
    if (code == ENGINE_OK)
        code = open_path(job, path.data, reterr);
    bytes_release(&path);
    return code;
}

static enum engine_code
compare_digest(const struct snapshot_recovery *recovery, const char *own,
               struct error *reterr)
{
    if (digest_equal(recovery->checksum, own))
        return ENGINE_OK;
    return error_set(
        reterr, ENGINE_ECHECKSUM, "expected %.*s, actual %s",
        recovery->checksum.size < 128 ? (int)recovery->checksum.size : 128,
        recovery->checksum.data, own);
}

/* Unpacks it and compares the checksum that was asked for, in one pass; of what
 * is no snapshot the checksum is told first, if it is another. */
static enum engine_code
unpack_checked(struct snapshot_job *job, struct unpacked *unpacked,
               struct error *reterr)
{
    const struct snapshot_recovery *recovery = &job->recovery;
    char own[DIGEST_TEXT_SIZE] = "";
    struct container_source source = { .fd = job->recovery.file,
                                       .begin = job->recovery.begin,
                                       .size = job->recovery.size,
                                       .label = "the snapshot",
                                       .stop = &job->snapshots->stop,
                                       .has_digest =
                                           recovery->checksum.size > 0 };
    enum engine_code code = unpack(job->snapshots->options.registry, &source,
                                   CONTAINER_COLLECTION, "", unpacked, reterr);
    if (!source.has_digest)
        return code;
    if (code == ENGINE_OK)
        return compare_digest(recovery, unpacked->digest, reterr);
    if (code == ENGINE_EINPUT &&
        digest_file(recovery->file, recovery->begin, recovery->size,
                    &job->snapshots->stop, own, NULL) == ENGINE_OK &&
        !digest_equal(recovery->checksum, own))
        code = compare_digest(recovery, own, reterr);
    return code;
}

enum engine_code
snapshot_recover_run(struct snapshot_job *job, struct error *reterr)
{
    struct unpacked unpacked = { .count = 0 };
    enum engine_code code = find_file(job, reterr);
    if (code == ENGINE_OK)
        code = unpack_checked(job, &unpacked, reterr);
    /* It is loaded while the disk has its work. */
    if (code == ENGINE_OK)
        code = registry_restore_load(unpacked.restores[0],
                                     job->place.collection, reterr);
    if (code == ENGINE_OK)
        code = unpacked_sync(&unpacked, reterr);
    if (code == ENGINE_OK) {
        struct restore *restore = unpacked.restores[0];
        unpacked.count = 0; /* the commit takes it */
        code = registry_restore_commit(restore, reterr);
    }
    unpacked_release(&unpacked);
    /* What the caller sent cannot be opened: his fault, not the disk's. */
    if (code == ENGINE_ECORRUPT && reterr != NULL)
        reterr->code = code = ENGINE_EINPUT;
    return code;
}

/* ---- uploads ---- */

enum engine_code
snapshot_part_run(struct snapshot_job *job, struct error *reterr)
{
    struct snapshot_recovery *recovery = &job->recovery;
    const struct snapshot_upload *upload = recovery->upload;
    enum engine_code code = file_write(recovery->file, upload->rest.data,
                                       upload->rest.size, "the upload", reterr);
    recovery->upload = NULL; /* the caller's, who may not wait any longer */
    return code == ENGINE_OK
               ? multipart_find(recovery->file,
                                upload->size + upload->rest.size, upload->type,
                                "snapshot", &job->snapshots->stop,
                                &recovery->begin, &recovery->size, reterr)
               : code;
}

/* ---- at the start ---- */

/* ENGINE_EEXIST  before any is replaced. */
static enum engine_code
check_names(struct registry *registry, const struct unpacked *unpacked,
            struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    struct arena arena;
    arena_init(&arena, (size_t)1 << 20);
    for (size_t i = 0; code == ENGINE_OK && i < unpacked->count; i++) {
        struct span name = definition_name(
            registry_restore_folder(unpacked->restores[i]), &arena);
        if (name.size > 0 && registry_exists(registry, name))
            code = error_set(reterr, ENGINE_EEXIST,
                             "Collection `%.*s` already exists! Use "
                             "--force-snapshot to replace it",
                             name.size < 256 ? (int)name.size : 256, name.data);
        arena_release(&arena);
    }
    return code;
}

static enum engine_code
commit_all(struct registry *registry, struct unpacked *unpacked, bool force,
           struct error *reterr)
{
    struct arena arena;
    arena_init(&arena, (size_t)1 << 20);
    enum engine_code code =
        force ? ENGINE_OK : check_names(registry, unpacked, reterr);
    for (size_t i = unpacked->count; code == ENGINE_OK && i > 0; i--) {
        struct restore *restore = unpacked->restores[i - 1];
        struct span name =
            definition_name(registry_restore_folder(restore), &arena);
        code = registry_restore_load(restore, name, reterr);
        if (code == ENGINE_OK) {
            unpacked->count = i - 1;
            code = registry_restore_commit(restore, reterr);
        }
        arena_release(&arena);
    }
    return code;
}

static void
say_without(const struct snapshots *snapshots, struct span alias,
            struct span collection)
{
    const struct snapshots_options *options = &snapshots->options;
    struct bytes text;
    bytes_init(&text, 2048);
    bytes_addf(&text, "alias %.*s is left out: its collection is not there",
               (int)alias.size, alias.data);
    char *name = strndup(collection.data, collection.size);
    if (options->report != NULL && name != NULL && !bytes_failed(&text))
        options->report(options->report_ctx, name, text.data);
    free(name);
    bytes_release(&text);
}

/* The aliases are of a later moment than the collections: one may be younger
 * than the list of these, or gone before its turn came. */
static enum engine_code
put_aliases(const struct snapshots *snapshots, const char *folder,
            struct error *reterr)
{
    struct registry *registry = snapshots->options.registry;
    struct aliases table;
    enum engine_code code = aliases_load(folder, &table, reterr);
    for (size_t i = 0; code == ENGINE_OK && i < table.count; i++) {
        if (!registry_exists(registry, table.items[i].collection)) {
            say_without(snapshots, table.items[i].name,
                        table.items[i].collection);
            continue;
        }
        struct alias_action action = { .kind = ALIAS_CREATE,
                                       .name = table.items[i].name,
                                       .collection =
                                           table.items[i].collection };
        code = registry_change_aliases(registry, &action, 1, reterr);
    }
    aliases_clear(&table);
    return code;
}

enum engine_code
snapshots_restore_storage(struct snapshots *snapshots, const char *path,
                          bool force, struct error *reterr)
{
    struct registry *registry = snapshots->options.registry;
    struct unpacked unpacked = { .count = 0 };
    struct stat status;
    struct bytes staging;
    bytes_init(&staging, SNAPSHOT_PATH_SIZE_MAX);
    bytes_addf(&staging, "%s/.tmp/aliases", snapshots->folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum engine_code code =
        bytes_failed(&staging) ? error_memory(reterr) : ENGINE_OK;
    if (code == ENGINE_OK && (fd < 0 || fstat(fd, &status) != 0))
        code = file_error("open", path, reterr);
    if (code == ENGINE_OK) {
        struct container_source source = { .fd = fd,
                                           .size = (uint64_t)status.st_size,
                                           .label = path };
        code = unpack(registry, &source, CONTAINER_STORAGE, staging.data,
                      &unpacked, reterr);
    }
    if (code == ENGINE_OK)
        code = unpacked_sync(&unpacked, reterr);
    if (code == ENGINE_OK)
        code = commit_all(registry, &unpacked, force, reterr);
    if (code == ENGINE_OK && unpacked.aliases != NULL)
        code = put_aliases(snapshots, unpacked.aliases, reterr);
    unpacked_release(&unpacked);
    if (fd >= 0)
        close(fd);
    bytes_release(&staging);
    return code;
}
