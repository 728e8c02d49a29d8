/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LOG_H
#define ENGINE_LOG_H

#include <stdbool.h>
#include <stddef.h>

/* One line per event to stderr: time (UTC, RFC 3339), level, text. Never a
 * secret: callers log names, ids and counts. Any thread. */

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_TRACE
};

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* The time as it stands in a line, NUL-terminated; size >= LOG_TIME_SIZE. */
#define LOG_TIME_SIZE 40
void log_time(char *ret_text, size_t size);

/* For the whole process; call before other threads log. */
void log_setup(enum log_level level, enum log_format format);

/* Whether events of `level` are written. */
bool log_wants(enum log_level level);

/* Control characters in the text are written as escapes, so that one event
 * stays one line. Long texts are cut. */
void log_event(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "error" .. "trace"; false when it is none of them. Regardless of case. */
bool log_level_parse(const char *text, enum log_level *ret_level);
const char *log_level_name(enum log_level level);

#endif /* ENGINE_LOG_H */
