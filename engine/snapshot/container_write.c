/* SPDX-License-Identifier: Apache-2.0
 * Writing a snapshot in one pass: each byte is read once into a block, summed up
 * for its file (or for the rest) here and as SHA-256 for the API by the summer's
 * thread, and written once. `block` is NULL only before the first byte. */
#include "engine/snapshot/container_body.h"

#include "engine/snapshot/file.h"
#include "engine/snapshot/summer.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WRITE_BEHIND_SIZE ((uint64_t)8 << 20)
#define NAME_SIZE         (CONTAINER_NAME_SIZE_MAX + 1)

struct container_writer {
    int fd;
    const atomic_bool *stop;
    uint64_t size;    /* so far, with what is in the block */
    uint64_t started; /* of it, what the disk was told to begin with */
    uint64_t files_count;
    XXH3_state_t *one;  /* of the file at hand */
    XXH3_state_t *rest; /* of all but the files' data */
    struct summer *summer;
    char *block;
    size_t block_size; /* of it, what is filled */
};

/* Writes what is in the block. */
static enum engine_code
put_block(struct container_writer *writer, struct error *reterr)
{
    if (writer->block_size == 0)
        return ENGINE_OK;
    summer_pass(writer->summer, writer->block_size);
    enum engine_code code = file_write(
        writer->fd, writer->block, writer->block_size, "the snapshot", reterr);
    if (code == ENGINE_OK &&
        writer->size - writer->started >= WRITE_BEHIND_SIZE) {
        file_begin_writing(writer->fd, writer->started, writer->size);
        writer->started = writer->size;
    }
    writer->block = summer_block(writer->summer);
    writer->block_size = 0;
    return code;
}

/* Counts `size` bytes more in the block, which has room for them. */
static enum engine_code
fill(struct container_writer *writer, size_t size, struct error *reterr)
{
    writer->block_size += size;
    writer->size += size;
    return writer->block_size == SUMMER_BLOCK_SIZE ? put_block(writer, reterr)
                                                   : ENGINE_OK;
}

static enum engine_code
put(struct container_writer *writer, const void *data, size_t size,
    struct error *reterr)
{
    const char *from = data;
    enum engine_code code = ENGINE_OK;
    XXH3_128bits_update(writer->rest, data, size);
    while (code == ENGINE_OK && size > 0) {
        size_t room = SUMMER_BLOCK_SIZE - writer->block_size;
        size_t part = size < room ? size : room;
        memcpy(writer->block + writer->block_size, from, part);
        code = fill(writer, part, reterr);
        from += part;
        size -= part;
    }
    return code;
}

enum engine_code
container_create(int fd, enum container_kind kind, const atomic_bool *stop,
                 struct container_writer **ret_writer, struct error *reterr)
{
    struct container_writer *writer = calloc(1, sizeof(*writer));
    if (writer == NULL)
        return error_memory(reterr);
    writer->fd = fd;
    writer->stop = stop;
    writer->one = XXH3_createState();
    writer->rest = XXH3_createState();
    writer->summer = summer_new();
    if (writer->one == NULL || writer->rest == NULL || writer->summer == NULL) {
        container_writer_free(writer);
        return error_memory(reterr);
    }
    XXH3_128bits_reset(writer->rest);
    writer->block = summer_block(writer->summer);
    struct container_head head = { .magic = CONTAINER_MAGIC,
                                   .format = CONTAINER_FORMAT,
                                   .kind = kind };
    head.sum = XXH3_64bits(&head, offsetof(struct container_head, sum));
    enum engine_code code = put(writer, &head, sizeof(head), reterr);
    if (code != ENGINE_OK) {
        container_writer_free(writer);
        return code;
    }
    *ret_writer = writer;
    return ENGINE_OK;
}

static enum engine_code
put_data(struct container_writer *writer, int fd, uint64_t size,
         struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    XXH3_128bits_reset(writer->one);
    for (uint64_t at = 0; code == ENGINE_OK && at < size;) {
        size_t room = SUMMER_BLOCK_SIZE - writer->block_size;
        size_t part = size - at < room ? (size_t)(size - at) : room;
        char *to = writer->block + writer->block_size;
        code = file_may_go_on(writer->stop, reterr);
        if (code == ENGINE_OK)
            code = file_read(fd, at, to, part, reterr);
        if (code == ENGINE_OK) {
            XXH3_128bits_update(writer->one, to, part);
            code = fill(writer, part, reterr);
        }
        at += part;
    }
    struct container_sum sum =
        container_sum_of(XXH3_128bits_digest(writer->one));
    return code == ENGINE_OK ? put(writer, &sum, sizeof(sum), reterr) : code;
}

enum engine_code
container_add(struct container_writer *writer, const char *name,
              const char *path, struct error *reterr)
{
    struct stat status;
    assert(strlen(name) <= CONTAINER_NAME_SIZE_MAX);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return file_error("open", path, reterr);
    enum engine_code code = ENGINE_OK;
    if (fstat(fd, &status) != 0)
        code = file_error("look at", path, reterr);
    if (code == ENGINE_OK) {
        struct container_record record = { .type = CONTAINER_FILE,
                                           .name_size = (uint32_t)strlen(name),
                                           .size = (uint64_t)status.st_size };
        record.sum = container_record_sum(&record, name);
        code = put(writer, &record, sizeof(record), reterr);
        if (code == ENGINE_OK)
            code = put(writer, name, record.name_size, reterr);
        if (code == ENGINE_OK)
            code = put_data(writer, fd, record.size, reterr);
        writer->files_count++;
    }
    close(fd);
    return code;
}

static int
by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* RocksDB writes its options for people, and they name this machine. */
static bool
is_left_out(const char *name)
{
    return strncmp(name, "OPTIONS-", 8) == 0 || strncmp(name, "LOG", 3) == 0 ||
           strcmp(name, "LOCK") == 0;
}

static enum engine_code
add_walked(struct container_writer *writer, const char *prefix,
           const FTSENT *at, size_t skip, struct error *reterr)
{
    struct bytes name;
    if (at->fts_info == FTS_ERR || at->fts_info == FTS_DNR ||
        at->fts_info == FTS_NS) {
        errno = at->fts_errno;
        return file_error("read", at->fts_path, reterr);
    }
    if (at->fts_info != FTS_F || is_left_out(at->fts_name))
        return ENGINE_OK;
    bytes_init(&name, NAME_SIZE);
    bytes_addf(&name, "%s%s", prefix, at->fts_path + skip);
    enum engine_code code =
        bytes_failed(&name) || name.size > CONTAINER_NAME_SIZE_MAX
            ? error_set(reterr, ENGINE_EINTERNAL, "%s has too long a name",
                        at->fts_path)
            : container_add(writer, name.data, at->fts_accpath, reterr);
    bytes_release(&name);
    return code;
}

enum engine_code
container_add_folder(struct container_writer *writer, const char *prefix,
                     const char *folder, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    char *copy = strdup(folder);
    if (copy == NULL)
        return error_memory(reterr);
    size_t skip = strlen(folder) + 1;
    FTS *walk =
        fts_open((char *[]){ copy, NULL }, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    if (walk == NULL)
        code = file_error("read", folder, reterr);
    const FTSENT *at;
    while (code == ENGINE_OK && (at = fts_read(walk)) != NULL)
        code = add_walked(writer, prefix, at, skip, reterr);
    if (walk != NULL)
        fts_close(walk);
    free(copy);
    return code;
}

enum engine_code
container_finish(struct container_writer *writer, char *ret_checksum,
                 uint64_t *ret_size, struct error *reterr)
{
    enum engine_code code = put_block(writer, reterr);
    struct container_sum sum =
        container_sum_of(XXH3_128bits_digest(writer->rest));
    struct container_record record = { .type = CONTAINER_END,
                                       .size = writer->files_count };
    record.sum = container_record_sum(&record, "");
    if (code == ENGINE_OK)
        code = put(writer, &record, sizeof(record), reterr);
    if (code == ENGINE_OK)
        code = put(writer, &sum, sizeof(sum), reterr);
    if (code == ENGINE_OK)
        code = put_block(writer, reterr);
    if (code == ENGINE_OK && fsync(writer->fd) != 0)
        code = file_error("sync", "the snapshot", reterr);
    if (code != ENGINE_OK)
        return code;
    summer_text(writer->summer, ret_checksum);
    *ret_size = writer->size;
    return ENGINE_OK;
}

void
container_writer_free(struct container_writer *writer)
{
    if (writer == NULL)
        return;
    XXH3_freeState(writer->one);
    XXH3_freeState(writer->rest);
    summer_free(writer->summer);
    free(writer);
}
