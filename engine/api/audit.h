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
    const char *request_id;        /* as sent; NULL: none */
    bool is_denied;
    int status; /* HTTP */
};

/* Opens `path` to append to, made with mode 0640 when new; a regular file, so
 * that writing never waits for a reader. "stderr" is the standard error.
 * ENGINE_EINPUT names path and cause.   ENGINE_ENOMEM. */
enum engine_code audit_open(const char *path, struct audit **ret_audit,
                            struct error *reterr)
    __attribute__((warn_unused_result));

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
