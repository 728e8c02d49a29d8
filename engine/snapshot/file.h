/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SNAPSHOT_FILE_H
#define ENGINE_SNAPSHOT_FILE_H

#include "engine/error.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Whole reads and writes of big files, on threads that may wait. */

/* What is read, summed up and written at once: it stays in the second cache of
 * a core. With 512 KiB the same takes twice the processor time (bench/README.md). */
#define FILE_BLOCK_SIZE ((size_t)128 << 10)

/* ENGINE_ENOSPACE where the disk is full, else ENGINE_EINTERNAL; the text names
 * what was tried, the file and errno's text. */
enum engine_code file_error(const char *what, const char *path,
                            struct error *reterr);

/* ENGINE_EUNAVAILABLE  the process ends (`stop`, which may be NULL). */
enum engine_code file_may_go_on(const atomic_bool *stop, struct error *reterr)
    __attribute__((warn_unused_result));

/* Exactly `size` bytes from `at`. ENGINE_ECORRUPT  the file ends before. */
enum engine_code file_read(int fd, uint64_t at, void *data, size_t size,
                           struct error *reterr)
    __attribute__((warn_unused_result));

enum engine_code file_write(int fd, const void *data, size_t size,
                            const char *path, struct error *reterr)
    __attribute__((warn_unused_result));

/* Lets the disk begin with what was written from `from` to `to`, so that the
 * sync at the end is short and others' syncs do not wait for all of it. */
void file_begin_writing(int fd, uint64_t from, uint64_t to);

#endif /* ENGINE_SNAPSHOT_FILE_H */
