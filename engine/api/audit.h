/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_API_AUDIT_H
#define ENGINE_API_AUDIT_H

#include "base/bytes.h"
#include "engine/api/access.h"
#include "engine/error.h"

/* Who did what, one JSON object per line: time, who, sub, name, operation,
 * collection, alias_of, request_id, result, status. Never a key, a token, a payload or a
 * query. Off unless service.audit_log names a file or says "stderr"; with
 * service.audit_reads off only changes and what was denied. */
struct audit;

#define AUDIT_TEXT_SIZE_MAX 256 /* of each text; longer ones are cut */
#define AUDIT_LINE_SIZE_MAX 8192

struct audit_event {
    const struct caller *caller;
    const char *method;
    const char *pattern;           /* of the route */
    const struct span *collection; /* NULL: none */
    struct span alias_of;          /* its own name; size 0: that one */
    const struct span *lookups;    /* other collections that were read */
    size_t lookups_count;
    const char *request_id; /* as sent; NULL: none */
    bool is_denied;
    int status; /* HTTP */
};

struct audit_options {
    const char *path;
    uint64_t size_max;  /* a new file before it is larger; 0: never */
    uint64_t period_s;  /* and at its multiples since 1970; 0: never */
    unsigned files_max; /* old ones that are kept: path.1, path.2, ... */
};

/* Opens `path` to append to, made with mode 0640 when new, with its folder; a
 * regular file, so that writing never waits for a reader. "stderr" is the
 * standard error, which is never turned over.
 * ENGINE_EINPUT names path and cause.   ENGINE_ENOMEM. */
enum engine_code audit_open(const struct audit_options *options,
                            struct audit **ret_audit, struct error *reterr)
    __attribute__((warn_unused_result));

/* Bytes of all its files; NULL is allowed. */
uint64_t audit_size(const struct audit *audit);

/* NULL is allowed. */
void audit_close(struct audit *audit);

/* Opens the path again at the next line: after a rotation. Signal handlers may
 * call it; NULL is allowed. */
void audit_reopen(struct audit *audit);

/* Appends one line by one write(2): lines of all threads stay whole. A line
 * that cannot be written is lost, and the log says so once until one can be
 * again. NULL is allowed. Any thread. */
void audit_write(struct audit *audit, const struct audit_event *event);

#endif /* ENGINE_API_AUDIT_H */
