/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_IMPORT_H
#define TOOLS_IMPORT_H

#include "tools/engine.h"
#include "tools/options.h"
#include "tools/progress.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* One run of azimuthctl import. */

#define IMPORT_PATH_SIZE 2048

struct import_run {
    struct engine_options engine_options;
    const char *from;
    const char *collection; /* the header's unless it is given */
    uint64_t batch;
    bool is_restart;
    bool is_partial; /* a file without an end line is taken */
    struct engine_client engine;
    FILE *file;
    uint64_t file_size;
    uint64_t done_size; /* what the engine has acknowledged */
    uint64_t points_count;
    char done_path[IMPORT_PATH_SIZE];
    json_t *header; /* NULL: the file has none */
    struct progress progress;
};

/* Makes the collection as the header has it where there is none.
 * `*ret_is_new` says whether it did. */
bool import_create(struct import_run *run, bool *ret_is_new,
                   struct fault *reterr) __attribute__((warn_unused_result));

/* The payload indexes of the header, after the points. */
bool import_indexes(struct import_run *run, struct fault *reterr)
    __attribute__((warn_unused_result));

/* Sends every point after run->done_size. */
bool import_points(struct import_run *run, struct fault *reterr)
    __attribute__((warn_unused_result));

#endif /* TOOLS_IMPORT_H */
