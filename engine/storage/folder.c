/* SPDX-License-Identifier: Apache-2.0
 * Folders and the syncs that keep their names. */
#include "engine/storage/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum engine_code
io_error(const char *what, const char *path, struct error *reterr)
{
    int number = errno;
    bool is_full = number == ENOSPC || number == EDQUOT;
    return error_set(reterr, is_full ? ENGINE_ENOSPACE : ENGINE_EINTERNAL,
                     "cannot %s %s: %s", what, path, strerror(number));
}

enum engine_code
folder_sync_parent(const char *path, struct error *reterr)
{
    char *copy = strdup(path);
    if (copy == NULL)
        return error_memory(reterr);
    enum engine_code code = ENGINE_OK;
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        code = io_error("sync the folder of", path, reterr);
    if (fd >= 0)
        close(fd);
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
