/* SPDX-License-Identifier: Apache-2.0
 * Secrets from files, so that they are in no command line and in no
 * environment. */
#include "engine/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE_PRIVATE 077
#define MODE_SHARED  027

/* NULL, or what is wrong with an open file. */
static const char *
complaint(const struct secret_file *file, int fd, size_t size)
{
    struct stat info;
    if (fd < 0 || fstat(fd, &info) != 0)
        return strerror(errno);
    if (!S_ISREG(info.st_mode))
        return "no regular file";
    mode_t others = file->is_shared ? MODE_SHARED : MODE_PRIVATE;
    if ((info.st_mode & others) != 0)
        return file->is_shared ? "can be read by everybody or written by its "
                                 "group: chmod 600 or 640"
                               : "can be read by others: chmod 600";
    return info.st_size > (off_t)size ? "too large" : NULL;
}

enum engine_code
secret_file_read(const struct secret_file *file, char *text, size_t size,
                 size_t *ret_size, struct error *reterr)
{
    int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *why = complaint(file, fd, size);
    ssize_t used = why == NULL ? read(fd, text, size) : 0;
    if (used < 0)
        why = strerror(errno);
    if (fd >= 0)
        close(fd);
    if (why != NULL)
        return error_set(reterr, ENGINE_EINPUT, "%s %s: %s", file->key,
                         file->path, why);
    *ret_size = (size_t)used;
    return ENGINE_OK;
}
