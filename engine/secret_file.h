/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_SECRET_FILE_H
#define ENGINE_SECRET_FILE_H

#include "engine/error.h"

#include <stdbool.h>
#include <stddef.h>

/* A file that holds a secret: a regular one that not everybody can read. */
struct secret_file {
    const char *key; /* of the configuration, for error texts */
    const char *path;
    bool is_shared; /* its group may read it, as where a volume gives it so */
};

/* Reads it. Any thread.
 *   text      [size]; not terminated. The caller wipes it.
 *   ret_size  bytes read
 * ENGINE_EINPUT  names key, path and what is wrong. */
enum engine_code secret_file_read(const struct secret_file *file, char *text,
                                  size_t size, size_t *ret_size,
                                  struct error *reterr)
    __attribute__((warn_unused_result));

#endif /* ENGINE_SECRET_FILE_H */
