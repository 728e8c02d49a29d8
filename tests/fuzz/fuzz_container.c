/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the file of a snapshot: refused with a text, or each file's name
 * is one that may be made and all bytes are accounted for. Of the first byte,
 * bit 0 lets the sums be mended before, so that a fuzzer gets past them; bit 1
 * lets files be passed over instead of copied; bit 2 asks for the digest. */
#define _GNU_SOURCE /* memfd_create() */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/snapshot/container_body.h"

#define SIZE_MAX_IN ((size_t)1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One record and what belongs to it; where the next one begins, or `size`.
 * `rest`: what is summed up for the end, but in format 1. */
static size_t
mend_record(uint8_t *data, size_t size, size_t at, XXH3_state_t *rest)
{
    struct container_record record;
    if (sizeof(record) > size - at)
        return size;
    memcpy(&record, data + at, sizeof(record));
    size_t name = at + sizeof(record);
    if (record.name_size > CONTAINER_NAME_SIZE_MAX ||
        record.name_size > size - name)
        return size;
    record.sum = container_record_sum(&record, (const char *)data + name);
    memcpy(data + at, &record, sizeof(record));
    size_t begin = name + record.name_size;
    bool is_end = record.type == CONTAINER_END;
    size_t length = is_end ? 0 : (size_t)record.size;
    if (record.size > size - begin && !is_end)
        return size;
    if (sizeof(struct container_sum) > size - begin - length)
        return size;
    XXH128_hash_t hash = XXH3_128bits(data + begin, length);
    if (is_end)
        hash =
            data[8] == 1 ? XXH3_128bits(data, at) : XXH3_128bits_digest(rest);
    struct container_sum sum = container_sum_of(hash);
    memcpy(data + begin + length, &sum, sizeof(sum));
    XXH3_128bits_update(rest, data + at, begin - at);
    XXH3_128bits_update(rest, &sum, sizeof(sum));
    return is_end ? size : begin + length + sizeof(sum);
}

static void
mend(uint8_t *data, size_t size)
{
    struct container_head head;
    if (size < sizeof(head))
        return;
    memcpy(&head, data, sizeof(head));
    head.sum = XXH3_64bits(&head, offsetof(struct container_head, sum));
    memcpy(data, &head, sizeof(head));
    XXH3_state_t *rest = XXH3_createState();
    assert(rest != NULL);
    XXH3_128bits_reset(rest);
    XXH3_128bits_update(rest, &head, sizeof(head));
    for (size_t at = sizeof(head); at < size;)
        at = mend_record(data, size, at, rest);
    XXH3_freeState(rest);
}

/* What the reader promises of names: they lead below the folder. */
static void
check_name(const char *name)
{
    size_t size = strlen(name);
    assert(size > 0 && size <= CONTAINER_NAME_SIZE_MAX);
    assert(name[0] != '/' && name[0] != '.' && name[size - 1] != '/');
    assert(strstr(name, "/.") == NULL && strstr(name, "//") == NULL);
}

static enum engine_code
copy(const struct container_source *source, const struct container_part *part,
     const char *name, struct error *error)
{
    char path[64];
    int fd = -1;
    snprintf(path, sizeof(path), "/dev/shm/fuzz-container-%ld", (long)getpid());
    (void)unlink(path);
    enum engine_code code =
        container_copy(source, part, name, path, &fd, error);
    if (code == ENGINE_OK) {
        assert(lseek(fd, 0, SEEK_END) == (off_t)part->size);
        close(fd);
    }
    (void)unlink(path);
    return code;
}

static enum engine_code
read_all(const struct container_source *source, struct container_reader *reader,
         bool skips, uint64_t *ret_size, struct error *error)
{
    const char *name = "";
    struct container_part part;
    char digest[65];
    enum engine_code code = ENGINE_OK;
    while (code == ENGINE_OK) {
        code = container_next(reader, &name, &part, error);
        if (code != ENGINE_OK || name == NULL)
            break;
        check_name(name);
        assert(part.begin <= source->size &&
               part.size <= source->size - part.begin);
        *ret_size += sizeof(struct container_record) + strlen(name) +
                     part.size + sizeof(struct container_sum);
        if (!skips)
            code = copy(source, &part, name, error);
    }
    return code == ENGINE_OK ? container_settle(reader, digest, error) : code;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = { .text = "" };
    struct container_reader *reader = NULL;
    if (size < 1 || size > SIZE_MAX_IN)
        return 0;
    uint8_t how = *data++;
    uint8_t *copy = malloc(--size + 1);
    assert(copy != NULL);
    memcpy(copy, data, size);
    if ((how & 1) != 0)
        mend(copy, size);
    int fd = memfd_create("container", MFD_CLOEXEC);
    assert(fd >= 0 && write(fd, copy, size) == (ssize_t)size);
    free(copy);
    struct container_source source = { .fd = fd,
                                       .size = size,
                                       .label = "the snapshot",
                                       .has_digest = (how & 4) != 0 };
    uint64_t seen = sizeof(struct container_head) +
                    sizeof(struct container_record) +
                    sizeof(struct container_sum);
    enum engine_code code = container_open(&source, &reader, &error);
    if (code == ENGINE_OK)
        code = read_all(&source, reader, (how & 2) != 0, &seen, &error);
    if (code == ENGINE_OK)
        assert(seen == size);
    else
        assert(error.text[0] != '\0' &&
               (code == ENGINE_EINPUT || code == ENGINE_EVERSION));
    container_close(reader);
    close(fd);
    return 0;
}
