/* SPDX-License-Identifier: Apache-2.0
 * The room's door: start and end, and what needs no job. */
#include "engine/snapshot/body.h"

#include "engine/snapshot/file.h"
#include "engine/storage/checkpoint.h"
#include "engine/storage/folder.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <curl/curl.h>

enum engine_code
snapshots_open(const struct snapshots_options *options,
               struct snapshots **ret_snapshots, struct error *reterr)
{
    struct snapshots *snapshots = calloc(1, sizeof(*snapshots));
    if (snapshots == NULL)
        return error_memory(reterr);
    snapshots->options = *options;
    pthread_mutex_init(&snapshots->lock, NULL);
    pthread_cond_init(&snapshots->changed, NULL);
    enum engine_code code = ENGINE_OK;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        code = error_set(reterr, ENGINE_EINTERNAL, "libcurl does not start");
    if (code == ENGINE_OK)
        code = folder_make_all(options->folder, reterr);
    if (code == ENGINE_OK) {
        snapshots->folder = realpath(options->folder, NULL);
        if (snapshots->folder == NULL)
            code = file_error("find", options->folder, reterr);
    }
    if (code == ENGINE_OK)
        code = catalog_clear(snapshots, reterr);
    if (code != ENGINE_OK) {
        snapshots_close(snapshots);
        return code;
    }
    *ret_snapshots = snapshots;
    return ENGINE_OK;
}

void
snapshots_close(struct snapshots *snapshots)
{
    if (snapshots == NULL)
        return;
    atomic_store(&snapshots->stop, true);
    pthread_mutex_lock(&snapshots->lock);
    while (snapshots->jobs_count > 0)
        pthread_cond_wait(&snapshots->changed, &snapshots->lock);
    pthread_mutex_unlock(&snapshots->lock);
    curl_global_cleanup();
    pthread_cond_destroy(&snapshots->changed);
    pthread_mutex_destroy(&snapshots->lock);
    free(snapshots->folder);
    free(snapshots);
}

uint64_t
snapshots_file_size_max(const struct snapshots *snapshots)
{
    return snapshots->options.file_size_max;
}

enum engine_code
snapshots_make_file(struct snapshots *snapshots, int *ret_file,
                    struct error *reterr)
{
    struct bytes path;
    enum engine_code code =
        catalog_make_file(snapshots, &path, ret_file, reterr);
    if (code == ENGINE_OK)
        (void)unlink(path.data);
    bytes_release(&path);
    return code;
}

static enum engine_code
not_there(struct span name, struct error *reterr)
{
    return error_set(reterr, ENGINE_ENOTFOUND, "Snapshot %.*s does not exist",
                     (int)name.size, name.data);
}

enum engine_code
snapshots_open_file(struct snapshots *snapshots,
                    const struct snapshot_place *place, struct span name,
                    int *ret_file, uint64_t *ret_size, struct error *reterr)
{
    struct bytes path;
    struct stat status;
    int fd = -1;
    enum engine_code code = catalog_path(snapshots, place, name, &path, reterr);
    if (code == ENGINE_OK) {
        fd = open(path.data, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
            code = not_there(name, reterr);
        else if (fd < 0 || fstat(fd, &status) != 0)
            code = file_error("open", path.data, reterr);
        else if (!S_ISREG(status.st_mode))
            code = not_there(name, reterr);
    }
    bytes_release(&path);
    if (code != ENGINE_OK) {
        if (fd >= 0)
            close(fd);
        return code;
    }
    *ret_file = fd;
    *ret_size = (uint64_t)status.st_size;
    return ENGINE_OK;
}

enum engine_code
snapshots_delete(struct snapshots *snapshots,
                 const struct snapshot_place *place, struct span name,
                 struct error *reterr)
{
    struct bytes path;
    enum engine_code code = catalog_path(snapshots, place, name, &path, reterr);
    if (code == ENGINE_OK && unlink(path.data) != 0)
        code = errno == ENOENT || errno == ENOTDIR
                   ? not_there(name, reterr)
                   : file_error("remove", path.data, reterr);
    if (code == ENGINE_OK) {
        bytes_add_text(&path, ".checksum");
        if (!bytes_failed(&path))
            (void)unlink(path.data);
        code = folder_sync_parent(path.data, reterr);
    }
    bytes_release(&path);
    return code;
}

/* ---- the list ---- */

/* What the file beside it says, in `arena`; NULL: nothing that is one. */
static const char *
checksum_read(const char *path, struct arena *arena)
{
    struct bytes beside, text;
    const char *checksum = NULL;
    bytes_init(&text, 1);
    bytes_init(&beside, SNAPSHOT_PATH_SIZE_MAX);
    bytes_addf(&beside, "%s.checksum", path);
    if (!bytes_failed(&beside) &&
        checkpoint_read_all(beside.data, DIGEST_TEXT_SIZE, &text, NULL) ==
            ENGINE_OK &&
        digest_is_text(bytes_span(&text)))
        checksum = arena_strndup(arena, text.data, text.size);
    bytes_release(&beside);
    bytes_release(&text);
    return checksum;
}

static bool
info_read(const char *path, const char *name, struct arena *arena,
          struct snapshot_info *info)
{
    struct stat status;
    if (lstat(path, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    *info = (struct snapshot_info){
        .name = arena_strndup(arena, name, strlen(name)),
        .size = (uint64_t)status.st_size,
        .created_s = (int64_t)status.st_mtime,
        .checksum = checksum_read(path, arena),
    };
    return true;
}

static int
by_name(const void *a, const void *b)
{
    const struct snapshot_info *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static enum engine_code
list_folder(const struct snapshots *snapshots,
            const struct snapshot_place *place, DIR *folder,
            struct arena *arena, struct snapshot_info *infos, size_t *count)
{
    const struct dirent *item;
    while (*count < SNAPSHOT_LIST_MAX && (item = readdir(folder)) != NULL) {
        struct bytes path;
        if (catalog_path(snapshots, place, span_of(item->d_name), &path,
                         NULL) == ENGINE_OK &&
            info_read(path.data, item->d_name, arena, &infos[*count]))
            (*count)++;
        bytes_release(&path);
    }
    return arena_failed(arena) ? ENGINE_ENOMEM : ENGINE_OK;
}

enum engine_code
snapshots_list(struct snapshots *snapshots, const struct snapshot_place *place,
               struct arena *arena, const struct snapshot_info **ret_infos,
               size_t *ret_count, struct error *reterr)
{
    struct bytes path;
    size_t count = 0;
    struct snapshot_info *infos =
        arena_calloc(arena, SNAPSHOT_LIST_MAX, sizeof(*infos));
    enum engine_code code = catalog_folder(snapshots, place, &path, reterr);
    if (code == ENGINE_OK && infos == NULL)
        code = error_memory(reterr);
    DIR *folder = code == ENGINE_OK ? opendir(path.data) : NULL;
    if (code == ENGINE_OK && folder == NULL && errno != ENOENT)
        code = file_error("read", path.data, reterr);
    if (folder != NULL) {
        code = list_folder(snapshots, place, folder, arena, infos, &count);
        closedir(folder);
        if (code != ENGINE_OK)
            code = error_memory(reterr);
    }
    bytes_release(&path);
    if (code != ENGINE_OK)
        return code;
    if (count > 1)
        qsort(infos, count, sizeof(*infos), by_name);
    *ret_infos = infos;
    *ret_count = count;
    return ENGINE_OK;
}

/* ---- jobs ---- */

static struct snapshot_job *
job_for(struct snapshots *snapshots, const struct snapshot_place *place)
{
    struct snapshot_job *job = snapshot_job_new(snapshots);
    if (job == NULL)
        return NULL;
    job->place.scope = place->scope;
    job->place.collection = snapshot_job_copy(job, place->collection);
    return job;
}

/* ENGINE_ENOTFOUND before a job is begun that nobody waits for. */
static enum engine_code
check_place(struct snapshots *snapshots, const struct snapshot_place *place,
            struct error *reterr)
{
    if (place->scope == SNAPSHOT_STORAGE ||
        registry_exists(snapshots->options.registry, place->collection))
        return ENGINE_OK;
    return error_set(
        reterr, ENGINE_ENOTFOUND, "Collection `%.*s` doesn't exist!",
        place->collection.size < 256 ? (int)place->collection.size : 256,
        place->collection.data);
}

enum engine_code
snapshots_create(struct snapshots *snapshots,
                 const struct snapshot_place *place, bool wait,
                 struct arena *arena, struct snapshot_info *ret_info,
                 struct error *reterr)
{
    enum engine_code code = check_place(snapshots, place, reterr);
    if (code != ENGINE_OK)
        return code;
    struct snapshot_job *job = job_for(snapshots, place);
    if (job == NULL)
        return error_memory(reterr);
    job->run = snapshot_create_run;
    code = snapshot_job_start(job, wait, reterr);
    if (!wait)
        return code;
    if (code == ENGINE_OK) {
        const struct snapshot_info *info = &job->info;
        *ret_info = *info;
        ret_info->name = arena_strndup(arena, info->name, strlen(info->name));
        ret_info->checksum =
            arena_strndup(arena, info->checksum, strlen(info->checksum));
        if (arena_failed(arena))
            code = error_memory(reterr);
    }
    snapshot_job_free(job);
    return code;
}

enum engine_code
snapshots_stream(struct snapshots *snapshots,
                 const struct snapshot_place *place, int *ret_file,
                 uint64_t *ret_size, struct error *reterr)
{
    struct snapshot_job *job = job_for(snapshots, place);
    if (job == NULL)
        return error_memory(reterr);
    job->run = snapshot_stream_run;
    enum engine_code code = snapshot_job_start(job, true, reterr);
    if (code == ENGINE_OK) {
        *ret_file = job->file;
        *ret_size = job->size;
        job->file = -1;
    }
    snapshot_job_free(job);
    return code;
}

/* That takes as long as the upload is big. Its place is the restore's after. */
static enum engine_code
find_part(struct snapshot_job *job, struct error *reterr)
{
    job->run = snapshot_part_run;
    job->keeps_place = true;
    enum engine_code code = snapshot_job_start(job, true, reterr);
    job->keeps_place = false;
    return code;
}

enum engine_code
snapshots_recover(struct snapshots *snapshots,
                  const struct snapshot_recovery *recovery, bool wait,
                  struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    struct snapshot_job *job = job_for(snapshots, &recovery->place);
    if (job == NULL) {
        if (recovery->file >= 0)
            close(recovery->file);
        return error_memory(reterr);
    }
    job->recovery = *recovery;
    job->recovery.location = snapshot_job_copy(job, recovery->location);
    job->recovery.checksum = snapshot_job_copy(job, recovery->checksum);
    job->recovery.api_key = snapshot_job_copy(job, recovery->api_key);
    if (arena_failed(&job->arena))
        code = error_memory(reterr);
    if (code == ENGINE_OK && recovery->place.scope == SNAPSHOT_SHARD)
        code = check_place(snapshots, &recovery->place, reterr);
    if (code == ENGINE_OK && recovery->upload != NULL)
        code = find_part(job, reterr);
    if (code != ENGINE_OK) {
        snapshot_job_free(job);
        return code;
    }
    job->run = snapshot_recover_run;
    code = snapshot_job_start(job, wait, reterr);
    if (wait)
        snapshot_job_free(job);
    return code;
}
