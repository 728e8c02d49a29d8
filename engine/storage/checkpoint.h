/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_STORAGE_CHECKPOINT_H
#define ENGINE_STORAGE_CHECKPOINT_H

#include "base/bytes.h"
#include "engine/error.h"

#include <stddef.h>

/* A cache file that is either whole or absent: written beside its place,
 * synced, then renamed over it. What is in it, its checksums included, is the
 * caller's. One thread per file. */
struct checkpoint;

/* Starts a new version of the file at `path` (at PATH.tmp).
 * ENGINE_ENOSPACE, ENGINE_EINTERNAL */
enum engine_code checkpoint_create(const char *path,
                                   struct checkpoint **ret_checkpoint,
                                   struct error *reterr)
    __attribute__((warn_unused_result));

/* Appends; buffered. Errors as checkpoint_create(). */
enum engine_code checkpoint_append(struct checkpoint *checkpoint,
                                   const void *data, size_t size,
                                   struct error *reterr)
    __attribute__((warn_unused_result));

/* Makes the new version durable and visible, or leaves the old one; but where
 * only the folder cannot be synced the new one is visible, and it is a failure
 * nevertheless: good enough for a cache. Frees the checkpoint in any case. */
enum engine_code checkpoint_commit(struct checkpoint *checkpoint,
                                   struct error *reterr)
    __attribute__((warn_unused_result));

/* The three in one, for a small file that is no cache: what a failure made
 * visible is taken back. */
enum engine_code checkpoint_write(const char *path, struct span text,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

/* Opens for reading. ENGINE_ENOTFOUND there is none. */
enum engine_code checkpoint_open(const char *path,
                                 struct checkpoint **ret_checkpoint,
                                 struct error *reterr)
    __attribute__((warn_unused_result));

/* Reads exactly `size` bytes. ENGINE_ECORRUPT the file ends before. */
enum engine_code checkpoint_read(struct checkpoint *checkpoint, void *data,
                                 size_t size, struct error *reterr)
    __attribute__((warn_unused_result));

/* All of a small file; `text` is the caller's to release in any case.
 * ENGINE_ENOTFOUND there is none. ENGINE_ECORRUPT it has more than `size_max`
 * bytes. */
enum engine_code checkpoint_read_all(const char *path, size_t size_max,
                                     struct bytes *text, struct error *reterr)
    __attribute__((warn_unused_result));

/* Bytes not read yet: a bound for every size the file claims. */
size_t checkpoint_left(const struct checkpoint *checkpoint);

/* Ends reading, or gives up writing and removes PATH.tmp. NULL is allowed. */
void checkpoint_close(struct checkpoint *checkpoint);

#endif /* ENGINE_STORAGE_CHECKPOINT_H */
