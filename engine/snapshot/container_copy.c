/* SPDX-License-Identifier: Apache-2.0
 * One file out of a snapshot. A block is read, summed up and written by one
 * core, which still has it in its cache each time. */
#include "engine/snapshot/container_body.h"

#include "engine/snapshot/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITE_BEHIND_SIZE ((uint64_t)8 << 20)

enum engine_code
container_damaged(const struct container_source *source, const char *what,
                  uint64_t at, struct error *reterr)
{
    return error_set(reterr, ENGINE_EINPUT,
                     "%.200s is damaged: %s (near byte %llu)", source->label,
                     what, (unsigned long long)at);
}

/* What copying takes. */
struct copy {
    const struct container_source *source;
    XXH3_state_t *state;
    char *block;
    int fd;
    uint64_t started; /* what the disk was told to begin with */
};

static enum engine_code
copy_block(struct copy *copy, const struct container_part *part, uint64_t done,
           size_t size, struct error *reterr)
{
    enum engine_code code = file_may_go_on(copy->source->stop, reterr);
    if (code == ENGINE_OK)
        code = file_read(copy->source->fd,
                         copy->source->begin + part->begin + done, copy->block,
                         size, reterr);
    if (code != ENGINE_OK)
        return code;
    XXH3_128bits_update(copy->state, copy->block, size);
    code = file_write(copy->fd, copy->block, size, "a file of the snapshot",
                      reterr);
    if (code == ENGINE_OK && done + size - copy->started >= WRITE_BEHIND_SIZE) {
        file_begin_writing(copy->fd, copy->started, done + size);
        copy->started = done + size;
    }
    return code;
}

static enum engine_code
copy_all(struct copy *copy, const struct container_part *part, const char *name,
         struct error *reterr)
{
    char what[CONTAINER_NAME_SIZE_MAX + 64];
    enum engine_code code = ENGINE_OK;
    XXH3_128bits_reset(copy->state);
    for (uint64_t done = 0; code == ENGINE_OK && done < part->size;) {
        size_t size = part->size - done < FILE_BLOCK_SIZE
                          ? (size_t)(part->size - done)
                          : FILE_BLOCK_SIZE;
        code = copy_block(copy, part, done, size, reterr);
        done += size;
    }
    struct container_sum own =
        container_sum_of(XXH3_128bits_digest(copy->state));
    if (code != ENGINE_OK || memcmp(&part->sum, &own, sizeof(own)) == 0)
        return code;
    snprintf(what, sizeof(what), "file %s has another checksum", name);
    return container_damaged(copy->source, what, part->begin + part->size,
                             reterr);
}

enum engine_code
container_copy(const struct container_source *source,
               const struct container_part *part, const char *name,
               const char *path, int *ret_fd, struct error *reterr)
{
    struct copy copy = { .source = source,
                         .state = XXH3_createState(),
                         .block = malloc(FILE_BLOCK_SIZE),
                         .fd = -1 };
    enum engine_code code = copy.state == NULL || copy.block == NULL
                                ? error_memory(reterr)
                                : ENGINE_OK;
    if (code == ENGINE_OK)
        copy.fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (code == ENGINE_OK && copy.fd < 0)
        code = file_error("make", path, reterr);
    if (code == ENGINE_OK)
        code = copy_all(&copy, part, name, reterr);
    if (code == ENGINE_OK)
        *ret_fd = copy.fd;
    else if (copy.fd >= 0)
        close(copy.fd);
    XXH3_freeState(copy.state);
    free(copy.block);
    return code;
}
