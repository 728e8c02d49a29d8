/* SPDX-License-Identifier: Apache-2.0
 * What is in a snapshot. Nothing in it is believed before its sum was right:
 * sizes bound reads only after the record's own sum, and places of files count
 * only once container_next() has said that the end came. Format 1 has a sum of
 * all bytes at its end, which a thread beside makes (sweep.h). */
#include "engine/snapshot/container_body.h"

#include "engine/snapshot/file.h"
#include "engine/snapshot/sweep.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define END_SIZE                                                               \
    (sizeof(struct container_record) + sizeof(struct container_sum))

struct container_reader {
    const struct container_source *source;
    uint64_t at; /* bytes read or passed over */
    uint32_t format;
    enum container_kind kind;
    uint64_t files_count;
    XXH3_state_t *rest;       /* of all but the files' data */
    struct sweep *sweep;      /* NULL: nothing of the whole is asked for */
    struct container_sum end; /* what the end says */
    char name[CONTAINER_NAME_SIZE_MAX + 1];
};

static enum engine_code
damaged(const struct container_reader *reader, const char *what,
        struct error *reterr)
{
    return container_damaged(reader->source, what, reader->at, reterr);
}

/* The next bytes, without a word about their sum. */
static enum engine_code
take_raw(struct container_reader *reader, void *data, size_t size,
         struct error *reterr)
{
    const struct container_source *source = reader->source;
    if (size > source->size - reader->at)
        return damaged(reader, "it is cut short", reterr);
    enum engine_code code =
        file_read(source->fd, source->begin + reader->at, data, size, reterr);
    if (code == ENGINE_OK)
        reader->at += size;
    return code;
}

/* The same, part of the sum of the rest. */
static enum engine_code
take(struct container_reader *reader, void *data, size_t size,
     struct error *reterr)
{
    enum engine_code code = take_raw(reader, data, size, reterr);
    if (code == ENGINE_OK)
        XXH3_128bits_update(reader->rest, data, size);
    return code;
}

static enum engine_code
read_head(struct container_reader *reader, struct error *reterr)
{
    struct container_head head;
    const char *label = reader->source->label;
    if (reader->source->size < sizeof(head))
        return error_set(reterr, ENGINE_EINPUT,
                         "%.200s is no snapshot of this engine", label);
    enum engine_code code = take(reader, &head, sizeof(head), reterr);
    if (code != ENGINE_OK)
        return code;
    if (memcmp(head.magic, CONTAINER_MAGIC, sizeof(head.magic)) != 0)
        return error_set(reterr, ENGINE_EINPUT,
                         "%.200s is no snapshot of this engine", label);
    if (head.sum != XXH3_64bits(&head, offsetof(struct container_head, sum)))
        return damaged(reader, "the head has another checksum", reterr);
    if (head.format > CONTAINER_FORMAT)
        return error_set(reterr, ENGINE_EVERSION,
                         "%.200s has format %u, this version reads up to %u: "
                         "use the newer version",
                         label, head.format, CONTAINER_FORMAT);
    if (head.format == 0 ||
        (head.kind != CONTAINER_COLLECTION && head.kind != CONTAINER_STORAGE))
        return damaged(reader, "an unknown kind", reterr);
    reader->format = head.format;
    reader->kind = (enum container_kind)head.kind;
    return ENGINE_OK;
}

static enum engine_code
begin_sweep(struct container_reader *reader, struct error *reterr)
{
    const struct container_source *source = reader->source;
    uint64_t sum_size = reader->format == 1 && source->size > END_SIZE
                            ? source->size - END_SIZE
                            : 0;
    if (sum_size == 0 && !source->has_digest)
        return ENGINE_OK;
    reader->sweep = sweep_new(source, sum_size);
    return reader->sweep == NULL ? error_memory(reterr) : ENGINE_OK;
}

enum engine_code
container_open(const struct container_source *source,
               struct container_reader **ret_reader, struct error *reterr)
{
    struct container_reader *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return error_memory(reterr);
    reader->source = source;
    reader->rest = XXH3_createState();
    enum engine_code code = ENGINE_OK;
    if (reader->rest == NULL)
        code = error_memory(reterr);
    else
        XXH3_128bits_reset(reader->rest);
    if (code == ENGINE_OK)
        code = read_head(reader, reterr);
    if (code == ENGINE_OK)
        code = begin_sweep(reader, reterr);
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

static enum engine_code
read_end(struct container_reader *reader, uint64_t files_count,
         struct container_sum own, struct error *reterr)
{
    enum engine_code code =
        take_raw(reader, &reader->end, sizeof(reader->end), reterr);
    if (code != ENGINE_OK)
        return code;
    if (reader->format > 1 && memcmp(&reader->end, &own, sizeof(own)) != 0)
        return damaged(reader, "all of it has another checksum", reterr);
    if (files_count != reader->files_count)
        return damaged(reader, "another number of files", reterr);
    if (reader->at != reader->source->size)
        return damaged(reader, "something follows its end", reterr);
    return ENGINE_OK;
}

/* Passes over the data, up to the sum behind it. */
static enum engine_code
read_part(struct container_reader *reader, uint64_t size,
          struct container_part *ret_part, struct error *reterr)
{
    if (size > reader->source->size - reader->at)
        return damaged(reader, "it is cut short", reterr);
    *ret_part = (struct container_part){ .begin = reader->at, .size = size };
    reader->at += size;
    return take(reader, &ret_part->sum, sizeof(ret_part->sum), reterr);
}

enum engine_code
container_next(struct container_reader *reader, const char **ret_name,
               struct container_part *ret_part, struct error *reterr)
{
    struct container_record record;
    enum engine_code code = file_may_go_on(reader->source->stop, reterr);
    /* The end's own record is no part of its sum. */
    struct container_sum own =
        container_sum_of(XXH3_128bits_digest(reader->rest));
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
        return read_end(reader, record.size, own, reterr);
    }
    if (record.type != CONTAINER_FILE || !is_name(reader->name) ||
        strlen(reader->name) != record.name_size ||
        reader->files_count >= CONTAINER_FILES_MAX)
        return damaged(reader, "a record that does not belong there", reterr);
    reader->files_count++;
    *ret_name = reader->name;
    return read_part(reader, record.size, ret_part, reterr);
}

enum engine_code
container_settle(struct container_reader *reader, char *ret_digest,
                 struct error *reterr)
{
    struct container_sum sum;
    assert(reader->at == reader->source->size);
    if (reader->sweep == NULL)
        return ENGINE_OK;
    enum engine_code code = sweep_wait(reader->sweep, &sum, ret_digest, reterr);
    if (code == ENGINE_OK && reader->format == 1 &&
        memcmp(&reader->end, &sum, sizeof(sum)) != 0)
        code = damaged(reader, "all of it has another checksum", reterr);
    return code;
}

void
container_close(struct container_reader *reader)
{
    if (reader == NULL)
        return;
    XXH3_freeState(reader->rest);
    sweep_free(reader->sweep);
    free(reader);
}
