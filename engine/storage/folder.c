/* SPDX-License-Identifier: Apache-2.0
 * Folders and the syncs that keep their names. */
#include "engine/storage/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_PATH_SIZE_MAX 8192

enum engine_code
folder_path(const char *folder, const char *name, struct bytes *ret_path,
            struct error *reterr)
{
    bytes_init(ret_path, FOLDER_PATH_SIZE_MAX);
    bytes_addf(ret_path, "%s/%s", folder, name);
    return bytes_failed(ret_path) ? error_memory(reterr) : ENGINE_OK;
}

static enum engine_code
io_error(const char *what, const char *path, struct error *reterr)
{
    int number = errno;
    bool is_full = number == ENOSPC || number == EDQUOT || number == EFBIG;
    return error_set(reterr, is_full ? ENGINE_ENOSPACE : ENGINE_EINTERNAL,
                     "cannot %s %s: %s", what, path, strerror(number));
}

static enum engine_code
sync_path(const char *path, int flags, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    if (fd < 0 || fsync(fd) != 0)
        code = io_error("sync", path, reterr);
    if (fd >= 0)
        close(fd);
    return code;
}

enum engine_code
folder_sync(const char *path, struct error *reterr)
{
    return sync_path(path, O_DIRECTORY, reterr);
}

enum engine_code
folder_sync_all(const char *path, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    char *copy = strdup(path);
    if (copy == NULL)
        return error_memory(reterr);
    FTS *walk =
        fts_open((char *[]){ copy, NULL }, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    const FTSENT *at;
    if (walk == NULL)
        code = io_error("open", path, reterr);
    while (code == ENGINE_OK && walk != NULL && (at = fts_read(walk)) != NULL) {
        if (at->fts_info == FTS_F)
            code = sync_path(at->fts_accpath, 0, reterr);
        else if (at->fts_info == FTS_DP)
            code = sync_path(at->fts_accpath, O_DIRECTORY, reterr);
        else if (at->fts_info != FTS_D) {
            errno = at->fts_errno;
            code = io_error("sync", at->fts_path, reterr);
        }
    }
    if (walk != NULL)
        fts_close(walk);
    free(copy);
    return code;
}

enum engine_code
folder_sync_parent(const char *path, struct error *reterr)
{
    char *copy = strdup(path);
    if (copy == NULL)
        return error_memory(reterr);
    enum engine_code code = folder_sync(dirname(copy), reterr);
    free(copy);
    return code;
}

enum engine_code
folder_remove(const char *path, struct error *reterr)
{
    struct stat status;
    if (lstat(path, &status) != 0 && errno == ENOENT)
        return ENGINE_OK;
    char *copy = strdup(path);
    if (copy == NULL)
        return error_memory(reterr);
    enum engine_code code = ENGINE_OK;
    FTS *walk =
        fts_open((char *[]){ copy, NULL }, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    const FTSENT *at;
    if (walk == NULL)
        code = io_error("open", path, reterr);
    while (walk != NULL && (at = fts_read(walk)) != NULL) {
        if (at->fts_info != FTS_D && remove(at->fts_accpath) != 0 &&
            errno != ENOENT && code == ENGINE_OK)
            code = io_error("remove", at->fts_accpath, reterr);
    }
    if (walk != NULL)
        fts_close(walk);
    free(copy);
    return code;
}

enum engine_code
folder_make(const char *path, struct error *reterr)
{
    /* One that is there may be from a process that was killed right after. */
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return io_error("make", path, reterr);
    return folder_sync_parent(path, reterr);
}

enum engine_code
folder_make_all(const char *path, struct error *reterr)
{
    char *copy = strdup(path);
    if (copy == NULL)
        return error_memory(reterr);
    enum engine_code code = ENGINE_OK;
    for (char *at = copy + 1; code == ENGINE_OK && *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (access(copy, F_OK) != 0)
            code = folder_make(copy, reterr);
        *at = '/';
    }
    if (code == ENGINE_OK && access(copy, F_OK) != 0)
        code = folder_make(copy, reterr);
    free(copy);
    return code;
}

enum engine_code
folder_link(const char *from, const char *to, struct error *reterr)
{
    if (link(from, to) == 0)
        return ENGINE_OK;
    if (errno == ENOENT)
        return error_set(reterr, ENGINE_ENOTFOUND, "%s is not there", from);
    return io_error("link", from, reterr);
}
