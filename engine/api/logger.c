/* SPDX-License-Identifier: Apache-2.0
 * /logger: what the log writes, looked at and changed while it runs. */
#include "engine/api/rest.h"
#include "engine/api/rest_body.h"
#include "engine/log.h"

#include <stdio.h>

static void
write_sink(struct json_writer *writer, const struct log_sink *sink)
{
    json_key(writer, "log_level");
    json_text(writer, log_level_name(sink->level));
    json_key(writer, "format");
    json_text(writer, log_format_name(sink->format));
}

enum engine_code
logger_read(struct call *call, struct error *reterr)
{
    (void)reterr;
    struct json_writer *writer = &call->writer;
    struct log_sink sink = log_sink_get(LOG_TO_STDERR);
    json_object_begin(writer);
    write_sink(writer, &sink);
    json_key(writer, "on_disk");
    json_object_begin(writer);
    json_key(writer, "enabled");
    json_bool(writer, log_has_file());
    if (log_has_file()) {
        sink = log_sink_get(LOG_TO_FILE);
        write_sink(writer, &sink);
    }
    json_object_end(writer);
    json_object_end(writer);
    return ENGINE_OK;
}

/* The members of one sink, where they are there. */
static enum engine_code
sink_read(yyjson_val *object, struct log_sink *sink, struct error *reterr)
{
    struct span level = { NULL, 0 }, format = { NULL, 0 };
    char text[16];
    enum engine_code code = rest_string(object, "log_level", &level, reterr);
    if (code == ENGINE_OK)
        code = rest_string(object, "format", &format, reterr);
    if (code != ENGINE_OK)
        return code;
    snprintf(text, sizeof(text), "%.*s",
             (int)(level.size < 15 ? level.size : 15),
             level.data == NULL ? "" : level.data);
    if (level.data != NULL && !log_level_parse(text, &sink->level))
        return error_set(reterr, ENGINE_EFORMAT,
                         "log_level: unknown level `%s`, expected one of "
                         "`error`, `warn`, `info`, `debug`, `trace`",
                         text);
    snprintf(text, sizeof(text), "%.*s",
             (int)(format.size < 15 ? format.size : 15),
             format.data == NULL ? "" : format.data);
    if (format.data != NULL && !log_format_parse(text, &sink->format))
        return error_set(reterr, ENGINE_EFORMAT,
                         "format: unknown variant `%s`, expected `text` or "
                         "`json`",
                         text);
    return ENGINE_OK;
}

enum engine_code
logger_change(struct call *call, struct error *reterr)
{
    struct log_sink console = log_sink_get(LOG_TO_STDERR);
    struct log_sink file = log_sink_get(LOG_TO_FILE);
    yyjson_val *on_disk = rest_member(call->body, "on_disk");
    enum engine_code code = sink_read(call->body, &console, reterr);
    if (code == ENGINE_OK && on_disk != NULL && !yyjson_is_obj(on_disk))
        code = rest_type_error(on_disk, "on_disk", "an object", reterr);
    if (code == ENGINE_OK && on_disk != NULL)
        code = sink_read(on_disk, &file, reterr);
    if (code != ENGINE_OK)
        return code;
    log_sink_set(LOG_TO_STDERR, &console);
    log_sink_set(LOG_TO_FILE, &file);
    log_event(LOG_LEVEL_WARN, "the log's level is now %s",
              log_level_name(console.level));
    json_bool(&call->writer, true);
    return ENGINE_OK;
}
