/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SNAPSHOT_CONTAINER_H
#define ENGINE_SNAPSHOT_CONTAINER_H

#include "base/bytes.h"
#include "engine/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The file of a snapshot (README.md, Format): named files one after the other,
 * each with its checksum, and an end that counts them and sums up the rest.
 * Whatever bit of it is changed, reading ends with an error. */

#define CONTAINER_FORMAT        2u
#define CONTAINER_NAME_SIZE_MAX 255u
#define CONTAINER_FILES_MAX     1000000u

enum container_kind {
    CONTAINER_COLLECTION = 1, /* a collection's folder */
    CONTAINER_STORAGE = 2     /* several, and the aliases */
};

/* XXH3 of 128 bits, as it is in the file. */
struct container_sum {
    uint64_t low, high;
};

/* ---- writing: one thread, and one that sums up beside it (summer.h) ---- */

struct container_writer;

/* Writes to `fd`, which stays the caller's. `stop` set from outside ends it
 * soon with ENGINE_EUNAVAILABLE; NULL: never. ENGINE_ENOMEM */
enum engine_code
container_create(int fd, enum container_kind kind, const atomic_bool *stop,
                 struct container_writer **ret_writer, struct error *reterr)
    __attribute__((warn_unused_result));

/* Adds the file at `path`, which nobody changes, under `name`.
 * ENGINE_ENOSPACE, ENGINE_EINTERNAL */
enum engine_code container_add(struct container_writer *writer,
                               const char *name, const char *path,
                               struct error *reterr)
    __attribute__((warn_unused_result));

/* Adds all files below `folder` as PREFIX/..., in order of their names. Those
 * that a store writes for people are left out. */
enum engine_code container_add_folder(struct container_writer *writer,
                                      const char *prefix, const char *folder,
                                      struct error *reterr)
    __attribute__((warn_unused_result));

/* Writes the end and syncs the file. ret_checksum: SHA-256 of all of it in
 * hexadecimal digits, [65]. */
enum engine_code container_finish(struct container_writer *writer,
                                  char *ret_checksum, uint64_t *ret_size,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* NULL is allowed. */
void container_writer_free(struct container_writer *writer);

/* ---- reading: first what is in it, then the files, by any threads ---- */

/* Where a snapshot lies: the whole of a file, or a part of one. */
struct container_source {
    int fd; /* the caller's */
    uint64_t begin, size;
    const char *label; /* for texts: "snapshot NAME" */
    const atomic_bool *stop;
    bool has_digest; /* container_settle() is asked for it */
};

/* A file in it. */
struct container_part {
    uint64_t begin, size; /* from the source's begin on */
    struct container_sum sum;
};

struct container_reader;

/* Reads the head. ENGINE_EINPUT  it is no snapshot of ours, or damaged: says
 * where.   ENGINE_EVERSION, ENGINE_EINTERNAL, ENGINE_ENOMEM. `source` must
 * outlive the reader. One thread. */
enum engine_code container_open(const struct container_source *source,
                                struct container_reader **ret_reader,
                                struct error *reterr)
    __attribute__((warn_unused_result));

enum container_kind container_kind(const struct container_reader *reader);

/* The next file: its name, checked to be relative and without dots at the begin
 * of any part, valid until the next call; and its place. ret_name NULL: the end
 * came, and all but the files' bytes is as it was written. */
enum engine_code
container_next(struct container_reader *reader, const char **ret_name,
               struct container_part *ret_part, struct error *reterr)
    __attribute__((warn_unused_result));

/* Writes the file's bytes to `path`, which is made, and compares their sum. Any
 * thread. The disk has begun with them; ret_fd is the caller's, to sync and
 * close. On failure the file is there in part. */
enum engine_code container_copy(const struct container_source *source,
                                const struct container_part *part,
                                const char *name, const char *path, int *ret_fd,
                                struct error *reterr)
    __attribute__((warn_unused_result));

/* Waits for the sums of all of it, which are made beside: one that format 1 has,
 * and SHA-256 in hexadecimal digits, [65], of a source that has_digest. After
 * the end came. */
enum engine_code container_settle(struct container_reader *reader,
                                  char *ret_digest, struct error *reterr)
    __attribute__((warn_unused_result));

void container_close(struct container_reader *reader);

#endif /* ENGINE_SNAPSHOT_CONTAINER_H */
