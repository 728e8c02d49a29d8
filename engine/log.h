/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGINE_LOG_H
#define ENGINE_LOG_H

#include "engine/codec/timestamp.h"

#include <stdbool.h>
#include <stddef.h>

/* One line per event to stderr, and to a file if one is open: time (UTC, RFC
 * 3339), level, text. Never a secret: callers log names, ids and counts. Any
 * thread. */

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARN,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_TRACE
};

enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

enum log_target { LOG_TO_STDERR, LOG_TO_FILE, LOG_TARGET_COUNT };

struct log_sink {
    enum log_level level;
    enum log_format format;
};

/* The time as it stands in a line. */
void log_time(char ret_text[TIMESTAMP_SIZE]);

/* What a target writes, for the whole process; at once. */
struct log_sink log_sink_get(enum log_target target);
void log_sink_set(enum log_target target, const struct log_sink *sink);

/* Opens LOG_TO_FILE, appending; false: errno is set. Once, before other threads
 * log. The path must stay. */
bool log_file_open(const char *path);
bool log_has_file(void);

/* Opens the path again at the next line: after a rotation. For signal
 * handlers. */
void log_file_reopen(void);

/* Whether events of `level` are written anywhere. */
bool log_wants(enum log_level level);

/* Control characters in the text are written as escapes, so that one event
 * stays one line. Long texts are cut. */
void log_event(enum log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "error" .. "trace"; false when it is none of them. Regardless of case. */
bool log_level_parse(const char *text, enum log_level *ret_level);
const char *log_level_name(enum log_level level);

/* "text", "json"; likewise. */
bool log_format_parse(const char *text, enum log_format *ret_format);
const char *log_format_name(enum log_format format);

#endif /* ENGINE_LOG_H */
