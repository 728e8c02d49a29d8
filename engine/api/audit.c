/* SPDX-License-Identifier: Apache-2.0
 * The audit log and its old files. A rotation that fails moves nothing that it
 * could lose, and is tried again a minute later: until then the file grows. */
#include "engine/api/audit.h"

#include "engine/append_file.h"
#include "engine/codec/json_write.h"
#include "engine/codec/utf8.h"
#include "engine/log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME_SIZE_MAX 2048 /* of an old file; opened is what is shorter */
#define RETRY_S       60   /* after a rotation that failed */

struct audit {
    int fd;
    char *path; /* NULL: standard error */
    uint64_t size_max, period_s;
    unsigned files_max;
    atomic_bool wants_reopen;
    atomic_bool is_failing;
    atomic_ullong size;      /* of the file, about */
    atomic_ullong period;    /* that its lines are of */
    atomic_llong retry_s;    /* no rotation before, CLOCK_MONOTONIC */
    pthread_mutex_t turning; /* held by who renames */
};

static uint64_t
period_of(const struct audit *audit, time_t time)
{
    return audit->period_s == 0 ? 0 : (uint64_t)time / audit->period_s;
}

/* What an earlier process wrote counts. */
static void
file_measure(struct audit *audit)
{
    struct stat info;
    if (fstat(audit->fd, &info) != 0)
        return;
    atomic_store(&audit->size, (unsigned long long)info.st_size);
    atomic_store(
        &audit->period,
        period_of(audit, info.st_size > 0 ? info.st_mtime : time(NULL)));
}

static void
folder_of_make(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path ||
        (size_t)(slash - path) >= sizeof(folder))
        return;
    snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
    (void)mkdir(folder, 0750); /* opening the file says what is wrong */
}

enum engine_code
audit_open(const struct audit_options *options, struct audit **ret_audit,
           struct error *reterr)
{
    struct audit *audit = calloc(1, sizeof(*audit));
    if (audit == NULL)
        return error_memory(reterr);
    audit->fd = STDERR_FILENO;
    audit->size_max = options->size_max;
    audit->period_s = options->period_s;
    audit->files_max = options->files_max;
    pthread_mutex_init(&audit->turning, NULL);
    if (strcmp(options->path, "stderr") != 0) {
        folder_of_make(options->path);
        audit->path = strdup(options->path);
        audit->fd = append_file_open(options->path, true);
        int failure = errno;
        if (audit->path == NULL || audit->fd < 0) {
            audit_close(audit);
            return error_set(
                reterr, ENGINE_EINPUT,
                "service.audit_log %s cannot be opened: %s", options->path,
                failure == EINVAL ? "no regular file" : strerror(failure));
        }
        file_measure(audit);
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
    pthread_mutex_destroy(&audit->turning);
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
    int fd = append_file_open(audit->path, true);
    if (!append_file_turn(fd, audit->fd))
        log_event(LOG_LEVEL_ERROR,
                  "the audit log %s cannot be opened again: %s", audit->path,
                  strerror(errno));
}

/* path.3, or the path itself for 0, or path.last behind the last number: one
 * that goes, once the others have moved. */
static void
old_name(const struct audit *audit, unsigned number, char *ret_name,
         size_t size)
{
    if (number == 0)
        snprintf(ret_name, size, "%s", audit->path);
    else if (number > audit->files_max)
        snprintf(ret_name, size, "%s.last", audit->path);
    else
        snprintf(ret_name, size, "%s.%u", audit->path, number);
}

/* One that is not there need not be moved. */
static bool
old_moves(const struct audit *audit, unsigned from, unsigned to)
{
    char from_name[NAME_SIZE_MAX], to_name[NAME_SIZE_MAX];
    old_name(audit, from, from_name, sizeof(from_name));
    old_name(audit, to, to_name, sizeof(to_name));
    return rename(from_name, to_name) == 0 || errno == ENOENT;
}

/* The first number that is free, else the one behind the last. */
static unsigned
old_free(const struct audit *audit)
{
    char name[NAME_SIZE_MAX];
    struct stat info;
    unsigned number = 1;
    for (; number <= audit->files_max; number++) {
        old_name(audit, number, name, sizeof(name));
        if (lstat(name, &info) != 0)
            break;
    }
    return number;
}

/* Those from `first` on have moved up, the last of them to `to`: back again. */
static void
olds_move_back(const struct audit *audit, unsigned first, unsigned to)
{
    int cause = errno;
    for (unsigned i = first; i < to; i++)
        (void)old_moves(audit, i + 1, i);
    errno = cause;
}

/* All up to the number that is free move up by one, or none. errno on failure. */
static bool
olds_move(const struct audit *audit, unsigned to)
{
    for (unsigned i = to; i > 0; i--) {
        if (!old_moves(audit, i - 1, i)) {
            olds_move_back(audit, i, to);
            return false;
        }
    }
    return true;
}

/* The file becomes path.1, what was there path.2 and so on, each moved to where
 * none is; only then the oldest goes. A new file is in its place before the old
 * one has left it, so that whatever fails, lines have where to go. errno on
 * failure. */
static bool
files_turn(struct audit *audit)
{
    char name[NAME_SIZE_MAX];
    unsigned to = old_free(audit);
    snprintf(name, sizeof(name), "%s.new", audit->path);
    int fd = append_file_open(name, true);
    if (fd < 0)
        return false;
    bool is_done = olds_move(audit, to);
    if (is_done && rename(name, audit->path) != 0) {
        is_done = false;
        olds_move_back(audit, 0, to);
    }
    int cause = errno;
    if (!is_done) {
        (void)unlink(name);
        close(fd);
        errno = cause;
        return false;
    }
    if (to > audit->files_max) {
        old_name(audit, to, name, sizeof(name));
        (void)unlink(name);
    }
    return append_file_turn(fd, audit->fd);
}

static long long
now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static bool
wants_turn(const struct audit *audit, size_t more)
{
    unsigned long long size = atomic_load(&audit->size);
    if (audit->path == NULL || audit->files_max == 0 || size == 0)
        return false;
    bool is_due = (audit->size_max > 0 && size + more > audit->size_max) ||
                  period_of(audit, time(NULL)) != atomic_load(&audit->period);
    return is_due && now_s() >= atomic_load(&audit->retry_s);
}

/* Lines of other threads that fall into this moment are in the old file. */
static void
turn_over(struct audit *audit, size_t more)
{
    pthread_mutex_lock(&audit->turning);
    if (wants_turn(audit, more)) {
        if (files_turn(audit)) {
            file_measure(audit);
        } else {
            log_event(LOG_LEVEL_ERROR,
                      "the audit log %s cannot be rotated and grows: %s",
                      audit->path, strerror(errno));
            atomic_store(&audit->retry_s, now_s() + RETRY_S);
        }
    }
    pthread_mutex_unlock(&audit->turning);
}

uint64_t
audit_size(const struct audit *audit)
{
    char name[NAME_SIZE_MAX];
    struct stat info;
    uint64_t sum = 0;
    if (audit == NULL || audit->path == NULL)
        return 0;
    for (unsigned i = 0; i <= audit->files_max + 1; i++) {
        old_name(audit, i, name, sizeof(name));
        if (stat(name, &info) == 0 && S_ISREG(info.st_mode))
            sum += (uint64_t)info.st_size;
    }
    return sum;
}

/* Texts may be cut, and may be anything a client sent: the line is JSON in
 * any case. */
static void
add_value(struct json_writer *writer, struct span text)
{
    char kept[AUDIT_TEXT_SIZE_MAX];
    size_t size = utf8_clean(text, kept, sizeof(kept));
    json_text_span(writer, (struct span){ kept, size });
}

static void
add_text(struct json_writer *writer, const char *key, struct span text)
{
    if (text.size == 0)
        return;
    json_key(writer, key);
    add_value(writer, text);
}

static void
add_lookups(struct json_writer *writer, const struct audit_event *event)
{
    if (event->lookups_count == 0)
        return;
    json_key(writer, "lookups");
    json_array_begin(writer);
    for (size_t i = 0; i < event->lookups_count; i++)
        add_value(writer, event->lookups[i]);
    json_array_end(writer);
}

static void
write_line(const struct audit_event *event, struct bytes *line)
{
    struct json_writer writer;
    const struct caller *caller = event->caller;
    char time[TIMESTAMP_SIZE], operation[AUDIT_TEXT_SIZE_MAX];
    log_time(time);
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
    add_lookups(&writer, event);
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
    if (atomic_exchange(&audit->wants_reopen, false)) {
        file_turn(audit);
        file_measure(audit);
    }
    bytes_init(&line, AUDIT_LINE_SIZE_MAX);
    write_line(event, &line);
    if (wants_turn(audit, line.size))
        turn_over(audit, line.size);
    ssize_t written = -1;
    errno = ENOMEM;
    if (!bytes_failed(&line))
        written = write(audit->fd, line.data, line.size);
    if (written > 0)
        atomic_fetch_add(&audit->size, (unsigned long long)written);
    bool is_failing = written != (ssize_t)line.size;
    int failure = written >= 0 ? ENOSPC : errno;
    if (atomic_exchange(&audit->is_failing, is_failing) != is_failing)
        log_event(LOG_LEVEL_ERROR, "the audit log %s",
                  is_failing ? strerror(failure) : "can be written again");
    bytes_release(&line);
}
