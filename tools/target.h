/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_TARGET_H
#define TOOLS_TARGET_H

#include "base/bytes.h"
#include "tools/fault.h"
#include "tools/http.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Where backups lie: a folder, or a bucket (s3://BUCKET/PREFIX). Keys are
 * paths below it. A large object appears when it is finished, not before. */

#define TARGET_KEY_SIZE   768
#define TARGET_ETAG_SIZE  256
#define TARGET_ID_SIZE    1024
#define TARGET_TEXT_MAX   ((size_t)64 << 20)
#define TARGET_PARTS_MAX  10000u
#define TARGET_PART_LEAST ((size_t)16 << 20)

struct target;

/* S3: keys and region come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
 * AWS_REGION (or AWS_DEFAULT_REGION), AWS_ENDPOINT_URL and, for keys of a
 * session, AWS_SESSION_TOKEN. */
struct target_options {
    const char *url;
    const char *ca_file;
    const char *encryption; /* x-amz-server-side-encryption, or NULL */
    uint64_t timeout_s;
};

/* An object that is being written. */
struct target_upload {
    char key[TARGET_KEY_SIZE];
    char id[TARGET_ID_SIZE]; /* the server's; of a folder empty */
    void *file;              /* of a folder */
};

/* The calls of a kind of target; target_*() below make them. */
struct target_kind {
    bool (*begin)(struct target *target, struct target_upload *upload,
                  struct fault *reterr);
    bool (*part)(struct target *target, struct target_upload *upload,
                 unsigned number, struct span data,
                 char ret_etag[TARGET_ETAG_SIZE], struct fault *reterr);
    bool (*finish)(struct target *target, struct target_upload *upload,
                   char (*etags)[TARGET_ETAG_SIZE], unsigned count,
                   struct fault *reterr);
    bool (*abandon)(struct target *target, struct target_upload *upload,
                    struct fault *reterr);
    bool (*put)(struct target *target, const char *key, struct span text,
                struct fault *reterr);
    bool (*get)(struct target *target, const char *key,
                struct http_reply *reply, struct fault *reterr);
    bool (*remove)(struct target *target, const char *key,
                   struct fault *reterr);
    void (*close)(struct target *target);
};

struct target {
    const struct target_kind *kind;
    bool keeps_parts; /* an upload goes on in another process */
};

/* NULL: a bad URL, no keys. Undone by target_close(). */
struct target *target_open(const struct target_options *options,
                           struct fault *reterr);
void target_close(struct target *target);

/* A whole small object. False with *ret_is_missing where there is none. */
bool target_get_text(struct target *target, const char *key, struct bytes *text,
                     bool *ret_is_missing, struct fault *reterr)
    __attribute__((warn_unused_result));

/* The kinds. */
struct target *target_dir_open(const struct target_options *options,
                               struct fault *reterr);
struct target *target_s3_open(const struct target_options *options,
                              struct fault *reterr);

#endif /* TOOLS_TARGET_H */
