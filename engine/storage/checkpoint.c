/* SPDX-License-Identifier: Apache-2.0
 * Write beside, fsync, rename, fsync the folder. A crash at any instant leaves
 * the old file or the new one; a stale PATH.tmp is overwritten next time. */
#include "engine/storage/checkpoint.h"

#include "base/bytes.h"
#include "engine/storage/folder.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STREAM_BUFFER_SIZE ((size_t)1 << 20)
#define WRITE_SIZE_MAX     ((size_t)1 << 30) /* of what is small, and before */

struct checkpoint {
    char *path;
    char *path_tmp; /* NULL when reading */
    FILE *file;
    size_t left_size; /* reading */
};

static enum engine_code
io_error(const char *what, const char *path, struct error *reterr)
{
    int number = errno;
    enum engine_code code = ENGINE_EINTERNAL;
    if (number == ENOSPC || number == EFBIG || number == EDQUOT)
        code = ENGINE_ENOSPACE;
    else if (number == ENOENT)
        code = ENGINE_ENOTFOUND;
    return error_set(reterr, code, "cannot %s %s: %s", what, path,
                     strerror(number));
}

static struct checkpoint *
checkpoint_new(const char *path, bool is_writing)
{
    struct checkpoint *checkpoint = calloc(1, sizeof(*checkpoint));
    if (checkpoint == NULL)
        return NULL;
    struct bytes name;
    bytes_init(&name, 8192);
    checkpoint->path = strdup(path);
    if (is_writing) {
        bytes_addf(&name, "%s.tmp", path);
        checkpoint->path_tmp = bytes_take(&name);
    }
    bytes_release(&name);
    if (checkpoint->path == NULL ||
        (is_writing && checkpoint->path_tmp == NULL)) {
        free(checkpoint->path);
        free(checkpoint->path_tmp);
        free(checkpoint);
        return NULL;
    }
    return checkpoint;
}

static void
checkpoint_free(struct checkpoint *checkpoint)
{
    if (checkpoint->file != NULL)
        fclose(checkpoint->file);
    free(checkpoint->path);
    free(checkpoint->path_tmp);
    free(checkpoint);
}

enum engine_code
checkpoint_create(const char *path, struct checkpoint **ret_checkpoint,
                  struct error *reterr)
{
    struct checkpoint *checkpoint = checkpoint_new(path, true);
    if (checkpoint == NULL)
        return error_memory(reterr);
    checkpoint->file = fopen(checkpoint->path_tmp, "wbe");
    if (checkpoint->file == NULL) {
        enum engine_code code =
            io_error("create", checkpoint->path_tmp, reterr);
        checkpoint_free(checkpoint);
        return code;
    }
    setvbuf(checkpoint->file, NULL, _IOFBF, STREAM_BUFFER_SIZE);
    *ret_checkpoint = checkpoint;
    return ENGINE_OK;
}

enum engine_code
checkpoint_append(struct checkpoint *checkpoint, const void *data, size_t size,
                  struct error *reterr)
{
    assert(checkpoint->path_tmp != NULL);
    if (size > 0 && fwrite(data, 1, size, checkpoint->file) != size)
        return io_error("write", checkpoint->path_tmp, reterr);
    return ENGINE_OK;
}

/* *ret_is_seen: the new version is in its place, whatever the result. */
static enum engine_code
commit(struct checkpoint *checkpoint, bool *ret_is_seen, struct error *reterr)
{
    assert(checkpoint->path_tmp != NULL);
    enum engine_code code = ENGINE_OK;
    *ret_is_seen = false;
    if (fflush(checkpoint->file) != 0 || fsync(fileno(checkpoint->file)) != 0)
        code = io_error("write", checkpoint->path_tmp, reterr);
    else if (rename(checkpoint->path_tmp, checkpoint->path) != 0)
        code = io_error("rename", checkpoint->path_tmp, reterr);
    else
        *ret_is_seen = true;
    if (*ret_is_seen)
        code = folder_sync_parent(checkpoint->path, reterr);
    else
        unlink(checkpoint->path_tmp);
    checkpoint_free(checkpoint);
    return code;
}

enum engine_code
checkpoint_commit(struct checkpoint *checkpoint, struct error *reterr)
{
    bool is_seen;
    return commit(checkpoint, &is_seen, reterr);
}

enum engine_code
checkpoint_open(const char *path, struct checkpoint **ret_checkpoint,
                struct error *reterr)
{
    struct checkpoint *checkpoint = checkpoint_new(path, false);
    if (checkpoint == NULL)
        return error_memory(reterr);
    struct stat status;
    checkpoint->file = fopen(path, "rbe");
    if (checkpoint->file == NULL ||
        fstat(fileno(checkpoint->file), &status) != 0) {
        enum engine_code code = io_error("open", path, reterr);
        checkpoint_free(checkpoint);
        return code;
    }
    setvbuf(checkpoint->file, NULL, _IOFBF, STREAM_BUFFER_SIZE);
    checkpoint->left_size = (size_t)status.st_size;
    *ret_checkpoint = checkpoint;
    return ENGINE_OK;
}

enum engine_code
checkpoint_read(struct checkpoint *checkpoint, void *data, size_t size,
                struct error *reterr)
{
    assert(checkpoint->path_tmp == NULL);
    if (size > checkpoint->left_size ||
        (size > 0 && fread(data, 1, size, checkpoint->file) != size))
        return error_set(reterr, ENGINE_ECORRUPT, "%s ends too early",
                         checkpoint->path);
    checkpoint->left_size -= size;
    return ENGINE_OK;
}

size_t
checkpoint_left(const struct checkpoint *checkpoint)
{
    return checkpoint->left_size;
}

void
checkpoint_close(struct checkpoint *checkpoint)
{
    if (checkpoint == NULL)
        return;
    if (checkpoint->path_tmp != NULL)
        unlink(checkpoint->path_tmp);
    checkpoint_free(checkpoint);
}

enum engine_code
checkpoint_read_all(const char *path, size_t size_max, struct bytes *text,
                    struct error *reterr)
{
    struct checkpoint *file = NULL;
    bytes_init(text, size_max + 1);
    enum engine_code code = checkpoint_open(path, &file, reterr);
    if (code != ENGINE_OK)
        return code;
    char block[4096];
    size_t left = checkpoint_left(file);
    if (left > size_max)
        code =
            error_set(reterr, ENGINE_ECORRUPT, "%s has %zu bytes", path, left);
    else
        (void)bytes_reserve(text, left);
    while (code == ENGINE_OK && left > 0) {
        size_t part = left < sizeof(block) ? left : sizeof(block);
        code = checkpoint_read(file, block, part, reterr);
        bytes_add(text, block, part);
        left -= part;
    }
    checkpoint_close(file);
    return code == ENGINE_OK && bytes_failed(text) ? error_memory(reterr)
                                                   : code;
}

static enum engine_code
replace(const char *path, struct span text, bool *ret_is_seen,
        struct error *reterr)
{
    struct checkpoint *file = NULL;
    *ret_is_seen = false;
    enum engine_code code = checkpoint_create(path, &file, reterr);
    if (code != ENGINE_OK)
        return code;
    code = checkpoint_append(file, text.data, text.size, reterr);
    if (code == ENGINE_OK)
        return commit(file, ret_is_seen, reterr);
    checkpoint_close(file);
    return code;
}

enum engine_code
checkpoint_write(const char *path, struct span text, struct error *reterr)
{
    struct bytes before;
    bool is_seen = false;
    enum engine_code code =
        checkpoint_read_all(path, WRITE_SIZE_MAX, &before, reterr);
    bool is_there = code != ENGINE_ENOTFOUND;
    if (code == ENGINE_OK || !is_there)
        code = replace(path, text, &is_seen, reterr);
    /* What is answered as a failure must not be found at the next start: what
     * came since would be judged by it. */
    bool is_back;
    if (code != ENGINE_OK && is_seen && is_there)
        (void)!replace(path, bytes_span(&before), &is_back, NULL);
    else if (code != ENGINE_OK && is_seen)
        (void)unlink(path);
    bytes_release(&before);
    return code;
}
