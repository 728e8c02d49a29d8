/* SPDX-License-Identifier: Apache-2.0
 * Reading a snapshot in one pass. Nothing in it is believed before its sum was
 * right: sizes bound reads only after the record's own sum, and what was
 * extracted counts only once container_next() has said that the end came. */
#include "engine/snapshot/container_body.h"

#include "engine/snapshot/file.h"
#include "engine/snapshot/summer.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITE_BEHIND_SIZE ((uint64_t)8 << 20)
#define RING_SIZE         (SUMMER_BLOCKS_COUNT * SUMMER_BLOCK_SIZE)

struct container_reader {
    struct container_source source;
    uint64_t at; /* bytes read */
    enum container_kind kind;
    uint64_t files_count;
    uint64_t left_size; /* of the file that was named last */
    bool has_file;
    XXH3_state_t *one;
    struct summer *summer; /* of the whole */
    char name[CONTAINER_NAME_SIZE_MAX + 1];
};

static enum engine_code
damaged(const struct container_reader *reader, const char *what,
        struct error *reterr)
{
    return error_set(
        reterr, ENGINE_EINPUT, "%.200s is damaged: %s (near byte %llu)",
        reader->source.label, what, (unsigned long long)reader->at);
}

/* The next bytes, SUMMER_BLOCK_SIZE at most, part of the sum of all, and of the
 * file `fd` (-1: none); they are there until the next call. */
static enum engine_code
take_block(struct container_reader *reader, size_t size, int fd,
           const char **ret_data, struct error *reterr)
{
    if (size > reader->source.size - reader->at)
        return damaged(reader, "it is cut short", reterr);
    char *block = summer_block(reader->summer);
    /* A disk that is full ends it here, not at the end of a big file. */
    enum engine_code code = summer_check(reader->summer, reterr);
    if (code == ENGINE_OK)
        code = file_read(reader->source.fd, reader->source.begin + reader->at,
                         block, size, reterr);
    if (code != ENGINE_OK)
        return code;
    summer_pass_to(reader->summer, size, fd);
    reader->at += size;
    *ret_data = block;
    return ENGINE_OK;
}

static enum engine_code
take(struct container_reader *reader, void *data, size_t size,
     struct error *reterr)
{
    const char *block = NULL;
    enum engine_code code = take_block(reader, size, -1, &block, reterr);
    if (code == ENGINE_OK)
        memcpy(data, block, size);
    return code;
}

static enum engine_code
read_head(struct container_reader *reader, struct error *reterr)
{
    struct container_head head;
    if (reader->source.size < sizeof(head))
        return error_set(reterr, ENGINE_EINPUT,
                         "%.200s is no snapshot of this engine",
                         reader->source.label);
    enum engine_code code = take(reader, &head, sizeof(head), reterr);
    if (code != ENGINE_OK)
        return code;
    if (memcmp(head.magic, CONTAINER_MAGIC, sizeof(head.magic)) != 0)
        return error_set(reterr, ENGINE_EINPUT,
                         "%.200s is no snapshot of this engine",
                         reader->source.label);
    if (head.sum != XXH3_64bits(&head, offsetof(struct container_head, sum)))
        return damaged(reader, "the head has another checksum", reterr);
    if (head.format > CONTAINER_FORMAT)
        return error_set(reterr, ENGINE_EVERSION,
                         "%.200s has format %u, this version reads up to %u: "
                         "use the newer version",
                         reader->source.label, head.format, CONTAINER_FORMAT);
    if (head.format == 0 ||
        (head.kind != CONTAINER_COLLECTION && head.kind != CONTAINER_STORAGE))
        return damaged(reader, "an unknown kind", reterr);
    reader->kind = (enum container_kind)head.kind;
    return ENGINE_OK;
}

enum engine_code
container_open(const struct container_source *source,
               struct container_reader **ret_reader, struct error *reterr)
{
    struct container_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return error_memory(reterr);
    reader->source = *source;
    reader->one = XXH3_createState();
    reader->summer = summer_new(source->has_digest);
    enum engine_code code = reader->summer == NULL || reader->one == NULL
                                ? error_memory(reterr)
                                : read_head(reader, reterr);
    if (code != ENGINE_OK) {
        container_close(reader);
        return code;
    }
    *ret_reader = reader;
    return ENGINE_OK;
}

enum container_kind
container_kind(const struct container_reader *reader)
{
    return reader->kind;
}

/* Parts of letters, digits and "._-", none of which begins with a dot. */
static bool
is_name(const char *name)
{
    bool is_begin = true;
    for (; *name != '\0'; name++) {
        if (*name == '/' ? is_begin : is_begin && *name == '.')
            return false;
        if (*name != '/' && !isalnum((unsigned char)*name) &&
            strchr("._-", *name) == NULL)
            return false;
        is_begin = *name == '/';
    }
    return !is_begin;
}

/* Passes the file's bytes to `fd` (-1: nowhere) and checks them. */
static enum engine_code
take_data(struct container_reader *reader, int fd, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    uint64_t done = 0, started = 0;
    XXH3_128bits_reset(reader->one);
    while (code == ENGINE_OK && reader->left_size > 0) {
        const char *data = NULL;
        size_t part = reader->left_size < SUMMER_BLOCK_SIZE
                          ? (size_t)reader->left_size
                          : SUMMER_BLOCK_SIZE;
        code = file_may_go_on(reader->source.stop, reterr);
        if (code == ENGINE_OK)
            code = take_block(reader, part, fd, &data, reterr);
        if (code == ENGINE_OK)
            XXH3_128bits_update(reader->one, data, part);
        reader->left_size -= part;
        done += part;
        /* What is in the ring may not be written yet. */
        if (fd >= 0 && done - started >= WRITE_BEHIND_SIZE + RING_SIZE) {
            file_begin_writing(fd, started, done - RING_SIZE);
            started = done - RING_SIZE;
        }
    }
    struct container_sum sum,
        own = container_sum_of(XXH3_128bits_digest(reader->one));
    if (code == ENGINE_OK)
        code = take(reader, &sum, sizeof(sum), reterr);
    if (code == ENGINE_OK && memcmp(&sum, &own, sizeof(sum)) != 0) {
        char what[CONTAINER_NAME_SIZE_MAX + 64];
        snprintf(what, sizeof(what), "file %s has another checksum",
                 reader->name);
        code = damaged(reader, what, reterr);
    }
    /* In any case: `fd` is the caller's again. */
    enum engine_code written =
        summer_wait(reader->summer, code == ENGINE_OK ? reterr : NULL);
    if (code == ENGINE_OK)
        code = written;
    reader->has_file = false;
    return code;
}

static enum engine_code
read_end(struct container_reader *reader, uint64_t files_count,
         struct container_sum own, struct error *reterr)
{
    struct container_sum sum;
    enum engine_code code = take(reader, &sum, sizeof(sum), reterr);
    if (code != ENGINE_OK)
        return code;
    if (memcmp(&sum, &own, sizeof(sum)) != 0)
        return damaged(reader, "all of it has another checksum", reterr);
    if (files_count != reader->files_count)
        return damaged(reader, "another number of files", reterr);
    if (reader->at != reader->source.size)
        return damaged(reader, "something follows its end", reterr);
    return ENGINE_OK;
}

enum engine_code
container_next(struct container_reader *reader, const char **ret_name,
               uint64_t *ret_size, struct error *reterr)
{
    enum engine_code code = ENGINE_OK;
    if (reader->has_file)
        code = take_data(reader, -1, reterr);
    struct container_sum own = container_sum_of(summer_sum(reader->summer));
    struct container_record record;
    if (code == ENGINE_OK)
        code = take(reader, &record, sizeof(record), reterr);
    if (code != ENGINE_OK)
        return code;
    if (record.name_size > CONTAINER_NAME_SIZE_MAX)
        return damaged(reader, "a record is none", reterr);
    code = take(reader, reader->name, record.name_size, reterr);
    if (code != ENGINE_OK)
        return code;
    reader->name[record.name_size] = '\0';
    if (record.sum != container_record_sum(&record, reader->name))
        return damaged(reader, "a record has another checksum", reterr);
    if (record.type == CONTAINER_END && record.name_size == 0) {
        *ret_name = NULL;
        *ret_size = 0;
        return read_end(reader, record.size, own, reterr);
    }
    if (record.type != CONTAINER_FILE || !is_name(reader->name) ||
        strlen(reader->name) != record.name_size ||
        reader->files_count >= CONTAINER_FILES_MAX)
        return damaged(reader, "a record that does not belong there", reterr);
    reader->files_count++;
    reader->has_file = true;
    reader->left_size = record.size;
    *ret_name = reader->name;
    *ret_size = record.size;
    return ENGINE_OK;
}

enum engine_code
container_extract(struct container_reader *reader, const char *path,
                  int *ret_fd, struct error *reterr)
{
    assert(reader->has_file);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return file_error("make", path, reterr);
    enum engine_code code = take_data(reader, fd, reterr);
    if (code != ENGINE_OK)
        close(fd);
    else
        *ret_fd = fd;
    return code;
}

void
container_digest(struct container_reader *reader, char *ret_text)
{
    assert(reader->source.has_digest);
    summer_text(reader->summer, ret_text);
}

void
container_close(struct container_reader *reader)
{
    if (reader == NULL)
        return;
    XXH3_freeState(reader->one);
    summer_free(reader->summer);
    free(reader);
}
