/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SNAPSHOT_CONTAINER_H
#define ENGINE_SNAPSHOT_CONTAINER_H

#include "base/bytes.h"
#include "engine/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* The file of a snapshot (README.md, Format): named files one after the other,
 * each with its checksum, and an end that counts them and sums up all bytes.
 * Whatever bit of it is changed, reading ends with an error. One thread per
 * writer or reader, and one that sums up beside it (summer.h); what both need of
 * memory is that one's blocks. */

#define CONTAINER_FORMAT        1u
#define CONTAINER_NAME_SIZE_MAX 255u
#define CONTAINER_FILES_MAX     1000000u

enum container_kind {
    CONTAINER_COLLECTION = 1, /* a collection's folder */
    CONTAINER_STORAGE = 2     /* several, and the aliases */
};

/* ---- writing ---- */

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

/* ---- reading ---- */

/* Where a snapshot lies: the whole of a file, or a part of one. */
struct container_source {
    int fd; /* the caller's */
    uint64_t begin, size;
    const char *label; /* for texts: "snapshot NAME" */
    const atomic_bool *stop;
    bool has_digest; /* container_digest() will be asked */
};

struct container_reader;

/* Reads the head. ENGINE_EINPUT  it is no snapshot of ours, or damaged: says
 * where.   ENGINE_EVERSION, ENGINE_EINTERNAL, ENGINE_ENOMEM. */
enum engine_code container_open(const struct container_source *source,
                                struct container_reader **ret_reader,
                                struct error *reterr)
    __attribute__((warn_unused_result));

enum container_kind container_kind(const struct container_reader *reader);

/* The next file's name, checked to be relative and without dots at the begin of
 * any part; valid until the next call. ret_name NULL: the end came, and every
 * byte of the file was as it was written. Skips what was not taken. */
enum engine_code container_next(struct container_reader *reader,
                                const char **ret_name, uint64_t *ret_size,
                                struct error *reterr)
    __attribute__((warn_unused_result));

/* Writes the file's bytes to `path`, which is made, and checks them. The disk
 * has begun with them; ret_fd is the caller's, to sync and close. On failure the
 * file is there in part. */
enum engine_code container_extract(struct container_reader *reader,
                                   const char *path, int *ret_fd,
                                   struct error *reterr)
    __attribute__((warn_unused_result));

/* SHA-256 of all of it in hexadecimal digits, [65], once the end came. */
void container_digest(struct container_reader *reader, char *ret_text);

void container_close(struct container_reader *reader);

#endif /* ENGINE_SNAPSHOT_CONTAINER_H */
