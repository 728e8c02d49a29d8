/* SPDX-License-Identifier: Apache-2.0
 * Lines to stderr and a file, each by one write(2), so that threads never mix.
 */
#include "engine/log.h"

#include "base/bytes.h"
#include "engine/append_file.h"
#include "engine/codec/json_write.h"
#include "engine/codec/utf8.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define LOG_TEXT_SIZE 1024

/* Looked at for each event, changed while others look. */
static struct {
    atomic_int level, format;
    atomic_int fd; /* -1: nothing is written */
} sinks[LOG_TARGET_COUNT] = {
    { LOG_LEVEL_INFO, LOG_FORMAT_TEXT, STDERR_FILENO },
    { LOG_LEVEL_INFO, LOG_FORMAT_TEXT, -1 },
};
static const char *file_path;
static atomic_bool wants_reopen;

static const char *const names[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_TRACE] = "trace",
};

#define LEVEL_COUNT (sizeof(names) / sizeof(names[0]))

struct log_sink
log_sink_get(enum log_target target)
{
    assert(target < LOG_TARGET_COUNT);
    return (struct log_sink){
        (enum log_level)atomic_load(&sinks[target].level),
        (enum log_format)atomic_load(&sinks[target].format),
    };
}

void
log_sink_set(enum log_target target, const struct log_sink *sink)
{
    assert(target < LOG_TARGET_COUNT && sink->level < LEVEL_COUNT);
    atomic_store(&sinks[target].level, (int)sink->level);
    atomic_store(&sinks[target].format, (int)sink->format);
}

bool
log_file_open(const char *path)
{
    assert(file_path == NULL);
    int fd = append_file_open(path, false);
    if (fd < 0)
        return false;
    file_path = path;
    atomic_store(&sinks[LOG_TO_FILE].fd, fd);
    return true;
}

bool
log_has_file(void)
{
    return atomic_load(&sinks[LOG_TO_FILE].fd) >= 0;
}

void
log_file_reopen(void)
{
    atomic_store(&wants_reopen, true);
}

/* The old file stays in use when the new one cannot be opened. */
static void
file_turn(void)
{
    if (!log_has_file())
        return;
    int fd = append_file_open(file_path, false);
    if (!append_file_turn(fd, atomic_load(&sinks[LOG_TO_FILE].fd)))
        log_event(LOG_LEVEL_ERROR, "the log %s cannot be opened again: %s",
                  file_path, strerror(errno));
}

static bool
sink_wants(enum log_target target, enum log_level level)
{
    return atomic_load_explicit(&sinks[target].fd, memory_order_relaxed) >= 0 &&
           (int)level <=
               atomic_load_explicit(&sinks[target].level, memory_order_relaxed);
}

bool
log_wants(enum log_level level)
{
    return sink_wants(LOG_TO_STDERR, level) || sink_wants(LOG_TO_FILE, level);
}

bool
log_level_parse(const char *text, enum log_level *ret_level)
{
    for (size_t i = 0; i < LEVEL_COUNT; i++) {
        if (strcasecmp(text, names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

const char *
log_level_name(enum log_level level)
{
    assert(level < LEVEL_COUNT);
    return names[level];
}

static const char *const format_names[] = {
    [LOG_FORMAT_TEXT] = "text",
    [LOG_FORMAT_JSON] = "json",
};

bool
log_format_parse(const char *text, enum log_format *ret_format)
{
    for (size_t i = 0; i < sizeof(format_names) / sizeof(format_names[0]);
         i++) {
        if (strcasecmp(text, format_names[i]) == 0) {
            *ret_format = (enum log_format)i;
            return true;
        }
    }
    return false;
}

const char *
log_format_name(enum log_format format)
{
    return format_names[format];
}

void
log_time(char ret_text[TIMESTAMP_SIZE])
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    timestamp_ms((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000,
                 ret_text);
}

static void
line_text(struct bytes *line, const char *time, const char *level,
          const char *text)
{
    bytes_addf(line, "%s %-5s ", time, level);
    for (const char *c = text; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            bytes_addf(line, "\\x%02x", (unsigned)(unsigned char)*c);
        else
            bytes_add_char(line, *c);
    }
}

static void
line_json(struct bytes *line, const char *time, const char *level,
          const char *text)
{
    struct json_writer writer;
    char clean[LOG_TEXT_SIZE];
    /* It was cut at some byte, or has texts in it that were. */
    size_t size = utf8_clean(span_of(text), clean, sizeof(clean));
    json_writer_init(&writer, line);
    json_object_begin(&writer);
    json_key(&writer, "time");
    json_text(&writer, time);
    json_key(&writer, "level");
    json_text(&writer, level);
    json_key(&writer, "text");
    json_text_span(&writer, (struct span){ clean, size });
    json_object_end(&writer);
}

static void
sink_write(enum log_target target, const char *time, const char *level,
           const char *text)
{
    struct bytes line;
    bytes_init(&line, (size_t)8 * LOG_TEXT_SIZE);
    if (log_sink_get(target).format == LOG_FORMAT_JSON)
        line_json(&line, time, level, text);
    else
        line_text(&line, time, level, text);
    bytes_add_char(&line, '\n');
    if (!bytes_failed(&line)) {
        ssize_t written =
            write(atomic_load(&sinks[target].fd), line.data, line.size);
        (void)written; /* nowhere to report it */
    }
    bytes_release(&line);
}

void
log_event(enum log_level level, const char *format, ...)
{
    assert(level < LEVEL_COUNT);
    if (!log_wants(level))
        return;
    char text[LOG_TEXT_SIZE], time[TIMESTAMP_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_time(time);
    if (atomic_exchange(&wants_reopen, false))
        file_turn();
    for (int target = 0; target < LOG_TARGET_COUNT; target++) {
        if (sink_wants((enum log_target)target, level))
            sink_write((enum log_target)target, time, names[level], text);
    }
}
