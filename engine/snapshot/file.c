/* SPDX-License-Identifier: Apache-2.0
 * Reads and writes that the system may cut into pieces. */
#define _GNU_SOURCE /* sync_file_range() */
#include "engine/snapshot/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum engine_code
file_error(const char *what, const char *path, struct error *reterr)
{
    int number = errno;
    bool is_full = number == ENOSPC || number == EDQUOT || number == EFBIG;
    return error_set(reterr, is_full ? ENGINE_ENOSPACE : ENGINE_EINTERNAL,
                     "cannot %s %s: %s", what, path, strerror(number));
}

enum engine_code
file_may_go_on(const atomic_bool *stop, struct error *reterr)
{
    if (stop == NULL || !atomic_load(stop))
        return ENGINE_OK;
    return error_set(reterr, ENGINE_EUNAVAILABLE, "the server is stopping");
}

enum engine_code
file_read(int fd, uint64_t at, void *data, size_t size, struct error *reterr)
{
    char *to = data;
    while (size > 0) {
        ssize_t got = pread(fd, to, size, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return file_error("read", "the snapshot", reterr);
        if (got == 0)
            return error_set(reterr, ENGINE_ECORRUPT,
                             "the snapshot ends too early");
        to += got;
        at += (uint64_t)got;
        size -= (size_t)got;
    }
    return ENGINE_OK;
}

enum engine_code
file_write(int fd, const void *data, size_t size, const char *path,
           struct error *reterr)
{
    const char *from = data;
    while (size > 0) {
        ssize_t done = write(fd, from, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return file_error("write", path, reterr);
        from += done;
        size -= (size_t)done;
    }
    return ENGINE_OK;
}

void
file_begin_writing(int fd, uint64_t from, uint64_t to)
{
    /* Without it the sync takes longer, no more. */
    (void)sync_file_range(fd, (off_t)from, (off_t)(to - from),
                          SYNC_FILE_RANGE_WRITE);
}
