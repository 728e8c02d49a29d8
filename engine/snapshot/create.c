/* SPDX-License-Identifier: Apache-2.0
 * Making a snapshot: freeze (hard links, at one moment), pack them into a file
 * in .tmp, link its checksum and then itself to their place. A kill in between
 * leaves no snapshot, and of its name at most the checksum, which is in nobody's
 * way; what is in .tmp is removed at the next start. */
#include "engine/snapshot/body.h"

#include "engine/collection/registry_alias.h"
#include "engine/collection/registry_restore.h"
#include "engine/snapshot/file.h"
#include "engine/snapshot/unpack.h"
#include "engine/storage/checkpoint.h"
#include "engine/storage/folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FROZEN_ARENA_SIZE ((size_t)64 << 10)

static enum engine_code
pack_collection(struct snapshot_job *job, struct container_writer *writer,
                struct span name, const char *prefix, struct error *reterr)
{
    struct frozen frozen;
    struct arena arena; /* of this one: there may be many */
    arena_init(&arena, FROZEN_ARENA_SIZE);
    enum engine_code code = registry_freeze(job->snapshots->options.registry,
                                            name, &arena, &frozen, reterr);
    if (code == ENGINE_OK) {
        code = container_add_folder(writer, prefix, frozen.folder, reterr);
        registry_thaw(&frozen);
    }
    arena_release(&arena);
    return code;
}

/* The aliases as the storage keeps them. */
static enum engine_code
pack_aliases(struct snapshot_job *job, struct container_writer *writer,
             struct error *reterr)
{
    struct bytes path;
    struct snapshots *snapshots = job->snapshots;
    bytes_init(&path, SNAPSHOT_PATH_SIZE_MAX);
    enum engine_code code =
        registry_aliases_path(snapshots->options.registry, &path, reterr);
    if (code == ENGINE_OK && access(path.data, F_OK) == 0)
        code = container_add(writer, "aliases.json", path.data, reterr);
    bytes_release(&path);
    return code;
}

static enum engine_code
pack_storage(struct snapshot_job *job, struct container_writer *writer,
             struct error *reterr)
{
    const struct span *names = NULL;
    size_t count = 0, packed = 0;
    enum engine_code code = registry_list(job->snapshots->options.registry,
                                          &job->arena, &names, &count, reterr);
    if (code == ENGINE_OK && count > UNPACK_COLLECTIONS_MAX)
        code = error_set(reterr, ENGINE_EINPUT,
                         "a snapshot holds at most %u collections, and there "
                         "are %zu",
                         UNPACK_COLLECTIONS_MAX, count);
    for (size_t i = 0; code == ENGINE_OK && i < count; i++) {
        char prefix[48];
        snprintf(prefix, sizeof(prefix), "collections/%zu/", packed);
        code = pack_collection(job, writer, names[i], prefix, reterr);
        if (code == ENGINE_OK)
            packed++;
        else if (code == ENGINE_ENOTFOUND)
            code = ENGINE_OK; /* deleted meanwhile */
    }
    return code == ENGINE_OK ? pack_aliases(job, writer, reterr) : code;
}

/* Fills `fd`; ret_checksum [DIGEST_TEXT_SIZE]. */
static enum engine_code
pack(struct snapshot_job *job, int fd, char *ret_checksum, uint64_t *ret_size,
     struct error *reterr)
{
    bool is_whole = job->place.scope == SNAPSHOT_STORAGE;
    struct container_writer *writer = NULL;
    enum engine_code code = container_create(
        fd, is_whole ? CONTAINER_STORAGE : CONTAINER_COLLECTION,
        &job->snapshots->stop, &writer, reterr);
    if (code != ENGINE_OK)
        return code;
    code = is_whole ? pack_storage(job, writer, reterr)
                    : pack_collection(job, writer, job->place.collection, "",
                                      reterr);
    if (code == ENGINE_OK)
        code = container_finish(writer, ret_checksum, ret_size, reterr);
    container_writer_free(writer);
    return code;
}

#define CHECKSUM ".checksum"

/* A new name for a file, which never takes another's place. */
static enum engine_code
link_new(const char *from, const char *to, bool *ret_is_taken,
         struct error *reterr)
{
    *ret_is_taken = false;
    if (link(from, to) == 0)
        return ENGINE_OK;
    *ret_is_taken = errno == EEXIST;
    return *ret_is_taken ? ENGINE_OK : file_error("make", to, reterr);
}

/* The checksum first: who sees the snapshot sees it whole. */
static enum engine_code
publish_both(const char *from, const char *near, const char *to,
             bool *ret_is_taken, struct error *reterr)
{
    char beside[SNAPSHOT_PATH_SIZE_MAX + sizeof(CHECKSUM)];
    snprintf(beside, sizeof(beside), "%s" CHECKSUM, to);
    enum engine_code code = link_new(near, beside, ret_is_taken, reterr);
    if (code != ENGINE_OK || *ret_is_taken)
        return code;
    code = link_new(from, to, ret_is_taken, reterr);
    if (code == ENGINE_OK && !*ret_is_taken) {
        code = folder_sync_parent(to, reterr);
        if (code != ENGINE_OK)
            (void)unlink(to);
    }
    if (code != ENGINE_OK || *ret_is_taken)
        (void)unlink(beside);
    return code;
}

/* Gives the file at `from` and its checksum, at `near`, the name of that second,
 * if it is free. */
static enum engine_code
publish_at(struct snapshot_job *job, const char *from, const char *near,
           int64_t now_s, bool *ret_is_taken, struct error *reterr)
{
    struct bytes to;
    char name[SNAPSHOT_NAME_SIZE_MAX + 1];
    catalog_name(job->snapshots, &job->place, now_s, name);
    enum engine_code code =
        catalog_path(job->snapshots, &job->place, span_of(name), &to, reterr);
    *ret_is_taken = false;
    if (code == ENGINE_OK)
        code = publish_both(from, near, to.data, ret_is_taken, reterr);
    bytes_release(&to);
    job->info.name = arena_strndup(&job->arena, name, strlen(name));
    return code;
}

#define NAMES_TRIED_MAX 3600

static enum engine_code
publish(struct snapshot_job *job, const char *from, const char *checksum,
        struct error *reterr)
{
    int64_t now_s = (int64_t)time(NULL);
    bool is_taken = true;
    struct bytes beside;
    enum engine_code code =
        catalog_make_folder(job->snapshots, &job->place, reterr);
    bytes_init(&beside, SNAPSHOT_PATH_SIZE_MAX);
    bytes_addf(&beside, "%s" CHECKSUM, from);
    if (code == ENGINE_OK && bytes_failed(&beside))
        code = error_memory(reterr);
    if (code == ENGINE_OK)
        code = checkpoint_write(beside.data, span_of(checksum), reterr);
    for (int i = 0; code == ENGINE_OK && is_taken && i < NAMES_TRIED_MAX; i++)
        code = publish_at(job, from, beside.data, now_s + i, &is_taken, reterr);
    if (!bytes_failed(&beside))
        (void)unlink(beside.data);
    bytes_release(&beside);
    if (code == ENGINE_OK && is_taken)
        code = error_set(reterr, ENGINE_EINTERNAL,
                         "all names of snapshots of this hour are taken");
    return code;
}

enum engine_code
snapshot_create_run(struct snapshot_job *job, struct error *reterr)
{
    struct bytes path;
    struct stat status;
    char checksum[DIGEST_TEXT_SIZE] = "";
    int fd = -1;
    enum engine_code code =
        catalog_make_file(job->snapshots, &path, &fd, reterr);
    if (code == ENGINE_OK)
        code = pack(job, fd, checksum, &job->info.size, reterr);
    if (code == ENGINE_OK)
        code = publish(job, path.data, checksum, reterr);
    if (code == ENGINE_OK && fstat(fd, &status) == 0)
        job->info.created_s = (int64_t)status.st_mtime;
    job->info.checksum = arena_strndup(&job->arena, checksum, strlen(checksum));
    if (code == ENGINE_OK && arena_failed(&job->arena))
        code = error_memory(reterr);
    if (fd >= 0) {
        (void)unlink(path.data);
        close(fd);
    }
    bytes_release(&path);
    return code;
}

enum engine_code
snapshot_stream_run(struct snapshot_job *job, struct error *reterr)
{
    char checksum[DIGEST_TEXT_SIZE];
    enum engine_code code =
        snapshots_make_file(job->snapshots, &job->file, reterr);
    return code == ENGINE_OK
               ? pack(job, job->file, checksum, &job->size, reterr)
               : code;
}
