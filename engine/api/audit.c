/* SPDX-License-Identifier: Apache-2.0
 * The audit log. The descriptor keeps its number for the life of the process:
 * a rotation puts the new file under it (dup2), so no thread can write to a
 * closed one. */
#include "engine/api/audit.h"

#include "engine/api/url.h"
#include "engine/codec/json_write.h"
#include "engine/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct audit {
    int fd;
    char *path; /* NULL: standard error */
    atomic_bool wants_reopen;
    atomic_bool is_failing;
};

/* -1: errno is set. */
static int
file_open(const char *path)
{
    struct stat info;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK,
                  0640);
    if (fd >= 0 && fstat(fd, &info) == 0 && !S_ISREG(info.st_mode)) {
        close(fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

enum engine_code
audit_open(const char *path, struct audit **ret_audit, struct error *reterr)
{
    struct audit *audit = calloc(1, sizeof(*audit));
    if (audit == NULL)
        return error_memory(reterr);
    audit->fd = STDERR_FILENO;
    if (strcmp(path, "stderr") != 0) {
        audit->path = strdup(path);
        audit->fd = file_open(path);
        int failure = errno;
        if (audit->path == NULL || audit->fd < 0) {
            audit_close(audit);
            return error_set(reterr, ENGINE_EINPUT,
                             "service.audit_log %s cannot be opened: %s", path,
                             failure == EINVAL ? "no regular file"
                                               : strerror(failure));
        }
    }
    *ret_audit = audit;
    return ENGINE_OK;
}

void
audit_close(struct audit *audit)
{
    if (audit == NULL)
        return;
    if (audit->path != NULL && audit->fd >= 0)
        close(audit->fd);
    free(audit->path);
    free(audit);
}

void
audit_reopen(struct audit *audit)
{
    if (audit != NULL)
        atomic_store(&audit->wants_reopen, true);
}

/* The old file stays in use when the new one cannot be opened. */
static void
file_turn(struct audit *audit)
{
    if (audit->path == NULL)
        return;
    int fd = file_open(audit->path);
    if (fd < 0 || dup2(fd, audit->fd) < 0)
        log_event(LOG_LEVEL_ERROR,
                  "the audit log %s cannot be opened again: %s", audit->path,
                  strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* Texts may be cut, and may be anything a client sent: the line is JSON in
 * any case. */
static void
add_text(struct json_writer *writer, const char *key, struct span text)
{
    char kept[AUDIT_TEXT_SIZE_MAX];
    size_t size = 0;
    if (text.size == 0)
        return;
    while (text.size > 0) {
        size_t step = url_utf8_step(text);
        size_t taken = step > 0 ? step : 1;
        if (size + taken > sizeof(kept))
            break;
        if (step > 0)
            memcpy(kept + size, text.data, step);
        else
            kept[size] = '?';
        size += taken;
        text.data += taken;
        text.size -= taken;
    }
    json_key(writer, key);
    json_text_span(writer, (struct span){ kept, size });
}

static void
write_line(const struct audit_event *event, struct bytes *line)
{
    struct json_writer writer;
    const struct caller *caller = event->caller;
    char time[LOG_TIME_SIZE], operation[AUDIT_TEXT_SIZE_MAX];
    log_time(time, sizeof(time));
    json_writer_init(&writer, line);
    json_object_begin(&writer);
    add_text(&writer, "time", span_of(time));
    add_text(&writer, "who", span_of(caller_name(caller->kind)));
    add_text(&writer, "sub", caller->identity.sub);
    add_text(&writer, "name", caller->identity.name);
    snprintf(operation, sizeof(operation), "%s %s", event->method,
             event->pattern);
    add_text(&writer, "operation", span_of(operation));
    if (event->collection != NULL)
        add_text(&writer, "collection", *event->collection);
    add_text(&writer, "alias_of", event->alias_of);
    if (event->request_id != NULL)
        add_text(&writer, "request_id", span_of(event->request_id));
    add_text(&writer, "result",
             span_of(event->is_denied ? "denied" : "allowed"));
    json_key(&writer, "status");
    json_u64(&writer, (uint64_t)event->status);
    json_object_end(&writer);
    bytes_add_char(line, '\n');
}

void
audit_write(struct audit *audit, const struct audit_event *event)
{
    struct bytes line;
    if (audit == NULL)
        return;
    if (atomic_exchange(&audit->wants_reopen, false))
        file_turn(audit);
    bytes_init(&line, AUDIT_LINE_SIZE_MAX);
    write_line(event, &line);
    ssize_t written = -1;
    errno = ENOMEM;
    if (!bytes_failed(&line))
        written = write(audit->fd, line.data, line.size);
    bool is_failing = written != (ssize_t)line.size;
    int failure = written >= 0 ? ENOSPC : errno;
    if (atomic_exchange(&audit->is_failing, is_failing) != is_failing)
        log_event(LOG_LEVEL_ERROR, "the audit log %s",
                  is_failing ? strerror(failure) : "can be written again");
    bytes_release(&line);
}
