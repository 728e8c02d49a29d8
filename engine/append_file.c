/* SPDX-License-Identifier: Apache-2.0
 * Opening log files, the first time and again. */
#include "engine/append_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int
append_file_open(const char *path, bool is_regular)
{
    struct stat info;
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC;
    int fd = open(path, flags | (is_regular ? O_NONBLOCK : 0), 0640);
    if (fd >= 0 && is_regular && fstat(fd, &info) == 0 &&
        !S_ISREG(info.st_mode)) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

bool
append_file_turn(int fd, int kept)
{
    if (fd < 0)
        return false;
    bool is_done = dup2(fd, kept) >= 0;
    int cause = errno;
    close(fd);
    errno = cause;
    return is_done;
}
