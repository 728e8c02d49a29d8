/* SPDX-License-Identifier: Apache-2.0
 * Lines to stderr, each by one write(2), so that threads never mix. */
#include "engine/log.h"

#include "base/bytes.h"
#include "engine/codec/json_write.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define LOG_TEXT_SIZE 1024

static enum log_level level_max = LOG_LEVEL_INFO;
static enum log_format line_format = LOG_FORMAT_TEXT;

static const char *const names[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARN] = "warn",
    [LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_DEBUG] = "debug",
    [LOG_LEVEL_TRACE] = "trace",
};

#define LEVEL_COUNT (sizeof(names) / sizeof(names[0]))

void
log_setup(enum log_level level, enum log_format format)
{
    assert(level < LEVEL_COUNT);
    level_max = level;
    line_format = format;
}

bool
log_wants(enum log_level level)
{
    return level <= level_max;
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

void
log_time(char *ret_text, size_t size)
{
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t used = strftime(ret_text, size, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(ret_text + used, size - used, ".%03uZ",
             (unsigned)(now.tv_nsec / 1000000) % 1000);
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
    json_writer_init(&writer, line);
    json_object_begin(&writer);
    json_key(&writer, "time");
    json_text(&writer, time);
    json_key(&writer, "level");
    json_text(&writer, level);
    json_key(&writer, "text");
    json_text(&writer, text);
    json_object_end(&writer);
}

void
log_event(enum log_level level, const char *format, ...)
{
    assert(level < LEVEL_COUNT);
    if (!log_wants(level))
        return;
    char text[LOG_TEXT_SIZE], time[LOG_TIME_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_time(time, sizeof(time));
    struct bytes line;
    bytes_init(&line, (size_t)8 * LOG_TEXT_SIZE);
    if (line_format == LOG_FORMAT_JSON)
        line_json(&line, time, names[level], text);
    else
        line_text(&line, time, names[level], text);
    bytes_add_char(&line, '\n');
    if (!bytes_failed(&line)) {
        ssize_t written = write(STDERR_FILENO, line.data, line.size);
        (void)written; /* nowhere to report it */
    }
    bytes_release(&line);
}
